"""Where a file lies that a library only knows by the relative path it was given."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles.files import path_of_descriptor
from picklesafe.handles.fingerprint import STARTED_IN, absolute, working_directory


def meant_by(name: str, inside: str = "", *, kept_open: bool = True) -> str:
    """The absolute path of what this process opened as `name`.

    The working directory may be another one by now, and there may be a file of that name in it; the one that is meant
    is the one that this process has open.

    Args:
        name: what the library was given.
        inside: the file that it keeps open, where `name` is a folder.
        kept_open: whether the library surely keeps the file open; otherwise it may also mean one that nobody has open.

    Raises:
        UnsafeHandleError: several files may be meant.
    """
    path: str = absolute(name)
    if os.path.isabs(name):
        return path
    file = os.path.join(path, inside) if inside else path
    end = f"{os.sep}{os.path.normpath(os.path.join(name, inside))}"
    opened = set(open_files())
    found = {other[: len(other) - len(inside)].rstrip(os.sep) for other in opened if other.endswith(end)}
    # Not by name alone: a symbolic link leads to a file of another name.
    if any(_same(file, other) for other in opened):
        found = {path} | {other for other in found if not _same(os.path.join(other, inside) if inside else other, file)}
    elif not kept_open and os.path.exists(file):
        found.add(path)
    return the_only_one(found, name)


def the_only_one(found: set[str], name: str) -> str:
    """The one path that was found for a relative `name`; its place below the working directory if there is none.

    Among several it is that one as well, as long as the working directory is what it was in the beginning.

    Raises:
        UnsafeHandleError: there are several.
    """
    path: str = absolute(name)
    if not found or found == {path} or (path in found and working_directory() == STARTED_IN):
        return path
    if len(found) > 1:
        raise UnsafeHandleError(
            f"it was opened as {name!r}, and this process has {len(found)} files of that name open, in one working "
            f"directory or another",
            remedy="Open it by an absolute path",
        )
    return found.pop()


def open_files() -> Iterator[str]:
    """The paths of everything that this process has open, where the operating system tells."""
    try:
        descriptors = os.listdir("/dev/fd")
    except OSError:  # Windows
        return
    for descriptor in descriptors:
        path = path_of_descriptor(int(descriptor))
        if path is not None and os.path.isabs(path):
            yield path


def writing_on(path: str) -> list[int]:
    """The descriptors of this process that are open for writing on the file at `path`."""
    import fcntl

    found = []
    with contextlib.suppress(OSError):
        file = os.stat(path)
        for name in os.listdir("/dev/fd"):
            with contextlib.suppress(OSError):
                descriptor = int(name)
                writes = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
                if writes and os.path.samestat(os.fstat(descriptor), file):
                    found.append(descriptor)
    return found


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
