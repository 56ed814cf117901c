"""How text reaches a terminal: colours, names of files, characters that must not get there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picklesafe.lint.finding import Finding
    from picklesafe.lint.registry import Rule

_ANSI = {"bold": "1", "red": "1;91", "blue": "1;94", "cyan": "1;96", "green": "32", "removed": "31", "yellow": "1;33"}
# Control characters, which move the cursor or recolour the terminal, and those that turn the writing direction.
_UNPRINTABLE = "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"


class Style(NamedTuple):
    """How a report is written.

    Args:
        colour: whether the reader's terminal shows colours.
        unsafe_fixes: whether unsafe fixes count as available.
        rules: those that may have spoken, for formats that describe them.
        links: whether names of files are links to them, where the terminal shows such.
    """

    colour: bool = False
    unsafe_fixes: bool = False
    rules: Sequence[Rule] = ()
    links: bool = False

    def paint(self, text: str, colour: str) -> str:
        """`text` in one of the colours, where colours are shown."""
        return f"\x1b[{_ANSI[colour]}m{text}\x1b[0m" if self.colour and text else text

    def path(self, path: str) -> str:
        """A path as `shown_path` gives it, a link where links are shown."""
        shown = shown_path(path)
        if not self.links:
            return shown
        from socket import gethostname
        from urllib.parse import quote

        # With the host: over ssh the file isn't where the terminal is, and a terminal that knows both can tell.
        address = f"file://{gethostname()}{quote(os.fsencode(os.path.abspath(path)))}"
        return f"\x1b]8;;{address}\x1b\\{shown}\x1b]8;;\x1b\\"

    def fixable(self, finding: Finding) -> bool:
        """Whether `--fix`, as it was asked for, would mend this finding."""
        return finding.fix is not None and (finding.fix.safe or self.unsafe_fixes)


def printable(text: str) -> str:
    """`text` without characters that do something to a terminal: each is shown as a picture of itself."""
    return re.sub(_UNPRINTABLE, _picture, text)


def shown_path(path: str) -> str:
    """A path as a reader in the working directory would write it, on one line."""
    if os.path.isabs(path):
        here = os.path.join(os.getcwd(), "")
        path = path.removeprefix(here)
    return printable(path.removeprefix("." + os.sep))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
