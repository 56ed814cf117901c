"""The same work in several processes, where that pays."""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

Item = TypeVar("Item")

_MOST = 8
"""More processes than this wait for each other's memory rather than compute."""

_GROUPS = 2_000
"""The numbers of so many groups fit into a pipe before anybody reads them, on every system."""

_NUMBER = 4


def available(jobs: int) -> int:
    """How many processes to use: `jobs`, or as many as there are processors."""
    # Forked rather than spawned: a new interpreter has to import all of this again, which takes
    # longer than the work. A process with threads can't safely be forked.
    if not hasattr(os, "fork") or _has_threads():
        return 1
    if jobs:
        return jobs
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MOST)
    return min(os.cpu_count() or 1, _MOST)


def _has_threads() -> bool:
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def spread(work: Callable[[Sequence[Item]], list[Any]], items: Sequence[Item], processes: int) -> list[Any]:
    """`work(items)`, in several processes of which this is one; the result doesn't depend on their number.

    Items are handed out as processes become free, in order: begin with those that take longest.
    What a process that dies has taken is done again here.

    Args:
        work: gives one result for each item, made of what `marshal` can write: numbers, strings, lists.
    """
    groups = min(len(items), _GROUPS)
    if processes < 2 or groups < 2:
        return work(items)
    queue, parent = _fill(groups), os.getpid()

    def help_out() -> list[Any]:
        # Where the parent was killed, nobody waits for the answer.
        wanted = (number for number in _take(queue) if parent in (os.getpid(), os.getppid()))
        return [[number, work(items[number::groups])] for number in wanted]

    children: list[tuple[int, int]] = []
    try:
        for _ in range(min(processes, groups) - 1):
            children.append(_start(help_out))
        done = dict(help_out())
        while children:
            done.update(_finish(*children[-1]))
            children.pop()
    except BaseException:
        for child, answer in children:
            _abandon(child, answer)
        raise
    finally:
        os.close(queue)
    results: list[Any] = [None] * len(items)
    for number in range(groups):
        results[number::groups] = done[number] if number in done else work(items[number::groups])
    return results


def _fill(groups: int) -> int:
    """A pipe that every process may take the number of a group from."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(_NUMBER, "little") for number in range(groups)))
    os.close(writing)
    return reading


def _take(queue: int) -> Iterator[int]:
    while number := os.read(queue, _NUMBER):
        yield int.from_bytes(number, "little")


def _start(work: Callable[[], list[Any]]) -> tuple[int, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            marshal.dump(work(), pipe)
        status = 0
    except BaseException:  # the parent does the work again, and meets the error itself
        pass
    finally:
        # Not sys.exit: the parent's buffers, handlers and callers are not this process's to run.
        os._exit(status)


def _abandon(child: int, reading: int) -> None:
    from signal import SIGKILL

    # An interrupt may have come after the child had been waited for.
    with suppress(OSError):
        os.kill(child, SIGKILL)
        os.waitpid(child, 0)
    with suppress(OSError):
        os.close(reading)


def _finish(child: int, reading: int) -> list[Any]:
    with os.fdopen(reading, "rb", closefd=False) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    os.close(reading)
    done: list[Any] = marshal.loads(answer) if status == 0 else []
    return done
