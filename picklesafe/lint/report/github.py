"""For GitHub Actions: workflow commands that annotate a pull request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from picklesafe.lint.finding import where
from picklesafe.lint.lines import Lines
from picklesafe.lint.report.style import Style, shown_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding, Position


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """One `::error` command a finding."""
    lines = Lines()
    for finding in findings:
        properties = ",".join(
            f"{key}={_escape_property(value)}" for key, value in _properties(finding, *lines.in_file(finding)).items()
        )
        place = f"{shown_path(finding.path)}:{where(finding)}"
        yield f"::error {properties}::{_escape(f'{place}: {finding.code} {finding.message}')}\n"


def _properties(finding: Finding, start: Position, end: Position) -> dict[str, str]:
    properties = {
        "title": f"picklesafe ({finding.code})",
        "file": os.path.abspath(finding.path),
        "line": str(start.row),
        "col": str(start.column),
        "endLine": str(end.row),
    }
    # GitHub refuses columns that span rows.
    if start.row == end.row:
        properties["endColumn"] = str(end.column)
    return properties


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
