"""For people and editors: one line a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint.finding import where
from picklesafe.lint.report.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """`path:row:column: CODE message`, with a star where `--fix` helps."""
    colon = style.paint(":", "cyan")
    for finding in findings:
        path = style.paint(style.path(finding.path), "bold")
        star = f"[{style.paint('*', 'cyan')}] " if style.fixable(finding) else ""
        place = f"{path}{colon}{where(finding).replace(':', colon)}{colon}"
        yield f"{place} {style.paint(finding.code, 'red')} {star}{printable(finding.message)}\n"
