"""Results of earlier runs, believed as long as everything that they were made from is unchanged.

One file for each working directory and choice of rules holds, for every file that was checked,

- its state (times and size) and in which scans it did not matter, so that an unchanged file costs a
  stat and no more;
- for those that were looked into, the content's digest and the outcome, with the digest of every
  other file that was consulted, and the names of those that were looked for and not found.

A scan is named by the functions that it watches for: none in the first round.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from picklesafe.lint import cachefile
from picklesafe.lint.judge import digest_of
from picklesafe.lint.outcome import Outcome, pack, unpack
from picklesafe.lint.registry import Rule
from picklesafe.lint.screen import FileState, read, state_of
from picklesafe.lint.settings import Settings

_RACY = 2_000_000_000
"""A file written so shortly (in ns) before the run may be written again without its times changing:
file systems keep them in steps of up to two seconds."""

_TICK = 50_000_000
"""The clock that files are stamped with lags so much (in ns) behind the one that tells when a run began, at most."""

_NEVER: FileState = (-1, -1, -1)
"""In the cache: a state that no file has."""

_ABSENT: FileState = (-2, -2, -2)


class Cache:
    """The results kept for one choice of settings. Nothing in it is believed unchecked.

    Args:
        settings: of the run; `cache_dir` must be given.
        rules: the enabled ones.
    """

    def __init__(self, settings: Settings, rules: Sequence[Rule]) -> None:
        assert settings.cache_dir is not None
        self.started = time.time_ns()
        self._file = cachefile.place(settings, settings.cache_dir)
        self._stamp = cachefile.stamp(settings, rules)
        self._states: dict[str, FileState] = {}
        self._states_after: dict[str, FileState] = {}
        """As they were when the round had ended."""
        self._digests: dict[str, str | None] = {}
        self._changed = False
        body = cachefile.load(self._file, self._stamp)
        self._misses: dict[str, list[int]] = body["misses"]
        self._outcomes: dict[str, dict[str, list[Any]]] = body["outcomes"]
        self._known_digests: dict[str, list[Any]] = body["digests"]
        self._scans: list[list[str]] = body["scans"]

    def split(self, paths: Sequence[str], names: frozenset[str]) -> tuple[dict[str, Outcome], list[str]]:
        """The outcomes that still hold for the scan for `names`, and the paths to be scanned.

        A path that is in neither is known not to matter.
        """
        scan = self._scan(names)
        bit, known, unknown = 1 << scan, {}, []
        self._states_after = {}
        misses, look = self._misses, self._state
        for path in paths:
            entry = misses.get(path)
            if entry is not None and entry[3] & bit and (entry[0], entry[1], entry[2]) == look(path):
                continue
            outcome = self._outcome(path, str(scan)) if path in self._outcomes else None
            if outcome is None:
                unknown.append(path)
            else:
                known[path] = outcome
        return known, unknown

    def keep(self, path: str, names: frozenset[str], outcome: Outcome | None, state: FileState) -> None:
        """Remember what the scan for `names` made of a file, which was in `state` then.

        Args:
            outcome: None if the file doesn't matter to that scan.
        """
        if outcome is None:
            self._keep_miss(path, names, state)
        elif outcome.digest:  # else it depends on more than contents
            self._keep_outcome(path, names, outcome, state)

    def _keep_miss(self, path: str, names: frozenset[str], state: FileState) -> None:
        old = self._misses.get(path)
        same = old is not None and (old[0], old[1], old[2]) == state
        self._misses[path] = [*state, (old[3] if old and same else 0) | 1 << self._scan(names)]
        self._changed = True

    def _keep_outcome(self, path: str, names: frozenset[str], outcome: Outcome, state: FileState) -> None:
        self._known_digests[path] = [*state, outcome.digest]
        if any(map(self._may_have_changed, outcome.consulted)):
            return
        consulted = {file: self._digest(file) for file in outcome.consulted}
        packed = pack(outcome._replace(consulted=frozenset()))
        self._outcomes.setdefault(path, {})[str(self._scan(names))] = [packed, consulted]
        self._changed = True

    def save(self) -> None:
        """Write what has changed.

        Raises:
            OSError: if that isn't possible.
        """
        if not self._changed:
            return
        outcomes = {path: entry for path, entry in self._outcomes.items() if os.path.lexists(path)}
        needed = set(outcomes).union(*(outcome[1] for entry in outcomes.values() for outcome in entry.values()))
        body = {
            "misses": {path: self._safe(entry) for path, entry in self._misses.items() if os.path.lexists(path)},
            "outcomes": outcomes,
            "digests": {path: self._safe(entry) for path, entry in self._known_digests.items() if path in needed},
            "scans": self._scans,
        }
        cachefile.save(self._file, self._stamp, body)

    def _scan(self, names: frozenset[str]) -> int:
        key = sorted(names)
        if key not in self._scans:
            self._scans.append(key)
        return self._scans.index(key)

    def _outcome(self, path: str, scan: str) -> Outcome | None:
        try:
            packed, consulted = self._outcomes[path][scan]
            outcome = unpack(packed)
        except (KeyError, ValueError, TypeError):
            return None
        if outcome.digest != self._digest(path):
            del self._outcomes[path]
            return None
        if any(self._digest(file) != digest for file, digest in consulted.items()):
            return None
        return outcome._replace(consulted=frozenset(consulted))

    def _state(self, path: str) -> FileState:
        known = self._states.get(path)
        if known is None:
            known = self._states[path] = _state_now(path)
        return known

    def _digest(self, path: str) -> str | None:
        """The digest of a file's content, None if it can't be read: of the state, if that is known."""
        if path not in self._digests:
            entry, state = self._known_digests.get(path), self._state(path)
            if state == _ABSENT:
                self._digests[path] = None
            elif entry is not None and tuple(entry[:3]) == state:
                self._digests[path] = entry[3]
            else:
                self._digests[path] = self._read_digest(path)
        return self._digests[path]

    def _read_digest(self, path: str) -> str | None:
        try:
            status, data = read(path)
        except OSError:
            return None
        self._states[path], digest = state_of(status), digest_of(data)
        self._known_digests[path] = [*state_of(status), digest]
        self._changed = True
        return digest

    def _may_have_changed(self, path: str) -> bool:
        """Whether what this round read in a file may not be what its digest stands for."""
        if path not in self._states_after:
            self._states_after[path] = _state_now(path)
        state = self._states_after[path]
        if state == _ABSENT == self._state(path):
            # It may have been there: its folder knows.
            return self._may_have_changed(os.path.dirname(path))
        return state != self._state(path) or max(state[:2]) >= self.started - _TICK

    def _safe(self, entry: list[Any]) -> list[Any]:
        """An entry whose state can be believed later; of a file that was just written, none is."""
        recent = self.started - _RACY
        return [*_NEVER, *entry[3:]] if entry[0] >= recent or entry[1] >= recent else entry


def _state_now(path: str) -> FileState:
    try:
        return state_of(os.stat(path))
    except OSError:
        return _ABSENT
