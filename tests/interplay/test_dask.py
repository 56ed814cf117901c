"""Dask distributed: a cluster of processes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleMissingError, UnsafeHandleError
from tests import datasets
from tests.interplay import samples
from tests.workers import TIMEOUT

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options, silence_logs=50) as cluster, distributed.Client(cluster) as client:
        yield client


def test_tasks_read_the_same_on_every_worker(client: Any, dataset: samples.Everywhere) -> None:
    offsets = dataset.offsets()
    tasks = [
        client.submit(samples.read, dataset, [*range(start, 1000, 2)], workers=[worker], pure=False)
        for start, worker in enumerate(client.scheduler_info()["workers"])
    ]
    answers = client.gather(tasks)
    assert [items for items, _ in answers] == [samples.expected(range(start, 1000, 2)) for start in range(2)]
    assert len({pid for _, pid in answers}) == 2
    assert dataset.offsets() == offsets


def test_a_dataset_that_was_scattered_reads_the_same(client: Any, dataset: samples.Everywhere) -> None:
    scattered = client.scatter(dataset, broadcast=True)
    tasks = [client.submit(samples.read, scattered, [start], pure=False) for start in range(0, 1000, 100)]
    assert [items for items, _ in client.gather(tasks)] == [samples.expected([start]) for start in range(0, 1000, 100)]


def test_a_workers_error_reaches_the_parent(client: Any, tmp_path: Path) -> None:
    path = datasets.write_records(tmp_path / "records.txt")
    with pytest.raises(HandleMissingError, match=r"Plain\.file: .*records\.txt"):
        client.submit(remove_and_read, datasets.Plain(path), path, pure=False).result(TIMEOUT)


def remove_and_read(dataset: datasets.Plain, path: Path) -> int:
    path.unlink()
    return dataset[7]


def test_what_cannot_be_sent_is_an_error_of_ours(client: Any, tmp_path: Path) -> None:
    writing = datasets.Plain(datasets.write_records(tmp_path / "records.txt"))
    writing.log = open(tmp_path / "log", "w")
    with pytest.raises(Exception) as caught:
        client.submit(samples.read, writing, [7], pure=False).result(TIMEOUT)
    assert isinstance(caught.value.__cause__, UnsafeHandleError), repr(caught.value)
    assert str(caught.value.__cause__).startswith("Plain.log: ")
