"""The same work in several processes."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from picklesafe.lint.parallel import available, spread


def test_every_share_is_done_in_a_process_of_its_own() -> None:
    results = spread(lambda share: [share * 2, os.getpid()], [1, 2, 3])
    assert [doubled for doubled, _ in results] == [2, 4, 6]
    assert results[0][1] == os.getpid() and len({process for _, process in results}) == 3


def test_answers_larger_than_a_pipe_arrive() -> None:
    sizes = [10, 3_000_000, 3_000_000]
    assert [len(answer) for answer in spread(lambda size: "x" * size, sizes)] == sizes


@pytest.mark.parametrize("end", ["exit", "raise", "kill", "unsendable"])
def test_a_share_whose_process_dies_is_done_here(end: str) -> None:
    here = os.getpid()

    def work(share: int) -> Any:
        if os.getpid() != here and share == 2:
            if end == "exit":
                os._exit(3)
            elif end == "kill":
                os.kill(os.getpid(), 9)
            elif end == "raise":
                raise ValueError("no")
            return object()
        return [share, os.getpid() == here]

    assert spread(work, [1, 2, 3]) == [[1, True], [2, True], [3, False]]


def test_an_error_of_the_work_itself_comes_through() -> None:
    def work(share: int) -> int:
        return 1 // share

    with pytest.raises(ZeroDivisionError):
        spread(work, [1, 0])


def test_nothing_to_do_is_done() -> None:
    assert spread(lambda share: share, []) == []


def test_a_process_with_threads_is_not_forked() -> None:
    assert available(4) == 4
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        assert available(4) == 1
    finally:
        waiting.set()
        thread.join()
