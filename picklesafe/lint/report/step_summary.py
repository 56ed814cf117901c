"""GitHub's step summary: a table of the findings on the page of the workflow's run."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from picklesafe.lint.finding import where
from picklesafe.lint.report.style import printable, shown_path

if TYPE_CHECKING:
    from picklesafe.lint.finding import Finding

_MOST = 500
"""GitHub refuses a summary of more than a megabyte, as a whole."""


def append(findings: Sequence[Finding]) -> str | None:
    """Add the findings to the summary of the step that this runs in, if there is one and anything to say.

    Returns:
        Why that isn't possible, in one line; None if all is well.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path or not findings:
        return None
    try:
        with open(path, "a", encoding="utf-8", errors="replace") as file:
            file.write(_table(findings))
    except OSError as error:
        return f"GitHub's step summary can't be written: {error.strerror or error}"
    return None


def _table(findings: Sequence[Finding]) -> str:
    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
    rows = [f"### picklesafe: {count}\n", "| place | code | |", "|---|---|---|"]
    for finding in findings[:_MOST]:
        place = f"{shown_path(finding.path)}:{where(finding)}"
        rows.append(f"| {_escape(place)} | {finding.code} | {_escape(printable(finding.message))} |")
    if len(findings) > _MOST:
        rows.append(f"\n… and {len(findings) - _MOST} more")
    return "\n".join(rows) + "\n\n"


def _escape(text: str) -> str:
    """As it would be read, whatever Markdown or HTML there is in it."""
    return re.sub(r"([\\`*_{}\[\]<>|~#])", r"\\\1", text.replace("&", "&amp;"))
