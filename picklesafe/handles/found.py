"""Which file a handle is on, asked of the operating system, for libraries that don't tell."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from picklesafe.errors import HandleChangedError, NotWorkerSafeError
from picklesafe.handles.files import PER_WORKER, path_of

try:
    import fcntl
except ImportError:  # Windows, which has no /dev/fd either
    fcntl = None  # type: ignore[assignment]


def refuse_closed(handle: Any, closed: bool) -> None:
    """Raises:
    NotWorkerSafeError: the handle is closed, so nothing of it could be opened again.
    """
    if closed:
        raise NotWorkerSafeError(
            f"this {type(handle).__qualname__} is closed",
            remedy="Set the attribute to None, or keep it open until the workers have started",
        )


def refuse_replaced(handle: Any, path: str) -> None:
    """For a library that keeps its file open, but doesn't say by which descriptor.

    Raises:
    HandleChangedError: what lies at `path` is no file that this process has open.
    """
    try:
        there = os.stat(path)
    except OSError:  # opening it again will say so
        return
    if not any(os.path.samestat(there, status) for _, status in readable_files()) and os.path.exists("/dev/fd"):
        raise HandleChangedError(
            f"{path} isn't the file that this {type(handle).__qualname__} has open: it was replaced since",
            remedy="Open the dataset anew",
        )


def only_descriptor(begins_with: tuple[bytes, ...], is_it: Callable[[str], bool]) -> int | None:
    """The descriptor of the one file that it can be; None if there are several, or none.

    The handle's own descriptor is among those that are looked at, so that if a single file matches, it is the one.
    Descriptors on the same file count as one.

    Args:
        begins_with: what the file may begin with.
        is_it: compares the file at a path with the handle; an error means that it isn't the one.
    """
    found: dict[tuple[int, int], int] = {}
    tried: set[tuple[int, int]] = set()
    for descriptor, status in readable_files():
        identity = (status.st_dev, status.st_ino)
        if identity not in tried:
            tried.add(identity)
            if os.pread(descriptor, max(map(len, begins_with)), 0).startswith(begins_with) and _holds(
                is_it, descriptor
            ):
                found[identity] = descriptor
    return found.popitem()[1] if len(found) == 1 else None


def _holds(is_it: Callable[[str], bool], descriptor: int) -> bool:
    # On Linux this path leads to the very file, though it was deleted or replaced since.
    own = f"/proc/self/fd/{descriptor}"
    try:
        return is_it(own if os.path.exists(own) else path_of(None, descriptor))
    except Exception:
        return False


def descriptor_that_moves(seek: Callable[[int], object], position: int) -> int | None:
    """The descriptor whose offset follows `seek`; None if none does, or several.

    Args:
        seek: moves the handle.
        position: where the handle stands, and where it is put back.
    """
    following: set[int] | None = None
    try:
        # Twice, to places that nobody else goes to by chance.
        for place in (position + 40_961, position + 77_773):
            seek(place)
            there = {descriptor for descriptor, _ in readable_files() if _offset(descriptor) == place}
            following = there if following is None else following & there
    finally:
        seek(position)
    followed = following or set()
    return followed.pop() if len(followed) == 1 else None


def readable_files() -> Iterator[tuple[int, os.stat_result]]:
    """The descriptors that only read, of regular files."""
    try:
        descriptors = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return
    for descriptor in descriptors:
        try:
            status = os.fstat(descriptor)
            reads = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        except OSError:  # closed since it was listed
            continue
        if reads and stat.S_ISREG(status.st_mode):
            yield descriptor, status


def is_mapped(descriptor: int) -> bool:
    """Whether the file of a descriptor is also mapped into memory; False where the system doesn't tell."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            return any(line.split(None, 5)[4] == inode for line in maps)
    except OSError:
        return False


def _offset(descriptor: int) -> int:
    try:
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return -1


def reads_once(handle: Any, library: str) -> NotWorkerSafeError:
    """The error of a reader that goes through its file once and doesn't tell how far it got."""
    return NotWorkerSafeError(
        f"{library} doesn't tell how far this {type(handle).__qualname__} has read, so no worker can go on from there",
        remedy=PER_WORKER,
    )
