"""What stands below the findings: how many there are, and what `--fix` would do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picklesafe.lint.finding import Finding
    from picklesafe.lint.report.style import Style


def summary(findings: Sequence[Finding], fixed: int, style: Style) -> str:
    """The lines below the findings, ending in a line end."""
    if not findings and not fixed:
        return "All checks passed!\n"
    found = f"Found {_count(len(findings) + fixed, 'error')}"
    if fixed:
        found += f" ({fixed} fixed, {len(findings)} remaining)"
    return f"{found}.\n{_fixable(findings, style)}"


def _fixable(findings: Sequence[Finding], style: Style) -> str:
    ready = sum(map(style.fixable, findings))
    unsafe = sum(finding.fix is not None for finding in findings) - ready
    hidden = f"{_count(unsafe, 'unsafe fix', 'es')} available with `--fix --unsafe-fixes`"
    if ready:
        star = f"[{style.paint('*', 'cyan')}]"
        return f"{star} {ready} fixable with `--fix`{f' ({hidden})' if unsafe else ''}.\n"
    return f"{hidden}.\n" if unsafe else ""


def diff_summary(fixed: int, hidden: int) -> str:
    """The line below a diff of `fixed` findings, where `hidden` ones need `--unsafe-fixes`."""
    more = (
        f"{hidden} {'additional ' if fixed else ''}{'fix' if hidden == 1 else 'fixes'} available with `--unsafe-fixes`"
    )
    rest = f" ({more})" if hidden else ""
    if fixed:
        return f"Would fix {_count(fixed, 'error')}{rest}.\n"
    return f"No errors would be fixed{rest}.\n" if hidden else ""


def _count(number: int, thing: str, plural: str = "s") -> str:
    return f"{number} {thing}{'' if number == 1 else plural}"
