"""The files under one configuration, judged as they are now: what is open by its buffer, the rest from the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from picklesafe.lint.discover import excluded, find
from picklesafe.lint.judge import Judge
from picklesafe.lint.outcome import Outcome
from picklesafe.lint.registry import load_rules
from picklesafe.lint.screen import call_pattern, gate
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError, read_bytes

_KEEP = 4_000_000
"""Bytes of source whose trees are remembered between keystrokes."""

_ROUNDS = 4
"""How far a hazard is followed from caller to caller, as `picklesafe check` does."""


class Checker:
    """Judges single files and remembers what their verdicts depend on.

    Args:
        settings: of the files.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings._replace(cache_dir=None)
        self.loaded = load_rules(settings.rules, settings.config_dir)
        rules = [rule for rule in self.loaded if rule.code in settings.codes]
        self._judge = Judge(rules, self.settings, self.loaded, _KEEP)
        self._words = gate(self.loaded)
        self._hazards: dict[str, frozenset[str]] = {}
        self._consulted: dict[str, frozenset[str]] = {}
        self._files: list[str] = []
        self.listed = False
        self._new: list[str] = []
        self._followed: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()
        self._calls: re.Pattern[bytes] | None = None

    def excludes(self, path: str) -> bool:
        """Whether the configuration passes over a file."""
        return excluded(path, self.settings._replace(force_exclude=True))

    def check(self, source: Source) -> Outcome:
        """Judge a source; functions of other files that it calls are judged with what they are given."""
        path = os.path.abspath(source.path)
        self._judge.forget(path)
        outcome = self._judge.judge_source(source, self.watch(path, source.data))
        self._note(path, outcome)
        return outcome

    def watch(self, path: str, data: bytes) -> frozenset[str]:
        """The functions of other files whose calls in `data` are to be judged."""
        foreign = self._names - self._hazards.get(path, frozenset())
        if not foreign or self._calls is None or not self._calls.search(data):
            return frozenset()
        return self._names

    @property
    def names(self) -> frozenset[str]:
        """All functions whose calls are to be judged, wherever they are."""
        return self._names

    def depends(self, path: str, other: str) -> bool:
        """Whether the verdict on `path` may be another one when `other` changes."""
        return other in self._consulted.get(path, ())

    def calls_any(self, data: bytes, names: frozenset[str]) -> bool:
        """Whether a file calls one of some functions."""
        return bool(names) and call_pattern(names).search(data) is not None

    def forget(self, path: str) -> None:
        """Read a file anew, as it was written, created or deleted on the disk."""
        self._judge.forget(path)
        if not os.path.isfile(path):
            self._hazards.pop(path, None)
            self._consulted.pop(path, None)
        elif path not in self._files and self._files and path.endswith(".py") and not self.excludes(path):
            self._files.append(path)
        self._gather()

    def list_files(self, folders: Sequence[str]) -> None:
        """Look up the files of the project."""
        self._files = [os.path.abspath(path) for path in find(folders, self.settings).files] if folders else []
        self._new = list(self._files)
        self.listed = True

    def learn(self, open_paths: Iterable[str], changed: Iterable[str]) -> Iterator[None]:
        """Find out which functions can't be called without workers, in small steps.

        Args:
            open_paths: files that are judged by their buffers instead.
            changed: files to look into, besides those that weren't looked into yet.
        """
        skip = set(open_paths)
        unseen, self._new = self._new, []
        for path in dict.fromkeys((*unseen, *changed)):
            if path not in skip:
                self._learn_one(path)
            yield
        for _ in range(_ROUNDS):
            fresh = self._names - self._followed
            self._followed = self._names
            if not fresh:
                return
            yield from self._follow(fresh, skip)

    def _learn_one(self, path: str) -> None:
        data = _read(path)
        if data is None or not any(word in data for word in self._words):
            self._note(path, Outcome())
            return
        self._judge_closed(path, data, self.watch(path, data))

    def _follow(self, fresh: frozenset[str], skip: set[str]) -> Iterator[None]:
        """Judge the closed files that call one of the functions `fresh`: their own callers may matter then."""
        for path in list(self._files):
            data = None if path in skip else _read(path)
            if data is not None and self.calls_any(data, fresh - self._hazards.get(path, frozenset())):
                self._judge_closed(path, data, self._names)
            yield

    def _judge_closed(self, path: str, data: bytes, watch: frozenset[str]) -> None:
        try:
            outcome = self._judge.judge_source(Source(path, data), watch)
        except SourceError:
            outcome = Outcome()
        self._note(path, outcome)

    def _note(self, path: str, outcome: Outcome) -> None:
        self._consulted[path] = outcome.consulted
        if self._hazards.get(path, frozenset()) != outcome.hazards:
            self._hazards[path] = outcome.hazards
            self._gather()

    def _gather(self) -> None:
        names = frozenset().union(*self._hazards.values())
        if names != self._names:
            self._names = names
            self._calls = call_pattern(names) if names else None


def _read(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except SourceError:
        return None
