"""Array stores and databases in torch's DataLoader: two epochs, element for element what one process reads."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from picklesafe import PickleSafeMixin
from tests.workers import START_METHODS

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

COUNT = 500


class Numbers(PickleSafeMixin, torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
    """Gives number i as item i, out of whatever it is stored in."""

    def __init__(self, path: Path) -> None:
        self.store = self.open(path)

    def __len__(self) -> int:
        return COUNT


class InHdf5(Numbers):
    @staticmethod
    def open(path: Path) -> Any:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=np.arange(COUNT), chunks=(7,), compression="gzip")
        return h5py.File(path, "r")["x"]

    def __getitem__(self, index: int) -> int:
        return int(self.store[index])


class InNetcdf(Numbers):
    @staticmethod
    def open(path: Path) -> Any:
        netcdf = pytest.importorskip("netCDF4")
        with netcdf.Dataset(path, "w") as file:
            file.createDimension("t", COUNT)
            file.createVariable("x", "i4", ("t",), zlib=True)[:] = np.arange(COUNT)
        return netcdf.Dataset(path)["x"]

    __getitem__ = InHdf5.__getitem__


class InPytables(Numbers):
    @staticmethod
    def open(path: Path) -> Any:
        tables = pytest.importorskip("tables")
        with tables.open_file(path, "w") as file:
            file.create_carray("/", "x", obj=np.arange(COUNT), chunkshape=(7,))
        return tables.open_file(path).root.x

    __getitem__ = InHdf5.__getitem__


class InZip(Numbers):
    @staticmethod
    def open(path: Path) -> Any:
        zarr = pytest.importorskip("zarr", minversion="3")
        store = zarr.storage.ZipStore(path, mode="w")
        zarr.create_array(store, name="x", shape=(COUNT,), chunks=(7,), dtype="i4")[:] = np.arange(COUNT)
        store.close()
        return zarr.open_array(zarr.storage.ZipStore(path), path="x", mode="r")

    __getitem__ = InHdf5.__getitem__


class InSqlite(Numbers):
    @staticmethod
    def open(path: Path) -> Any:
        db = sqlite3.connect(path)
        with db:
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER)")
            db.executemany("INSERT INTO t VALUES (?, ?)", ((number, number) for number in range(COUNT)))
        return db

    def __getitem__(self, index: int) -> int:
        ((x,),) = self.store.execute("SELECT x FROM t WHERE id = ?", (index,)).fetchall()
        return int(x)


class InLmdb(Numbers):
    @staticmethod
    def open(path: Path) -> Any:
        lmdb = pytest.importorskip("lmdb")
        with lmdb.open(str(path), map_size=10 << 20) as env, env.begin(write=True) as txn:
            for number in range(COUNT):
                txn.put(b"%d" % number, b"%d" % number)
        return lmdb.open(str(path), readonly=True)

    def __getitem__(self, index: int) -> int:
        with self.store.begin() as txn:
            return int(txn.get(b"%d" % index))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("cls", [InHdf5, InNetcdf, InPytables, InZip, InSqlite, InLmdb])
def test_two_epochs_give_what_one_process_gives(cls: Any, method: str, tmp_path: Path) -> None:
    dataset = cls(tmp_path / "numbers")
    assert [dataset[index] for index in range(COUNT)] == list(range(COUNT))
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=16, num_workers=2, multiprocessing_context=method, persistent_workers=True
    )
    for _epoch in range(2):
        assert [int(number) for batch in loader for number in batch] == list(range(COUNT))
    assert dataset[7] == 7
