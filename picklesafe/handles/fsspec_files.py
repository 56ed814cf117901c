"""fsspec: files that were opened by URL, and the file systems that they came from.

An `OpenFile` holds nothing open and pickles by itself; a file of `memory://` travels with its content, since the
memory of one process isn't another's. What is in text lies under a `TextIOWrapper`, and `simplecache::` gives plain
files.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles import files
from picklesafe.handles.recipe import Recipe, chooses_class, resolve
from picklesafe.handles.registry import register_handle


class FileSystem(NamedTuple):
    """What a file system was made with. It can't be kept itself, since it doesn't survive a fork.

    Attributes:
        name: the dotted name of its class.
        args, options: as fsspec keeps them.
    """

    name: str
    args: tuple[Any, ...]
    options: dict[str, Any]


def _path(handle: Any) -> object:
    return handle.path


def _can_write(handle: Any) -> str:
    return "" if handle.closed or handle.mode == "rb" else handle.mode


@register_handle("fsspec.asyn.AsyncFileSystem", in_child="drop")
def file_system(handle: Any) -> Recipe:
    """Restores the arguments of a file system that works over a network; its connections are made anew."""
    return Recipe(open_file_system, _file_system(handle))


@register_handle("fsspec.spec.AbstractBufferedFile", in_child="drop", writes=_can_write, path=_path)
# Earlier versions of it pickle themselves, without the position.
@register_handle("fsspec.implementations.http.HTTPFile", in_child="drop", writes=_can_write, path=_path)
def remote_file(handle: Any) -> Recipe:
    """Restores file system, path, position, block size and kind of cache.

    Not restored: what the cache holds, and its options. Whether the file was changed meanwhile is not compared.
    """
    if handle.closed:
        return Recipe(closed_remote, _name(handle), handle.path, handle.mode)
    if handle.size is None and handle.loc:
        raise UnsafeHandleError(
            f"{handle.path!r} is read as a stream, in which nobody can go to byte {handle.loc:,}",
            remedy="Open it in a method decorated with @picklesafe.per_worker",
        )
    cache = handle.cache.name if handle.cache else "none"
    settings = {**handle.kwargs, "block_size": handle.blocksize, "cache_type": cache}
    # Not the path first, which needn't be one of this machine's even if it looks so.
    return Recipe(open_remote, _file_system(handle.fs), handle.path, handle.loc, settings)


@register_handle(
    "fsspec.implementations.local.LocalFileOpener",
    in_child="reopen-descriptor",
    writes=lambda handle: files.can_write(handle.f),
    path=_path,
)
def local_file(handle: Any) -> Recipe:
    """Restores path, mode, position and compression, as of any open file."""
    state = {name: value for name, value in vars(handle).items() if name not in ("f", "fs")}
    system = None if handle.fs is None else _file_system(handle.fs)
    return Recipe(open_local, handle.f, type(handle), system, state)


# It pickles itself, without the position. Its constructor takes what that of io.TextIOWrapper does.
register_handle("fsspec.core.PickleableTextIOWrapper", in_child="reopen-descriptor", writes=files.can_write)(
    files.text_file
)


# What the recipes call.


def open_file_system(system: FileSystem) -> Any:
    return resolve(system.name)(*system.args, **system.options)


@chooses_class
def open_remote(system: FileSystem, path: str, position: int, settings: dict[str, Any]) -> Any:
    handle = open_file_system(system).open(path, "rb", **settings)
    if position:
        handle.seek(position)
    return handle


def closed_remote(name: str, path: str, mode: str) -> Any:
    cls = resolve(name)
    handle = cls.__new__(cls)
    handle.fs, handle.path, handle.mode, handle.loc, handle.closed = None, path, mode, 0, True
    handle.size, handle.blocksize = 0, 1  # before it is asked whether it is closed
    return handle


def open_local(file: Any, cls: Any, system: FileSystem | None, state: dict[str, Any]) -> Any:
    handle = cls.__new__(cls)
    vars(handle).update(state, f=file, fs=None if system is None else open_file_system(system))
    if "size" in state:
        file.size = state["size"]  # as its constructor does
    return handle


def _file_system(handle: Any) -> FileSystem:
    return FileSystem(_name(handle), handle.storage_args, handle.storage_options)


def _name(handle: Any) -> str:
    return f"{type(handle).__module__}.{type(handle).__qualname__}"
