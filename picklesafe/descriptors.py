"""A forked child's own file offsets: every read-only descriptor is opened again under its own number.

`fork` leaves parent and child on one open file description, hence on one offset, and whoever reads moves the other.
Opening `/proc/self/fd/N` makes a new description of the same file (of the very inode, also when it was deleted or
replaced); put under the old number, it is found by everything that held that number, Python's files and libraries' own
alike, at any depth, with their read buffers still right.

Locks of `flock` belong to the description. A shared one is taken for the new description as well; a descriptor that
holds an exclusive one stays as it was inherited, lock and offset: nobody could be given that lock anew.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

from picklesafe import descriptions

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

File = tuple[int, int]
"""`st_dev` and `st_ino`."""


class Offset(NamedTuple):
    """Where a descriptor stood; the parent may move on before the child runs."""

    descriptor: int
    position: int
    flags: int
    file: File
    locked: bool
    description: int = -1
    """A descriptor that shares the offset: the same for all that do."""


class _Shared(NamedTuple):
    """A file whose offset stays shared.

    Attributes:
        file: which one.
        descriptor: the one that it was given by, and with which it is over.
        owner: gives the object that was given, None once that is gone; or the descriptor.
        pin: another descriptor on the file, without an offset, or None. As long as it is there, no new file has the
            same number, so that a descriptor that is on that file is the one that was given.
    """

    file: File
    descriptor: int
    owner: Callable[[], Any]
    pin: int | None

    def is_over(self) -> bool:
        owner = self.owner()
        try:
            number = owner.fileno() if hasattr(owner, "fileno") else owner
            return number != self.descriptor or _file(os.fstat(self.descriptor)) != self.file
        except (OSError, ValueError):  # closed
            return True


_shared: list[_Shared] = []


def _file(status: os.stat_result) -> File:
    return status.st_dev, status.st_ino


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
        files: objects with `fileno()`, or descriptors. The files are meant, not the numbers, for as long as what is
            given is open.
    """
    for file in files:
        descriptor = file if isinstance(file, int) else file.fileno()  # type: ignore[attr-defined]
        try:
            owner: Callable[[], Any] = weakref.ref(file)
        except TypeError:  # a descriptor, or of a class without weak references
            owner = partial(int, descriptor)
        _shared.append(_Shared(_file(os.fstat(descriptor)), descriptor, owner, _pin(descriptor)))


def _pin(descriptor: int) -> int | None:
    try:
        return os.open(_path(descriptor), _PATH_ONLY | getattr(os, "O_CLOEXEC", 0)) if _PATH_ONLY else None
    except OSError:
        return None


def _files_shared() -> set[File]:
    for shared in [shared for shared in _shared if shared.is_over()]:
        _shared.remove(shared)
        if shared.pin is not None and _is_pin(shared.pin, shared.file):
            os.close(shared.pin)
    return {shared.file for shared in _shared}


def _is_pin(descriptor: int, file: File) -> bool:
    """Whether the number is still ours: somebody may have closed everything that he doesn't know."""
    try:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & _PATH_ONLY) and _file(os.fstat(descriptor)) == file
    except OSError:
        return False


def offsets() -> list[Offset]:
    """Where every read-only descriptor of a regular file stands. To be asked before the fork."""
    if fcntl is None:
        return []
    shared, locked = _files_shared(), _inodes_locked()
    found = (_offset(descriptor, shared, locked) for descriptor in _descriptors())
    return _with_descriptions([offset for offset in found if offset is not None])


def _with_descriptions(found: list[Offset]) -> list[Offset]:
    alike: dict[tuple[File, int, int], list[int]] = {}
    for offset in found:
        alike.setdefault((offset.file, offset.position, offset.flags), []).append(offset.descriptor)
    description = {one: other for numbers in alike.values() for one, other in descriptions.shared_by(numbers).items()}
    return [offset._replace(description=description[offset.descriptor]) for offset in found]


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


