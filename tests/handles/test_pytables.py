"""PyTables files, nodes and columns, and pandas' HDFStore, in workers."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

tables = pytest.importorskip("tables")
np = pytest.importorskip("numpy")

WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}
KIND = [("number", "i4"), ("inner", [("half", "f8"), ("sign", "S1")])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "größe.h5"
    with tables.open_file(where, "w", title="made for a test") as file:
        group = file.create_group("/", "deep")
        file.create_carray(group, "x", obj=np.arange(1000), chunkshape=(10,))
        rows = np.zeros(50, dtype=KIND)
        rows["number"], rows["inner"]["half"] = np.arange(50), np.arange(50) / 2
        file.create_table("/", "rows", rows)
        file.create_soft_link("/", "link", "/deep/x")
        ragged = file.create_vlarray("/", "ragged", tables.Int32Atom())
        ragged.append([1, 2])
        ragged.append([3])
    return where


def read_x(dataset: Any) -> list[int]:
    return [int(dataset.x[index]) for index in range(0, 1000, 7)]


def read_everything(dataset: Any) -> tuple[Any, ...]:
    return (
        dataset.file.title,
        dataset.file.root.deep.x[::3].tolist(),
        dataset.root.rows.read_where("number > 40")["number"].tolist(),
        dataset.rows[7].tolist(),
        dataset.number[:].tolist(),
        dataset.half[3],
        dataset.cols.number[5],
        dataset.link()[9],
        [row.tolist() for row in dataset.ragged],
        dataset.rows._v_file is dataset.file,
    )


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("driver", [None, "H5FD_CORE", "H5FD_STDIO"])
def test_a_file_and_what_it_holds_read_the_same_in_every_worker(driver: str | None, method: str, path: Path) -> None:
    file = tables.open_file(path, driver=driver)
    dataset = Holding(
        file=file,
        root=file.root,
        rows=file.root.rows,
        number=file.root.rows.cols.number,
        half=file.root.rows.cols.inner.half,
        cols=file.root.rows.cols,
        link=file.root.link,
        ragged=file.root.ragged,
    )
    reads_the_same_in_workers(method, read_everything, dataset)


@pytest.mark.parametrize("method", START_METHODS)
def test_an_array_alone_brings_its_file(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_x, Holding(x=tables.open_file(path).root.deep.x))


@pytest.mark.parametrize("way", WAYS)
def test_a_node_and_its_file_are_of_one_file_afterwards(way: str, path: Path) -> None:
    file = tables.open_file(path)
    arrived = WAYS[way](Holding(x=file.root.deep.x, rows=file.root.rows, file=file))
    assert arrived.x._v_file is arrived.rows._v_file is arrived.file is not file
    arrived.file.close()
    assert file.root.deep.x[7] == 7


@pytest.mark.parametrize("way", WAYS)
def test_the_settings_of_a_file_are_restored(way: str, path: Path) -> None:
    file = tables.open_file(path, root_uep="/deep", CHUNK_CACHE_SIZE=5_000_000, MAX_BLOSC_THREADS=3)
    arrived = WAYS[way](Holding(file=file, x=file.root.x))
    assert arrived.file.root_uep == "/deep" and arrived.x[7] == 7
    assert arrived.file.params == file.params


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_in_memory_travels_by_value(method: str) -> None:
    with tables.open_file("nowhere.h5", "w", driver="H5FD_CORE", driver_core_backing_store=0) as file:
        dataset = Holding(x=file.create_array("/", "x", np.arange(1000)))
        reads_the_same_in_workers(method, read_x, dataset)
        assert read_x(copy.deepcopy(dataset)) == read_x(dataset)
    assert not Path("nowhere.h5").exists()


def test_a_closed_file_arrives_closed_and_a_closed_node_is_an_error(path: Path) -> None:
    file = tables.open_file(path)
    array = file.root.deep.x
    file.close()
    arrived = pickle.loads(pickle.dumps(Holding(file=file)))
    with pytest.raises(tables.ClosedFileError):
        arrived.file.get_node("/deep")
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.x: this CArray is closed"):
        pickle.dumps(Holding(x=array))


@pytest.mark.parametrize("mode", ["w", "r+", "a"])
def test_a_file_that_can_write_is_refused_with_its_path_and_mode(mode: str, path: Path) -> None:
    file = tables.open_file(path, mode)
    array = file.create_array("/", "z", [1, 2])
    for handle in (file, array, file.root):
        with pytest.raises(UnsafeHandleError) as raised:
            pickle.dumps(Holding(out=handle))
        for part in ("Holding.out", repr(str(path)), repr(mode), "read-only"):
            assert part in str(raised.value)
    assert array[:] == [1, 2]


def test_a_file_that_was_replaced_is_an_error(path: Path, tmp_path: Path) -> None:
    with tables.open_file(path) as file:
        packed = pickle.dumps(Holding(x=file.root.deep.x))
    path.rename(tmp_path / "moved.h5")
    with pytest.raises(HandleMissingError, match=r"Holding\.x"):
        read_x(pickle.loads(packed))
    with tables.open_file(path, "w") as other:
        other.create_array("/deep", "x", np.arange(50_000), createparents=True)
    with pytest.raises(HandleChangedError, match=r"Holding\.x"):
        read_x(pickle.loads(packed))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_relative_path_means_the_file_that_was_opened_by_it(
    method: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Holding(x=tables.open_file(path.name).root.deep.x)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    reads_the_same_in_workers(method, read_x, dataset)


class TestPandas:
    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_store_reads_the_same_in_every_worker(self, method: str, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        where = tmp_path / "frame.h5"
        pandas.DataFrame({"number": range(50)}).to_hdf(where, key="frame", format="table")
        store = pandas.HDFStore(where, "r")
        reads_the_same_in_workers(method, read_store, Holding(store=store, file=store._handle))
        store.close()
        assert not pickle.loads(pickle.dumps(Holding(store=store))).store.is_open

    def test_a_store_that_can_write_is_refused(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        store = pandas.HDFStore(tmp_path / "frame.h5")
        with pytest.raises(UnsafeHandleError, match=r"Holding\.store: .*frame\.h5.*'a'"):
            pickle.dumps(Holding(store=store))
        store.close()


def read_store(dataset: Any) -> tuple[Any, ...]:
    found = dataset.store.select("frame", "index > 40")
    return found["number"].tolist(), dataset.store.keys(), dataset.store._handle is dataset.file


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForked:
    def test_a_child_closes_the_inherited_file_and_opens_one_of_its_own(self, path: Path) -> None:
        dataset = Holding(file=tables.open_file(path))
        inherited["file"] = dataset.file
        assert in_worker("fork", look_at_inherited, dataset) == (False, False, 7)
        assert dataset.file.isopen and dataset.file.root.deep.x[7] == 7

    def test_a_file_that_can_write_is_refused_and_stays_whole(self, path: Path) -> None:
        file = tables.open_file(path, "a")
        array = file.create_earray("/", "z", obj=np.arange(100))
        with pytest.raises(UnsafeHandleError, match=r"Holding\.x: .*\.h5' is open for writing \(mode 'a'\)"):
            in_worker("fork", read_x, Holding(x=array))
        array.append(np.arange(100, 200))
        file.close()
        with tables.open_file(path) as after:
            assert after.root.z[:].tolist() == list(range(200))


inherited: dict[str, Any] = {}


def look_at_inherited(dataset: Any) -> tuple[Any, ...]:
    opened = dataset.file
    return bool(inherited["file"].isopen), opened is inherited["file"], int(opened.root.deep.x[7])
