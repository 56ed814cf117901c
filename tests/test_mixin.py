"""PickleSafeMixin with every kind of class, through pickle, copy and deepcopy."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe import NotWorkerSafeError, PickleSafeMixin, UnsafeHandleError
from tests import datasets
from tests.workers import START_METHODS, in_worker


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


def read_twice(dataset: Any) -> list[int]:
    return [dataset[7], dataset[993]]


WAYS = {
    "pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)),
    "pickled at protocol 2": lambda dataset: pickle.loads(pickle.dumps(dataset, 2)),
    "pickled twice, dormant the second time": lambda dataset: pickle.loads(
        pickle.dumps(pickle.loads(pickle.dumps(dataset)))
    ),
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "dormant, copied": lambda dataset: copy.copy(pickle.loads(pickle.dumps(dataset))),
    "dormant, copied deeply": lambda dataset: copy.deepcopy(pickle.loads(pickle.dumps(dataset))),
}

SHARED_BY_COPY = {datasets.TupleState, datasets.FrozenSlots, datasets.ReduceWithArguments}
"""Their state is no dictionary of attributes, so a shallow copy holds the same handle, as shallow copies do."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", datasets.CLASSES, ids=lambda cls: getattr(cls, "__name__", str(cls)))
def test_a_dataset_of_any_kind_arrives_with_a_handle_of_its_own(cls: Any, way: str, records: Path) -> None:
    dataset = cls(records)
    dataset.file.seek(48)
    arrived = WAYS[way](dataset)
    if not (way == "copied" and cls in SHARED_BY_COPY):
        assert arrived.file is not dataset.file
        assert arrived.file.tell() == 48
    assert read_twice(arrived) == [7, 993]
    if not (way == "copied" and cls in SHARED_BY_COPY):
        assert dataset.file.tell() == 48
    assert read_twice(dataset) == [7, 993]
    assert type(arrived) is type(dataset)


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize(
    "cls", [datasets.Plain, datasets.OnlySlots, datasets.FrozenSlots, datasets.OwnStateWithoutSuper]
)
def test_a_dataset_touched_in_the_parent_reads_the_same_in_a_worker(cls: Any, method: str, records: Path) -> None:
    dataset = cls(records)
    assert read_twice(dataset) == [7, 993]
    before = dataset.file.tell()
    assert in_worker(method, read_twice, dataset) == [7, 993]
    assert dataset.file.tell() == before


def test_a_handle_found_in_many_places_is_one_handle_afterwards(records: Path) -> None:
    dataset = datasets.Nested(records)
    for offset, file in enumerate(dataset.files()):
        file.seek(offset)
    for arrived in (pickle.loads(pickle.dumps(dataset)), copy.deepcopy(dataset)):
        assert arrived.file is arrived.reader.file is arrived.list[0]
        assert arrived.list[1] is arrived.dict["deep"]["er"][0][0]
        assert arrived.set == {arrived.list[1]}
        assert arrived.reader.owner is arrived
        assert [file.tell() for file in arrived.files()] == [0, 1, 2, 3]
        assert not {id(file) for file in arrived.files()} & {id(file) for file in dataset.files()}


def test_two_datasets_in_one_pickle_share_what_they_shared(records: Path) -> None:
    one, other = datasets.Nested(records), datasets.Nested(records)
    other.reader = one.reader
    other.file = one.file
    one, other = pickle.loads(pickle.dumps([one, other]))
    assert one.reader is other.reader
    assert one.file is other.file is one.reader.file


def test_the_parents_own_dictionary_is_left_alone(records: Path) -> None:
    dataset = datasets.GivesLiveDict(records)
    before = dict(vars(dataset))
    pickle.dumps(dataset)
    assert vars(dataset) == before


def test_getstate_gives_a_dictionary_that_may_be_changed(records: Path) -> None:
    dataset = datasets.Plain(records)
    state = dataset.__getstate__()
    del state["file"]
    assert read_twice(dataset) == [7, 993]


