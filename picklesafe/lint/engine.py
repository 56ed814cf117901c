"""One run of `picklesafe check`: from paths to findings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from picklesafe.lint import parallel
from picklesafe.lint.discover import PathNotFound, find
from picklesafe.lint.finding import Finding
from picklesafe.lint.outcome import Outcome, pack, unpack
from picklesafe.lint.registry import load_rules
from picklesafe.lint.screen import HIT, UNSCREENED, Look, call_pattern, gate, scan, shared_parts
from picklesafe.lint.settings import Settings

_SCAN_ALONE = 500
"""Fewer files than this are scanned sooner than a second process has started."""

_JUDGE_ALONE = 200_000
"""Less source than this (bytes) is analysed sooner than it is shared out: it takes about a second a MB."""

_ROUNDS = 4
"""How far a hazard is followed from caller to caller."""

_REPORT_IT = "; please report this at the project's issue tracker, the other files were checked"


class Report(NamedTuple):
    """What a run found.

    Args:
        findings: sorted by path, row, column and code.
        warnings: what the user should know, whatever else is printed.
        checked: how many files were checked.
        errors: what kept the run from being complete; it ends with status 2.
        notes: what is worth saying to those who ask for it.
        watched: functions whose call sites were judged in every file.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    checked: int = 0
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    watched: frozenset[str] = frozenset()


def check(paths: Sequence[str], settings: Settings) -> Report:
    """Check all files below `paths`."""
    found = find(paths, settings)
    run = _Run(settings)
    outcomes = run.follow(found.files)
    outcomes += [_unread(path, reason) for path, reason in found.problems]
    findings = sorted({finding for outcome in outcomes for finding in outcome.findings}, key=_order)
    faults = sorted({outcome.fault + _REPORT_IT for outcome in outcomes if outcome.fault})
    missing = [str(PathNotFound(path)) for path in found.missing]
    notes = sorted({note for outcome in outcomes for note in outcome.notes}) + run.save()
    return Report(
        tuple(findings), tuple(found.warnings), len(found.files), (*missing, *faults), tuple(notes), run.watched
    )


class _Run:
    """The rounds of one run, with what they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded = load_rules(settings.rules, settings.config_dir)
        self._rules = [rule for rule in self._loaded if rule.code in settings.codes]
        self._processes = parallel.available(settings.jobs)
        self.watched: frozenset[str] = frozenset()
        self._cache = None
        if settings.cache_dir is not None:
            from picklesafe.lint.cache import Cache

            self._cache = Cache(settings, self._rules)

    def follow(self, paths: Sequence[str]) -> list[Outcome]:
        """The outcome of every file that matters."""
        outcomes = self._round(paths, frozenset())
        for _ in range(_ROUNDS):
            names = self.watched.union(*(outcome.hazards for outcome in outcomes.values()))
            if names == self.watched:
                break
            # A file may call what another one defines: those that do are looked into once more.
            # What a file calls of its own has been judged with it.
            fresh = names - self.watched
            readable = [
                path
                for path in paths
                if path not in outcomes or (outcomes[path].digest and not fresh <= outcomes[path].hazards)
            ]
            outcomes.update(self._round(readable, names))
            self.watched = names
        return list(outcomes.values())

    def save(self) -> list[str]:
        """Keep the results for the next run; what is to be said if that isn't possible."""
        problem = self._cache.save() if self._cache is not None else None
        return [problem] if problem else []

    def _round(self, paths: Sequence[str], names: frozenset[str]) -> dict[str, Outcome]:
        """Scan for triggers, or for calls of `names`, and judge where they occur."""
        outcomes: dict[str, Outcome] = {}
        if self._cache is not None:
            outcomes, paths = self._cache.split(paths, names)
        # Who calls only names of earlier rounds has been judged with those.
        looks = self._scan(paths, names - self.watched)
        judged = self._judge([path for path, (look, _) in zip(paths, looks, strict=True) if look == HIT], names)
        for path, (look, state) in zip(paths, looks, strict=True):
            if isinstance(look, str):
                outcomes[path] = _unread(path, f"can't be read: {look}")
            elif self._cache is not None and state is not None:
                self._cache.keep(path, names, judged.get(path), state)
        outcomes.update(judged)
        return outcomes

    def _scan(self, paths: Sequence[str], names: frozenset[str]) -> list[Look]:
        calls = call_pattern(names) if names else None
        words = shared_parts(map(str.encode, names)) if names else gate(self._loaded)
        if UNSCREENED and not names:
            words = (b"",)
        processes = min(self._processes, 1 + len(paths) // _SCAN_ALONE)
        return parallel.spread(lambda some: scan(some, words, calls), paths, processes)

    def _judge(self, paths: Sequence[str], names: frozenset[str]) -> dict[str, Outcome]:
        if not paths:
            return {}
        import picklesafe.lint.analysis  # noqa: F401  # once, rather than in every process
        from picklesafe.lint.judge import Judge

        judge = Judge(self._rules, self._settings, self._loaded)
        if self._processes == 1 or len(paths) == 1:
            return {path: judge.judge(path, names) for path in paths}
        sizes = {path: _size(path) for path in paths}
        order = sorted(paths, key=sizes.__getitem__, reverse=True)
        processes = min(self._processes, 1 + sum(sizes.values()) // _JUDGE_ALONE)
        packed = parallel.spread(lambda some: [pack(judge.judge(path, names)) for path in some], order, processes)
        return dict(zip(order, map(unpack, packed), strict=True))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _unread(path: str, reason: str) -> Outcome:
    from picklesafe.lint.judge import unread

    return unread(path, reason)


def _order(finding: Finding) -> tuple[Any, ...]:
    return (finding.path, finding.start, finding.code, finding.end, finding.message)
