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
        complain: is told, once, of rules that fail.
        encoding: what the client counts columns in.
        debounce: seconds to wait for more after a keystroke that came as fast after another one.
    """

    def __init__(
        self,
        projects: Projects,
        publish: Callable[[Buffer, Verdict | None], None],
        complain: Callable[[str], None],
        encoding: str,
        debounce: float,
    ) -> None:
        self.projects = projects
        self._publish = publish
        self._complain = complain
        self._encoding = encoding
        self._debounce = debounce
        self._buffers: dict[str, Buffer] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._costs: dict[str, float] = {}
        self._typed: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._thorough: set[str] = set()
        self._judged: dict[str, asyncio.Event] = {}
        self._lessons: dict[Checker, set[str]] = {}
        self._teachers: dict[Checker, asyncio.Task[None]] = {}
        self._faults: set[str] = set()

    def open(self, item: types.TextDocumentItem) -> None:
        """A document is opened: judge it at once."""
        path = path_of(item)
        if path is None:
            return
        buffer = self._buffers[item.uri] = Buffer(item, path, self._encoding)
        self._verdicts.pop(item.uri, None)
        self._judged.setdefault(item.uri, asyncio.Event())
        self._stand_in(buffer)
        self._schedule(buffer, 0, thorough=True)

    def change(self, uri: str, changes: list[types.TextDocumentContentChangeEvent], version: int) -> None:
        """Something was typed: judge it at once, unless much is typed: then when no more follows."""
        buffer = self._buffers.get(uri)
        if buffer is not None:
            buffer.change(changes, version)
            self._stand_in(buffer)
            self._schedule(buffer, self._delay(uri))

    def _delay(self, uri: str) -> float:
        """How long to wait for more to be typed."""
        now, last = time.monotonic(), self._typed.get(uri, 0)
        self._typed[uri] = now
        cost = self._costs.get(uri, 0)
        if cost > _SLOW:
            # What takes long is done half of the time at most, so that other requests are answered.
            return cost
        return self._debounce if now - last < self._debounce else 0

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
        self._typed.pop(uri, None)
        self._thorough.discard(uri)
        self._cancel(uri)
        self._judged.pop(uri).set()
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
        self._faults.clear()
        self.projects.reload()
        for buffer in self._buffers.values():
            self._schedule(buffer, 0, thorough=True)

    async def current(self, uri: str) -> tuple[Buffer, Verdict, Checker] | None:
        """A document with the verdict on its newest version, waited for; None for one that isn't checked."""
        while uri in self._timers:
            self._judged[uri].clear()
            await self._judged[uri].wait()
        buffer, verdict = self._buffers.get(uri), self._verdicts.get(uri)
        checker = self.projects.checker(buffer.path) if buffer is not None else None
        if buffer is None or checker is None or verdict is None or verdict.version != buffer.version:
            return None
        return buffer, verdict, checker

    def _stand_in(self, buffer: Buffer) -> None:
        stand_in(buffer.path, encoded(buffer.text))

    def _cancel(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()

    def _schedule(self, buffer: Buffer, delay: float, thorough: bool = False) -> None:
        if thorough:
            self._thorough.add(buffer.uri)
        self._cancel(buffer.uri)
        self._timers[buffer.uri] = asyncio.get_running_loop().call_later(delay, self._judge, buffer)

    def _judge(self, buffer: Buffer) -> None:
        self._cancel(buffer.uri)
        try:
            checker = self.projects.checker(buffer.path)
            before = checker.names if checker is not None else frozenset()
            verdict = self._verdicts[buffer.uri] = self._verdict(buffer, checker)
        finally:
            self._thorough.discard(buffer.uri)
            self._judged[buffer.uri].set()
        self._report(verdict.fault.removeprefix(f"{buffer.path}: "), buffer.path)
        self._publish(buffer, verdict)
        if checker is not None and verdict.source is not None:
            self._spread(buffer, checker, before)

    def _verdict(self, buffer: Buffer, checker: Checker | None) -> Verdict:
        if checker is None or checker.excludes(buffer.path):
            return Verdict(buffer.version, None, ())
        if not checker.listed:
            self._learn(checker, [])
        began, thorough = time.perf_counter(), buffer.uri in self._thorough
        verdict = judge(buffer, checker, thorough)
        if not thorough:  # when it was opened, what it imports was read with it
            self._costs[buffer.uri] = time.perf_counter() - began
        return verdict

    def _report(self, fault: str, path: str) -> None:
        """Tell what has failed, with the first file in which it did."""
        if fault and fault not in self._faults:
            self._faults.add(fault)
            self._complain(f"{path}: {fault}")

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
