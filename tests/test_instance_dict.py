"""Attributes stay fast whoever looks at them: told by what the interpreter keeps, not by a clock."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from picklesafe import instance_dict
from tests import datasets
from tests.forked import Holder, in_child

only_where_dictionaries_share_keys = pytest.mark.skipif(
    not (3, 11) <= sys.version_info < (3, 13), reason="no dictionary that this Python makes is slow"
)


def is_fast(instance: Any) -> bool:
    """Whether it has no dictionary yet, or one with keys of its own; asked once, since it makes one."""
    referred = gc.get_referents(instance)
    values = vars(instance)
    return not any(held is values for held in referred) or not shares_keys(values)


def shares_keys(values: dict[str, Any]) -> bool:
    """Whether a dictionary keeps its values apart from its keys: `ma_values`, the sixth field of `PyDictObject`."""
    pointer = ctypes.c_void_p.from_address(id(values) + 5 * ctypes.sizeof(ctypes.c_void_p))
    return pointer.value is not None


class Reader:
    """Knows nothing of picklesafe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = open(path, "rb")


class Sample:
    def __init__(self) -> None:
        self.number = 1
        self.name = "one"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


@only_where_dictionaries_share_keys
def test_a_dictionary_that_was_asked_for_is_a_slow_one() -> None:
    """Else the other tests couldn't fail."""
    sample = Sample()
    assert shares_keys(vars(sample))
    assert not is_fast(sample)


@only_where_dictionaries_share_keys
def test_a_look_at_it_makes_it_fast() -> None:
    sample = Sample()
    instance_dict.of(sample)
    assert is_fast(sample)


def test_a_look_at_the_dictionary_leaves_it_as_it_is() -> None:
    sample = Sample()
    assert instance_dict.of(sample) is vars(sample)
    assert list(vars(sample).items()) == [("number", 1), ("name", "one")]


def test_an_object_without_a_dictionary_has_none() -> None:
    assert instance_dict.of(1) is None


def test_what_attributes_hold_is_told_with_and_without_a_dictionary() -> None:
    sample = Sample()
    for _ in range(2):
        assert {1, "one"} <= set(instance_dict.held_by(sample)) <= {1, "one", Sample}
        vars(sample)
    alone = Holder()
    alone.only = {"key": 1}
    assert {"key": 1} in list(instance_dict.held_by(alone))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForks:
    @only_where_dictionaries_share_keys
    def test_attributes_are_fast_in_parent_and_child(self, path: Path) -> None:
        dataset = Holder(reader=Reader(path), file=open(path, "rb"), sample=Sample())
        places = [dataset, dataset.reader, dataset.sample]
        assert in_child(lambda: [is_fast(place) for place in places]) == [True] * 3
        assert [is_fast(place) for place in places] == [True] * 3

    def test_an_object_with_nothing_in_it_gets_no_dictionary(self, path: Path) -> None:
        dataset = Holder(samples=[Sample() for _ in range(10)], file=open(path, "rb"))
        in_child(int)
        for sample in dataset.samples:
            referred = gc.get_referents(sample)
            assert sys.version_info < (3, 11) or not any(held is vars(sample) for held in referred)

    def test_another_thread_never_sees_it_change(self, path: Path) -> None:
        readers = [Reader(path) for _ in range(300)]
        dataset = Holder(readers=readers)
        stop, seen = threading.Event(), []

        def read() -> None:
            while not stop.is_set():
                seen.extend(reader for reader in readers if list(vars(reader)) != ["path", "file"])

        thread = threading.Thread(target=read)
        thread.start()
        for _ in range(3):
            in_child(int)
        stop.set()
        thread.join()
        assert not seen
        assert len(dataset.readers) == 300

    def test_a_loop_over_the_attributes_misses_none(self, path: Path) -> None:
        dataset = Holder(file=open(path, "rb"))
        in_child(int)
        for number in range(5):
            setattr(dataset, f"number{number}", number)
        seen = []
        for name in vars(dataset):
            seen.append(name)
            in_child(int)
        assert seen == ["file", *(f"number{number}" for number in range(5))]


@only_where_dictionaries_share_keys
def test_attributes_are_fast_in_an_object_that_arrived(path: Path) -> None:
    dataset = pickle.loads(pickle.dumps(datasets.Plain(path)))
    assert dataset.file.read(1)
    assert is_fast(dataset)


@only_where_dictionaries_share_keys
def test_attributes_are_fast_beside_a_resource(path: Path) -> None:
    dataset = datasets.PerWorker(path)
    assert dataset.file
    assert is_fast(dataset)
