"""zarr arrays and groups, on a ZipStore and on a folder, in workers."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

zarr = pytest.importorskip("zarr", minversion="3")
np = pytest.importorskip("numpy")
storage = pytest.importorskip("zarr.storage")


def fill(store: Any, count: int = 1000) -> None:
    group = zarr.group(store=store)
    group.create_array("x", shape=(count,), chunks=(10,), dtype="i4")[:] = np.arange(count)
    group.create_group("deep").attrs["unit"] = "m"


def write_zip(path: Path, count: int = 1000) -> Path:
    store = storage.ZipStore(path, mode="w")
    fill(store, count)
    store.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "größe.zip")


def read(dataset: Any) -> tuple[Any, ...]:
    return (
        [int(dataset.x[index]) for index in range(0, 1000, 7)],
        dataset.group["x"][::100].tolist(),
        dict(dataset.group["deep"].attrs),
        dataset.store is dataset.x.store is dataset.group.store,
    )


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_arrays_read_the_same_in_every_worker(kind: str, method: str, path: Path, tmp_path: Path) -> None:
    if kind == "zip":
        store = storage.ZipStore(path)
    else:
        fill(storage.LocalStore(tmp_path / "folder"))
        store = storage.LocalStore(tmp_path / "folder", read_only=True)
    group = zarr.open_group(store, mode="r")
    reads_the_same_in_workers(method, read, Holding(group=group, x=group["x"], store=group.store))


@pytest.mark.parametrize("arrive", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy], ids=["pickled", "deep"])
def test_a_copy_has_an_archive_of_its_own(arrive: Any, path: Path) -> None:
    group = zarr.open_group(storage.ZipStore(path), mode="r")
    dataset = Holding(group=group, x=group["x"], store=group.store)
    expected = read(dataset)
    arrived = arrive(dataset)
    assert read(arrived) == expected
    arrived.store.close()
    assert read(dataset) == expected


def test_a_store_that_was_not_opened_yet_arrives_so(path: Path) -> None:
    arrived = pickle.loads(pickle.dumps(Holding(store=storage.ZipStore(path))))
    assert not arrived.store._is_open
    assert zarr.open_group(arrived.store, mode="r")["x"][7] == 7


@pytest.mark.parametrize("mode", ["w", "a", "x"])
def test_a_store_that_can_write_is_refused_and_keeps_its_content(mode: str, path: Path) -> None:
    if mode != "a":
        path.unlink()
    store = storage.ZipStore(path, mode=mode)
    zarr.create_array(store, name="y", shape=(10,), dtype="i4")[:] = 7
    for held in ({"store": store}, {"y": zarr.open_array(store, path="y")}):
        with pytest.raises(UnsafeHandleError) as raised:
            pickle.dumps(Holding(**held))
        # Since zarr 3.2 a store that was opened with "w" or "x" goes on with "a".
        for part in (f"Holding.{next(iter(held))}", repr(str(path)), "open for writing (mode '", "read-only"):
            assert part in str(raised.value)
    store.close()
    assert zarr.open_array(storage.ZipStore(path), path="y", mode="r")[:].tolist() == [7] * 10


def test_a_file_that_was_replaced_is_an_error(path: Path, tmp_path: Path) -> None:
    packed = pickle.dumps(Holding(x=zarr.open_array(storage.ZipStore(path), path="x", mode="r")))
    path.rename(tmp_path / "moved.zip")
    with pytest.raises(HandleMissingError, match=r"Holding\.x"):
        pickle.loads(packed).x[7]
    write_zip(path, 5000)
    with pytest.raises(HandleChangedError, match=r"Holding\.x"):
        pickle.loads(packed).x[7]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForked:
    def test_a_child_reads_without_moving_the_parents_offset(self, path: Path) -> None:
        dataset = Holding(x=zarr.open_array(storage.ZipStore(path), path="x", mode="r"))
        assert dataset.x[7] == 7
        descriptor = dataset.x.store._zf.fp.fileno()
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        assert in_worker("fork", read_and_tell, dataset) != before
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == before

    def test_a_store_that_can_write_is_refused(self, tmp_path: Path) -> None:
        store = storage.ZipStore(tmp_path / "out.zip", mode="w")
        array = zarr.create_array(store, name="y", shape=(10,), dtype="i4")
        array[:] = 7
        with pytest.raises(UnsafeHandleError, match=r"Holding\.store: .*out\.zip' is open for writing \(mode '[wa]'\)"):
            in_worker("fork", use_store, Holding(store=store))
        store.close()
        assert zarr.open_array(storage.ZipStore(tmp_path / "out.zip"), path="y", mode="r")[3] == 7


def read_and_tell(dataset: Any) -> int:
    assert dataset.x[500] == 500
    return os.lseek(dataset.x.store._zf.fp.fileno(), 0, os.SEEK_CUR)


def use_store(dataset: Any) -> bool:
    return bool(dataset.store.read_only)
