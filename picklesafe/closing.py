"""Closing what an object holds open, when asked to and at the end of the process."""

from __future__ import annotations

import atexit
import math
import operator
import os
import sys
import weakref
from collections import Counter
from typing import Any

from picklesafe import dormant, search, travel
from picklesafe.cell import AnyCell, Cell
from picklesafe.handles import registry
from picklesafe.mixin import PickleSafeMixin
from picklesafe.pool import HandlePool

_opened: list[tuple[weakref.ref[Any], str]] = []
_process = -1


def close(obj: Any) -> None:
    """Close every handle that `obj` holds open in this process.

    Resources of `@per_worker` and handles in attributes are closed, views before what they look into, and open again
    at their next use; a handle that can't be reopened stays closed. A `HandlePool`, alone or in an attribute, closes
    the handles that aren't in use. Locks, events, queues and executors stay as they are, and so does what sits deeper.

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
    errors = _close_from_the_end(_put_to_sleep(obj))
    if errors:
        raise errors[0]


def _put_to_sleep(obj: Any) -> list[Any]:
    """Take what is to be closed out of the object's reach; gives it in the order of opening, files before views.

    Everything is described before anything is closed: a view can't be any more once its file is closed, nor reopened.
    """
    for name, unused in list(dormant.cells_of(obj).items()):
        if unused.is_open:
            # A view in another attribute has opened it, and it is open under this name as well.
            dormant.wake(obj, name, unused)
    resources = travel.resources(type(obj))
    cells: dict[Any, Cell] = {}
    asleep: dict[str, AnyCell] = {}
    held: list[tuple[float, Any]] = []
    for name, value in _attributes(obj):
        entry = registry.handle_type(type(value))
        is_handle = entry is not None and entry.travels
        if name in resources:
            del obj.__dict__[name]
        elif not is_handle and not isinstance(value, HandlePool):
            # Locks and executors as well: they are what this process's threads have in common, and nothing is open.
            continue
        cell = _cell(obj, name, value, cells) if is_handle else None
        if cell is not None and name not in resources:
            asleep[name] = cell
        held.append((_depth(cell), value))
    dormant.put_to_sleep(obj, {**_unused_views(obj, cells), **asleep})
    # What can't be described may look into what can't either. As a rule it was opened later, and so it is closed first.
    return [value for _, value in sorted(held, key=lambda pair: pair[0])]


def _attributes(obj: Any) -> list[tuple[str, Any]]:
    nodes = search.children(search.Node(obj), search.Bounds())
    return [(node.key, node.value) for node in nodes if node.is_attribute]


def _cell(obj: Any, name: str, handle: Any, cells: dict[Any, Cell]) -> Cell | None:
    """What opens it again; None for what can't be reopened."""
    try:
        return travel.to_cell(handle, obj, lambda: f"{type(obj).__name__}.{name}", cells)
    except Exception:
        # A handle that was closed before may raise anything, and the others are to be closed nevertheless.
        return None


def _depth(cell: Any) -> float:
    """How many handles it looks into, one through the other. Infinite where that isn't known, to be closed first."""
    if cell is None:
        return math.inf
    return max((1 + _depth(value) for value in _arguments(cell)), default=0)


def _arguments(cell: Cell) -> list[Cell]:
    values = (*cell.recipe.args, *cell.recipe.kwargs.values())
    return [value for value in values if isinstance(value, Cell)]


def _unused_views(obj: Any, cells: dict[Any, Cell]) -> dict[str, AnyCell]:
    """Dormant attributes that look into a file that is open: they are to open it again, not to find it closed."""
    renewed: dict[Cell, Cell] = {}

    def renew(value: Any, name: str) -> Any:
        if not isinstance(value, Cell):
            return value
        if value.is_open:
            return _cell(obj, name, value.open(), cells) or value
        if value not in renewed:
            recipe = value.recipe.with_arguments(lambda argument: renew(argument, name))
            new = Cell(recipe, value.attribute, value.check)
            renewed[value] = value if all(map(operator.is_, _arguments(value), _arguments(new))) else new
        return renewed[value]

    # What was given a value since isn't dormant any more.
    names = [name for name in dormant.cells_of(obj) if name not in getattr(obj, "__dict__", ())]
    return {name: renew(dormant.cells_of(obj)[name], name) for name in names}


def _close_from_the_end(held: list[Any]) -> list[Exception]:
    """Close and let go one after the other; gives the errors.

    The list is emptied: what has no close() of its own, as a memory-mapped array, ends when it is freed, and what it
    looks into can't be closed before.
    """
    errors: list[Exception] = []
    names = Counter(map(id, held))
    while held:
        handle = held.pop()
        names[id(handle)] -= 1
        # Some libraries raise when they are to close a second time.
        if not names[id(handle)]:
            errors += _close(handle)
        del handle
    return errors


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
    held = []
    for reference, name in _opened:
        instance = reference()
        if instance is not None and name in instance.__dict__:
            held.append(instance.__dict__.pop(name))
    _opened.clear()
    _close_from_the_end(held)
