"""What the terminal that a report goes to can show."""

from __future__ import annotations

import os
from typing import TextIO

_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "Tabby"})
_TERMINALS = ("xterm-kitty", "alacritty", "foot", "xterm-ghostty", "contour")
_VTE = 5000
"""The first version of GNOME's terminals that shows links and doesn't crash over them."""


def shows_colour(choice: str, out: TextIO) -> bool:
    """Whether to colour: as told, else as https://no-color.org has it, else on a terminal."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and os.environ.get("TERM") != "dumb"


def shows_links(out: TextIO) -> bool:
    """Whether names of files are links there: where `FORCE_HYPERLINK` says so, else on terminals that are known for it.

    A terminal that isn't would show the link's text, but some print the address as well.
    """
    forced = os.environ.get("FORCE_HYPERLINK")
    if forced:
        return forced != "0"
    if not out.isatty() or os.environ.get("CI"):
        return False
    if os.environ.get("TERM_PROGRAM") in _PROGRAMS or os.environ.get("TERM", "").startswith(_TERMINALS):
        return True
    if os.environ.get("WT_SESSION") or os.environ.get("KONSOLE_VERSION"):
        return True
    version = os.environ.get("VTE_VERSION", "")
    return version.isdigit() and int(version) >= _VTE
