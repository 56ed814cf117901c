"""The instances of PickleSafeMixin that are alive in this process, so that a fork can look after their handles."""

from __future__ import annotations

import weakref
from typing import Any

_references: dict[int, _Reference] = {}


class _Reference(weakref.ref[Any]):
    """A weak reference that knows its key; with one callback for all, an instance costs no closure."""

    __slots__ = ("key",)
    key: int


def _forget(reference: weakref.ref[Any]) -> None:
    if isinstance(reference, _Reference) and _references.get(reference.key) is reference:
        del _references[reference.key]


def add(instance: Any) -> None:
    """Note an instance, by identity: it needn't be hashable."""
    key = id(instance)
    known = _references.get(key)
    if known is not None and known() is instance:
        return
    try:
        reference = _Reference(instance, _forget)
    except TypeError:
        # Subclasses of int and tuple can't be referred to weakly. Their descriptors are looked after, once and for all.
        _references[0] = _Reference(_Everlasting)
        return
    reference.key = key
    _references[key] = reference


class _Everlasting:
    """Stands for instances that nobody can tell the end of."""


def instances() -> list[Any]:
    """All of them; the list is made in one step, whatever other threads do."""
    found = [reference() for reference in list(_references.values())]
    return [instance for instance in found if instance is not None and instance is not _Everlasting]


def any_alive() -> bool:
    return bool(_references)
