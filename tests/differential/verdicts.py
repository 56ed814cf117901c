"""What the linter says of a program, in the words of the oracle, and the program after its fixes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from picklesafe.lint.analysis import analyze
from picklesafe.lint.edits import fix_file
from picklesafe.lint.finding import CERTAIN, Finding
from picklesafe.lint.project import Project
from picklesafe.lint.registry import Rule, load_rules
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source

from .generator import Program
from .harness import KEYWORDS, RUNS, Run, execute

RULES = {
    "PKS101": "prefetch_factor",
    "PKS102": "persistent_workers",
    "PKS103": "multiprocessing_context",
    "PKS104": "timeout",
    "PKS111": "prefetch_factor",
    "PKS112": "persistent_workers",
    "PKS113": "multiprocessing_context",
    "PKS114": "timeout",
}


class Verdict(NamedTuple):
    """The arguments that raise on some run, and those that raise on every run."""

    wrong: frozenset[str]
    certain: frozenset[str]

    def __str__(self) -> str:
        possible = sorted(self.wrong - self.certain)
        return f"certain: {sorted(self.certain)}, possible: {possible}" if self.wrong else "fine"


def by_torch(runs: Sequence[Run]) -> Verdict:
    """What torch did: certain is what every run did that asked for a loader."""
    wrong = frozenset().union(*(run.refused for run in runs))
    reached = [run.refused for run in runs if run.reached]
    return Verdict(wrong, wrong.intersection(*reached) if reached else frozenset())


def by_linter(source: str) -> tuple[Verdict, tuple[Finding, ...]]:
    """What the linter says, and its findings."""
    findings = lint(source)
    wrong = frozenset(keyword_of(finding) for finding in findings)
    certain = frozenset(keyword_of(finding) for finding in findings if finding.certainty == CERTAIN)
    return Verdict(wrong, certain), findings


@cache
def _rules() -> list[Rule]:
    return load_rules()


@cache
def _folder() -> Path:
    """An empty folder: a program has no project around it."""
    return Path(tempfile.mkdtemp(prefix="picklesafe-"))


def lint(source: str) -> tuple[Finding, ...]:
    file = Source(_folder() / "program.py", source.encode())
    return analyze(file, Project(_folder()), _rules(), target_torch=(2, 0)).findings


def keyword_of(finding: Finding) -> str:
    """The argument that a finding is about; PKS105 names it in its message."""
    named = [keyword for keyword in KEYWORDS if keyword in finding.message.split()[0]]
    return RULES.get(finding.code) or (named or [word for word in KEYWORDS if word in finding.message])[0]


def fixed(source: str, unsafe: bool) -> tuple[str, tuple[str, ...]]:
    """The program after `--fix`, and why some findings were not mended."""
    path = _folder() / "program.py"
    path.write_text(source)
    codes = frozenset(rule.code for rule in _rules())
    result = fix_file(path, Settings(_folder(), codes), unsafe)
    return result.after, result.left


def disagreement(program: Program) -> str | None:
    """What linter and torch disagree on about a program, or None."""
    source = program.source
    runs = [execute(source, n) for n in RUNS]
    torch_says = by_torch(runs)
    linter_says, findings = by_linter(source)
    missed, added = torch_says.wrong - linter_says.wrong, linter_says.wrong - torch_says.wrong
    if missed or (added and not added <= _negative(source)):
        return f"torch: {torch_says}\nlinter: {linter_says}"
    # What only runs with workers refuse is PKS105's, which knows no "possible".
    mixed = frozenset(keyword_of(finding) for finding in findings if finding.code == "PKS105") & runs[1].refused
    # Where a default decides, other callers may decide otherwise: either word is right.
    open_questions = mixed | (torch_says.certain if program.by_default else frozenset())
    if torch_says.certain - open_questions != linter_says.certain - open_questions:
        return f"torch: {torch_says}\nlinter: {linter_says}"
    return _wrongly_fixed(source, runs, findings) if findings and program.curable else None


def _negative(source: str) -> frozenset[str]:
    """What torch refuses when n is negative: some programs make 0 of it, and pointing that out is right."""
    return execute(source, -1).refused


def _wrongly_fixed(source: str, runs: Sequence[Run], findings: Sequence[Finding]) -> str | None:
    """What the safe fixes did wrong, or then the unsafe ones, or None."""
    fixes = {finding: finding.fix for finding in findings}
    unfixed = frozenset(keyword_of(finding) for finding, fix in fixes.items() if fix is None)
    unsafe = frozenset(keyword_of(finding) for finding, fix in fixes.items() if fix is not None and not fix.safe)
    wrong = _compared(*fixed(source, unsafe=False), runs, unfixed | unsafe)
    if wrong is None and unsafe:
        # Unsafe, as a call is made twice: the calls of these programs don't mind.
        wrong = _compared(*fixed(source, unsafe=True), runs, unfixed)
    return wrong


def _compared(repaired: str, why_not: Sequence[str], runs: Sequence[Run], excused: frozenset[str]) -> str | None:
    for n, before in zip(RUNS, runs, strict=True):
        after = execute(repaired, n)
        left = after.refused - excused
        if left:
            return f"run({n}) still raises for {sorted(left)} after the fixes {why_not}:\n{repaired}"
        if not before.refused and (after.settings, repr(after.error)) != (before.settings, repr(before.error)):
            return f"the fixes changed run({n}): {before} became {after}\n{repaired}"
    return None
