"""The mixin first or last among the bases of torch's classes, and torch's wrappers around datasets."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import PickleSafeMixin
from tests import datasets
from tests.workers import START_METHODS, in_worker

torch = pytest.importorskip("torch")
data = pytest.importorskip("torch.utils.data")
datapipes = pytest.importorskip("torch.utils.data.datapipes.datapipe")


class Numbers(datasets.Records):
    """What each of the classes below gets besides its bases: a file, and what is read from it."""

    def open(self, path: Path) -> None:
        self.file = open(path, "rb")
        self.readers = [datasets.Reader(path)]

    def __getitem__(self, index: int) -> int:
        value = super().__getitem__(index)
        self.readers[0].file.seek(index * datasets.RECORD)
        assert int(self.readers[0].file.read(datasets.RECORD)) == value
        return value

    def __iter__(self) -> Iterator[int]:
        return (self[index] for index in range(len(self)))


class DatasetFirst(Numbers, data.Dataset, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.open(path)


class DatasetLast(PickleSafeMixin, Numbers, data.Dataset):
    def __init__(self, path: Path) -> None:
        self.open(path)


class IterableFirst(Numbers, data.IterableDataset, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.open(path)


class IterableLast(PickleSafeMixin, Numbers, data.IterableDataset):
    def __init__(self, path: Path) -> None:
        self.open(path)


class ModuleFirst(Numbers, torch.nn.Module, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.open(path)


class ModuleLast(PickleSafeMixin, Numbers, torch.nn.Module):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.register_buffer("scale", torch.ones(3))
        self.open(path)


class MapPipeFirst(Numbers, datapipes.MapDataPipe, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.open(path)


class MapPipeLast(PickleSafeMixin, Numbers, datapipes.MapDataPipe):
    def __init__(self, path: Path) -> None:
        self.open(path)


class IterPipeFirst(Numbers, datapipes.IterDataPipe, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.open(path)


class IterPipeLast(PickleSafeMixin, Numbers, datapipes.IterDataPipe):
    def __init__(self, path: Path) -> None:
        self.open(path)


class Lightning(torch.nn.Module):
    """As a LightningModule has it: a module with its datasets, in an attribute and in a submodule."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.train_set = DatasetLast(path)
        self.inner = ModuleLast(path)

    def __getitem__(self, index: int) -> int:
        value = self.train_set[index]
        assert self.inner[index] == value
        return value


CLASSES = [
    DatasetFirst,
    DatasetLast,
    IterableFirst,
    IterableLast,
    ModuleFirst,
    ModuleLast,
    MapPipeFirst,
    MapPipeLast,
    IterPipeFirst,
    IterPipeLast,
    Lightning,
]


def wrapped(path: Path) -> dict[str, Any]:
    """One of each class, and torch's own datasets around them."""
    made: dict[str, Any] = {cls.__name__: cls(path) for cls in CLASSES}
    one, other = DatasetLast(path), MapPipeFirst(path)
    return {
        **made,
        "Subset": data.Subset(one, range(1000)),
        "ConcatDataset": data.ConcatDataset([data.Subset(other, range(500)), data.Subset(one, range(500, 1000))]),
        "StackDataset": data.StackDataset(one, data.Subset(other, range(1000))),
        "random_split": data.random_split(one, [1000], torch.Generator())[0],
        "ChainDataset": data.ChainDataset([IterableLast(path)]),
        "IterableWrapper": IterPipeLast(path).map(int) if hasattr(IterPipeLast, "map") else IterPipeLast(path),
    }


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


def some(dataset: Any) -> list[Any]:
    """Two items, or the first and the eighth of what is only iterated."""
    if isinstance(dataset, data.IterableDataset) and not isinstance(dataset, Numbers):
        items = iter(dataset)
        first = next(items)
        return [first, [next(items) for _ in range(7)][-1]]
    return [dataset[7], dataset[993]]


def read_all(made: dict[str, Any]) -> dict[str, Any]:
    return {name: some(dataset) for name, dataset in made.items()}


@pytest.mark.parametrize("method", START_METHODS)
def test_every_class_touched_in_the_parent_reads_the_same_in_a_worker(method: str, records: Path) -> None:
    made = wrapped(records)
    here = read_all(made)
    assert here["DatasetFirst"] == [7, 993]
    places = {name: made[name].file.tell() for name in made if isinstance(made[name], Numbers)}
    assert in_worker(method, read_all, made) == here
    assert {name: made[name].file.tell() for name in places} == places


@pytest.mark.parametrize("cls", CLASSES)
def test_copies_have_handles_of_their_own(cls: Any, records: Path) -> None:
    dataset = cls(records)
    assert some(dataset) == [7, 993]
    for copied in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(dataset))))):
        assert some(copied) == [7, 993]
        if isinstance(dataset, Numbers):
            assert copied.file is not dataset.file
            assert copied.readers[0].file is not dataset.readers[0].file


@pytest.mark.parametrize("cls", [ModuleFirst, ModuleLast])
def test_a_module_arrives_with_its_parameters(cls: Any, records: Path) -> None:
    module = cls(records)
    arrived = pickle.loads(pickle.dumps(module))
    assert [*arrived.state_dict()] == [*module.state_dict()]
    for name, value in module.state_dict().items():
        assert torch.equal(arrived.state_dict()[name], value)
    assert arrived.linear(torch.ones(2)).shape == (3,)
