"""A forked child's own file offsets: every read-only descriptor is opened again under its own number.

`fork` leaves parent and child on one open file description, hence on one offset, and whoever reads moves the other.
Opening `/proc/self/fd/N` makes a new description of the same file (of the very inode, also when it was deleted or
replaced); put under the old number, it is found by everything that held that number, Python's files and libraries' own
alike, at any depth, with their read buffers still right.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows has no fork either
    fcntl = None  # type: ignore[assignment]

_FIRST = 3
"""Standard input, output and error are shared on purpose."""

_MAX_PROBED = 65_536
_ACCESS = getattr(os, "O_ACCMODE", 3)
_PATH_ONLY = getattr(os, "O_PATH", 0)
_KEPT_FLAGS = getattr(os, "O_DIRECT", 0) | getattr(os, "O_NONBLOCK", 0)

_spares: list[int] = []
_shared: set[tuple[int, int]] = set()


class Offset(NamedTuple):
    """Where a descriptor stood; the parent may move on before the child runs."""

    descriptor: int
    position: int
    flags: int
    file: tuple[int, int]


def hold_spares() -> None:
    """Keep two descriptors on the null device, so that there is a number left when the process has used up its own.

    Open for writing alone: put in the place of a descriptor that can't be made private, it makes every read fail
    rather than move the parent's offset.
    """
    while len(_spares) < 2:
        try:
            _spares.append(os.open(os.devnull, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)))
        except OSError:
            return


def _lend() -> None:
    """Give one number back for a moment; `hold_spares` takes one again."""
    _drop_foreign()
    if _spares:
        os.close(_spares.pop())


def _drop_foreign() -> None:
    """Forget numbers that aren't ours any more: who closes everything that he doesn't know may have reused them."""
    null = os.stat(os.devnull)
    for descriptor in list(_spares):
        try:
            ours = os.path.samestat(os.fstat(descriptor), null)
            ours = ours and fcntl.fcntl(descriptor, fcntl.F_GETFL) & _ACCESS == os.O_WRONLY
        except OSError:
            ours = False
        if not ours:
            _spares.remove(descriptor)


def share_offsets(*files: object) -> None:
    """Leave the offsets of these files shared with forked children, for programs that rely on it.

    Args:
        files: objects with `fileno()`, or descriptors. The files are meant, not the numbers.
    """
    for file in files:
        descriptor = file if isinstance(file, int) else file.fileno()  # type: ignore[attr-defined]
        status = os.fstat(descriptor)
        _shared.add((status.st_dev, status.st_ino))


def offsets() -> list[Offset]:
    """Where every read-only descriptor of a regular file stands. To be asked before the fork."""
    if fcntl is None:
        return []
    return [offset for descriptor in _descriptors() if (offset := _offset(descriptor)) is not None]


def _descriptors() -> list[int]:
    _lend()
    try:
        return [int(name) for name in os.listdir("/proc/self/fd" if _has_proc() else "/dev/fd") if int(name) >= _FIRST]
    except OSError:
        # No number left to list them with: ask for each, which needs none.
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return list(range(_FIRST, min(limit if limit > 0 else _MAX_PROBED, _MAX_PROBED)))
    finally:
        hold_spares()


def _offset(descriptor: int) -> Offset | None:
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        if flags & _ACCESS != os.O_RDONLY or (_PATH_ONLY and flags & _PATH_ONLY):
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in _shared:
            return None
        return Offset(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR), flags, (status.st_dev, status.st_ino))
    except OSError:  # closed since it was listed
        return None


def make_private(noted: list[Offset]) -> dict[int, OSError]:
    """Open each descriptor again under its own number, at its place. To be called in the child.

    Returns:
        The descriptors for which that failed, with the reason; reading from them fails from now on.
    """
    failed = {}
    for offset in noted:
        if not _still_open(offset):
            continue
        try:
            _reopen(offset)
        except OSError as error:
            failed[offset.descriptor] = error
            _block(offset.descriptor)
    return failed


def _still_open(offset: Offset) -> bool:
    """Whether the descriptor is on the file that was noted: another thread may have closed it before the fork."""
    try:
        status = os.fstat(offset.descriptor)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == offset.file


def _reopen(offset: Offset) -> None:
    descriptor = offset.descriptor
    inheritable = os.get_inheritable(descriptor)
    flags = os.O_RDONLY | offset.flags & _KEPT_FLAGS | getattr(os, "O_CLOEXEC", 0)
    # The number that the spare gives back is there for the new description, whatever the process's limit.
    _lend()
    try:
        new = os.open(_path(descriptor), flags)
        try:
            _same_file(descriptor, new)
            os.lseek(new, offset.position, os.SEEK_SET)
            os.dup2(new, descriptor, inheritable)
        finally:
            os.close(new)
    finally:
        hold_spares()


def _has_proc() -> bool:
    return sys.platform.startswith("linux")


def _path(descriptor: int) -> str:
    if _has_proc():
        return f"/proc/self/fd/{descriptor}"
    # macOS tells the path; what lies there now may be another file, which _same_file notices.
    name = fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024)  # type: ignore[attr-defined]
    return os.fsdecode(name.rstrip(b"\0"))


def _same_file(descriptor: int, new: int) -> None:
    if not os.path.samestat(os.fstat(descriptor), os.fstat(new)):
        raise OSError(f"the file of descriptor {descriptor} was replaced")


def _block(descriptor: int) -> None:
    _drop_foreign()
    try:
        os.dup2(_spares[-1], descriptor)
    except (OSError, IndexError):
        # To leave it open would be to read from the parent's offset.
        os.close(descriptor)
