"""Handles of a class that derives from a library's: made as the library makes its own, with what the subclass keeps.

The subclass's `__init__` isn't called: it takes whatever its author chose, and may do more than set attributes. So the
attributes travel, and what the library's class sets itself is set by its own `__init__`, from the recipe.
"""

from __future__ import annotations

import copyreg
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import BuiltinMethodType, MethodType
from typing import Any, NamedTuple

from picklesafe.errors import NotWorkerSafeError, PickleSafeError
from picklesafe.handles.anew import Snapshot, taken
from picklesafe.handles.recipe import resolve
from picklesafe.handles.registry import describe, handle_type, library_class


class Derived(NamedTuple):
    """A class, and the attributes of one instance of it beyond those that the library's class sets.

    Attributes:
        shown: what the instance shows of its file, as `shows` has it; None where that needs no comparing.
    """

    cls: Any
    attributes: Any
    shown: Any = None


_sets: dict[str, Callable[[Any], Iterable[str]]] = {}
_own: dict[type, frozenset[str]] = {}


def sets(names: Callable[[Any], Iterable[str]], *types: str) -> None:
    """Say which attributes the `__init__` of some library classes sets.

    Args:
        names: given the class, the names; asked once.
        types: as they are registered.
    """
    _sets.update(dict.fromkeys(types, names))


_shows: dict[str, Callable[[Any], Any]] = {}


def shows(content: Callable[[Any], Any], *types: str) -> None:
    """Say what handles of some library classes list of their file, as the names of an archive's members.

    A subclass may have narrowed that, or put it into another order: see `refuse_narrowed`.

    Args:
        content: given a handle, the list; None if it needn't be looked at.
        types: as they are registered.
    """
    _shows.update(dict.fromkeys(types, content))


def kind_of(handle: Any) -> Any:
    """The class of a handle for `new`, with the attributes that are to be restored if there are any.

    Raises:
        HoldsItselfError: the handle itself is among them, or a view of it.
    """
    attributes = extra(handle)
    if attributes and not _asking.underway:
        _refuse_itself(handle, attributes)
    shown = _shown(handle)
    return Derived(type(handle), Snapshot(handle, extra), shown) if attributes or shown else type(handle)


def _shown(handle: Any) -> tuple[int, bytes] | None:
    """The length and a digest of what a handle lists, if its class derives from the library's."""
    base = base_of(handle)
    content = _shows.get(f"{base.__module__}.{base.__qualname__}") if base is not type(handle) else None
    listed = content(handle) if content else None
    if listed is None:
        return None
    import hashlib

    return len(listed), hashlib.blake2b(repr(listed).encode("utf-8", "backslashreplace"), digest_size=16).digest()


def refuse_narrowed(made: Any, kind: Any) -> Any:
    """The handle itself, if it lists what the one did that it is made after.

    Raises:
        NotWorkerSafeError: it doesn't.
    """
    if isinstance(kind, Derived) and kind.shown is not None and _shown(made) != kind.shown:
        raise NotWorkerSafeError(
            f"this {kind.cls.__module__}.{kind.cls.__qualname__} had other content, or another order, than "
            f"{base_of(made).__qualname__} finds in the file: what a subclass changes in the attributes of its library "
            "isn't restored",
            remedy="Keep that in an attribute of another name, give the class a __reduce__, or open it in a method "
            "decorated with @picklesafe.per_worker",
        )
    return made


class HoldsItselfError(NotWorkerSafeError):
    """Not even deepcopy, asked for a copy in its own way, gives one whose views are of the copy."""


class _Asking(threading.local):
    """Whether this thread is looking for a handle in what it holds: what it holds is described for that, in turn."""

    underway = False


_asking = _Asking()