def test_an_argument_too_many_is_an_error_as_in_any_class() -> None:
    class Empty(PickleSafeMixin):
        pass

    with pytest.raises(TypeError, match="takes no arguments"):
        Empty(1)


def test_a_base_that_would_defeat_the_mixin_is_an_error_at_class_creation() -> None:
    class OwnReduce:
        def __reduce_ex__(self, protocol: Any) -> Any:
            return object, ()

    with pytest.raises(NotWorkerSafeError, match="Put PickleSafeMixin first"):
        type("Dataset", (OwnReduce, PickleSafeMixin), {})
    type("Dataset", (PickleSafeMixin, OwnReduce), {})


def test_an_ndarray_comes_after_the_mixin() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(NotWorkerSafeError, match="ndarray"):
        type("Array", (numpy.ndarray, PickleSafeMixin), {})


def test_a_cooperative_reduce_ex_may_come_first(records: Path) -> None:
    assert read_twice(pickle.loads(pickle.dumps(Cooperative(records)))) == [7, 993]


class Cooperates:
    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(protocol)


class Cooperative(Cooperates, datasets.Plain):
    pass


def test_a_small_object_stays_small(records: Path) -> None:
    # Three hundred bytes, beside names and paths.
    assert len(pickle.dumps(datasets.Plain(records))) < 600 + len(str(records))


class Named(PickleSafeMixin):
    def __reduce__(self) -> str:
        return "NAMED"


NAMED = Named()


class SetBySetter(PickleSafeMixin):
    def __reduce__(self) -> Any:
        return SetBySetter, (), {"x": 1}, None, None, set_state


def set_state(instance: Any, state: Any) -> None:
    instance.by_setter = state


def test_a_reduce_that_gives_a_name_or_a_setter_copies_as_in_any_class() -> None:
    for journey in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
        assert journey(NAMED) is NAMED
        if journey is not copy.deepcopy:  # which knows no setters
            assert journey(SetBySetter()).by_setter == {"x": 1}


class Copies:
    def __call__(self, memo: Any) -> str:
        return "its copy"


class CopiedByAnObject(PickleSafeMixin):
    __deepcopy__ = Copies()


def test_what_copies_an_object_may_be_no_method_of_its_class() -> None:
    assert copy.deepcopy(CopiedByAnObject()) == "its copy"


class DictFirst(dict, PickleSafeMixin):  # type: ignore[type-arg]
    def __init__(self, path: Path, step: int = 1) -> None:
        super().__init__(step=step)
        self.file = open(path, "a")


class Single:
    instance: Any = None

    def __new__(cls, *args: Any) -> Any:
        if cls.instance is None:
            cls.instance = object.__new__(cls)
        return cls.instance


class SingleFirst(Single, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.file = open(path, "a")


class MadeByItself(PickleSafeMixin):
    def __new__(cls, path: Path) -> Any:
        return object.__new__(cls)

    def __init__(self, path: Path) -> None:
        self.file = open(path, "a")


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
@pytest.mark.parametrize("cls", [DictFirst, SingleFirst, MadeByItself])
def test_an_instance_that_the_mixin_has_not_made_is_looked_after_too(cls: Any, tmp_path: Path) -> None:
    dataset = cls(tmp_path / "log.txt")
    dataset.file.write("the parent's\n")
    with pytest.raises(UnsafeHandleError, match=rf"{cls.__name__}\.file"):
        in_worker("fork", write, dataset)
    dataset.file.close()
    assert (tmp_path / "log.txt").read_text() == "the parent's\n"


def write(dataset: Any) -> None:
    dataset.file.write("the child's\n")


def test_the_signature_of_a_class_stays_that_of_its_init() -> None:
    assert list(inspect.signature(DictFirst).parameters) == ["path", "step"]
    assert list(inspect.signature(datasets.Plain).parameters) == ["path"]
