"""numpy: memory-mapped arrays, in every view of them, and .npz archives.

A memmap pickles as its bytes, all of them, and its own `offset` is no help: every slice of it keeps that of the whole.
What holds is where the data lies in memory: from there the place in the file is computed.
"""

from __future__ import annotations

import importlib
import mmap
import os
import sys
import weakref
from typing import Any, NamedTuple

from picklesafe.handles import derived, mapped
from picklesafe.handles.recipe import Recipe, chooses_class, resolve
from picklesafe.handles.registry import register_handle


@register_handle("numpy.memmap", in_child="share")
def mapped_array(array: Any) -> Recipe:
    """Restores every view: file, place, shape, strides, dtype, mode, flags and class; `w+` is reopened as `r+`.

    A writable map may travel, since what it writes goes to the file by nature. What is no file's any more travels by
    value: copies of a memmap, which keep its type, and a copy-on-write map that was written to.
    """
    return view_of_a_file(array) or Recipe(as_it_is, _Ordinary(array))


def view_of_a_file(array: Any) -> Recipe | None:
    """The recipe of any array whose data is that of a mapped file; None for all others."""
    place = _place(array)
    if place is None:
        return None
    mode, content = _MODES[place.mode]
    if mode == "c" and mapped.written_to(place.address, len(place.map)) is not False:
        return None
    path, fingerprint = mapped.file_of(place.map, place.address, place.name, content=content)
    recipe = Recipe(
        open_view,
        (mode, place.start, len(place.map), place.offset),
        array.shape,
        array.strides,
        _dtype(array.dtype),
        _class(type(array)),
        array.flags.writeable,
        {name: value for name, value in getattr(array, "__dict__", {}).items() if name not in _OWN},
        getattr(array, "offset", None),
        path,
    )
    recipe.files = (fingerprint,)
    return recipe


_MODES = {"r": ("r", True), "r+": ("r+", False), "w+": ("r+", False), "c": ("c", True)}
"""By the mode that it was opened with: the mode to open it with again, and whether the content should stay the same.
Never `w+`, which makes every byte 0."""

_OWN = frozenset({"_mmap", "filename", "mode", "offset"})


class _Place(NamedTuple):
    """Where an array lies in a file.

    Attributes:
        map, address: the map, and where in memory it begins.
        name: the path of the file, as far as is known.
        mode: as np.memmap has it.
        start: where in the file the map begins.
        offset: from the beginning of the map to the array's first element.
    """

    map: mmap.mmap
    address: int
    name: Any
    mode: str
    start: int
    offset: int


def in_attribute(array: Any) -> Recipe | None:
    """`view_of_a_file`, and the recipe of an empty view, which travels by value with its flags."""
    recipe = view_of_a_file(array)
    if recipe is None and _map_below(array) is not None and not array.nbytes and not array.flags.writeable:
        return Recipe(as_it_is, _Ordinary(array))
    return recipe


def _map_below(array: Any) -> tuple[Any, mmap.mmap] | None:
    """The map that an array looks into, and the last object on the way there."""
    root, below = None, array
    # By way of whatever has a base: as_strided and frombuffer put objects of their own in between.
    while below is not None and not isinstance(below, mmap.mmap):
        root, below = below, below.obj if isinstance(below, memoryview) else getattr(below, "base", None)
        if below is root:
            return None  # a dtype, which is its own base
    return None if below is None else (root, below)


def _place(array: Any) -> _Place | None:
    found = _map_below(array)
    if found is None or not array.nbytes:
        return None
    root, below = found
    if isinstance(root, sys.modules["numpy"].memmap) and root.filename is not None:
        # The root alone has its true offset, and the map begins at the page in which that lies.
        ahead = root.offset % mmap.ALLOCATIONGRANULARITY
        place = _address(root)
        address, start = place - ahead, root.offset - ahead
        first = place if root is array else _address(array)
        name, mode = root.filename, root.mode
    else:
        address, first = mapped.address_of(below), _address(array)
        mapping = mapped.mapping_at(address)
        if mapping is None or not mapping.inode:
            return None
        start, name = mapping.offset, mapping.path
        mode = "r" if not mapping.writable else "c" if mapping.private else "r+"
    first = last = offset = first - address
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            first += (length - 1) * stride
        else:
            last += (length - 1) * stride
    if first < 0 or last + array.itemsize > len(below):
        return None  # as_strided went beyond the map
    return _Place(below, address, name, mode, start, offset)


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _dtype(dtype: Any) -> Any:
    """As its short name where that says everything, so that the recipe also unpickles where there is no numpy."""
    plain = dtype.names is None and dtype.subdtype is None and dtype.metadata is None
    if plain and dtype.kind in "biufc":
        return dtype.str  # without asking numpy, which takes longest
    return dtype.str if plain and sys.modules["numpy"].dtype(dtype.str) == dtype else dtype


