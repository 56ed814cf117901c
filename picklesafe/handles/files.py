"""Open files: what `open()` and `tempfile` give.

A text file stands on a buffer, the buffer on a raw file. Each is a handle of its own whose recipe takes the one below
as an argument, so that `file` and `file.buffer`, kept side by side, are one file again afterwards. `BytesIO` and
`StringIO` pickle by themselves.
"""

from __future__ import annotations

import gc
import io
import os
import stat
import sys
from typing import Any

from picklesafe.errors import HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles import derived
from picklesafe.handles.fingerprint import absolute
from picklesafe.handles.recipe import Recipe, chooses_class, undeclared
from picklesafe.handles.registry import register_handle

PER_WORKER = "Open it in a method decorated with @picklesafe.per_worker, which runs once in every worker"


def can_write(handle: Any) -> str:
    """The mode of a file that can write to a disk; "" for one that only reads, is closed, or writes where it does no
    harm: to memory, to the null device, or to this process's own output."""
    try:
        if handle.closed or not handle.writable():
            return ""
    except ValueError:  # detached: describing it says so
        return ""
    if standard_stream(handle) or _lowest(handle) is None or _is_null_device(handle):
        return ""
    mode = getattr(handle, "mode", None)
    return mode if isinstance(mode, str) else "w"


@register_handle("_io.FileIO", in_child="reopen-descriptor", writes=can_write)
def raw_file(handle: io.FileIO) -> Recipe:
    """Restores path, mode and position.

    Not restored: the flags of an `opener=`. A file without a name is found by its descriptor.
    """
    if handle.closed:
        return closed(handle)
    own = standard_stream(handle)
    if own:
        return Recipe(own_stream, *own)
    path = path_of(handle.name, handle.fileno())
    mode = handle.mode.replace("x", "w")
    recipe = Recipe(open_raw, path, mode, _position(handle), derived.kind_of(handle))
    return recipe.reads(path, descriptor=handle.fileno()).stands_on(handle.fileno(), handle)


@register_handle("_io.BufferedReader", in_child="reopen-descriptor", writes=can_write)
@register_handle("_io.BufferedRandom", in_child="reopen-descriptor", writes=can_write)
@register_handle("_io.BufferedWriter", in_child="reopen-descriptor", writes=can_write)
def buffered_file(handle: io.BufferedReader) -> Recipe:
    """Restores path, mode, position and size of the buffer; files open for writing are refused."""
    if handle.closed:
        return closed(handle)
    own = standard_stream(handle)
    if own:
        return Recipe(own_stream, *own)
    # Nothing gives the size back but the memory that the object takes; it has no buffer once it is detached.
    size = derived.base_of(handle).__sizeof__(handle) - type(handle).__basicsize__
    return Recipe(open_buffered, handle.raw, _position(handle), size if size > 0 else None, derived.kind_of(handle))


@register_handle("_io.BufferedRWPair", in_child="keep", writes=can_write)
def pair(handle: io.BufferedRWPair) -> Recipe:
    """Restores nothing but that it is closed; an open one writes, and is refused."""
    return closed(handle)


@register_handle("_io.TextIOWrapper", in_child="reopen-descriptor", writes=can_write)
def text_file(handle: io.TextIOWrapper) -> Recipe:
    """Restores path, mode, position, encoding, errors, newline and line buffering, on any kind of binary file.

    Not restored: `newlines`, which starts anew. In the middle of `for line in file` the position can't be told, which
    is an error.
    """
    if handle.closed:
        return closed(handle)
    own = standard_stream(handle)
    if own:
        return Recipe(own_stream, *own)
    return Recipe(
        open_text,
        handle.buffer,
        _text_position(handle),
        handle.encoding,
        handle.errors,
        _newline(handle),
        handle.line_buffering,
        handle.write_through,
        vars(handle).get("mode"),
        derived.kind_of(handle),
    )


@register_handle("tempfile._TemporaryFileWrapper", in_child="keep", writes=lambda handle: can_write(handle.file))
def temporary_file(handle: Any) -> Recipe:
    """Restores the file under it; the copy never deletes the file, which belongs to the process that made it.

    In a forked child the inherited one is never freed, since that would delete the file.
    """
    if type(handle).__module__ != "tempfile":
        # urllib's responses derive from it, and are connections.
        raise undeclared(f"{type(handle).__module__}.{type(handle).__qualname__}")
    return Recipe(open_temporary, handle.file, absolute(handle.name))


