"""Key-value stores on LevelDB and RocksDB, and in Python's own format: plyvel, rocksdict and dbm.dumb."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.fingerprint import absolute
from picklesafe.handles.places import open_files, the_only_one
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle


@register_handle("plyvel._plyvel.DB", in_child="keep")
@register_handle("plyvel._plyvel.PrefixedDB", in_child="keep")
@register_handle("plyvel._plyvel.Snapshot", in_child="keep")
@register_handle("plyvel._plyvel.Iterator", in_child="keep")
def leveldb(handle: Any) -> Recipe:
    """Restores nothing: LevelDB lets one process at a time open a database, so it is an error."""
    raise NotWorkerSafeError(
        "a LevelDB database can't be open in two processes, and this one holds its lock",
        remedy="Close it and open it in the worker, if there is one; for several, copy it to LMDB, SQLite or RocksDB, "
        "which can be open in any number of processes",
    )


def can_write(handle: Any) -> str:
    """How the database was opened if it can write: only such a one holds the lock."""
    return "read_write" if "LOCK" in _open_in(_folder(handle.path())) else ""


# The C type leaves it out that it is rocksdict's. One that can write flushes when it is freed, and in a forked child
# waits for ever for threads that aren't there; what is refused in a child is never freed there.


@register_handle(
    "builtins.Rdict", in_child="drop", writes=can_write, path=lambda handle: handle.path(), found="rocksdict.Rdict"
)
def rocksdb(handle: Any) -> Recipe:
    """Restores path and column family of a database opened read_only; one that can write is refused.

    Not restored: set_loads, set_dumps and set_read_options. A secondary instance is an error.
    """
    path = _folder(handle.path())
    if any(name.startswith("MANIFEST") for name in _open_in(path)):
        raise NotWorkerSafeError(
            f"this Rdict is a secondary instance of {path!r}, which needs a folder of its own in every process",
            remedy=f"Open it with AccessType.read_only(). {PER_WORKER}",
        )
    return Recipe(open_read_only, path, _column_family(handle)).unwatched()


def open_read_only(path: str, column_family: str) -> Any:
    import rocksdict

    if not os.path.exists(os.path.join(path, "CURRENT")):
        # rocksdict would make the folder before it finds that there is nothing in it.
        raise FileNotFoundError(f"there is no database in {path!r}")
    with _one_at_a_time(path):
        opened = rocksdict.Rdict(path, access_type=rocksdict.AccessType.read_only())
    return opened if column_family == "default" else opened.get_column_family(column_family)


@contextlib.contextmanager
def _one_at_a_time(folder: str) -> Iterator[None]:
    """Keep other workers out. rocksdict writes its configuration anew even where it only reads, and a worker that
    reads it just then finds it empty and takes the database for one of another format."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # Windows
        yield
        return
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _column_family(handle: Any) -> str:
    # The only place where it is written: "** Compaction Stats [default] **".
    statistics = handle.property_value("rocksdb.cfstats-no-file-histogram")
    return str(statistics).partition("[")[2].partition("]")[0]


def _folder(path: str) -> str:
    """The folder of a database, also after the working directory has changed: by the files that are open in it."""
    if os.path.isabs(path):
        return path
    end = os.sep + os.path.normpath(path)
    return the_only_one({folder for folder in map(os.path.dirname, open_files()) if folder.endswith(end)}, path)


def _open_in(folder: str) -> set[str]:
    """The names of the files in a folder that this process has open."""
    real = os.path.realpath(folder)
    return {os.path.basename(path) for path in open_files() if os.path.dirname(path) == real}


def dumb_can_write(handle: Any) -> str:
    """Told by what it was opened with; a closed one can't."""
    return "" if handle._readonly or handle._datfile is None else "w"


# One that can write holds the index in memory, and writes all of it when it is closed or freed: a second process would
# take back what the first has stored since. One that only reads opens the file anew for each value.


@register_handle(
    "dbm.dumb._Database", in_child="share", writes=dumb_can_write, path=lambda handle: os.fsdecode(handle._datfile)
)
def dumb(handle: Any) -> Recipe:
    """Restores a database opened with "r", as that of a `shelve.open(path, "r")`; one that can write is refused."""
    if handle._datfile is None:
        return Recipe(closed_dumb)
    files = handle._dirfile, handle._datfile
    path = os.path.splitext(absolute(handle._datfile))[0]
    return Recipe("dbm.dumb.open", path, "r").reads(*files)


def closed_dumb() -> Any:
    import dbm.dumb

    closed: Any = dbm.dumb._Database.__new__(dbm.dumb._Database)
    closed._index = closed._datfile = closed._dirfile = closed._bakfile = None
    closed._readonly = True
    return closed
