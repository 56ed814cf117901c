"""Ray, on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from picklesafe import HandleMissingError, UnsafeHandleError
from tests import datasets
from tests.interplay import samples
from tests.workers import TIMEOUT

ray = pytest.importorskip("ray")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    # Ray's workers know nothing of the folder that these tests were started in.
    environment = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error", runtime_env=environment)
    yield
    ray.shutdown()


def remove_and_read(dataset: datasets.Plain, path: Path) -> int:
    path.unlink()
    return dataset[7]


def test_tasks_read_the_same_and_errors_reach_the_parent(dataset: samples.Everywhere, tmp_path: Path) -> None:
    offsets = dataset.offsets()
    stored = ray.put(dataset)
    read = ray.remote(samples.read)
    answers = ray.get([read.remote(stored, [*range(start, 1000, 2)]) for start in range(2)], timeout=TIMEOUT)
    assert [items for items, _ in answers] == [samples.expected(range(start, 1000, 2)) for start in range(2)]
    assert os.getpid() not in {pid for _, pid in answers}
    assert dataset.offsets() == offsets

    path = datasets.write_records(tmp_path / "records.txt")
    writing = datasets.Plain(path)
    writing.log = open(tmp_path / "log", "w")
    with pytest.raises(UnsafeHandleError, match=r"Plain\.log"):
        read.remote(writing, [7])
    with pytest.raises(HandleMissingError, match=r"Plain\.file: .*records\.txt"):
        ray.get(ray.remote(max_retries=0)(remove_and_read).remote(datasets.Plain(path), path), timeout=TIMEOUT)
