"""HandlePool with many threads: one opening a path, no more open than may be, nobody waiting for ever."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from picklesafe import (
    HandlePool,
    PickleSafeError,
)
from tests.shards import (
    Counting,
    in_threads,
)


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """A handle that couldn't be closed is warned about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


class TestManyThreads:
    def test_one_path_asked_for_by_eight_threads_at_once_is_opened_once(self) -> None:
        opener = Counting(pause=0.05)
        pool: HandlePool[Any] = HandlePool(opener)

        def use(number: int) -> int:
            with pool["a"] as handle:
                return id(handle)

        assert len(set(in_threads(8, use))) == 1
        assert opener.opened == {"a": 1}

    def test_an_opening_that_fails_fails_for_the_thread_that_did_it_and_the_next_tries_again(self) -> None:
        calls: list[str] = []

        def fails_once(path: str) -> list[str]:
            calls.append(path)
            time.sleep(0.05)
            if len(calls) == 1:
                raise OSError("not yet")
            return [path]

        pool: HandlePool[Any] = HandlePool(fails_once)

        def use(number: int) -> Any:
            with pool["a"] as handle:
                return list(handle)

        results = in_threads(4, use)
        assert sorted(map(str, results)) == ["['a']", "['a']", "['a']", "not yet"]
        assert calls == ["a", "a"]

    def test_eight_threads_on_three_places_read_right_and_never_more_than_three_are_open(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, maxsize=3, close=opener.close)

        def use(number: int) -> bool:
            right = True
            for step in range(300):
                path = (step * (number + 1)) % 11
                with pool[path] as handle:
                    time.sleep(0)
                    # A handle that was closed in use would be empty.
                    right = right and handle == [path]
            return right

        assert in_threads(8, use) == [True] * 8
        assert opener.most == 3
        assert len(pool) == opener.open == 3

    def test_a_thread_waits_while_others_use_all_handles(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=1)
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with pool["held"]:
                entered.set()
                leave.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        entered.wait(10)
        threading.Timer(0.1, leave.set).start()
        with pool["wanted"] as handle:
            assert leave.is_set()
            assert handle == ["wanted"]
        holder.join()

    def test_threads_that_would_wait_for_each_other_for_ever_are_told(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=2)
        both = threading.Barrier(2)

        def use(number: int) -> str:
            with pool[number]:
                both.wait()
                with pool[number + 10]:
                    return "done"

        results = in_threads(2, use)
        # One is told; the end of its block lets the other go on.
        assert sorted(type(result) for result in results if result != "done") == [PickleSafeError]
        assert "done" in results
        assert "wait in turn" in str(next(result for result in results if result != "done"))

    def test_openers_that_wait_for_each_other_are_told(self) -> None:
        both = threading.Barrier(2)
        calls: list[str] = []

        def crossing(path: str) -> list[str]:
            calls.append(path)
            if len(calls) <= 2:
                both.wait()
            with pool["b" if path == "a" else "a"] as other:
                return [path, *other]

        pool: HandlePool[Any] = HandlePool(crossing)

        def use(number: int) -> None:
            with pool["ab"[number]]:
                pass

        results = in_threads(2, use)
        assert [type(result) for result in results] == [PickleSafeError, PickleSafeError]
        assert len(pool) == 0

    def test_a_block_may_end_in_another_thread(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=1)
        block = pool["a"]
        block.__enter__()
        in_threads(1, lambda number: block.__exit__(None, None, None))
        with pool["b"] as handle:
            assert handle == ["b"]

    def test_a_thread_that_has_left_a_handle_to_others_is_not_taken_for_its_user(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=1)
        inside, left = threading.Event(), threading.Event()

        def first(number: int) -> Any:
            with pool["a"]:
                inside.set()
                left.wait(10)
                with pool["b"]:
                    pass

        def second(number: int) -> Any:
            inside.wait(10)
            with pool["a"]:
                pass
            left.set()

        results = in_threads(2, lambda number: (first, second)[number](number))
        # Waiting would be for itself.
        assert type(results[0]) is PickleSafeError

    def test_a_pool_collected_while_its_thread_asks_another_does_no_harm(self) -> None:
        def opens_and_collects(path: str) -> list[str]:
            lost: list[Any] = [HandlePool(Counting())]
            with lost[0]["x"]:
                pass
            lost.append(lost)
            del lost
            gc.collect(1)
            return [path]

        pool: HandlePool[Any] = HandlePool(opens_and_collects, maxsize=2)
        for number in range(20):
            with pool[number]:
                pass
        assert len(pool) == 2
