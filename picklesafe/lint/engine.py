"""One run of `picklesafe check`: from paths to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from picklesafe.lint import parallel
from picklesafe.lint.configuration.kinds import SUFFIXES as CONFIGURATION
from picklesafe.lint.discover import find
from picklesafe.lint.finding import Finding
from picklesafe.lint.outcome import Outcome, pack, unpack
from picklesafe.lint.registry import Rule, load_rules
from picklesafe.lint.screen import HIT, MISS, SUPPRESSING, UNSCREENED, call_pattern, forms, gate, scan, shared_parts
from picklesafe.lint.selection import UNUSED
from picklesafe.lint.settings import Settings

if TYPE_CHECKING:
    from picklesafe.lint.judge import Judge

_ALONE = 100
"""Fewer files than this are looked into sooner than a second process has started."""

_MANY = 10_000
"""With more files than this it takes no time, beside the rest, to free the trees that a round has left."""

_ROUNDS = 4
"""How far a hazard is followed from caller to caller."""

_CARRIED = "PKS2"
"""What these codes say may sit in another file than the one that was judged."""

_GONE_ON = "; the other files were checked"


class Report(NamedTuple):
    """What a run found.

    Args:
        findings: sorted by path, row, column and code.
        warnings: what the user should know, whatever else is printed.
        checked: how many files were checked.
        errors: what kept the run from being complete; it ends with status 2.
        notes: what is worth saying to those who ask for it.
        watched: functions whose call sites were judged in every file.
        rules: all that were loaded, enabled or not.
        files: those that were checked.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    checked: int = 0
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    watched: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    files: tuple[str, ...] = ()


def check(paths: Sequence[str], settings: Settings) -> Report:
    """Check all files below `paths`."""
    found = find(paths, settings)
    run = _Run(settings)
    outcomes = run.follow(found.files)
    outcomes += [_unread(path, reason) for path, reason in found.problems]
    findings = sorted({finding for outcome in outcomes for finding in outcome.findings}, key=_order)
    if any(finding.code.startswith(_CARRIED) for finding in findings):
        from picklesafe.lint.elsewhere import distinct

        findings = distinct(findings, found.files)
    if any(finding.path.endswith(CONFIGURATION) for finding in findings):
        from picklesafe.lint.configuration.guards import unguarded

        findings = unguarded(findings, settings)
    faults = sorted({outcome.fault + _GONE_ON for outcome in outcomes if outcome.fault})
    missing = map(str, found.missing)
    notes = sorted({note for outcome in outcomes for note in outcome.notes})
    for problem, expected in run.save():
        (notes if expected else found.warnings).append(problem)
    return Report(
        tuple(findings),
        tuple(found.warnings),
        len(found.files),
        (*missing, *faults),
        tuple(notes),
        run.watched,
        tuple(run.loaded),
        tuple(found.files),
    )


class _Run:
    """The rounds of one run, with what they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.loaded = load_rules(settings.rules, settings.config_dir)
        self._rules = [rule for rule in self.loaded if rule.code in settings.codes]
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
            if len(paths) > _MANY:
                from picklesafe.lint.clues import forget

                forget()
            outcomes.update(self._round(readable, names))
            self.watched = names
        return list(outcomes.values())

    def save(self) -> list[tuple[str, bool]]:
        """Keep the results for the next run; where that isn't possible, why, and whether somebody wants it so."""
        if self._cache is None:
            return []
        try:
            self._cache.save()
        except OSError as error:
            from errno import EACCES, EPERM, EROFS

            problem = f"the cache can't be written to {self._settings.cache_dir}: {error.strerror or error}"
            # A project that is only to be read is no mistake.
            return [(problem, error.errno in (EACCES, EPERM, EROFS))]
        return []

    def _round(self, paths: Sequence[str], names: frozenset[str]) -> dict[str, Outcome]:
        """Look for triggers, or for calls of `names`, and judge the files in which they occur."""
        outcomes: dict[str, Outcome] = {}
        if self._cache is not None:
            outcomes, paths = self._cache.split(paths, names)
        processes = min(self._processes, 1 + len(paths) // _ALONE)
        if processes > 1:
            # Of so many files some are judged: imported once, rather than in every process.
            import picklesafe.lint.analysis
            import picklesafe.lint.judge  # noqa: F401
        looks = parallel.spread(self._looking(names), paths, processes)
        for path, seen in zip(paths, looks, strict=True):
            # See `_looking`: of most files there is no more than their state.
            look, state, packed = (MISS, seen, []) if isinstance(seen, str) else seen
            if isinstance(look, str):
                outcomes[path] = _unread(path, f"can't be read: {look}")
                continue
            outcome = unpack(packed) if look == HIT else None
            if outcome is not None:
                outcomes[path] = outcome
            if self._cache is not None:
                self._cache.keep(path, names, outcome, state)
        return outcomes

    def _looking(self, names: frozenset[str]) -> Callable[[Sequence[str]], list[Any]]:
        """What makes of paths their looks, each with the outcome (packed) of the file if it was judged.

        Of a file that doesn't matter it gives the state alone, for there may be a hundred thousand.
        """
        # Who calls only names of earlier rounds has been judged with those.
        fresh = names - self.watched
        calls = call_pattern(fresh) if fresh else None
        words = shared_parts(map(str.encode, fresh)) if fresh else gate(self.loaded)
        beside = {} if fresh else forms(self.loaded)
        if UNUSED in self._settings.codes and not fresh:
            words += SUPPRESSING
        if UNSCREENED and not fresh:
            words = (b"",)

        @cache
        def judge() -> Judge:
            # Where all files are clean, nobody has to be there who judges.
            from picklesafe.lint.judge import Judge

            return Judge(self._rules, self._settings, self.loaded)

        def look_into(paths: Sequence[str]) -> list[Any]:
            return [
                state if look == MISS else (look, state, pack(judge().judge(path, names)) if look == HIT else None)
                for path, (look, state) in zip(paths, scan(paths, words, calls, beside), strict=True)
            ]

        return look_into


def _unread(path: str, reason: str) -> Outcome:
    from picklesafe.lint.judge import unread

    return unread(path, reason)


def _order(finding: Finding) -> tuple[Any, ...]:
    return (finding.path, finding.cell or 0, finding.start, finding.code, finding.end, finding.message)
