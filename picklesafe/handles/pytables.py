"""HDF5 through PyTables: files, the nodes and columns in them, and pandas' HDFStore, which stands on such a file.

As with h5py, a child closes a file before it opens it again, and one that can write is never closed in a child.
"""

from __future__ import annotations

from typing import Any

from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles.files import path_of
from picklesafe.handles.fingerprint import absolute
from picklesafe.handles.places import writing_on
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle


def can_write(handle: Any) -> str:
    """The mode of the file behind a node, a column or a store if it can write to a disk."""
    file = _file(handle)
    if file is None or not file.isopen or file.mode == "r" or _is_in_memory(file):
        return ""
    return str(file.mode)


def written_through(handle: Any) -> list[int]:
    """The descriptors by which the file behind a node, a column or a store writes."""
    file = _file(handle)
    return writing_on(file.filename) if file is not None and file.isopen else []


def path_of_file(handle: Any) -> object:
    """The path of the file behind a node, a column or a store."""
    return getattr(_file(handle), "filename", None)


@register_handle(
    "tables.file.File", in_child="close", writes=can_write, path=path_of_file, written_through=written_through
)
def file(handle: Any) -> Recipe:
    """Restores path, root_uep, title, filters and every parameter that was given, the driver too; a file in memory
    travels by value, and files open for writing are refused.

    Not restored: the node cache, and what was undone.
    """
    if not handle.isopen:
        return Recipe(closed)
    settings = {"root_uep": handle.root_uep, **_parameters(handle)}
    if handle.mode != "r":
        settings["DRIVER_CORE_IMAGE"] = handle.get_file_image()
        return Recipe(open_in_memory, absolute(handle.filename), "r+", **settings).unwatched()
    if settings.get("DRIVER", "H5FD_SEC2") != "H5FD_SEC2":
        return Recipe("tables.open_file", absolute(handle.filename), "r", **settings)
    path = path_of(handle.filename, handle.fileno())
    return Recipe("tables.open_file", path, "r", **settings).reads(path, descriptor=handle.fileno())


# Parts of a file have nothing to close, as in h5py.


@register_handle(
    "tables.node.Node", in_child="drop", writes=can_write, path=path_of_file, written_through=written_through
)
def node(handle: Any) -> Recipe:
    """Restores a group, table, array or link by its path in its file.

    Not restored: settings of the object that aren't in the file, as nrowsinbuf.
    """
    if not handle._v_isopen:
        raise NotWorkerSafeError(
            f"this {type(handle).__name__} is closed, or its file is", remedy="Set the attribute to None"
        )
    return Recipe(node_of, handle._v_file, handle._v_pathname)


@register_handle(
    "tables.table.Column", in_child="drop", writes=can_write, path=path_of_file, written_through=written_through
)
def column(handle: Any) -> Recipe:
    """Restores the column by its path in its table."""
    return Recipe(column_of, handle.table, handle.pathname)


@register_handle(
    "tables.table.Cols", in_child="drop", writes=can_write, path=path_of_file, written_through=written_through
)
def columns(handle: Any) -> Recipe:
    """Restores `table.cols`, or what is nested below it, by its path in its table."""
    return Recipe(column_of, handle._v_table, handle._v_desc._v_pathname)


@register_handle(
    "pandas.HDFStore", in_child="close", writes=can_write, path=path_of_file, written_through=written_through
)  # its name since pandas 3
@register_handle(
    "pandas.io.pytables.HDFStore",
    in_child="close",
    writes=can_write,
    path=path_of_file,
    written_through=written_through,
)
def store(handle: Any) -> Recipe:
    """Restores the store with the file under it; stores open for writing are refused."""
    # Never by its attributes: its own __getattr__ recurses without end while there are none yet.
    state = {name: value for name, value in vars(handle).items() if name != "_handle"}
    return Recipe(open_store, handle._handle, type(handle), state)


# What the recipes call.


def open_in_memory(path: str, mode: str, **settings: Any) -> Any:
    """A file in memory, whose content came along."""
    import tables

    try:
        return tables.open_file(path, mode, **settings)
    except ValueError:
        # PyTables lets no second writable file have the name, as for a copy in the process of the original.
        return tables.open_file(f"{path}-{id(object())}", mode, **settings)


def closed() -> Any:
    """A file that has been closed: every use raises ClosedFileError, as that of the original does."""
    import tables

    # The core driver without a backing store touches no disk; the name only has to be nobody else's.
    name = f"closed-{id(object())}"
    file = tables.open_file(name, "w", driver="H5FD_CORE", driver_core_backing_store=0)
    file.close()
    return file


def node_of(file: Any, path: str) -> Any:
    return file.get_node(path)


def column_of(table: Any, path: str) -> Any:
    return table.cols._f_col(path) if path else table.cols


def open_store(file: Any, cls: Any, state: dict[str, Any]) -> Any:
    from pandas.io import pytables

    pytables._tables()  # sets it up, as HDFStore's __init__ would
    store = cls.__new__(cls)
    vars(store).update(state, _handle=file)
    return store


# What is asked of a file.


def _file(handle: Any) -> Any:
    for name in ("_v_file", "_table_file", "_v__tableFile", "_handle"):
        if name in vars(handle):
            return vars(handle)[name]
    return handle if hasattr(handle, "root_uep") else None


def _is_in_memory(file: Any) -> bool:
    return file.params["DRIVER"] == "H5FD_CORE" and not file.params["DRIVER_CORE_BACKING_STORE"]


def _parameters(file: Any) -> dict[str, Any]:
    """The parameters that aren't what they are by default: a file keeps all of them."""
    from tables import parameters

    return {name: value for name, value in file.params.items() if value != getattr(parameters, name, None)}
