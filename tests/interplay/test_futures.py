"""concurrent.futures: a ProcessPoolExecutor under every start method sends its tasks by pickle."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests import datasets
from tests.interplay import samples
from tests.workers import START_METHODS, TIMEOUT


def number(dataset: datasets.Plain, index: int) -> int:
    return dataset[index]


@pytest.mark.parametrize("method", START_METHODS)
def test_tasks_read_the_same_and_errors_leave_the_pool_working(
    method: str, dataset: samples.Everywhere, tmp_path: Path
) -> None:
    offsets = dataset.offsets()
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        answers = [pool.submit(samples.read, dataset, [*range(start, 1000, 4)]) for start in range(4)]
        for start, answer in enumerate(answers):
            assert answer.result(TIMEOUT)[0] == samples.expected(range(start, 1000, 4))
        assert dataset.offsets() == offsets
        for plain, error, text in unfit(tmp_path):
            with pytest.raises(error, match=text):
                pool.submit(number, plain, 7).result(TIMEOUT)
        assert pool.submit(samples.read, dataset, [7]).result(TIMEOUT)[0] == samples.expected([7])


def unfit(folder: Path) -> list[tuple[Any, type[Exception], str]]:
    """What can't be read in a worker, and the error that reaches the parent."""
    records = datasets.write_records(folder / "records.txt")
    writing, calling, gone = (datasets.Plain(records) for _ in range(3))
    writing.log = open(folder / "log", "w")
    calling.transform = lambda item: item
    gone.file = open(datasets.write_records(folder / "gone.txt"), "rb")
    (folder / "gone.txt").unlink()
    return [
        (writing, UnsafeHandleError, r"Plain\.log: "),
        (calling, NotWorkerSafeError, r"Plain\.transform: a lambda"),
        (gone, HandleMissingError, r"Plain\.file: .*gone\.txt"),
    ]


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
def test_what_an_initializer_was_given_is_inherited_by_fork(dataset: samples.Everywhere) -> None:
    offsets = dataset.offsets()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, context, initializer=keep, initargs=(dataset,)) as pool:
        for answer in pool.map(read_kept, range(0, 1000, 7), timeout=TIMEOUT):
            assert len({*answer}) == 1
    assert dataset.offsets() == offsets


_kept: list[samples.Everywhere] = []


def keep(dataset: samples.Everywhere) -> None:
    _kept[:] = [dataset]


def read_kept(index: int) -> list[int]:
    return [index, *_kept[0][index]]
