"""torch.multiprocessing: its own way to start processes, and tensors in shared memory beside the handles."""

from __future__ import annotations

import json
from multiprocessing import resource_sharer
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest

from picklesafe import PickleSafeMixin
from tests import datasets
from tests.interplay import samples
from tests.workers import START_METHODS

torch = pytest.importorskip("torch")
mp = pytest.importorskip("torch.multiprocessing")


class WithTensors(PickleSafeMixin):
    """16 MB in shared memory, as an attribute and in a list."""

    def __init__(self, path: Path) -> None:
        self.reader = datasets.Reader(path)
        self.file = open(path, "rb")
        self.tensor = torch.zeros(2, 1 << 20).share_memory_()
        self.nested = [self.tensor, torch.zeros(2, 1 << 20).share_memory_()]


@pytest.mark.parametrize("method", START_METHODS)
def test_two_processes_read_the_same_and_write_to_the_parents_tensors(
    method: str, dataset: samples.Everywhere, tmp_path: Path
) -> None:
    shared = WithTensors(dataset.path)
    offsets = dataset.offsets()
    mp.start_processes(work, (dataset, shared, tmp_path), nprocs=2, start_method=method)
    for rank in range(2):
        assert json.loads((tmp_path / str(rank)).read_text()) == samples.expected(range(rank, 1000, 2))
    assert dataset.offsets() == offsets
    assert shared.tensor[:, -1].tolist() == [997.0, 998.0]
    assert shared.nested[1][:, 0].tolist() == [7.0, 8.0]


def work(rank: int, dataset: samples.Everywhere, shared: WithTensors, folder: Path) -> None:
    assert shared.nested[0] is shared.tensor
    # One number each: torch fills a whole row with several threads, and those it had before a fork are gone.
    shared.tensor[rank, -1] = samples.record(shared.file, 997 + rank)
    shared.nested[1][rank, 0] = samples.record(shared.reader.file, 7 + rank)
    (folder / str(rank)).write_text(json.dumps([dataset[index] for index in range(rank, 1000, 2)]))


def test_a_workers_error_is_told_where_the_parent_waits(tmp_path: Path) -> None:
    path = datasets.write_records(tmp_path / "records.txt")
    with pytest.raises(mp.ProcessRaisedException, match=r"HandleMissingError: Plain\.file: .*records\.txt"):
        mp.spawn(remove_and_read, (datasets.Plain(path), path), nprocs=1)


def remove_and_read(rank: int, dataset: datasets.Plain, path: Path) -> int:
    path.unlink()
    return dataset[7]


def test_shared_tensors_are_sent_as_their_names(folder: Path) -> None:
    shared = WithTensors(folder / "records.txt")
    try:
        assert len(ForkingPickler.dumps(shared)) < 2048
    finally:
        resource_sharer.stop()
