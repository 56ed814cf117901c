"""Files through pyarrow, and safetensors.

Nothing is registered for polars: a lazy frame pickles by its paths. But polars hangs in every forked child, since its
pool of threads isn't there; only spawn and forkserver help. pyarrow's own threads are started anew in a child, and what
it reads in a child is right: files are read by position, maps not at all.
"""

from __future__ import annotations

import os
from typing import Any

from picklesafe.errors import HandleChangedError
from picklesafe.handles.files import path_of
from picklesafe.handles.found import descriptor_that_moves, is_mapped, only_descriptor, reads_once, refuse_closed
from picklesafe.handles.mapped import mapping_at
from picklesafe.handles.recipe import Recipe, resolve, undeclared
from picklesafe.handles.registry import register_handle


def can_write(handle: Any) -> str:
    """The mode of a file that writes."""
    return str(handle.mode) if not handle.closed and handle.writable() else ""


@register_handle("pyarrow.lib.MemoryMappedFile", in_child="reopen-descriptor", writes=can_write)
def memory_map(handle: Any) -> Recipe:
    """Restores path and position; a map open for writing is refused."""
    return _at_descriptor(handle, "pyarrow.memory_map")


@register_handle("pyarrow.lib.OSFile", in_child="reopen-descriptor", writes=can_write)
def os_file(handle: Any) -> Recipe:
    """Restores path and position; a file open for writing is refused."""
    return _at_descriptor(handle, "pyarrow.OSFile")


@register_handle("pyarrow.lib.NativeFile", in_child="reopen-descriptor", writes=can_write)
def native_file(handle: Any) -> Recipe:
    """Restores path and position of what `LocalFileSystem().open_input_file` gave; the path is that of the descriptor
    whose offset moves with the file.

    Not restored: streams, files of other file systems, buffers and Python files; these are errors.
    """
    refuse_closed(handle, handle.closed)
    if type(handle) is not resolve("pyarrow.NativeFile") or not handle.seekable():
        raise undeclared("pyarrow")
    position = handle.tell()
    descriptor = descriptor_that_moves(handle.seek, position)
    if descriptor is None:
        raise undeclared("pyarrow")
    path = path_of(None, descriptor)
    return Recipe(open_local, path, position).reads(path, descriptor=descriptor)


@register_handle("pyarrow.parquet.core.ParquetFile", in_child="reopen-descriptor")
def parquet_file(handle: Any) -> Recipe:
    """Restores a local file, whose path the operating system tells: it is the one open file that has the same metadata;
    and `memory_map`, `read_dictionary` and `common_metadata`.

    Not restored: `buffer_size`, `pre_buffer` and the limits. Where other options change the schema, or the file is a
    file object, encrypted, on another file system, or one of two copies that are both open, it is an error.
    """
    refuse_closed(handle, handle.closed)
    # This is how ParquetFile remembers whether it opened the file itself.
    if not handle._close_source:
        raise undeclared("pyarrow.parquet")
    read_metadata = resolve("pyarrow.parquet.read_metadata")
    descriptor = only_descriptor((b"PAR1",), lambda path: read_metadata(path).equals(handle.metadata))
    if descriptor is None:
        raise undeclared("pyarrow.parquet")
    path = path_of(None, descriptor)
    options: dict[str, Any] = {}
    if is_mapped(descriptor):
        options["memory_map"] = True
    dictionaries = _read_as_dictionaries(path, handle)
    if dictionaries:
        options["read_dictionary"] = dictionaries
    if handle.common_metadata is not None:
        options["common_metadata"] = handle.common_metadata
    recipe = Recipe("pyarrow.parquet.ParquetFile", path, **options).reads(path, descriptor=descriptor)
    with recipe.open() as alike:
        if not alike.schema_arrow.equals(handle.schema_arrow, check_metadata=True):
            raise undeclared("pyarrow.parquet")
    return recipe


def _read_as_dictionaries(path: str, handle: Any) -> list[str]:
    """The columns that are dictionaries for this reader, and aren't for another."""
    is_dictionary = resolve("pyarrow.types.is_dictionary")
    with resolve("pyarrow.parquet.ParquetFile")(path) as plain:
        return [
            here.name
            for here, there in zip(handle.schema_arrow, plain.schema_arrow, strict=True)
            if is_dictionary(here.type) and not is_dictionary(there.type)
        ]


@register_handle("pyarrow.ipc.RecordBatchFileReader", in_child="reopen-descriptor")
def batch_reader(handle: Any) -> Recipe:
    """Restores a reader on a memory-mapped file, whose path the operating system tells by the address of the first
    batch.

    Not restored: a reader on a file that isn't mapped, on a compressed one, or with `options=`; these are errors.
    """
    address = _address_of_first_batch(handle)
    mapping = None if address is None else mapping_at(address)
    if mapping is None or not mapping.inode or mapping.deleted or mapping.writable:
        raise undeclared("pyarrow.ipc")
    if os.stat(mapping.path).st_ino != mapping.inode:
        raise HandleChangedError(f"{mapping.path!r} was replaced while it was mapped", remedy="Open the dataset anew")
    recipe = Recipe(open_batches, mapping.path)
    alike = recipe.open()
    same = alike.num_record_batches == handle.num_record_batches and alike.schema.equals(handle.schema, True)
    if not same or not alike.get_batch(0).equals(handle.get_batch(0)):
        raise undeclared("pyarrow.ipc")
    return recipe


def _address_of_first_batch(reader: Any) -> int | None:
    if not reader.num_record_batches:
        return None
    buffers = (buffer for column in reader.get_batch(0).columns for buffer in column.buffers())
    return next((buffer.address for buffer in buffers if buffer is not None and buffer.size), None)


@register_handle("pyarrow.ipc.RecordBatchStreamReader", in_child="reopen-descriptor")
def batch_stream(handle: Any) -> Recipe:
    """Restores nothing: it is read once from start to end, and doesn't tell how far. Sending it is an error."""
    raise reads_once(handle, "pyarrow.ipc")


# The type doesn't say that it is safetensors'. What it reads is mapped, so a forked child goes on with it. That of its
# slices can't be had by any name, so no reducer can be registered for it: sending one raises the pickler's own error.


@register_handle("builtins.safe_open", in_child="reopen-descriptor", found="safetensors.safe_open")
def safe_open(handle: Any) -> Recipe:
    """Restores nothing: safetensors doesn't reveal the file, which is an error."""
    raise undeclared("safetensors")


def _at_descriptor(handle: Any, opener: str) -> Recipe:
    refuse_closed(handle, handle.closed)
    path = path_of(None, handle.fileno())
    return Recipe(open_at, path, opener, handle.tell()).reads(path, descriptor=handle.fileno())


def open_at(path: str, opener: str, position: int) -> Any:
    """A file of pyarrow, at its position."""
    file = resolve(opener)(path)
    file.seek(position)
    return file


def open_local(path: str, position: int) -> Any:
    """A file of pyarrow's local file system, at its position."""
    file = resolve("pyarrow.fs.LocalFileSystem")().open_input_file(path)
    file.seek(position)
    return file


def open_batches(path: str) -> Any:
    """A reader of the record batches of a memory-mapped file."""
    return resolve("pyarrow.ipc.open_file")(resolve("pyarrow.memory_map")(path))
