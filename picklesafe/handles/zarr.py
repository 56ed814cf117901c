"""zarr's ZipStore. Stores on folders, object stores and fsspec pickle by themselves, and are left alone."""

from __future__ import annotations

from typing import Any

from picklesafe.handles import derived
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle


def mode(handle: Any) -> str:
    """The mode of the archive if it can write.

    By itself, a store pickles with its mode: one made with "w", sent anywhere, empties its own archive on arrival.
    """
    return "" if handle._zmode == "r" else str(handle._zmode)


@register_handle(
    "zarr.storage._zip.ZipStore", in_child="reopen-descriptor", writes=mode, path=lambda handle: handle.path
)
def zip_store(handle: Any) -> Recipe:
    """Restores the path and whether it is open; stores that can write are refused, which alone they wouldn't be.

    Not restored: compression and allowZip64, which only matter for writing.
    """
    return Recipe(open_store, handle.path, handle._is_open, handle.read_only, derived.kind_of(handle))


derived.sets(
    lambda base: ("path", "compression", "allowZip64", "_is_open", "_read_only", "_zmode", "_zf", "_lock"),
    "zarr.storage._zip.ZipStore",
)


def open_store(path: Any, is_open: bool, read_only: bool, kind: Any) -> Any:
    store = derived.new(kind, path, mode="r", read_only=read_only)
    if is_open:
        # What opens a store otherwise is asynchronous, and only calls this.
        store._sync_open()
    return store
