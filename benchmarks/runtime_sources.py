"""Files that the workers of `runtime_throughput.py` read: how each is made, opened, and read."""

from __future__ import annotations

import os
import random
from typing import Any

RECORDS = 20_000
SIZE = 1_000
"""Bytes, bases or numbers in a record."""

# `samples` is the length of an epoch, about half a second, which goes through the records again and again. Libraries
# that open a file once in a process, whoever asks, are `alone`: the two ways need a file each.


class Genome:
    """Windows of a FASTA file, by pyfaidx."""

    library = "pyfaidx"
    alone = False
    samples = 50_000

    @staticmethod
    def make(folder: str) -> str:
        path = os.path.join(folder, "genome.fa")
        bases = random.Random(0).randbytes(RECORDS * SIZE).translate(b"ACGT" * 64).decode()
        with open(path, "w") as file:
            file.write(">chr1\n")
            file.writelines(bases[start : start + 80] + "\n" for start in range(0, len(bases), 80))
        return path

    @staticmethod
    def open(path: str) -> Any:
        import pyfaidx

        return pyfaidx.Fasta(path, as_raw=True)

    @staticmethod
    def read(handle: Any, index: int) -> Any:
        return handle["chr1"][index * SIZE : (index + 1) * SIZE]


class Hdf5:
    """Rows of an HDF5 dataset."""

    library = "h5py"
    alone = True
    samples = 10_000

    @staticmethod
    def make(folder: str) -> str:
        import h5py
        import numpy as np

        path = os.path.join(folder, "rows.h5")
        with h5py.File(path, "w") as file:
            file["rows"] = np.arange(RECORDS * SIZE, dtype=np.float32).reshape(RECORDS, SIZE)
        return path

    @staticmethod
    def open(path: str) -> Any:
        import h5py

        return h5py.File(path, "r")

    @staticmethod
    def read(handle: Any, index: int) -> Any:
        return handle["rows"][index]


class Lmdb:
    """Values of an LMDB database."""

    library = "lmdb"
    alone = True
    samples = 50_000

    @staticmethod
    def make(folder: str) -> str:
        import lmdb

        path = os.path.join(folder, "values.lmdb")
        with lmdb.open(path, map_size=1 << 30) as environment, environment.begin(write=True) as transaction:
            for number in range(RECORDS):
                transaction.put(b"%08d" % number, b"%08d" % number * (SIZE // 8))
        return path

    @staticmethod
    def open(path: str) -> Any:
        import lmdb

        return lmdb.open(path, readonly=True, lock=False, readahead=False)

    @staticmethod
    def read(handle: Any, index: int) -> Any:
        with handle.begin() as transaction:
            return transaction.get(b"%08d" % index)


class Memmap:
    """Rows of a memory map."""

    library = "numpy"
    alone = False
    samples = 50_000

    @staticmethod
    def make(folder: str) -> str:
        import numpy as np

        path = os.path.join(folder, "rows.bin")
        np.arange(RECORDS * SIZE, dtype=np.float32).tofile(path)
        return path

    @staticmethod
    def open(path: str) -> Any:
        import numpy as np

        return np.memmap(path, np.float32, "r", shape=(RECORDS, SIZE))

    @staticmethod
    def read(handle: Any, index: int) -> Any:
        return handle[index].sum()


SOURCES = (Genome, Hdf5, Lmdb, Memmap)
