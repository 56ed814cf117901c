"""DataLoader: any number of workers, started in any way, kept or started anew, and what reaches the parent of them."""

from __future__ import annotations

import functools
import os
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, PickleSafeMixin, UnsafeHandleError
from tests import datasets
from tests.interplay import samples
from tests.workers import START_METHODS, TIMEOUT

data = pytest.importorskip("torch.utils.data", exc_type=ImportError)
pytest.importorskip("numpy")

BY_PICKLE = [method for method in START_METHODS if method != "fork"]


class MapStyle(samples.Everywhere, data.Dataset):
    pass


class Stream(samples.Everywhere, data.IterableDataset):
    def __iter__(self) -> Iterator[list[int]]:
        worker = data.get_worker_info()
        start, step = (worker.id, worker.num_workers) if worker else (0, 1)
        return (self[index] for index in range(start, len(self), step))


class Mortal(datasets.Plain, data.Dataset):
    """Its 501st item kills a worker, and nobody else."""

    def __getitem__(self, index: int) -> int:
        if index == 500 and data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


class Logging(datasets.Plain, data.Dataset):
    def __init__(self, path: Path, log: Path) -> None:
        super().__init__(path)
        self.logs = [open(log, "w")]

    def __getitem__(self, index: int) -> int:
        self.logs[0].write(f"{index}\n")
        return super().__getitem__(index)


class Transforming(PickleSafeMixin, data.Dataset):
    def __init__(self) -> None:
        self.transforms = {"train": [lambda item: item]}


@pytest.fixture
def touched(folder: Path) -> MapStyle:
    dataset = MapStyle(folder)
    assert samples.read(dataset, [3, 998])[0] == samples.expected([3, 998])
    return dataset


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


def load(dataset: Any, workers: int, method: str | None = None, **options: Any) -> Any:
    waiting = {"timeout": TIMEOUT, "multiprocessing_context": method} if workers else {}
    return data.DataLoader(dataset, batch_size=50, num_workers=workers, collate_fn=list, **waiting, **options)


def epoch(loader: Any) -> list[Any]:
    try:
        return [item for batch in loader for item in batch]
    except Exception as error:
        # Whoever keeps the error keeps the iterator with its workers. It would be left to the garbage collector, which
        # takes its queues apart first, so that each worker is waited for in vain.
        traceback.clear_frames(error.__traceback__)
        raise


def everything() -> list[list[int]]:
    return samples.expected(range(samples.LENGTH))


def test_without_workers_it_reads_in_this_process(touched: MapStyle) -> None:
    loader = load(touched, 0)
    assert epoch(loader) == epoch(loader) == everything()


@pytest.mark.parametrize("persistent", [False, True], ids=["anew", "persistent"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", START_METHODS)
def test_two_epochs_read_what_one_process_reads(method: str, workers: int, persistent: bool, touched: MapStyle) -> None:
    loader = load(touched, workers, method, persistent_workers=persistent)
    offsets = touched.offsets()
    assert epoch(loader) == everything()
    assert touched.offsets() == offsets
    # Read here between the epochs: workers started anew find the dataset touched once more, those kept don't notice.
    assert touched[500] == [500] * samples.WIDTH
    offsets = touched.offsets()
    assert epoch(loader) == everything()
    assert touched.offsets() == offsets


@pytest.mark.parametrize("method", START_METHODS)
def test_an_iterable_dataset_is_shared_out_among_its_workers(method: str, folder: Path) -> None:
    dataset = Stream(folder)
    assert next(iter(dataset)) == [0] * samples.WIDTH
    offsets = dataset.offsets()
    loader = load(dataset, 2, method, persistent_workers=True)
    for _ in range(2):
        assert sorted(epoch(loader)) == everything()
    assert dataset.offsets() == offsets


@pytest.mark.parametrize("persistent", [False, True], ids=["anew", "persistent"])
@pytest.mark.parametrize("method", START_METHODS)
def test_a_loader_left_in_the_middle_starts_again_from_the_beginning(
    method: str, persistent: bool, touched: MapStyle
) -> None:
    loader = load(touched, 1, method, persistent_workers=persistent)
    assert next(iter(loader)) == everything()[:50]
    assert epoch(loader) == everything()


@pytest.mark.parametrize("method", START_METHODS)
def test_two_loaders_that_take_turns_share_one_dataset(method: str, touched: MapStyle) -> None:
    offsets = touched.offsets()
    backwards = load(touched, 1, method, sampler=range(samples.LENGTH - 1, -1, -1))
    forwards = load(touched, 1, method)
    pairs = [*zip(forwards, backwards, strict=True)]
    assert [item for batch, _ in pairs for item in batch] == everything()
    assert [item for _, batch in pairs for item in batch] == everything()[::-1]
    assert touched.offsets() == offsets


def replace(path: Path, worker: int) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(b"%015d\n" % 0 * samples.LENGTH)
    other.replace(path)


def remove(path: Path, worker: int) -> None:
    path.unlink()


class OneFile(datasets.Plain, data.Dataset):
    pass


@pytest.mark.parametrize(
    ("method", "change", "error"),
    [("spawn", replace, HandleChangedError), ("forkserver", remove, HandleMissingError)],
)
def test_a_file_that_went_away_meanwhile_is_an_error_in_the_parent(
    method: str, change: Any, error: type[Exception], records: Path
) -> None:
    if method not in START_METHODS:
        pytest.skip(f"this platform has no {method}")
    loader = load(OneFile(records), 1, method, worker_init_fn=functools.partial(change, records))
    with pytest.raises(error, match=r"OneFile\.file: .*records\.txt"):
        epoch(loader)


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
@pytest.mark.parametrize("change", [replace, remove])
def test_a_forked_worker_goes_on_reading_the_file_that_was_opened(change: Any, records: Path) -> None:
    loader = load(OneFile(records), 1, "fork", worker_init_fn=functools.partial(change, records))
    assert epoch(loader) == [*range(1000)]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_open_for_writing_is_an_error_in_the_parent(method: str, records: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    dataset = Logging(records, log)
    assert dataset[7] == 7
    with pytest.raises(UnsafeHandleError, match=r"Logging\.logs\[0\]: .*log\.txt"):
        epoch(load(dataset, 1, method))
    assert dataset[8] == 8
    dataset.logs[0].close()
    assert log.read_text() == "7\n8\n"


@pytest.mark.parametrize("method", BY_PICKLE)
def test_a_lambda_is_an_error_in_the_parent_with_its_place(method: str) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Transforming\.transforms\['train'\]\[0\]: a lambda"):
        iter(load(Transforming(), 1, method, sampler=range(3)))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_killed_worker_is_torchs_error_and_the_parents_handle_stays(method: str, records: Path) -> None:
    dataset = Mortal(records)
    assert dataset[7] == 7
    offset = os.lseek(dataset.file.fileno(), 0, os.SEEK_CUR)
    # Without a timeout torch looks after its workers every 5 s; a fork server's children aren't ours to be told of.
    loader = data.DataLoader(dataset, batch_size=50, num_workers=1, multiprocessing_context=method, collate_fn=list)
    with pytest.raises(RuntimeError, match=r"killed by signal|exited unexpectedly"):
        epoch(loader)
    assert os.lseek(dataset.file.fileno(), 0, os.SEEK_CUR) == offset
    assert epoch(load(dataset, 0)) == [*range(1000)]
