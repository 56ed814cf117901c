"""Reports in files: each is the old one until the new one is complete."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TextIO

from picklesafe.errors import PickleSafeError


class OutputError(PickleSafeError):
    """A file that can't be written."""


@contextmanager
def replacing(path: str) -> Iterator[TextIO]:
    """A text file that becomes `path` when the block ends without an error.

    It is opened before anything is written, so that a long run doesn't end in vain. What is no
    ordinary file, such as `/dev/stderr` or a pipe, is written to as it stands.

    Raises:
        OutputError: if `path` can't be written.
    """
    if _is_special(path):
        with _open(path, path, "a") as file:
            yield file
            _write_out(path, file)
        return
    target = os.path.realpath(path)
    _refuse(path, target)
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        with _open(path, temporary, "w") as file:
            yield file
            _write_out(path, file)
        _put_in_place(path, temporary, target)
    except BaseException:  # an interrupt as well: nothing may be left behind
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _open(path: str, name: str, mode: Literal["a", "w"]) -> TextIO:
    try:
        # Names of files may hold bytes that are no text.
        return open(name, mode, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise _failure(path, error) from error


def _refuse(path: str, target: str) -> None:
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise OutputError(f"can't write to {path}: it is a folder")
    if not os.path.isdir(folder):
        raise OutputError(f"can't write to {path}: there is no folder {os.path.dirname(path) or folder}")
    # The folder's permission decides whether a name can be replaced: a read-only file would be.
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise OutputError(f"can't write to {path}: it is read-only")


def _is_special(path: str) -> bool:
    # `/dev/stdout` leads to whatever the shell has opened, a file that must not be replaced included.
    if os.path.abspath(path).startswith(("/dev/", "/proc/")):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_out(path: str, file: TextIO) -> None:
    try:
        file.flush()
        if file.seekable():
            os.fsync(file.fileno())
    except OSError as error:
        raise _failure(path, error) from error


def _put_in_place(path: str, temporary: str, target: str) -> None:
    try:
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except OSError as error:
        raise _failure(path, error) from error


def _failure(path: str, error: OSError) -> OutputError:
    return OutputError(f"can't write to {path}: {error.strerror or error}")
