"""joblib: loky's processes and multiprocessing's, both behind joblib's own pickling of arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from pickle import PicklingError

import pytest

from picklesafe import HandleMissingError
from tests import datasets
from tests.interplay import samples
from tests.workers import TIMEOUT

joblib = pytest.importorskip("joblib")


@pytest.fixture(scope="module", autouse=True)
def no_processes_left() -> Iterator[None]:
    yield
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)


@pytest.mark.parametrize("backend", ["multiprocessing", "loky", "threading"])
def test_tasks_read_the_same(backend: str, dataset: samples.Everywhere) -> None:
    offsets = dataset.offsets()
    # Batches of one task: otherwise one worker might do them all.
    parallel = joblib.Parallel(n_jobs=2, backend=backend, batch_size=1, timeout=TIMEOUT)
    starts = [0] if backend == "threading" else range(4)
    answers = parallel(joblib.delayed(samples.read)(dataset, [*range(start, 1000, 4)]) for start in starts)
    assert [items for items, _ in answers] == [samples.expected(range(start, 1000, 4)) for start in starts]
    if backend != "threading":
        assert dataset.offsets() == offsets


def test_a_workers_error_reaches_the_parent(tmp_path: Path) -> None:
    file = datasets.write_records(tmp_path / "records.txt")
    with pytest.raises(HandleMissingError, match=r"Plain\.file: .*records\.txt"):
        joblib.Parallel(n_jobs=2, timeout=TIMEOUT)([joblib.delayed(remove_and_read)(datasets.Plain(file), file)])


def remove_and_read(dataset: datasets.Plain, path: Path) -> int:
    path.unlink()
    return dataset[7]


def test_what_cannot_be_sent_is_an_error_of_ours(tmp_path: Path) -> None:
    writing = datasets.Plain(datasets.write_records(tmp_path / "records.txt"))
    writing.log = open(tmp_path / "log", "w")
    with pytest.raises(PicklingError) as caught:
        joblib.Parallel(n_jobs=2, timeout=TIMEOUT)(joblib.delayed(samples.read)(writing, [3]) for _ in range(2))
    # loky keeps of an error at pickling nothing but its traceback.
    assert re.search(r"UnsafeHandleError: Plain\.log: .*per_worker", str(caught.value.__cause__))


def test_a_lambda_goes_with_loky_which_pickles_functions_by_value(tmp_path: Path) -> None:
    calling = datasets.Plain(datasets.write_records(tmp_path / "records.txt"))
    calling.transform = lambda item: item + 1
    parallel = joblib.Parallel(n_jobs=2, timeout=TIMEOUT)
    assert parallel(joblib.delayed(transformed)(calling, index) for index in (7, 993)) == [8, 994]


def transformed(dataset: datasets.Plain, index: int) -> int:
    return dataset.transform(dataset[index])  # type: ignore[no-any-return, attr-defined]