derived.sets(lambda base: ["name"], "_io.FileIO")
derived.sets(lambda base: [], "_io.BufferedReader", "_io.BufferedRandom", "_io.BufferedWriter", "_io.BufferedRWPair")
derived.sets(lambda base: ["args", "mode"], "_io.TextIOWrapper", "fsspec.core.PickleableTextIOWrapper")


# What the recipes call.


def open_raw(path: Any, mode: str, position: int, kind: Any) -> Any:
    file = derived.new(kind, path, mode)
    if position:
        derived.base_of(file).seek(file, position)
    return file


def open_buffered(raw: Any, position: int, size: int | None, kind: Any) -> Any:
    file = derived.new(kind, raw) if size is None else derived.new(kind, raw, size)
    base = derived.base_of(file)
    if position != base.tell(file):
        base.seek(file, position)
    return file


def open_text(
    buffer: Any,
    position: int,
    encoding: str,
    errors: str,
    newline: str | None,
    line_buffering: bool,
    write_through: bool,
    mode: str | None,
    kind: Any,
) -> Any:
    file = derived.new(kind, buffer, encoding, errors, newline, line_buffering, write_through)
    if mode is not None:
        file.mode = mode  # an attribute that open() sets
    derived.base_of(file).seek(file, position)
    return file


def open_temporary(file: Any, name: Any) -> Any:
    import tempfile  # which takes longer to import than all of picklesafe

    return tempfile._TemporaryFileWrapper(file, name, False)


@chooses_class
def own_stream(name: str, layer: str) -> Any:
    """This process's `sys.stdin`, `sys.stdout` or `sys.stderr`, or what lies `.buffer` and `.raw` below it."""
    stream = getattr(sys, name)
    for part in layer.split(".") if layer else ():
        stream = getattr(stream, part)
    return stream


def closed_file(base: Any, kind: Any, name: Any, mode: str, encoding: str | None, errors: str | None) -> Any:
    """A file of this kind that has been closed: every use raises ValueError, as that of the original does."""
    # Made with nothing but the null device, which no mode changes.
    if base is io.FileIO:
        file = raw = derived.new_from(base, kind, os.devnull, mode)
    else:
        raw = io.FileIO(os.devnull, _RAW_MODES.get(base, "r+"))
        if base is io.TextIOWrapper:
            file = derived.new_from(base, kind, io.BufferedReader(raw), encoding, errors)
            file.mode = mode
        else:
            file = derived.new_from(base, kind, raw, *[raw] * (base is io.BufferedRWPair))
    if name is not None:
        raw.name = name  # an attribute like any other
    base.close(file)
    return file


_RAW_MODES: dict[Any, str] = {io.BufferedReader: "r", io.TextIOWrapper: "r", io.BufferedWriter: "w"}


# What is asked of a file.


def path_of(name: Any, descriptor: int) -> Any:
    """The absolute path of the file on which `descriptor` is open, of the type that `name` has.

    Args:
        name: what the file was opened by, relative perhaps to another working directory than today's, or a number.

    Raises:
        NotWorkerSafeError: it is a pipe or a socket, or nobody knows its path.
        HandleMissingError: the file was deleted.
    """
    status = os.fstat(descriptor)
    if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
        raise NotWorkerSafeError(
            f"{_spoken(name)} is a pipe or a socket: what one process reads from it no other gets",
            remedy=PER_WORKER,
        )
    named = absolute(name) if isinstance(name, str | bytes | os.PathLike) else None
    if named is not None and _is_file(named, status):
        return named
    found = path_of_descriptor(descriptor)
    if found is not None and _is_file(found, status):
        # The working directory or a symbolic link changed, or the file was moved.
        return os.fsencode(found) if isinstance(named, bytes) else found if named is None else type(named)(found)
    if named is not None and os.path.lexists(named):
        return named  # Another file lies there now; the fingerprint tells.
    if found is None and named is None:
        raise undeclared(f"this platform's {_spoken(name)}")
    path = named if found is None else found.removesuffix(" (deleted)")
    raise HandleMissingError(
        f"{path!r} was deleted while it was open, so no other process can open it",
        remedy="Keep the file as long as there are workers",
    )


