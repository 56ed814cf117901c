"""HDF5 through h5py: files, and the groups, datasets and attributes in them, which follow their file.

The library keeps one list of open files for a process: opening a file that is open already gives the open one, in a
forked child the inherited one. Hence a child closes a file before it opens it again. Closing writes what is unwritten,
so a file that can write is never closed in a child: two processes that close one file destroy it. The library also
closes what is open when the process ends; in a child, the descriptor of such a file leads nowhere by then.
"""

from __future__ import annotations

import gc
from typing import Any

from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles import derived
from picklesafe.handles.files import PER_WORKER, path_of
from picklesafe.handles.fingerprint import absolute
from picklesafe.handles.places import writing_on
from picklesafe.handles.recipe import Recipe, undeclared
from picklesafe.handles.registry import register_handle


def can_write(handle: Any) -> str:
    """The mode of the file behind a file, a group or a dataset if it can write to a disk.

    h5py says r+ for w, a and x as well.
    """
    if not handle:  # closed
        return ""
    file = handle.file
    return "" if file.mode == "r" or _is_in_memory(file) else str(file.mode)


def path_of_file(handle: Any) -> str:
    """The path of the file behind a file, a group or a dataset."""
    return str(handle.file.filename)


def written_through(handle: Any) -> list[int]:
    """The descriptors by which the file behind any of these objects writes."""
    if not handle:
        return []
    file = handle.file
    # Only sec2 gives a descriptor under that name; the others give addresses.
    return [file.id.get_vfd_handle()] if file.driver == "sec2" else writing_on(file.filename)


def same_file(handle: Any) -> object:
    """h5py makes another File object whenever a dataset is asked for its file; what they share is HDF5's number."""
    return handle.id.id if handle else id(handle)


@register_handle(
    "h5py._hl.files.File",
    in_child="close",
    writes=can_write,
    same=same_file,
    path=path_of_file,
    written_through=written_through,
)
def file(handle: Any) -> Recipe:
    """Restores path, driver, SWMR reading, locking, chunk cache and page buffer, or the Python file object under it; a
    file in memory travels by value, and files open for writing are refused.

    The drivers ros3, family, split, direct and mpio don't reveal what they were given, which is an error.
    """
    if not handle:
        return Recipe(closed, "File", *_derived(handle))
    if can_write(handle) == "" and handle.mode != "r":
        handle.flush()
        return Recipe(in_memory, handle.id.get_file_image(), *_derived(handle))
    if handle.driver not in _DRIVERS:
        raise undeclared(f"h5py with driver={handle.driver!r}")
    settings = _settings(handle)
    opener: Any = "h5py.File"
    if _derived(handle):
        opener = open_derived
        settings["kind"] = derived.kind_of(handle)
    return _on(handle, opener, settings)


derived.sets(lambda base: ("_id", "_libver"), "h5py._hl.files.File")


def _derived(handle: Any) -> list[Any]:
    kind = derived.kind_of(handle)
    return [] if kind is derived.base_of(handle) else [kind]


# Parts of a file have nothing to close. Where the file isn't held beside them, the inherited one stays open and is
# shared by what is opened again; its descriptor has an offset of its own by then.

_MEMBER: Any = {
    "in_child": "drop",
    "writes": can_write,
    "path": path_of_file,
    "written_through": written_through,
}


@register_handle("h5py._hl.dataset.Dataset", **_MEMBER)
@register_handle("h5py._hl.group.Group", **_MEMBER)
@register_handle("h5py._hl.datatype.Datatype", **_MEMBER)
def member(handle: Any) -> Recipe:
    """Restores the object by its name in its file.

    Not restored: objects without a name, made by `create_dataset(None, …)`.
    """
    if not handle:
        return Recipe(closed, type(handle).__name__)
    if handle.name is None:
        raise NotWorkerSafeError(
            f"an anonymous {type(handle).__name__} can't be found again in {handle.file.filename!r}",
            remedy="Give it a name in the file",
        )
    return Recipe("operator.getitem", handle.file, handle.name)


# These say nothing when they are pickled, and fail where they arrive.


def part_can_write(handle: Any) -> str:
    """The same for h5py's low-level identifiers, and for what holds one."""
    low_level = getattr(handle, "_id", handle)
    return can_write(_object(low_level)) if low_level.valid else ""


def part_written_through(handle: Any) -> list[int]:
    """The same for these."""
    return written_through(_object(getattr(handle, "_id", handle)))


def path_of_part(handle: Any) -> str:
    """The path of their file."""
    return path_of_file(_object(getattr(handle, "_id", handle)))


_PART: Any = {
    "in_child": "drop",
    "writes": part_can_write,
    "path": path_of_part,
    "written_through": part_written_through,
}


@register_handle("h5py.h5d.DatasetID", **_PART)
@register_handle("h5py.h5g.GroupID", **_PART)
@register_handle("h5py.h5f.FileID", **_PART)
def identifier(handle: Any) -> Recipe:
    """Restores the low-level identifier of a file, a group or a dataset, by its name in the file."""
    return Recipe(identifier_of, _object(handle))