def _offset(descriptor: int, shared: set[File], locked: set[int]) -> Offset | None:
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        if flags & _ACCESS != os.O_RDONLY or (_PATH_ONLY and flags & _PATH_ONLY):
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or _file(status) in shared:
            return None
        lock = _lock(descriptor) if status.st_ino in locked else ""
        if lock == "other":
            return None
        return Offset(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR), flags, _file(status), lock == "shared")
    except OSError:  # closed since it was listed
        return None


_OF_DESCRIPTIONS = (b"FLOCK", b"OFDLCK")
"""Locks that a forked child inherits. POSIX locks belong to a process."""


def _inodes_locked() -> set[int]:
    """The inode numbers of the files on which anybody holds a lock that could be a descriptor's.

    One look at the list of all locks takes 7 µs; to ask each descriptor for its own takes 9 µs a descriptor.
    """
    if not _has_proc():
        return set()
    lines = [line.split() for line in _content("/proc/locks").splitlines()]
    numbers = [fields[-3].rpartition(b":")[2] for fields in lines if any(kind in fields for kind in _OF_DESCRIPTIONS)]
    return {int(number) for number in numbers if number.isdigit()}


def _lock(descriptor: int) -> Literal["", "shared", "other"]:
    """What lock the description holds: a shared one on the whole file, or another."""
    lines = [line.split() for line in _content(f"/proc/self/fdinfo/{descriptor}").splitlines()]
    locks = [fields for fields in lines if fields[:1] == [b"lock:"] and fields[2] in _OF_DESCRIPTIONS]
    if not locks:
        return ""
    return "shared" if all(b"FLOCK" in fields and b"READ" in fields for fields in locks) else "other"


def _content(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # no number left, or the system doesn't tell
        return b""
    try:
        return b"".join(iter(partial(os.read, descriptor, 1 << 16), b""))
    finally:
        os.close(descriptor)


def make_private(noted: list[Offset]) -> dict[int, OSError]:
    """Open each descriptor again under its own number, at its place. To be called in the child.

    Those that share an offset in the parent share one here.

    Returns:
        The descriptors for which that failed, with the reason; reading from them fails from now on.
    """
    failed = {}
    reopened: dict[int, int] = {}
    for offset in noted:
        if not _still_open(offset):
            continue
        try:
            if offset.description in reopened:
                os.dup2(reopened[offset.description], offset.descriptor, os.get_inheritable(offset.descriptor))
            else:
                _reopen(offset)
                reopened[offset.description] = offset.descriptor
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
    return _file(status) == offset.file


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
            if offset.locked:
                # Granted at once, beside the inherited one.
                with contextlib.suppress(OSError):
                    fcntl.flock(new, fcntl.LOCK_SH | fcntl.LOCK_NB)
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


def open_for_writing(numbers: Iterable[int]) -> list[tuple[int, File]]:
    """Those of the descriptors that can write to a regular file, with that file. To be asked before the fork."""
    found = []
    for number in numbers:
        try:
            status, flags = os.fstat(number), fcntl.fcntl(number, fcntl.F_GETFL)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and flags & _ACCESS != os.O_RDONLY:
            found.append((number, _file(status)))
    return found


def lead_nowhere(noted: list[tuple[int, File]]) -> None:
    """Put a file in memory under each number, or else the null device. To be called in the child.

    A library that keeps unwritten data of an inherited file writes it when the process ends, over what the parent has
    written meanwhile.
    """
    if not noted:
        return
    _lend()
    with contextlib.suppress(OSError):
        nowhere = _nowhere()
        for number, file in noted:
            with contextlib.suppress(OSError):
                if _file(os.fstat(number)) == file:
                    os.dup2(nowhere, number, os.get_inheritable(number))
        os.close(nowhere)
    hold_spares()


def _nowhere() -> int:
    try:
        # HDF5 may crash where it can't set the length of what it writes to, which the null device refuses.
        return os.memfd_create("picklesafe")
    except (OSError, AttributeError):
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
