"""Memory maps: `mmap.mmap`, and which file lies behind a memory address.

A map tells neither its file nor its offset, but Linux does, in /proc/self/maps. What the kernel knows is also the
truth: a file that was replaced since is still mapped, and its path says so.
"""

from __future__ import annotations

import bisect
import functools
import mmap
import os
import weakref
from typing import Any, NamedTuple

from picklesafe.errors import HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles import derived
from picklesafe.handles.fingerprint import Fingerprint
from picklesafe.handles.recipe import Recipe, undeclared
from picklesafe.handles.registry import register_handle

_DELETED = " (deleted)"


class Mapping(NamedTuple):
    """What the kernel knows of the memory at an address.

    Attributes:
        path: the file, without the mark of a deleted one; "" for memory that is no file's.
        deleted: the file was deleted, or another one took its place.
        offset: where in the file the address lies.
        writable, private: private writes never reach the file.
        inode: of the file that is mapped.
    """

    path: str
    deleted: bool
    offset: int
    writable: bool
    private: bool
    inode: int


@register_handle("mmap.mmap", in_child="share")
def memory_map(handle: mmap.mmap) -> Recipe:
    """Restores file, access, offset, length and position, on Linux; elsewhere a map doesn't reveal its file.

    Not restored: what `madvise` was told. Memory that is no file's, and a copy-on-write map that was written to, are
    refused. A writable map may travel, since what it writes goes to the file by nature.
    """
    if handle.closed:
        return Recipe(closed_map, derived.kind_of(handle))
    address = address_of(handle)
    mapping = mapping_at(address)
    if mapping is None:
        raise undeclared("mmap.mmap")
    if not mapping.inode:
        raise NotWorkerSafeError(
            "this mmap is memory that no file lies behind, which only a forked process can share",
            remedy="Map a file, or use multiprocessing.shared_memory",
        )
    if mapping.private and mapping.writable and written_to(address, len(handle)) is not False:
        raise UnsafeHandleError(
            f"{mapping.path!r} is mapped copy-on-write and was written to; no other process sees what was written",
            remedy="Map it in a method decorated with @picklesafe.per_worker",
        )
    access = mmap.ACCESS_READ
    if mapping.writable:
        access = mmap.ACCESS_COPY if mapping.private else mmap.ACCESS_WRITE
    path, fingerprint = file_of(handle, address, mapping.path, content=access != mmap.ACCESS_WRITE)
    recipe = Recipe(
        open_map, path, len(handle), mapping.offset, access, mmap.mmap.tell(handle), derived.kind_of(handle)
    )
    recipe.files = (fingerprint,)
    return recipe


def open_map(path: Any, length: int, offset: int, access: int, position: int, kind: Any) -> Any:
    handle = map_file(path, length, offset, access, kind)
    mmap.mmap.seek(handle, position)
    return handle


def closed_map(kind: Any) -> Any:
    handle = derived.new(kind, -1, 1)
    mmap.mmap.close(handle)
    return handle


derived.sets(lambda base: [], "mmap.mmap")


