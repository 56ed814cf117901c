"""Objects that hold nothing worth visiting: told at a glance, in a tenth of the time of a look into them."""

from __future__ import annotations

import copyreg
import weakref
from collections.abc import Iterable, Set
from types import GetSetDescriptorType
from typing import Any, Protocol

from picklesafe import instance_dict

ATOMS = frozenset({str, bytes, int, float, bool, complex, type(None), bytearray, range, slice})
"""Types that hold nothing worth visiting."""

_NOTHING = ATOMS | {type}


class Glances(Protocol):
    """Of a look's bounds, what counts here.

    Attributes:
        wanted: types that are worth visiting, whatever they hold.
        glances: how many containers may still be looked at.
    """

    wanted: Set[type]
    glances: int


def holds_atoms_alone(value: Any, bounds: Glances, depth: int = 1) -> bool:
    """Whether an object is plain, and there are only atoms in it and in short containers that it holds.

    Asked in a tenth of the time of a look.

    Args:
        bounds: what is looked at is taken off its glances.
        depth: how many containers or objects may be within each other.
    """
    cls = type(value)
    known = _plain.get(cls)
    if known is None:
        reads: Any = cls.__getattribute__
        own = reads is object.__getattribute__ and isinstance(_dict_of(cls), GetSetDescriptorType)
        # Of that size: there is nothing in it that C code put there.
        known = _plain[cls] = own and not slot_names(cls) and cls.__basicsize__ == _Plain.__basicsize__
    if not known:
        return False
    values = instance_dict.held_by(value)
    return _NOTHING.issuperset(map(type, values)) or (depth > 0 and _are_hollow(list(values), bounds, depth - 1))


class _Plain: ...


_plain: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


def _dict_of(cls: type) -> Any:
    return next((base.__dict__["__dict__"] for base in cls.__mro__ if "__dict__" in base.__dict__), None)


def is_hollow(value: Any, cls: type, bounds: Glances, depth: int) -> bool:
    """Whether there is nothing but atoms in a plain object, or in a short container and those in it."""
    if cls not in _DISPLAYS:
        return cls not in bounds.wanted and (_is_harmless(cls) or holds_atoms_alone(value, bounds, depth))
    if len(value) > _SHORT or bounds.glances <= 0:
        return False
    bounds.glances -= 1
    values = list(value.values()) if cls is dict else value
    return ATOMS.issuperset(map(type, values)) or (depth > 0 and _are_hollow(values, bounds, depth - 1))


def _are_hollow(values: Iterable[Any], bounds: Glances, depth: int) -> bool:
    return all(type(held) in ATOMS or is_hollow(held, type(held), bounds, depth) for held in values)


def _is_harmless(cls: type) -> bool:
    """Whether these are values in all but name: paths, dates, numbers, members of an Enum, arrays that map no file.

    So are classes, which aren't looked into.
    """
    known = _harmless.get(cls)
    if known is None:
        named = any((base.__module__, base.__qualname__) in _VALUES for base in cls.__mro__)
        array = cls.__module__ == "numpy" and cls.__qualname__ != "ndarray"
        known = _harmless[cls] = named or array or issubclass(cls, type)
    return known


_harmless: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()
_VALUES = {
    *(("datetime", name) for name in ("date", "time", "timedelta", "tzinfo")),
    *(("pathlib", "PurePath"), ("pathlib._local", "PurePath"), ("enum", "Enum")),
    *(("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID")),
}


_SHORT = 32


def slot_names(cls: type) -> list[str]:
    # What pickling itself takes for the slots of a class; it keeps the answer on the class.
    names: list[str] = copyreg._slotnames(cls) if cls.__flags__ & HEAP_TYPE else []  # type: ignore[attr-defined]
    return names


HEAP_TYPE = 1 << 9
"""The flag of classes that are made while the program runs, as by `class`."""
_DISPLAYS = frozenset({dict, list, tuple})
