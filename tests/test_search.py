"""Long containers and deep structures: a handle in them isn't overlooked, and what holds none costs nothing."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from picklesafe import PickleSafeMixin, search
from tests.forked import Box, Dropped, Holder, in_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

MANY = 3 * search.SAMPLE


def all_own(found: Callable[[], Iterator[Any]]) -> bool:
    """Whether a forked child has opened them all itself."""
    parents = {id(it) for it in found()}
    return bool(in_child(lambda: all(id(it) not in parents and it.pid == os.getpid() for it in found())))


class TestEveryHandleIsFound:
    @pytest.mark.parametrize("kind", [list, tuple, deque, set])
    def test_in_a_long_container(self, kind: Callable[[Any], Any]) -> None:
        dataset = Holder(shards=kind(Dropped(str(number)) for number in range(MANY)))
        assert all_own(lambda: iter(dataset.shards))

    def test_in_a_long_dictionary(self) -> None:
        dataset = Holder(shards={number: Dropped() for number in range(MANY)})
        assert all_own(lambda: iter(dataset.shards.values()))

    @pytest.mark.parametrize("place", [1, MANY, search._LONG + 1])
    def test_that_is_the_only_one_in_a_list(self, place: int) -> None:
        # As of shards that are opened when somebody asks for them.
        shards: list[Any] = [None] * (2 * search._LONG)
        shards[place] = Dropped()
        dataset = Holder(shards=shards)
        assert all_own(lambda: iter([dataset.shards[place]]))

    def test_below_the_elements_of_a_long_list(self) -> None:
        dataset = Holder(readers=[Box(Dropped()) for _ in range(MANY)])
        assert all_own(lambda: (box.content for box in dataset.readers))
        assert all_own(lambda: (box.content for box in dataset.readers))

    def test_behind_more_than_a_quick_look_visits(self) -> None:
        crowd = [[Box(Box(1)) for _ in range(search.SAMPLE)] for _ in range(search.BUDGET // search.SAMPLE)]
        dataset = Holder(crowd=crowd, last=[Box([Dropped()])], deep=[[[crowd, [[[Dropped()]]]]]])
        assert all_own(lambda: iter([dataset.last[0].content[0], dataset.deep[0][0][1][0][0][0]]))
        assert all_own(lambda: iter([dataset.last[0].content[0], dataset.deep[0][0][1][0][0][0]]))

    def test_opened_later_in_a_list_that_was_empty(self) -> None:
        dataset = Holder(shards=[None] * MANY)
        assert all_own(lambda: iter([]))
        dataset.shards[1] = Dropped()
        assert all_own(lambda: iter([dataset.shards[1]]))

    def test_opened_later_in_one_of_many_objects(self) -> None:
        dataset = Holder(shards=[Box(None) for _ in range(search.SAMPLE)])
        assert all_own(lambda: iter([]))
        dataset.shards[1].content = Dropped()
        assert all_own(lambda: iter([dataset.shards[1].content]))

    def test_opened_later_in_a_very_long_list_of_empty_places(self) -> None:
        dataset = Holder(shards=[None] * (2 * search._LONG))
        assert all_own(lambda: iter([]))
        dataset.shards[7] = Dropped()
        assert all_own(lambda: iter([dataset.shards[7]]))

    @pytest.mark.parametrize("kind", [list, tuple, deque])
    def test_below_the_only_object_among_many_strings(self, kind: Callable[[Any], Any]) -> None:
        names: list[Any] = [str(number) for number in range(2 * search._LONG)]
        names[search._LONG + 1] = Box(Dropped())
        dataset = Holder(names=kind(names))
        assert all_own(lambda: iter([dataset.names[search._LONG + 1].content]))

    def test_below_the_one_of_very_many_objects_that_holds_one(self) -> None:
        dataset = Holder(shards=[Box(None) for _ in range(30_000)])
        dataset.shards[1].content = Dropped()
        assert all_own(lambda: iter([dataset.shards[1].content]))

    def test_behind_a_method_that_is_bound_to_it(self) -> None:
        dataset = Holder(it=Dropped("x"))
        dataset.method = dataset.it.close
        parents = dataset.it
        assert in_child(lambda: dataset.method.__self__ is dataset.it is not parents)


class Shards(PickleSafeMixin, list):  # type: ignore[type-arg]
    pass


class Named(PickleSafeMixin, dict):  # type: ignore[type-arg]
    pass


class TestElementsOfTheObjectItself:
    def test_of_a_list(self) -> None:
        shards = Shards([0, Dropped("x"), (Dropped("y"),)])
        assert all_own(lambda: iter([shards[1], shards[2][0]]))

    def test_of_a_dictionary(self) -> None:
        named = Named(a=Dropped("x"), b=[Dropped("y")])
        assert all_own(lambda: iter([named["a"], named["b"][0]]))


def test_what_a_very_long_list_holds_is_asked_once() -> None:
    # A look at each of five million elements takes a tenth of a second, and every later fork would pay it again.
    paths: list[Any] = [f"{number}.jpg" for number in range(2 * search._LONG)]

    def found() -> list[Any]:
        return [node.value for node in search.look(paths, search.Bounds(wanted=frozenset({Dropped})))]

    assert found() == []
    paths[1] = Dropped()
    assert found() == []
    paths.append(0)
    assert found()[0] is paths[1]
