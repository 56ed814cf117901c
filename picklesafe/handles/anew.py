"""Objects that are made anew rather than opened again: of the same class and with the same settings, on new locks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from picklesafe.handles.recipe import Recipe


class Snapshot:
    """What an object holds, copied at the moment when it is pickled or taken, and not before.

    Describing a queue of a million items then costs nothing. Two snapshots of one object are equal whatever it holds:
    arrays refuse `==`.

    Args:
        of: the object.
        copied: makes the copy, in one step as far as other threads can see.
    """

    __slots__ = ("copied", "of")

    def __init__(self, of: Any, copied: Callable[[Any], Any] = copy.copy) -> None:
        self.of = of
        self.copied = copied

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self.of is other.of

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _given, (self.copied(self.of),)

    def __repr__(self) -> str:
        return f"<what a {type(self.of).__qualname__} holds>"


def _given(value: Any) -> Any:
    return value


def taken(value: Any) -> Any:
    """The copy that a snapshot stands for; one that was pickled has arrived as the copy itself."""
    return value.copied(value.of) if isinstance(value, Snapshot) else value


def attributes(handle: Any, without: frozenset[str]) -> Snapshot:
    """The attributes of an object, but for those that are made anew."""

    def copied(whole: Any) -> dict[str, Any]:
        return {name: value for name, value in dict(vars(whole)).items() if name not in without}

    return Snapshot(handle, copied)


def made_anew(base: type, handle: Any, own: frozenset[str], /, *args: Any) -> Recipe:
    """The recipe of an object that `base(*args)` makes.

    Args:
        base: the class that the standard library gives.
        handle: an instance of it, or of a subclass, which may have more attributes: those travel as they are.
        own: the names that `base` itself sets.
    """
    if type(handle) is base and vars(handle).keys() <= own:
        return Recipe(base, *args)
    return Recipe(make, base, type(handle), attributes(handle, own), *args)


def make(base: Any, cls: Any, rest: Any, /, *args: Any, **kwargs: Any) -> Any:
    """An instance of `cls` with what `base.__init__` sets up and the rest of its attributes; the `__init__` of `cls`
    isn't run, which would set them as they were at the beginning."""
    new = cls.__new__(cls)
    base.__init__(new, *args, **kwargs)
    vars(new).update(taken(rest))
    return new
