"""Compressed files of the standard library: gzip, bz2 and lzma, in binary; in text they lie under a `TextIOWrapper`.

Each stands on a file, its own or one that it was given, which travels as a handle of its own. Positions count
uncompressed bytes, so that returning to one means decompressing everything before it.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles import derived
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle


class Place(NamedTuple):
    """Where a compressed file stands.

    Attributes:
        position: in uncompressed bytes.
        untouched: nothing has been decompressed, so that the data begins where the file below stands now; otherwise
            it begins at 0, where the library itself goes when it rewinds.
        ahead: some of the bytes that come next, where the beginning of the data can't be known for sure.
    """

    position: int
    untouched: bool
    ahead: bytes


_AHEAD = 64


def _below(handle: Any) -> object:
    # Only since Python 3.13 do bz2 and lzma files have a name.
    return getattr(handle._fp, "name", None)


def can_write(handle: Any) -> str:
    return "wb" if not handle.closed and handle.writable() else ""


@register_handle("gzip.GzipFile", in_child="reopen-descriptor", writes=can_write)
# They are made in the same way, with a reader of their own.
@register_handle("isal.igzip.IGzipFile", in_child="reopen-descriptor", writes=can_write)
@register_handle("zlib_ng.gzip_ng.GzipNGFile", in_child="reopen-descriptor", writes=can_write)
def gzip_file(handle: Any) -> Recipe:
    """Restores the file under it, the position and the name.

    Not restored: `mtime`, until data is read again. Returning to a position means decompressing up to it.
    """
    if handle.closed:
        return Recipe(closed_file, derived.kind_of(handle), handle.name)
    owned = handle.myfileobj is not None
    # The name is that of the file below, which is absolute when it arrives, or a label of its own.
    name = None if handle.name == getattr(handle.fileobj, "name", None) else handle.name
    return Recipe(open_gzip, handle.fileobj, derived.kind_of(handle), name, owned, _place(handle, owned))


@register_handle("bz2.BZ2File", in_child="reopen-descriptor", writes=can_write, path=_below)
def bz2_file(handle: Any) -> Recipe:
    """Restores the file under it and the position.

    Returning to a position means decompressing up to it.
    """
    if handle.closed:
        return Recipe(closed_file, derived.kind_of(handle))
    return _plain(handle, {})


@register_handle("lzma.LZMAFile", in_child="reopen-descriptor", writes=can_write, path=_below)
def lzma_file(handle: Any) -> Recipe:
    """Restores the file under it, the position, format and filters.

    Returning to a position means decompressing up to it.
    """
    if handle.closed:
        return Recipe(closed_file, derived.kind_of(handle))
    return _plain(handle, handle._buffer.raw._decomp_args)


def _plain(handle: Any, settings: dict[str, Any]) -> Recipe:
    owned = handle._closefp
    return Recipe(open_plain, handle._fp, derived.kind_of(handle), owned, _place(handle, owned), settings)


def _attributes(base: Any) -> list[str]:
    return list(vars(closed_file(base)))


derived.sets(
    _attributes,
    *("gzip.GzipFile", "isal.igzip.IGzipFile", "zlib_ng.gzip_ng.GzipNGFile", "bz2.BZ2File", "lzma.LZMAFile"),
)


# What the recipes call.


def open_gzip(file: Any, kind: Any, name: Any, owned: bool, place: Place) -> Any:
    _to_start(file, place)
    handle = derived.new(kind, filename=name, mode="rb", fileobj=file)
    if owned:
        handle.myfileobj = file  # what close() closes
    return _at(handle, place)


def open_plain(file: Any, kind: Any, owned: bool, place: Place, settings: dict[str, Any]) -> Any:
    _to_start(file, place)
    handle = derived.new(kind, file, "rb", **settings)
    handle._closefp = owned
    return _at(handle, place)


def closed_file(kind: Any, name: Any = "") -> Any:
    """One that has been closed: every use raises ValueError, as that of the original does."""
    nothing = io.BytesIO()
    cls = kind.cls if isinstance(kind, derived.Derived) else kind
    is_gzip = "gzip.GzipFile" in [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]
    handle = derived.new(kind, name, "rb", fileobj=nothing) if is_gzip else derived.new(kind, nothing)
    derived.base_of(handle).close(handle)
    return handle


def _place(handle: Any, owned: bool) -> Place:
    raw = handle._buffer.raw
    position = derived.base_of(handle).tell(handle)
    untouched = raw.tell() == 0 and not raw._eof
    buffered = raw.tell() - position
    if owned or untouched or buffered <= 0:
        return Place(position, untouched and not owned, b"")
    # No more than is in the buffer: looking further would read on in the file below.
    return Place(position, False, handle._buffer.peek(1)[:_AHEAD])


def _to_start(file: Any, place: Place) -> None:
    if not place.untouched:
        file.seek(0)


def _at(handle: Any, place: Place) -> Any:
    base = derived.base_of(handle)
    try:
        base.seek(handle, place.position)
        seen = base.peek(handle, 1)[: len(place.ahead)] if place.ahead else b""
    except Exception as error:
        if not place.ahead:
            raise
        raise _begins_elsewhere() from error
    if not place.ahead.startswith(seen) or (place.ahead and not seen):
        raise _begins_elsewhere()
    return handle


def _begins_elsewhere() -> UnsafeHandleError:
    return UnsafeHandleError(
        "the compressed data doesn't begin where the file object that it was opened on does, and once it has been "
        "read from, the place can't be told",
        remedy="Open it on a file of its own, or in a method decorated with @picklesafe.per_worker",
    )
