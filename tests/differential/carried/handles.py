"""What a generated dataset opens: each with what it is opened by, how it is read, and the file that it needs."""

from __future__ import annotations

import gzip
import sqlite3
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

SIZE = 40_000
"""How large the arrays are, in bytes: to pickle one takes as much."""


class Opened(NamedTuple):
    """Something that a dataset may keep.

    Args:
        name: of the file as well, in the folder of all files.
        imports: what the expression needs.
        expression: opens it, at `path`.
        read: reads some of it, `h`; "" for what can't be read.
        close: whether it can be closed.
        manager: whether it stands in a `with`.
    """

    name: str
    imports: str
    expression: str
    read: str = ""
    close: bool = True
    manager: bool = True

    @property
    def is_array(self) -> bool:
        return "numpy" in self.imports


OPENED = (
    Opened("binary", "", "open(path, 'rb')", "h.read(4)"),
    Opened("text", "", "open(path)", "h.read(4)"),
    Opened("gzip", "import gzip", "gzip.open(path)", "h.read(4)"),
    Opened("zip", "from zipfile import ZipFile", "ZipFile(path)", "h.read('a')"),
    Opened("tar", "import tarfile as tar", "tar.open(path)", "h.extractfile('a').read()"),
    Opened("hdf5", "import h5py", "h5py.File(path, 'r')", "h['x'][:4].tolist()"),
    Opened("view", "import h5py", "h5py.File(path, 'r')['x']", "h[:4].tolist()", close=False, manager=False),
    Opened("sqlite", "import sqlite3", "sqlite3.connect(path)", "h.execute('select 1').fetchall()", manager=False),
    Opened("memmap", "import numpy as np", "np.memmap(path, mode='r')", "h[:4].tolist()", close=False, manager=False),
    Opened("array", "import numpy", "numpy.load(path, mmap_mode='r')", "h[:4].tolist()", close=False, manager=False),
    Opened("lock", "import threading", "threading.Lock()", close=False, manager=False),
    Opened("lambda", "", "lambda: path", close=False, manager=False),
    Opened("generator", "", "(part for part in path)", close=False, manager=False),
)


def make_files(folder: Path) -> None:
    """A file for each of them, under its name."""
    for name in ("binary", "text", "lock", "lambda", "generator"):
        (folder / name).write_bytes(b"abcdefghijklmnopqrstuvwxyz")
    (folder / "gzip").write_bytes(gzip.compress(b"abcdefghijklmnopqrstuvwxyz"))
    with zipfile.ZipFile(folder / "zip", "w") as archive:
        archive.writestr("a", "content")
    with tarfile.open(folder / "tar", "w") as tar:
        tar.add(folder / "binary", "a")
    for name in ("hdf5", "view"):
        with h5py.File(folder / name, "w") as file:
            file["x"] = np.arange(10)
    sqlite3.connect(folder / "sqlite").execute("create table t(x)").connection.close()
    (folder / "memmap").write_bytes(bytes(SIZE))
    with open(folder / "array", "wb") as plain:
        np.save(plain, np.zeros(SIZE, np.uint8))