@register_handle("h5py._hl.attrs.AttributeManager", **_PART)
def attributes(handle: Any) -> Recipe:
    """Restores `.attrs` of a file, a group or a dataset, by its name in the file."""
    return Recipe(attributes_of, _object(handle._id))


@register_handle("h5py._hl.dims.DimensionManager", **_PART)
def dimensions(handle: Any) -> Recipe:
    """Restores `.dims` of a dataset, by its name in the file."""
    return Recipe(dimensions_of, _object(handle._id))


# What the recipes call.


def open_derived(where: Any, mode: str, *, kind: Any, **settings: Any) -> Any:
    """A file of a class derived from File, or with attributes of its own."""
    return derived.new(kind, where, mode, **settings)


def in_memory(image: bytes, kind: Any = "h5py.File") -> Any:
    """A file in memory, whose content came along."""
    import h5py

    return derived.new(kind, h5py.File.in_memory(image).id)


def closed(kind: str, cls: Any = "h5py.File") -> Any:
    """A file, dataset or group that has been closed: every use raises what the original raises."""
    import h5py

    # The core driver without a backing store touches no disk; the name only has to be nobody else's.
    with h5py.File(f"closed-{id(object())}", "w", driver="core", backing_store=False) as owner:
        if kind == "File":
            return derived.new(cls, owner.id)
        if kind == "Datatype":
            owner["it"] = h5py.h5t.NATIVE_INT8.dtype
            return owner["it"]
        return owner.create_group("it") if kind == "Group" else owner.create_dataset("it", data=0)


def identifier_of(named: Any) -> Any:
    return named.id


def attributes_of(named: Any) -> Any:
    return named.attrs


def dimensions_of(named: Any) -> Any:
    return named.dims


# What is asked of a file.

_DRIVERS = ("sec2", "stdio", "core", "windows", "fileobj")


def _on(handle: Any, opener: Any, settings: dict[str, Any]) -> Recipe:
    """The recipe with what the file was opened on: a path, or a Python file object."""
    if handle.driver == "fileobj":
        return Recipe(opener, _file_object(handle), "r", **settings)
    if handle.driver != "sec2":
        recipe = Recipe(opener, absolute(handle.filename), "r", **settings)
    else:
        descriptor = handle.id.get_vfd_handle()
        path = path_of(handle.filename, descriptor)
        recipe = Recipe(opener, path, "r", **settings).reads(path, descriptor=descriptor)
    # SWMR: another process is writing to it, and the file grows.
    return recipe.unwatched() if handle.swmr_mode else recipe


def _settings(handle: Any) -> dict[str, Any]:
    """Arguments of `h5py.File`, where they differ from the defaults."""
    import h5py

    found: dict[str, Any] = {}
    given, default = handle.id.get_access_plist(), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    if handle.swmr_mode:
        found["swmr"] = True
    if handle.driver in ("stdio", "core"):
        found["driver"] = handle.driver
    if handle.driver == "core":
        found["block_size"] = given.get_fapl_core()[0]
    if given.get_libver_bounds() != (h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_LATEST):
        found["libver"] = handle.libver
    if given.get_cache() != default.get_cache():
        found |= dict(zip(("rdcc_nslots", "rdcc_nbytes", "rdcc_w0"), given.get_cache()[1:], strict=True))
    if given.get_page_buffer_size()[0]:
        names = ("page_buf_size", "min_meta_keep", "min_raw_keep")
        found |= dict(zip(names, given.get_page_buffer_size(), strict=True))
    if given.get_file_locking() != default.get_file_locking():
        locks, forgives = given.get_file_locking()
        found["locking"] = bool(locks) if not (locks and forgives) else "best-effort"
    return found


def _is_in_memory(handle: Any) -> bool:
    """Whether what is written goes nowhere: the core driver without a backing store."""
    return handle.driver == "core" and not handle.id.get_access_plist().get_fapl_core()[1]


def _file_object(handle: Any) -> Any:
    """The Python file object that the file was opened on.

    h5py holds it and has no way to ask for it; but the object's repr became the file's name.
    """
    found = []
    for candidate in gc.get_objects():
        cls = type(candidate)
        if hasattr(cls, "read") and hasattr(cls, "seek") and _repr(candidate) == handle.filename:
            found.append(candidate)
    if len(found) != 1:
        raise NotWorkerSafeError(
            f"the file object under this h5py.File can't be told ({len(found)} objects are {handle.filename})",
            remedy=f"Give h5py.File the path. {PER_WORKER}",
        )
    return found[0]


def _repr(candidate: Any) -> str:
    try:
        # As h5py does it.
        return repr(candidate).encode("ASCII", "replace").decode()
    except Exception:
        return ""


def _object(low_level: Any) -> Any:
    """The object of h5py's high-level interface that an identifier belongs to."""
    import h5py

    kinds = {h5py.h5d.DatasetID: h5py.Dataset, h5py.h5g.GroupID: h5py.Group, h5py.h5f.FileID: h5py.File}
    return kinds.get(type(low_level), h5py.Datatype)(low_level)
