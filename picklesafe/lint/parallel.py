"""The same work in several processes, where that pays."""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Share = TypeVar("Share")

_MOST = 8
"""More processes than this wait for each other's memory rather than compute."""


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


def spread(work: Callable[[Share], Any], shares: Sequence[Share]) -> list[Any]:
    """`[work(share) for share in shares]`, each in a process of its own.

    A share whose process dies is done again here, so that the result never depends on them.

    Args:
        work: gives back what `marshal` can write: numbers, strings, lists.
    """
    children = [_start(work, share) for share in shares[1:]]
    results = [work(share) for share in shares[:1]]
    for share, child in zip(shares[1:], children, strict=True):
        answer = _finish(*child)
        results.append(work(share) if answer is None else answer[0])
    return results


def _start(work: Callable[[Share], Any], share: Share) -> tuple[int, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            marshal.dump([work(share)], pipe)
        status = 0
    except BaseException:  # the parent does the share again, and meets the error itself
        pass
    finally:
        # Not sys.exit: the parent's buffers, handlers and callers are not this process's to run.
        os._exit(status)


def _finish(child: int, reading: int) -> list[Any] | None:
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return marshal.loads(answer) if status == 0 else None
