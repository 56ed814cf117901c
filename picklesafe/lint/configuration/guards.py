"""Whether the project's own code sees to it that a configuration without workers does no harm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from picklesafe.lint.configuration.judge import CODES
from picklesafe.lint.configuration.kinds import SUFFIXES
from picklesafe.lint.contract import WORKERS
from picklesafe.lint.discover import find

if TYPE_CHECKING:
    from picklesafe.lint.finding import Finding
    from picklesafe.lint.interpret.run import LoaderEvent
    from picklesafe.lint.settings import Settings


def unguarded(findings: Sequence[Finding], settings: Settings) -> list[Finding]:
    """The findings without those in configuration files whose argument all loaders of the project guard.

    A loader counts if it reads the argument from something under its own name, as `cfg.data.prefetch_factor`;
    where no loader does, the finding stays.

    Args:
        findings: of the run. The project's code is looked through whether or not it is checked, since a hook
            may name the configuration alone.
        settings: of the run.
    """
    arguments = {code: argument for argument, code in CODES.items()}
    codes = {finding.code for finding in findings if finding.path.endswith(SUFFIXES) and finding.code in arguments}
    if not codes:
        return list(findings)
    verdicts: dict[str, list[bool]] = {code: [] for code in codes}
    for event in _events(find([settings.root], settings).files, settings):
        for code in codes:
            verdicts[code] += _verdict(event, arguments[code], settings.target_torch)
    guarded = {code for code, found in verdicts.items() if found and all(found)}
    return [finding for finding in findings if finding.code not in guarded or not finding.path.endswith(SUFFIXES)]


def _events(files: Iterable[str], settings: Settings) -> Iterator[LoaderEvent]:
    from picklesafe.lint.loaders import run_roots
    from picklesafe.lint.project import Project
    from picklesafe.lint.sites import roots
    from picklesafe.lint.source import Source, SourceError

    project = Project(settings.root, settings.src)
    for path in files:
        if not path.endswith(".py"):
            continue
        try:
            source = Source.read(path)
            if b"num_workers" not in source.data or b"oader" not in source.data:
                continue
            module = project.module(source)
            for ran in run_roots(module, project, frozenset(), list(roots(module, frozenset()))):
                yield from (event for event in ran.events if event.home)
        except (SourceError, RecursionError, MemoryError):
            continue  # it is reported when it is checked itself


def _verdict(event: LoaderEvent, argument: str, target_torch: tuple[int, int]) -> list[bool]:
    """Whether a loader guards an argument that it reads from a configuration; empty if it reads none."""
    from picklesafe.lint.interpret.evaluate import Assumption, Undecidable, cases
    from picklesafe.lint.interpret.suppose import argument_of, refuses
    from picklesafe.lint.interpret.values import leaves

    value, workers = argument_of(event, argument), argument_of(event, WORKERS)
    read = [leaf for leaf in leaves(value) if leaf.args[0] in ("attribute", "item") and leaf.args[2:3] == (argument,)]
    counts = list(leaves(workers))
    if not read or not counts:
        return []
    start = Assumption(frozenset((*read, *counts)))
    for leaf in counts:
        start = start.supposing(leaf, 0)
    for leaf in read:
        start = start.supposing(leaf, 3)  # refused as any argument, by every torch
    refused = refuses(argument, target_torch)
    try:
        return [not any(answer for _, answer in cases(start, lambda case: refused(case.value(value))))]
    except Undecidable:
        return []