def map_file(path: Any, length: int, offset: int, access: int, kind: Any = mmap.mmap) -> Any:
    """Map a part of a file as it is: it is never made longer.

    Raises:
        HandleMissingError: the file is too short.
    """
    with open(path, "r+b" if access == mmap.ACCESS_WRITE else "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < offset + length:
            # Windows would make the file longer.
            raise HandleMissingError(
                f"{os.fsdecode(path)} has {size:,} bytes, and the map ended at byte {offset + length:,}",
                remedy="Bring the whole file back, or open the dataset anew",
            )
        return derived.new(kind, file.fileno(), length, access=access, offset=offset)


class _Known(NamedTuple):
    """The file that a map is on: its path, and its identity, whatever lies at the path by now."""

    path: Any
    device: int
    inode: int
    size: int


_known: weakref.WeakKeyDictionary[mmap.mmap, _Known] = weakref.WeakKeyDictionary()


def file_of(handle: mmap.mmap, address: int, name: Any, *, content: bool) -> tuple[Any, Fingerprint]:
    """The path and the fingerprint of the file behind a map. The kernel is asked once, and when something changed.

    Args:
        address: of any of its bytes.
        name: its absolute path as far as is known; given back, if it leads to that file.
        content: as `Fingerprint.of` has it.

    Raises:
        HandleMissingError: the file was deleted.
    """
    known = _known.get(handle)
    if known is not None:
        now = Fingerprint.of(os.fspath(known.path), content=content)
        if now is not None and (now.device, now.inode) == known[1:3]:
            return known.path, now
    _known[handle] = known = _ask(handle, address, name)
    now = Fingerprint.of(os.fspath(known.path), content=content)
    if now is None:
        raise _deleted(known.path)
    if (now.device, now.inode) != known[1:3]:
        # Another file took its place; of the one that is mapped, this much is known.
        now = Fingerprint(now.path, known.size, None, known.device, known.inode, now.host)
    return known.path, now


def _ask(handle: mmap.mmap, address: int, name: Any) -> _Known:
    mapping = mapping_at(address)
    if mapping is not None and not mapping.deleted and not _same(name, mapping.path):
        # The file was moved, or the name was relative to another working directory.
        name = mapping.path if isinstance(name, str) else type(name)(mapping.path)
    try:
        status = os.stat(name)
    except OSError:
        raise _deleted(name) from None
    inode = mapping.inode if mapping is not None and mapping.deleted else status.st_ino
    return _Known(name, status.st_dev, inode, _size(handle))


def _same(one: Any, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _size(handle: mmap.mmap) -> int:
    try:
        return handle.size()
    except (OSError, ValueError):  # trackfd=False: it has no descriptor to ask
        return len(handle)


def _deleted(path: Any) -> HandleMissingError:
    return HandleMissingError(
        f"{os.fspath(path)!r} was deleted while it was mapped, so no other process can map it",
        remedy="Keep the file as long as there are workers",
    )


def mapping_at(address: int) -> Mapping | None:
    """What lies at an address of this process; None where the system doesn't tell, or nothing does."""
    lines = _lines("/proc/self/maps")
    place = bisect.bisect_right(lines, address, key=_start) - 1 if lines else -1
    if place < 0:
        return None
    span, access, offset, _, inode, *rest = lines[place].split(None, 5)
    first, end = (int(number, 16) for number in span.split(b"-"))
    if not first <= address < end:
        return None
    path = os.fsdecode(rest[0].replace(b"\\012", b"\n")) if rest else ""
    # A file may be called so; then it is there.
    deleted = path.endswith(_DELETED) and not os.path.exists(path)
    path = path.removesuffix(_DELETED) if deleted else path
    known = int(inode) if path.startswith("/") and path != "/dev/zero" else 0
    return Mapping(path, deleted, int(offset, 16) + address - first, access[1:2] == b"w", access[3:4] == b"p", known)


def written_to(address: int, length: int) -> bool | None:
    """Whether pages of a private map have been written to, and so are no longer the file's; None if nobody knows."""
    inside = written = None
    for line in _lines("/proc/self/smaps"):
        if not line[:1].isupper():
            first, end = (int(number, 16) for number in line.split(None, 1)[0].split(b"-"))
            inside = first < address + length and address < end
            written = False if inside and written is None else written
        elif inside and line.startswith((b"Anonymous:", b"Swap:")) and int(line.split()[1]):
            return True
    return written


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _start(line: bytes) -> int:
    return int(line[: line.index(b"-")], 16)


@functools.cache
def _py_buffer() -> Any:
    import ctypes

    class PyBuffer(ctypes.Structure):
        """The interpreter's Py_buffer."""

        _fields_ = (
            ("buf", ctypes.c_void_p),
            ("obj", ctypes.py_object),
            ("len", ctypes.c_ssize_t),
            ("itemsize", ctypes.c_ssize_t),
            ("readonly", ctypes.c_int),
            ("ndim", ctypes.c_int),
            ("format", ctypes.c_char_p),
            ("shape", ctypes.c_void_p),
            ("strides", ctypes.c_void_p),
            ("suboffsets", ctypes.c_void_p),
            ("internal", ctypes.c_void_p),
        )

    return PyBuffer


def address_of(handle: mmap.mmap) -> int:
    """Where in memory the map begins; ctypes' own way, from_buffer, refuses what is read-only."""
    import ctypes

    buffer = _py_buffer()()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(handle), ctypes.byref(buffer), 0)
    address = int(buffer.buf or 0)
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return address