def _class(cls: type) -> Any:
    """By name if it is numpy's own, so that the recipe also unpickles where there is no numpy."""
    return f"{cls.__module__}.{cls.__qualname__}" if cls.__module__.partition(".")[0] == "numpy" else cls


class _Ordinary:
    """An array that travels by value; compared by identity, since arrays compare element by element."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ordinary) and other.array is self.array

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        # As a plain array, which keeps what pickle does for those: its data out of band, for one.
        plain = self.array.view(sys.modules["numpy"].ndarray)
        return _arrived, (plain, _class(type(self.array)), self.array.flags.writeable)


def _arrived(plain: Any, cls: Any, writeable: bool) -> _Ordinary:
    array = plain.view(resolve(cls) if isinstance(cls, str) else cls)
    if array.flags.writeable != writeable and not writeable:
        array.flags.writeable = False
    return _Ordinary(array)


@chooses_class
def as_it_is(ordinary: _Ordinary) -> Any:
    return ordinary.array


def open_view(
    place: tuple[str, int, int, int],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: Any,
    cls: Any,
    writeable: bool,
    attributes: dict[str, Any],
    offset: int | None,
    path: Any,
) -> Any:
    np = importlib.import_module("numpy")

    mode, start, length, first = place
    cls = resolve(cls) if isinstance(cls, str) else cls
    # A view of a memmap of the whole map: so the base of the array leads to the map, flush() reaches it, and the array
    # can be found in the file once more.
    whole = np.ndarray.__new__(
        cls if issubclass(cls, np.memmap) else np.memmap, (length,), np.uint8, _map(path, *place[:3])
    )
    _name(whole, mode, start, path)
    array = np.ndarray(shape, dtype, whole, first, strides)
    row = issubclass(cls, np.generic)
    if not row:
        array = array.view(cls)
    if isinstance(array, np.memmap):
        _name(array, mode, offset, path)
    vars(array).update(attributes) if attributes else None
    if not writeable:
        array.flags.writeable = False
    # One row of a structured array, which looks into its memory as a view does; its class is in the dtype.
    return array[()] if row else array


def _name(array: Any, mode: str, offset: int | None, path: Any) -> None:
    """What numpy's own constructor keeps on a memmap."""
    below = array
    while not isinstance(below, mmap.mmap):
        below = below.base
    array._mmap, array.mode, array.offset, array.filename = below, mode, offset, path


_maps: weakref.WeakValueDictionary[Any, Any] = weakref.WeakValueDictionary()


def _map(path: Any, mode: str, start: int, length: int) -> Any:
    """A map, the same one for all views of a file that are open here: each map costs a descriptor."""
    access = {"r": mmap.ACCESS_READ, "r+": mmap.ACCESS_WRITE, "c": mmap.ACCESS_COPY}[mode]
    if mode == "c":
        return mapped.map_file(path, length, start, access)  # what one view writes another mustn't see
    status = os.stat(path)
    key = (os.fspath(path), mode, start, length, status.st_dev, status.st_ino)
    found = _maps.get(key)
    if found is None or found.closed:
        _maps[key] = found = mapped.map_file(path, length, start, access)
    return found


@register_handle("numpy.lib.npyio.NpzFile", in_child="reopen-descriptor")
def npz_file(handle: Any) -> Recipe:
    """Restores the file under it, `allow_pickle` and the other settings of `np.load`; a closed one keeps its names."""
    settings = {name: getattr(handle, name) for name in _NPZ_SETTINGS if hasattr(handle, name)}
    if handle.zip is None:
        return Recipe(closed_npz, _kind(handle), handle.files, settings)
    return Recipe(open_whole_npz, handle.zip.fp, _kind(handle), handle.fid is not None, settings)


def _kind(handle: Any) -> Any:
    kind = derived.kind_of(handle)
    return _class(kind) if isinstance(kind, type) else kind


_NPZ_SETTINGS = ("allow_pickle", "pickle_kwargs", "max_header_size")
derived.sets(lambda base: (*_NPZ_SETTINGS, "_files", "files", "zip", "f", "fid"), "numpy.lib.npyio.NpzFile")
derived.shows(lambda handle: list(handle.files), "numpy.lib.npyio.NpzFile")


def open_npz(file: Any, kind: Any, owned: bool, settings: dict[str, Any]) -> Any:
    handle = derived.new(kind, file, own_fid=owned)
    vars(handle).update(settings)
    return handle


def open_whole_npz(file: Any, kind: Any, owned: bool, settings: dict[str, Any]) -> Any:
    return derived.refuse_narrowed(open_npz(file, kind, owned, settings), kind)


def closed_npz(kind: Any, names: list[str], settings: dict[str, Any]) -> Any:
    import io

    empty = io.BytesIO(b"PK\5\6" + bytes(18))
    handle = open_npz(empty, kind, False, settings)
    handle.files = names
    derived.base_of(handle).close(handle)
    return handle
