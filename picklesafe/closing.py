"""Closing what an object holds open, when asked to and at the end of the process."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Any

from picklesafe import dormant, search, travel
from picklesafe.cell import Cell
from picklesafe.errors import PickleSafeError
from picklesafe.handles import registry
from picklesafe.mixin import PickleSafeMixin
from picklesafe.pool import HandlePool

_opened: list[tuple[weakref.ref[Any], str]] = []
_process = -1


def close(obj: Any) -> None:
    """Close every handle that `obj` holds open in this process.

    Resources of `@per_worker` and handles in attributes are closed, and open again at their next use; a handle that
    can't be reopened stays closed. A `HandlePool`, alone or in an attribute, closes the handles that aren't in use.
    What sits deeper is left alone.

    Args:
        obj: an object with PickleSafeMixin, or anything with a `close()` of its own.

    Raises:
        TypeError: `obj` is neither.
        Exception: what the handle's own `close` raises, after the others have been closed.
    """
    if not isinstance(obj, PickleSafeMixin) or isinstance(obj, HandlePool):
        if not callable(getattr(obj, "close", None)):
            raise TypeError(f"picklesafe.close() takes an object with PickleSafeMixin, not {type(obj).__qualname__}")
        obj.close()
        return
    errors = []
    cells: dict[Any, Cell] = {}
    for name, value in [
        (node.key, node.value) for node in search.children(search.Node(obj), search.Bounds()) if node.is_attribute
    ]:
        if name in travel.resources(type(obj)):
            del obj.__dict__[name]
        elif isinstance(value, HandlePool):
            pass
        elif registry.handle_type(type(value)) is None:
            continue
        else:
            _sleep(obj, name, value, cells)
        errors += _close(value)
    if errors:
        raise errors[0]


def _sleep(obj: Any, name: str, handle: Any, cells: dict[Any, Cell]) -> None:
    """Make the attribute dormant, so that its next use opens it again."""
    try:
        cell = travel.to_cell(handle, obj, lambda: f"{type(obj).__name__}.{name}", cells)
    except PickleSafeError:
        return
    dormant.put_to_sleep(obj, {name: cell})


def _close(handle: Any) -> list[Exception]:
    method = getattr(handle, "close", None)
    if callable(method):
        try:
            method()
        except Exception as error:
            return [error]
    return []


def at_exit(instance: Any, name: str) -> None:
    """Close this resource when the process ends, if it still has it."""
    global _process
    if _process != os.getpid():
        # In a forked child the list is the parent's.
        _process = os.getpid()
        _opened.clear()
        _register()
    _opened.append((weakref.ref(instance), name))


def _register() -> None:
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        # A child of multiprocessing leaves without atexit.
        util.Finalize(None, _close_all, exitpriority=0)
    else:
        atexit.unregister(_close_all)
        atexit.register(_close_all)


def _close_all() -> None:
    if _process != os.getpid():
        return
    for reference, name in reversed(_opened):
        instance = reference()
        if instance is not None and name in instance.__dict__:
            _close(instance.__dict__.pop(name))
    _opened.clear()
