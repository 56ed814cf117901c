"""One editor's session: open documents, when each is judged, and what has to be judged again with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from lsprotocol import types

from picklesafe.lint.source import stand_in
from picklesafe.server.buffers import Buffer, encoded
from picklesafe.server.checker import Checker
from picklesafe.server.documents import Verdict, judge, path_of
from picklesafe.server.projects import Projects

_QUIET = 0.3
"""Seconds after the last change to a project's hazards before their callers in closed files are looked for."""

_SLOW = 0.5
"""Seconds; a verdict that takes longer is waited for as long before the next one."""

_PAUSE = 0.02
"""Seconds of learning about a project before the editor is listened to again."""


class Session:
    """Keeps verdicts up to date.

    Args:
        projects: what judges the files.
        publish: is given every new verdict, or None for a document that is closed.
        log: is told of our own errors.
        encoding: what the client counts columns in.
        debounce: seconds to wait after a keystroke.
    """

    def __init__(
        self,
        projects: Projects,
        publish: Callable[[Buffer, Verdict | None], None],
        log: Callable[[str], None],
        encoding: str,
        debounce: float,
    ) -> None:
        self.projects = projects
        self._publish = publish
        self._log = log
        self._encoding = encoding
        self._debounce = debounce
        self._buffers: dict[str, Buffer] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._costs: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._lessons: dict[Checker, set[str]] = {}
        self._teachers: dict[Checker, asyncio.Task[None]] = {}
        self._faults: set[str] = set()

    def open(self, item: types.TextDocumentItem) -> None:
        """A document is opened: judge it at once."""
        path = path_of(item)
        if path is None:
            return
        buffer = self._buffers[item.uri] = Buffer(item, path, self._encoding)
        self._stand_in(buffer)
        self._schedule(buffer, 0, thorough=True)

    def change(self, uri: str, changes: list[types.TextDocumentContentChangeEvent], version: int) -> None:
        """Something was typed: judge it when no more follows at once."""
        buffer = self._buffers.get(uri)
        if buffer is not None:
            buffer.change(changes, version)
            self._stand_in(buffer)
            cost = self._costs.get(uri, 0)
            # What takes long is done half of the time at most, so that other requests are answered.
            self._schedule(buffer, cost if cost > _SLOW else self._debounce)

    def save(self, uri: str) -> None:
        """A document was saved: have a thorough look."""
        buffer = self._buffers.get(uri)
        if buffer is not None:
            self._schedule(buffer, 0, thorough=True)

    def close(self, uri: str) -> None:
        """A document was closed: the disk counts again, and nothing is shown."""
        buffer = self._buffers.pop(uri, None)
        if buffer is None:
            return
        self._verdicts.pop(uri, None)
        self._costs.pop(uri, None)
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()
        stand_in(buffer.path, None)
        self._publish(buffer, None)
        self.disk_changed([buffer.path])

    def disk_changed(self, paths: list[str]) -> None:
        """Files were written, created or deleted behind the editor's back."""
        held = {buffer.path for buffer in self._buffers.values()}
        changed = [path for path in paths if path not in held]
        for checker in self.projects.all():
            for path in changed:
                checker.forget(path)
            for buffer in self._buffers.values():
                if any(checker.depends(buffer.path, path) for path in changed):
                    self._schedule(buffer, 0)
            if changed:
                self._learn(checker, changed)

    def reload(self) -> None:
        """The configuration or the folders have changed: judge everything anew."""
        for task in self._teachers.values():
            task.cancel()
        self._teachers.clear()
        self._lessons.clear()
        self.projects.reload()
        for buffer in self._buffers.values():
            self._schedule(buffer, 0, thorough=True)

    def current(self, uri: str) -> tuple[Buffer, Verdict, Checker] | None:
        """A document with the verdict on its newest version; None for one that isn't checked."""
        buffer = self._buffers.get(uri)
        checker = self.projects.checker(buffer.path) if buffer is not None else None
        if buffer is None or checker is None:
            return None
        verdict = self._verdicts.get(uri)
        if verdict is None or verdict.version != buffer.version:
            self._judge(buffer, thorough=False)
            verdict = self._verdicts[uri]
        return buffer, verdict, checker

    def _stand_in(self, buffer: Buffer) -> None:
        stand_in(buffer.path, encoded(buffer.text))

    def _schedule(self, buffer: Buffer, delay: float, thorough: bool = False) -> None:
        timer = self._timers.pop(buffer.uri, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[buffer.uri] = loop.call_later(delay, self._judge, buffer, thorough)

    def _judge(self, buffer: Buffer, thorough: bool) -> None:
        timer = self._timers.pop(buffer.uri, None)
        if timer is not None:
            timer.cancel()
        checker = self.projects.checker(buffer.path)
        if checker is None or checker.excludes(buffer.path):
            verdict = Verdict(buffer.version, None, ())
        else:
            if not checker.listed:
                self._learn(checker, [])
            before, began = checker.names, time.perf_counter()
            verdict = judge(buffer, checker, thorough)
            self._costs[buffer.uri] = time.perf_counter() - began
        self._report(verdict.fault)
        self._verdicts[buffer.uri] = verdict
        self._publish(buffer, verdict)
        if checker is not None and verdict.source is not None:
            self._spread(buffer, checker, before)

    def _report(self, fault: str) -> None:
        if fault and fault not in self._faults:
            self._faults.add(fault)
            self._log(fault)

    def _spread(self, changed: Buffer, checker: Checker, before: frozenset[str]) -> None:
        """Judge the other documents again that a change concerns."""
        names = checker.names ^ before
        for buffer in self._buffers.values():
            if buffer is not changed and (
                checker.depends(buffer.path, changed.path) or checker.calls_any(encoded(buffer.text), names)
            ):
                self._schedule(buffer, self._debounce)
        if names:
            self._learn(checker, [], _QUIET)

    def _learn(self, checker: Checker, changed: list[str], delay: float = 0) -> None:
        """Look into closed files in the background: all there are at first, then those that have changed."""
        self._lessons.setdefault(checker, set()).update(changed)
        task = self._teachers.get(checker)
        if task is None or task.done():
            self._teachers[checker] = asyncio.get_running_loop().create_task(self._teach(checker, delay))

    async def _teach(self, checker: Checker, delay: float) -> None:
        await asyncio.sleep(delay)
        if not checker.listed:
            await asyncio.to_thread(checker.list_files, self.projects.below(checker))
        while checker in self._lessons:
            before, changed = checker.names, self._lessons.pop(checker)
            began = time.perf_counter()
            for _ in checker.learn([buffer.path for buffer in self._buffers.values()], changed):
                if time.perf_counter() - began > _PAUSE:
                    await asyncio.sleep(0)
                    began = time.perf_counter()
            names = checker.names ^ before
            for buffer in self._buffers.values():
                if checker.calls_any(encoded(buffer.text), names):
                    self._schedule(buffer, 0)
