"""One file, judged by the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.finding import CERTAIN, Finding
from picklesafe.lint.project import Module, Project
from picklesafe.lint.registry import Rule
from picklesafe.lint.sites import Root, givers, roots
from picklesafe.lint.source import Source
from picklesafe.lint.start_methods import ANYWHERE, Target

if TYPE_CHECKING:
    from picklesafe.lint.call import LoaderCall
    from picklesafe.lint.datasets.dataset import Dataset
    from picklesafe.lint.datasets.forking import Forking


class Analysis(NamedTuple):
    """What came of one file.

    Args:
        findings: of the given rules, in the order of the file.
        hazards: names of functions whose parameters reach a loader beside such arguments, or whose
            results hold some: their calls, in any file, have to be judged there.
        consulted: paths of the project that were looked at, or looked up and not found.
        incomplete: functions that were too large to be run to their end.
    """

    findings: tuple[Finding, ...]
    hazards: frozenset[str]
    consulted: frozenset[str]
    incomplete: tuple[str, ...] = ()


def analyze(
    source: Source,
    project: Project,
    rules: Sequence[Rule],
    *,
    target_torch: tuple[int, int] = (2, 0),
    target: Target = ANYWHERE,
    watch: frozenset[str] = frozenset(),
) -> Analysis:
    """Judge a file.

    Args:
        target_torch, target: what the code is for.
        watch: names of functions elsewhere whose calls in this file are to be judged as well.

    Raises:
        SourceError: if the file is no Python.
    """
    before = project.consulted
    project.consulted = set()
    try:
        module = project.module(source)
        # A rule of somebody else's may judge loaders that give none of the usual clues.
        of_loaders = [rule for rule in rules if rule.of == "loader"]
        every = not all(rule.ours for rule in of_loaders)
        first = list(roots(module, watch, every)) if of_loaders else []
        result = _judge(module, project, of_loaders, (target_torch, target), watch, first) if first else NOTHING
        hazards = result.hazards.union(givers(module) if of_loaders else ())
        kept = _judge_datasets(module, project, [rule for rule in rules if rule.of != "loader"], target)
        findings = (*result.findings, *kept) if kept else result.findings
        return result._replace(findings=findings, hazards=hazards, consulted=frozenset(project.consulted))
    finally:
        project.consulted |= before


_WITHIN_FILES = ("PKS2", "PKS3")
"""Rules whose business ends with the file: any trainer hands its loaders on, and its callers are everywhere."""

NOTHING = Analysis((), frozenset(), frozenset())
"""What comes of a file that concerns no rule."""


def _judge(
    module: Module,
    project: Project,
    rules: Sequence[Rule],
    targets: tuple[tuple[int, int], Target],
    watch: frozenset[str],
    first: list[Root],
) -> Analysis:
    # Imported here, for most files have nothing to run.
    from picklesafe.lint.call import LoaderCall
    from picklesafe.lint.loaders import run_roots

    found: list[Finding] = []
    hazards: set[str] = set()
    incomplete: list[str] = []
    followed = not all(rule.code.startswith(_WITHIN_FILES) for rule in rules)
    for ran in run_roots(module, project, watch, first):
        for event in ran.events:
            call = LoaderCall(module, event, *targets)
            for rule in rules:
                found += _apply(rule, call)
        if followed:
            hazards |= ran.forwarders
        if not ran.complete:
            incomplete.append(ran.root.name or "the top level")
    return Analysis(_unique(found), frozenset(hazards), frozenset(), tuple(incomplete))


def _judge_datasets(module: Module, project: Project, rules: Sequence[Rule], target: Target) -> tuple[Finding, ...]:
    if not rules:
        return ()
    from picklesafe.lint.datasets.screening import may_keep

    if not may_keep(module, project):
        return ()
    # Imported here, for most datasets keep nothing.
    from picklesafe.lint.datasets.dataset import datasets
    from picklesafe.lint.datasets.forking import Forking

    found: list[Finding] = []
    own = [rule for rule in rules if rule.of == "dataset"]
    for dataset in datasets(module, project, target) if own else ():
        for rule in own:
            found += _apply(rule, dataset)
    for rule in rules:
        if rule.of == "forking":
            found += _apply(rule, Forking(module, project, target))
    return _unique(found)


def _apply(rule: Rule, fact: LoaderCall | Dataset | Forking) -> list[Finding]:
    result = rule.check(fact)
    findings = [result] if isinstance(result, Finding) else result or ()
    return [finding._replace(code=rule.code, name=rule.name) for finding in findings]


def _weight(finding: Finding) -> tuple[bool, bool]:
    return finding.certainty == CERTAIN, finding.fix is not None


def _unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for an argument: a certain one, and one with a fix, if there are several."""
    best: dict[tuple[object, ...], Finding] = {}
    # PKS105 speaks of any argument: what another rule says of the same one comes first.
    for finding in sorted(findings, key=lambda finding: (finding.code == _ANY_ARGUMENT, finding.code)):
        span = (finding.path, finding.start, finding.end)
        key: tuple[object, ...] = (*span, _subject(finding.code))
        if finding.code == _ANY_ARGUMENT:
            key = next((other for other in best if other[:3] == span and str(other[3]).startswith("PKS1?")), key)
        known = best.get(key)
        if known is None or _weight(finding) > _weight(known):
            best[key] = finding
    return tuple(sorted(best.values(), key=lambda f: (f.start, f.code)))


_ANY_ARGUMENT = "PKS105"


def _subject(code: str) -> str:
    """PKS101 and PKS111 speak of one argument: the certain and the possible half of one mistake; so do 201 and 203."""
    if code == "PKS203":
        return "PKS201"
    return f"PKS1?{code[5:]}" if code.startswith(("PKS10", "PKS11")) else code