def _refuse_itself(handle: Any, attributes: dict[str, Any]) -> None:
    _asking.underway = True
    try:
        name = next((name for name, value in attributes.items() if _leads_to(handle, value)), None)
    finally:
        _asking.underway = False
    if name is not None:
        raise HoldsItselfError(
            f"this {type(handle).__module__}.{type(handle).__qualname__} holds itself, a method of its own or "
            f"something that is open in it, in its attribute {name}, and can't be opened again before it is there",
            remedy="Keep that out of it, or open it in a method decorated with @picklesafe.per_worker",
        )


_BUDGET = 2000
_METHODS = (MethodType, BuiltinMethodType)
"""Subclasses too: from Python 3.12 on, many methods written in C are of one."""
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})


def _leads_to(handle: Any, value: Any) -> bool:
    """Whether a value is a handle, or needs it to be opened again; looked for in containers, up to a limit."""
    # They are kept, since they are told apart by identity and some are made for being looked at.
    seen: dict[int, Any] = {}
    found = [value]
    while found and len(seen) < _BUDGET:
        value = found.pop()
        if value is handle or (issubclass(type(value), _METHODS) and value.__self__ is handle):
            return True
        if id(value) not in seen:
            seen[id(value)] = value
            found += islice((held for held in _within(value) if type(held) not in _ATOMS), _BUDGET)
    return False


def _within(value: Any) -> Iterable[Any]:
    """What a container holds, and what a handle is opened with."""
    cls = type(value)  # not isinstance, which asks proxies
    if issubclass(cls, dict):
        return list(dict.values(value))
    if issubclass(cls, tuple | list | set | frozenset):
        return list(value)
    if cls is Snapshot:
        return extra(value.of).values() if value.copied is extra else ()
    if handle_type(cls) is None:
        return ()
    try:
        recipe = describe(value)
    except PickleSafeError:
        return ()  # the pickler will see
    return [*recipe.args, *recipe.kwargs.values()]


def extra(handle: Any) -> dict[str, Any]:
    """The attributes of a handle, in its `__dict__` and in slots, that aren't the library's own."""
    base = library_class(type(handle))
    names = _sets.get(f"{base.__module__}.{base.__qualname__}")
    if names is None:
        return {}
    own = _own.get(base)
    if own is None:
        own = _own[base] = frozenset(names(base))
    found = {name: value for name, value in dict(getattr(handle, "__dict__", {})).items() if name not in own}
    for name in _slots(type(handle)):
        if name not in own and hasattr(handle, name):
            found[name] = getattr(handle, name)
    return found


def new(kind: Any, /, *args: Any, **kwargs: Any) -> Any:
    """A handle of a class, set up by the library's own class with these arguments.

    Args:
        kind: what `kind_of` gave, or a class, or the dotted name of one.
    """
    cls = kind.cls if isinstance(kind, Derived) else resolve(kind) if isinstance(kind, str) else kind
    return new_from(library_class(cls), kind if isinstance(kind, Derived) else cls, *args, **kwargs)


def new_from(base: Any, kind: Any, /, *args: Any, **kwargs: Any) -> Any:
    """The same, set up by this class, from which the handle's derives."""
    cls, attributes = kind[:2] if isinstance(kind, Derived) else (kind, {})
    if base.__init__ is object.__init__:
        made = base.__new__(cls, *args, **kwargs)
    else:
        made = base.__new__(cls)
        # Before as well: methods that the library's __init__ calls, and the subclass overrides, may need them.
        _restore(made, taken(attributes))
        base.__init__(made, *args, **kwargs)
    _restore(made, taken(attributes))
    return made


def base_of(handle: Any) -> Any:
    """The library's class of a handle, whose `seek` and `tell` speak of the file, whatever a subclass makes of them."""
    return library_class(type(handle))


def _restore(made: Any, attributes: Mapping[str, Any]) -> None:
    slots = _slots(type(made))
    for name, value in attributes.items():
        if name in slots:
            getattr(type(made), name).__set__(made, value)
        else:
            made.__dict__[name] = value


def _slots(cls: type) -> list[str]:
    names: list[str] = copyreg._slotnames(cls) if cls is not library_class(cls) else []  # type: ignore[attr-defined]
    return names
