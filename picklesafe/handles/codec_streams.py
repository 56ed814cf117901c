"""Text through codecs: what `codecs.open()` gives, and the readers and writers of each encoding.

They stand on a file, which travels as a handle of its own.
"""

from __future__ import annotations

import codecs
from typing import Any

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles.files import can_write
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle


def _stream_can_write(handle: Any) -> str:
    return can_write(handle.stream)


@register_handle("codecs.StreamReader", in_child="reopen-descriptor")
def stream_reader(handle: Any) -> Recipe:
    """Restores the file under it, its errors, and what it has read ahead.

    Not restored: what the readers of East Asian encodings hold back of a character, so these only travel unread.
    """
    state = {name: value for name, value in vars(handle).items() if name not in ("stream", "errors")}
    if type(handle).read is not codecs.StreamReader.read and handle.stream.tell() != 0:
        raise UnsafeHandleError(
            "the reader of this encoding doesn't reveal what it has read ahead",
            remedy="Use open(path, encoding=…), which tells its position",
        )
    return Recipe(open_stream, type(handle), handle.stream, handle.errors, state)


@register_handle("codecs.StreamWriter", in_child="reopen-descriptor", writes=_stream_can_write)
def stream_writer(handle: codecs.StreamWriter) -> Recipe:
    """Restores the stream under it, where that is memory, the null device or the process's own output."""
    return Recipe(open_stream, type(handle), handle.stream, handle.errors, {})


@register_handle("codecs.StreamReaderWriter", in_child="reopen-descriptor", writes=_stream_can_write)
def stream_reader_writer(handle: codecs.StreamReaderWriter) -> Recipe:
    """Restores what `codecs.open` gave: the file under it, encoding, errors, and what was read ahead.

    Not restored: what the readers of East Asian encodings hold back of a character, so these only travel unread.
    """
    parts = (handle.stream, handle.reader, type(handle.writer))
    own = ("stream", "reader", "writer", "errors")
    state = {name: value for name, value in vars(handle).items() if name not in own}
    return Recipe(open_stream_pair, *parts, handle.errors, type(handle), state)


# What the recipes call.


def open_stream(cls: Any, stream: Any, errors: str, state: dict[str, Any]) -> Any:
    # Each encoding has a class of its own, also among those of the library.
    base: Any = next(base for base in cls.__mro__ if base.__module__.partition(".")[0] in ("codecs", "encodings"))
    reader = base.__new__(cls, *[stream, errors] * (base.__new__ is not object.__new__))
    base.__init__(reader, stream, errors)
    vars(reader).update(state)
    return reader


def open_stream_pair(stream: Any, reader: Any, writer: Any, errors: str, cls: Any, state: dict[str, Any]) -> Any:
    base: Any = codecs.StreamReaderWriter
    both = cls.__new__(cls)
    base.__init__(both, stream, lambda stream, errors: reader, writer, errors)
    vars(both).update(state)
    return both