def path_of_descriptor(descriptor: int) -> str | None:
    """The path that the operating system knows for a descriptor, with " (deleted)" after it if Linux says so."""
    try:
        if sys.platform.startswith("linux"):
            return os.readlink(f"/proc/self/fd/{descriptor}")
        import fcntl

        answer = fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024)
        return os.fsdecode(answer.rstrip(b"\0"))
    except (OSError, ImportError, AttributeError):
        return None


def called(handle: Any) -> str:
    """How an error speaks of a file."""
    return _spoken(getattr(handle, "name", None))


def _spoken(name: Any) -> str:
    if isinstance(name, int):
        return f"the file of descriptor {name}"
    return "this file" if name is None else repr(name)


def standard_stream(handle: Any) -> tuple[str, str] | None:
    """Which of this process's own streams, and which layer of it, `handle` is."""
    for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
        stream = getattr(sys, name, None)
        try:
            for layer in ("", "buffer", "buffer.raw"):
                if stream is handle:
                    return name, layer
                stream = getattr(stream, "raw" if layer else "buffer", None)
        except ValueError:  # detached
            continue
    return None


def _is_file(path: Any, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), status)
    except (OSError, ValueError):
        return False


def _lowest(handle: Any) -> Any:
    """The file at the bottom; None if that is memory."""
    below = handle
    while below is not None:
        if isinstance(below, io.BytesIO):
            return None
        handle, below = below, getattr(below, "buffer", None) or getattr(below, "raw", None)
    return handle


def _is_null_device(handle: Any) -> bool:
    try:
        status, null = os.fstat(handle.fileno()), os.stat(os.devnull)
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev


def _position(handle: Any) -> int:
    if handle.seekable():
        position: int = derived.base_of(handle).tell(handle)
        return position
    raise NotWorkerSafeError(
        f"{called(handle)} can't be sought in, as a pipe can't, so no other process gets what was read of it",
        remedy=PER_WORKER,
    )


def _text_position(handle: io.TextIOWrapper) -> int:
    if not handle.seekable():
        return _position(handle)
    try:
        position: int = derived.base_of(handle).tell(handle)
        return position
    except OSError as error:
        raise UnsafeHandleError(
            f"the position in {called(handle)} can't be told ({error})",
            remedy="In the middle of `for line in file` no text file can tell it: read with readline(), finish the "
            "loop, or drop the file before the workers start",
        ) from error


def _newline(handle: io.TextIOWrapper) -> str | None:
    """`newline=`, as the file was opened with it.

    There is no attribute for it. But the garbage collector visits what a text file holds, always in this order:
    buffer, encoding, encoder, decoder, newline unless None, decoded text if any, …, errors, ….
    """
    held = gc.get_referents(handle)
    below = next((place for place, value in enumerate(held) if value is handle.buffer), len(held))
    texts = [value for value in held[below:] if type(value) is str]
    if len(texts) not in (2, 3, 4) or texts[0] != handle.encoding or texts[-1] != handle.errors:
        raise UnsafeHandleError(
            "what newline= this text file was opened with can't be told on this version of Python",
            remedy=PER_WORKER,
        )
    given = texts[1:-1]
    universal = any(type(value) is io.IncrementalNewlineDecoder for value in held)
    if handle.readable() and not universal:
        return given[0]
    if given == [""] and handle.readable():
        # Either newline="" or, at the end of the file, an empty rest of text. Seeking to where it is drops the latter.
        base = derived.base_of(handle)
        base.seek(handle, base.tell(handle))
        given = [value for value in gc.get_referents(handle)[below:] if type(value) is str][1:-1]
        return "" if given else None
    if handle.readable():
        return "" if len(given) == 2 else None
    return given[0] if given else None


def closed(handle: Any) -> Recipe:
    base = next(base for base in type(handle).__mro__ if base.__module__ == "_io")
    name, mode = getattr(handle, "name", None), getattr(handle, "mode", "rb")
    if not isinstance(name, str | bytes | os.PathLike):
        name = None
    is_text = isinstance(handle, io.TextIOWrapper)
    encoding, errors = (handle.encoding, handle.errors) if is_text else (None, None)
    kind = derived.kind_of(handle)
    recipe = Recipe(closed_file, base, kind, name, mode.replace("x", "w"), encoding, errors)
    return recipe.unwatched()
