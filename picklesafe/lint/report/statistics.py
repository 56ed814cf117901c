"""How often each rule spoke."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picklesafe.lint.finding import Finding
    from picklesafe.lint.report.style import Style


def statistics(findings: Sequence[Finding], style: Style) -> str:
    """A line for every code found, the most frequent first."""
    groups = _by_code(findings)
    number_width = max((len(str(len(group))) for group in groups), default=0)
    code_width = max((len(group[0].code) for group in groups), default=0)
    lines = []
    for group in groups:
        code = style.paint(f"{group[0].code:<{code_width}}", "red")
        lines.append(f"{len(group):>{number_width}}\t{code}\t[{_sign(group, style)}] {group[0].name}\n")
    return "".join(lines)


def _sign(group: list[Finding], style: Style) -> str:
    fixable = [style.fixable(finding) for finding in group]
    return style.paint("*", "cyan") if all(fixable) else "-" if any(fixable) else " "


def json_statistics(findings: Sequence[Finding], style: Style) -> str:
    """The same for programs, with ruff's keys."""
    rows = [
        {
            "code": group[0].code,
            "name": group[0].name,
            "count": len(group),
            "fixable": all(map(style.fixable, group)),
            "fixable_count": sum(map(style.fixable, group)),
        }
        for group in _by_code(findings)
    ]
    return json.dumps(rows, indent=2) + "\n"


def _by_code(findings: Sequence[Finding]) -> list[list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    return sorted(groups.values(), key=lambda group: (-len(group), group[0].code))
