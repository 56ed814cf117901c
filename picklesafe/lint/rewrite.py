"""A file's content replaced as a whole, and the difference shown."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from picklesafe.errors import PickleSafeError


class FixError(PickleSafeError):
    """A file that can't be mended or written; it is as it was.

    Args:
        path: the file.
        reason: why not.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def replace_content(path: str, before: bytes, after: bytes) -> None:
    """Replace a file's content: at every moment it is the old or the new one, never a part.

    Owner and permissions stay; of a symlink, the target is replaced.

    Args:
        path: the file.
        before: what it must still hold.
        after: what it shall hold.

    Raises:
        FixError: if it holds something else by now, or can't be written.
    """
    target = os.path.realpath(path)
    try:
        status = os.stat(target)
        with open(target, "rb") as file:
            if file.read() != before:
                raise FixError(path, "has changed while it was being checked, so it is left alone; run it again")
        # The folder's permission decides whether a name can be replaced: a file that is marked as
        # read-only would be, and root may write everything.
        if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
            raise FixError(path, "can't be written: it is read-only")
        _replace(target, after, status)
    except OSError as error:
        raise FixError(path, f"can't be written: {error.strerror or error}") from error


def _replace(target: str, content: bytes, status: os.stat_result) -> None:
    import tempfile

    folder, name = os.path.split(target)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        _copy_access(status, temporary)
        os.replace(temporary, target)
    except BaseException:  # an interrupt as well: nothing may be left behind
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _copy_access(status: os.stat_result, path: str) -> None:
    if hasattr(os, "chown"):
        with suppress(OSError):  # only root may give files away; a group of one's own may be kept
            os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, stat.S_IMODE(status.st_mode))


def unified_diff(path: str, before: bytes, after: bytes) -> bytes:
    """The difference as `patch -p0` takes it, in the bytes of the file."""
    import difflib

    name = os.fsencode(path)
    # Lines end where patch has them end, at "\n" only; a carriage return is part of the line.
    lines = difflib.diff_bytes(difflib.unified_diff, list(_lines(before)), list(_lines(after)), name, name)
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def _lines(content: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end
