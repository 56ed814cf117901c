"""Handles inside containers and other objects, in a forked child: replaced where they sit when somebody gets there."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, MethodType
from typing import Any

from picklesafe import search
from picklesafe.cell import AnyCell, Cell, arrive, first
from picklesafe.errors import UnsafeHandleError


class Mending:
    """Stands where a cell would, for an attribute that holds inherited handles at some depth.

    Args:
        value: the attribute's value as it was inherited.
        repairs: for each handle in it, where it sits and what it is replaced with.
    """

    __slots__ = ("__weakref__", "_lock", "_repairs", "_value")

    is_open = False

    def __init__(self, value: Any, repairs: list[tuple[search.Node, AnyCell]]) -> None:
        self._value = value
        self._repairs = repairs
        self.renew_lock()

    def renew_lock(self) -> None:
        """As `Cell.renew_lock`, for the cells that it puts in place as well."""
        self._lock = threading.Lock()
        for _, cell in self._repairs:
            cell.renew_lock()

    def opened(self) -> Iterator[Cell]:
        """The cells that it will put in place, as far as they are open."""
        for _, cell in self._repairs:
            if isinstance(cell, Cell):
                yield from cell.opened()

    def change(self, change: Callable[[AnyCell], AnyCell]) -> None:
        """Put `change(cell)` in the place of each cell."""
        self._repairs = [(node, change(cell)) for node, cell in self._repairs]

    def open(self) -> Any:
        """The value, with a handle of this process's in every place; what can't be opened raises when it is used."""
        with self._lock:
            while self._repairs:
                node, cell = self._repairs[-1]
                self._value = _replace(node, arrive(cell), self._value)
                self._repairs.pop()
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        return first, (self.open(),)


def _replace(node: search.Node, new: Any, top: Any) -> Any:
    """Put `new` where the node is; gives the attribute's value, another one where that was a tuple."""
    old, node.value = node.value, new
    parent = node.parent
    if parent is None or (parent.parent is None and node.is_attribute):
        return new
    holder = parent.value
    if isinstance(holder, tuple):
        items = [new if value is old else value for value in holder]
        # Not through the class, whose __new__ may take other arguments.
        return _replace(parent, tuple.__new__(type(holder), items), top)
    if isinstance(holder, frozenset):
        return _replace(parent, frozenset(new if value is old else value for value in holder), top)
    if isinstance(holder, functools.partial):
        values = [new if value is old else value for value in (holder.func, *holder.args)]
        keywords = {key: new if value is old else value for key, value in holder.keywords.items()}
        kind: Any = type(holder)
        return _replace(parent, kind(*values, **keywords), top)
    if isinstance(holder, MethodType):
        return _replace(parent, MethodType(holder.__func__, new), top)
    if isinstance(holder, BuiltinFunctionType):
        return _replace(parent, getattr(new, holder.__name__), top)
    if isinstance(holder, set):
        holder.discard(old)
        holder.add(new)
    elif isinstance(holder, dict):
        # As in lists, not through what a subclass makes of it.
        if dict.get(holder, node.key) is old:
            dict.__setitem__(holder, node.key, new)
    elif isinstance(holder, list | deque):
        _replace_element(holder, old, new)
    elif node.key is None:
        raise UnsafeHandleError(
            f"a handle inherited by fork sits in a {type(holder).__qualname__}, where it can't be replaced",
            remedy="Keep the handle itself in an attribute",
            attribute=node.path,
        )
    else:
        _set_attribute(holder, node.key, new)
    return top


def _replace_element(holder: Any, old: Any, new: Any) -> None:
    """Wherever it is by now: the list may have changed since it was looked into."""
    base: Any = list if isinstance(holder, list) else deque
    for index, value in enumerate(base.__iter__(holder)):
        if value is old:
            base.__setitem__(holder, index, new)


def _set_attribute(holder: Any, name: str, value: Any) -> None:
    values = getattr(holder, "__dict__", None)
    if values is not None and name in values:
        values[name] = value
    else:
        object.__setattr__(holder, name, value)
