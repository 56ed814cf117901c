"""LMDB environments that are open in this process, and getting rid of one that a forked child inherited.

A process may open the files of an environment once. So a copy that arrives where the original is open is handed that
one; and a child must close the inherited one before it can open its own. But closing takes the parent's readers out of
the table that all processes share in the lock file: the parent's next transaction fails with MDB_BAD_RSLOT, and pages
that its open transactions still read are free for writers. Hence the child first maps its own, private copy of that
table over the shared one.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
import weakref
from typing import Any, NamedTuple

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles.places import meant_by


class _Open(NamedTuple):
    process: int
    environment: weakref.ref[Any]


_open: dict[tuple[int, int], _Open] = {}
"""By the data file."""


_opening = threading.Lock()


def one_at_a_time() -> threading.Lock:
    """The lock under which environments are opened: of two threads that open one path, the second finds it open."""
    return _opening


def _renew_lock() -> None:
    # A thread of the parent's may have held it.
    global _opening
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def remember(environment: Any, path: str, *, subdir: bool) -> None:
    """Note an environment that is open in this process."""
    key = _key(path, subdir=subdir)
    if key is not None:
        _open[key] = _Open(os.getpid(), weakref.ref(environment))


def find(path: str, *, subdir: bool) -> Any:
    """The environment of these files if it is open in this process, and wasn't inherited."""
    found = _open.get(_key(path, subdir=subdir) or (0, 0))
    environment = found.environment() if found is not None and found.process == os.getpid() else None
    return environment if environment is not None and is_alive(environment) else None


def all_known() -> list[Any]:
    """Every environment that is known to be open in this process."""
    found = [known.environment() for known in list(_open.values()) if known.process == os.getpid()]
    return [environment for environment in found if environment is not None and is_alive(environment)]


def is_alive(environment: Any) -> bool:
    """Whether it hasn't been closed."""
    try:
        environment.path()
    except Exception:  # lmdb.Error, of a library that may not be imported
        return False
    return True


def close_inherited(path: str, *, subdir: bool) -> None:
    """Close the environment of these files if this process inherited it, and hasn't closed it yet.

    Raises:
        UnsafeHandleError: as `close_in_child`.
    """
    found = _open.get(_key(path, subdir=subdir) or (0, 0))
    environment = found.environment() if found is not None and found.process != os.getpid() else None
    if environment is not None and is_alive(environment):
        close_in_child(environment)


def close_in_child(environment: Any) -> None:
    """Close an environment that this process inherited, without touching the parent's.

    Raises:
        UnsafeHandleError: the parent was in a write transaction, or there is no way to keep the parent's readers.
    """
    flags, info = environment.flags(), environment.info()
    if flags["lock"]:
        path = meant_by(environment.path(), "data.mdb" if flags["subdir"] else "")
        _make_private(os.path.join(path, "lock.mdb") if flags["subdir"] else f"{path}-lock")
    if not flags["readonly"]:
        try:
            # Refused during a write transaction, for which closing would wait, for ever if it is another thread's.
            environment.set_mapsize(info["map_size"])
        except Exception as error:
            path = environment.path()
            raise UnsafeHandleError(
                f"this process was forked while its parent was in a write transaction on {path!r} ({error})",
                remedy="Commit or abort it before the workers start",
            ) from error
    environment.close()


def _key(path: str, *, subdir: bool) -> tuple[int, int] | None:
    try:
        status = os.stat(os.path.join(path, "data.mdb") if subdir else path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make_private(lock_file: str) -> None:
    """Put a private copy of the table of readers where this process has mapped the shared one."""
    if not os.path.exists(lock_file):  # read-only, on a file system where there can be none
        return
    if not sys.platform.startswith("linux"):
        raise UnsafeHandleError(
            "an inherited LMDB environment with locks can't be replaced on this platform without harm to the parent",
            remedy="Start workers with spawn, or open it with lock=False",
        )
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    descriptor = os.open(lock_file, os.O_RDONLY)
    try:
        for start, end, offset in _shared_mappings(os.fstat(descriptor).st_ino):
            access = mmap.PROT_READ | mmap.PROT_WRITE
            where = library.mmap(start, end - start, access, mmap.MAP_PRIVATE | _MAP_FIXED, descriptor, offset)
            if where != start:
                raise OSError(ctypes.get_errno(), "mmap")
    finally:
        os.close(descriptor)


_MAP_FIXED = 0x10


def _shared_mappings(inode: int) -> list[tuple[int, int, int]]:
    """Start, end and offset of this process's shared mappings of a file."""
    found = []
    with open("/proc/self/maps") as lines:
        # As "7f46242ac000-7f46242ae000 rw-s 00000000 fe:00 3090028   /data/lock.mdb".
        for addresses, access, offset, _, its_inode, *_ in map(str.split, lines):
            if its_inode == str(inode) and "s" in access:
                start, _, end = addresses.partition("-")
                found.append((int(start, 16), int(end, 16), int(offset, 16)))
    return found
