"""netCDF through netCDF4: datasets, and the groups, variables and dimensions in them, which follow their dataset.

What is true of HDF5, on which it stands, is true here: a child closes a dataset before it opens it again, and one that
can write is never closed in a child.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from picklesafe.errors import HandleMissingError
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.places import meant_by, writing_on
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle

Switches = tuple[bool, bool, bool, bool]

_AS_OPENED: Switches = (True, True, True, True)
_NO_SUCH_ATTRIBUTE = "picklesafe/none"
"""No attribute's name can have a slash in it."""


def can_write(handle: Any) -> str:
    """The mode of the dataset behind a group, a variable or a dimension if it can write.

    netCDF4 doesn't keep the mode. Deleting an attribute that can't exist tells: a dataset that only reads refuses
    before it looks for the attribute.
    """
    top = _top(handle)
    if not top.isopen() or _is_several(top):
        return ""
    try:
        top.delncattr(_NO_SUCH_ATTRIBUTE)
    except Exception as error:
        if "read only" in str(error) or "data mode" in str(error):
            return ""
    return "r+"


def path_of_dataset(handle: Any) -> str:
    """The path of the dataset behind a group, a variable or a dimension."""
    return str(_top(handle).filepath())


def written_through(handle: Any) -> list[int]:
    """The descriptors by which the dataset behind a group, a variable or a dimension writes."""
    return writing_on(path_of_dataset(handle))


@register_handle(
    "netCDF4._netCDF4.Dataset",
    in_child="close",
    writes=can_write,
    path=path_of_dataset,
    written_through=written_through,
)
def dataset(handle: Any) -> Recipe:
    """Restores path or URL, keepweakref, auto_complex, and of every variable whether it masks, scales and joins
    characters; datasets open for writing are refused.

    Not restored: diskless, persist, the chunk caches of variables. One made with `memory=` is an error.
    """
    path = handle.filepath()
    if "://" not in path:
        path = meant_by(path)
        if not os.path.exists(path):
            raise HandleMissingError(
                f"there is no file {path!r}: it was deleted, or it is in memory",
                remedy=f"Open it by the path of a file. {PER_WORKER}",
            )
    settings = {name: True for name in ("keepweakref", "auto_complex") if getattr(handle, name, False) is True}
    switched = dict(_switched(handle))
    if switched:
        return Recipe(open_switched, path, switched, **settings)
    return Recipe("netCDF4.Dataset", path, "r", **settings)


# Parts of a dataset have nothing to close. Where the dataset isn't held beside them, the inherited one stays open and
# is shared by what is opened again; its descriptor has an offset of its own by then.


@register_handle(
    "netCDF4._netCDF4.Group", in_child="drop", writes=can_write, path=path_of_dataset, written_through=written_through
)
def group(handle: Any) -> Recipe:
    """Restores the group by its path in its dataset."""
    return Recipe("operator.getitem", _top(handle), handle.path)


@register_handle(
    "netCDF4._netCDF4.Variable",
    in_child="drop",
    writes=can_write,
    path=path_of_dataset,
    written_through=written_through,
)
def variable(handle: Any) -> Recipe:
    """Restores the variable by its path in its dataset, and whether it masks, scales and joins characters.

    Not restored: its chunk cache.
    """
    return Recipe("operator.getitem", _top(handle), f"{handle.group().path.rstrip('/')}/{handle.name}")


@register_handle(
    "netCDF4._netCDF4.Dimension",
    in_child="drop",
    writes=can_write,
    path=path_of_dataset,
    written_through=written_through,
)
def dimension(handle: Any) -> Recipe:
    """Restores the dimension by its name in its group."""
    return Recipe(dimension_of, _strong(handle.group()), handle.name)


@register_handle("netCDF4._netCDF4.MFDataset", in_child="close")
def several(handle: Any) -> Recipe:
    """Restores the files, the first of them for its attributes, the dimension along which they are joined, what is
    excluded from it, and of every variable whether it masks, scales and joins characters.

    Not restored: check=True, which has done its work.
    """
    joined = next(name for name, found in handle.dimensions.items() if type(found).__name__ == "_Dimension")
    excluded = [
        name
        for name, found in handle.variables.items()
        if found.dimensions[:1] == (joined,) and type(found).__name__ != "_Variable"
    ]
    files = [meant_by(path) for path in handle._files]
    master = next((meant_by(found._mastervar.group().filepath()) for _, found in _joined(handle)), files[0])
    switched = {name: _switches(found._recVar[0]) for name, found in _joined(handle)}
    switched = {name: switches for name, switches in switched.items() if switches != _AS_OPENED}
    recipe = Recipe(open_several, files, switched, aggdim=joined, exclude=excluded, master_file=master)
    return recipe.reads(*files)


@register_handle("netCDF4._netCDF4._Variable", in_child="drop")
def joined_variable(handle: Any) -> Recipe:
    """Restores the variable by its name in its MFDataset."""
    return Recipe(variable_of, handle._dset, handle._name)


# What the recipes call.


def open_switched(path: str, switched: dict[str, Switches], **settings: Any) -> Any:
    """A dataset with some variables that don't mask, scale or join as they would."""
    import netCDF4

    opened = netCDF4.Dataset(path, "r", **settings)
    for name, switches in switched.items():
        _switch(opened[name], switches)
    return opened


def open_several(files: list[str], switched: dict[str, Switches], **settings: Any) -> Any:
    import netCDF4

    opened = netCDF4.MFDataset(files, **settings)
    for name, switches in switched.items():
        _switch(opened.variables[name], switches)
    return opened


def variable_of(dataset: Any, name: str) -> Any:
    return dataset.variables[name]


def dimension_of(group: Any, name: str) -> Any:
    return group.dimensions[name]


# What is asked of a dataset.


def _top(handle: Any) -> Any:
    """The dataset of a group, a variable or a dimension."""
    if not hasattr(type(handle), "filepath"):
        handle = handle.group()
    while handle.parent is not None:
        handle = handle.parent
    return _strong(handle)


def _strong(dataset: Any) -> Any:
    """The dataset itself: with keepweakref, groups and variables know a weak proxy of it."""
    return dataset.close.__self__


def _is_several(handle: Any) -> bool:
    return type(handle).__name__ == "MFDataset"


def _joined(handle: Any) -> Iterator[tuple[str, Any]]:
    return ((name, found) for name, found in handle.variables.items() if type(found).__name__ == "_Variable")


def _switched(handle: Any, path: str = "") -> Iterator[tuple[str, Switches]]:
    """The variables of a dataset or group that have been told to read otherwise than they do when opened."""
    for name, found in handle.variables.items():
        if _switches(found) != _AS_OPENED:
            yield f"{path}/{name}", _switches(found)
    for name, inner in handle.groups.items():
        yield from _switched(inner, f"{path}/{name}")


def _switches(handle: Any) -> Switches:
    return handle.mask, handle.scale, handle.always_mask, handle.chartostring


def _switch(handle: Any, switches: Switches) -> None:
    mask, scale, always, join = switches
    handle.set_auto_mask(mask)
    handle.set_auto_scale(scale)
    handle.set_always_mask(always)
    # A variable of an MFDataset has only the others.
    if hasattr(handle, "set_auto_chartostring"):
        handle.set_auto_chartostring(join)
