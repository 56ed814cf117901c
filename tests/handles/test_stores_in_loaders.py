"""Array stores, databases and genomes in torch's DataLoader: two epochs, element for element what one process reads.

All in one dataset, since starting workers that have torch takes most of the time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from picklesafe import PickleSafeMixin
from tests.workers import START_METHODS

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

COUNT = 500


class Numbers(PickleSafeMixin):
    """Gives number i as item i, out of whatever it is stored in."""

    def __init__(self, path: Path) -> None:
        self.store = self.open(path)


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


class InFasta(Numbers):
    """Number i in base 4, as bases i * 5 to i * 5 + 4."""

    @staticmethod
    def open(path: Path) -> Any:
        pyfaidx = pytest.importorskip("pyfaidx")
        return pyfaidx.Fasta(_write_fasta(path), as_raw=True)

    def bases(self, start: int, end: int) -> str:
        return str(self.store["numbers"][start:end])

    def __getitem__(self, index: int) -> int:
        return int(self.bases(index * 5, index * 5 + 5).translate(str.maketrans("ACGT", "0123")), 4)


class InFastaOfHtslib(InFasta):
    @staticmethod
    def open(path: Path) -> Any:
        pysam = pytest.importorskip("pysam")
        return pysam.FastaFile(str(_write_fasta(path)))

    def bases(self, start: int, end: int) -> str:
        return str(self.store.fetch("numbers", start, end))


def _write_fasta(path: Path) -> Path:
    sequence = "".join("ACGT"[number >> shift & 3] for number in range(COUNT) for shift in (8, 6, 4, 2, 0))
    lines = [sequence[start : start + 60] for start in range(0, len(sequence), 60)]
    path.write_text("\n".join([">numbers", *lines, ""]))
    return path


STORES = [InHdf5, InNetcdf, InPytables, InZip, InSqlite, InLmdb, InFasta, InFastaOfHtslib]


class Everywhere(PickleSafeMixin, torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
    """Item i is number i out of each store, whose library is installed."""

    def __init__(self, folder: Path) -> None:
        self.stores = {}
        for cls in STORES:
            with contextlib.suppress(pytest.skip.Exception):
                self.stores[cls.__name__] = cls(folder / cls.__name__)

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> dict[str, int]:
        return {name: store[index] for name, store in self.stores.items()}


@pytest.mark.parametrize("method", START_METHODS)
def test_two_epochs_give_what_one_process_gives(method: str, tmp_path: Path) -> None:
    dataset = Everywhere(tmp_path)
    expected = {name: list(range(COUNT)) for name in dataset.stores}
    assert {name: [store[index] for index in range(COUNT)] for name, store in dataset.stores.items()} == expected
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=16, num_workers=2, multiprocessing_context=method, persistent_workers=True
    )
    for _epoch in range(2):
        batches = list(loader)
        assert {name: [int(n) for batch in batches for n in batch[name]] for name in dataset.stores} == expected
    assert set(dataset[7].values()) == {7}
