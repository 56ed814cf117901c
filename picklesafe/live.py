"""The instances of PickleSafeMixin that are alive in this process, so that a fork can look after their handles."""

from __future__ import annotations

import weakref
from typing import Any

_references: dict[int, Reference] = {}


class Reference(weakref.ref[Any]):
    """A weak reference that knows its key; with one callback for all, an instance costs no closure.

    Attributes:
        deep: whether a thorough look has found handles that a quick one misses; None if there was none yet.
    """

    __slots__ = ("deep", "key")
    key: int
    deep: bool | None


def _forget(reference: weakref.ref[Any]) -> None:
    if isinstance(reference, Reference) and _references.get(reference.key) is reference:
        del _references[reference.key]


def add(instance: Any) -> None:
    """Note an instance, by identity: it needn't be hashable."""
    key = id(instance)
    known = _references.get(key)
    if known is not None and known() is instance:
        return
    try:
        reference = Reference(instance, _forget)
    except TypeError:
        # Subclasses of int and tuple can't be referred to weakly. Their descriptors are looked after, once and for all.
        _references[0] = Reference(_Everlasting)
        return
    reference.key = key
    reference.deep = None
    _references[key] = reference


class _Everlasting:
    """Stands for instances that nobody can tell the end of."""


def instances() -> list[tuple[Any, Reference]]:
    """All of them, with what refers to them; the list is made in one step, whatever other threads do."""
    found = [(reference(), reference) for reference in list(_references.values())]
    return [pair for pair in found if pair[0] is not None and pair[0] is not _Everlasting]


def is_alive(instance: Any) -> bool:
    """Whether it is one of them."""
    known = _references.get(id(instance))
    return known is not None and known() is instance


def any_alive() -> bool:
    return bool(_references)
