"""For people: the findings below the name of their file."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from picklesafe.lint.finding import where
from picklesafe.lint.report.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """A block for each file, with rows and columns one below the other."""
    for path, group in groupby(findings, key=lambda finding: finding.path):
        yield f"{style.paint(style.path(path), 'bold')}:\n"
        found = list(group)
        rows = max(len(_row(finding)) for finding in found)
        columns = max(len(str(finding.start.column)) for finding in found)
        for finding in found:
            yield f"  {_place(finding, rows, columns, style)} {_said(finding, style)}\n"
        yield "\n"


def _place(finding: Finding, rows: int, columns: int, style: Style) -> str:
    return f"{_row(finding):>{rows}}{style.paint(':', 'cyan')}{finding.start.column:<{columns}}"


def _row(finding: Finding) -> str:
    return where(finding).rpartition(":")[0]


def _said(finding: Finding, style: Style) -> str:
    star = f"[{style.paint('*', 'cyan')}] " if style.fixable(finding) else ""
    return f"{style.paint(finding.code, 'red')} {star}{printable(finding.message)}"
