"""The same work in several processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from picklesafe.lint.parallel import available, spread

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is one process")


def each(work: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda items: [work(item) for item in items]


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 1999, 2000, 2001, 7000])
def test_there_is_a_result_for_every_item_in_order(processes: int, count: int) -> None:
    assert spread(each(lambda item: item * 2), range(count), processes) == [item * 2 for item in range(count)]


def test_the_work_is_shared() -> None:
    def work(item: int) -> int:
        time.sleep(0.02)
        return os.getpid()

    workers = spread(each(work), range(30), 3)
    assert len(set(workers)) == 3 and os.getpid() in workers


def test_one_long_item_does_not_keep_the_others_waiting() -> None:
    def work(item: int) -> list[int]:
        time.sleep(0.5 if item == 0 else 0.01)
        return [item, os.getpid()]

    results = spread(each(work), range(20), 2)
    assert sum(process == results[0][1] for _, process in results) < 5


def test_answers_larger_than_a_pipe_arrive() -> None:
    assert [len(answer) for answer in spread(each(lambda size: "x" * size), [3_000_000] * 4, 2)] == [3_000_000] * 4


@pytest.mark.parametrize("end", ["exit", "raise", "kill", "unsendable"])
def test_what_a_dying_process_has_taken_is_done_here(end: str) -> None:
    here = os.getpid()

    def work(item: int) -> Any:
        time.sleep(0.01)
        if os.getpid() != here:
            if end == "exit":
                os._exit(3)
            elif end == "kill":
                os.kill(os.getpid(), 9)
            elif end == "raise":
                raise ValueError("no")
            return object()
        return item

    assert spread(each(work), range(20), 3) == list(range(20))


def children() -> set[str]:
    """The processes that this one has started and that haven't been waited for."""
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {line for line in listed.stdout.splitlines() if not line.endswith(" ps")}


def test_an_error_of_the_work_itself_comes_through() -> None:
    before = children()
    with pytest.raises(ZeroDivisionError):
        spread(each(lambda item: 1 // item), [1, 0, 1, 0, 1, 0], 2)
    assert children() == before  # nobody is left behind


def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    # Those that other tests have left behind don't count.
    there, count = threading.active_count(), threading.active_count
    monkeypatch.setattr(threading, "active_count", lambda: count() - there + 1)
    assert available(4) == 4
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        assert available(4) == 1
    finally:
        waiting.set()
        thread.join()
