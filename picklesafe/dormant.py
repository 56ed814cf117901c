"""Dormant attributes: absent from the instance until somebody asks, then opened, then plain attributes again.

A descriptor stands on the class only while some instance of it is dormant for that name. Without `__set__` it gives
way to the value in the instance's `__dict__`; once no instance is dormant it is taken off, and access costs what a
plain attribute costs. A class-level `__getattr__` would cost more on 3.10 and 3.11, lose to a class attribute of the
same name (`genome = None`), and lose to a user's own `__getattr__`, all in silence.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from picklesafe import instance_dict
from picklesafe.cell import AnyCell, arrive

MAX_REMOVALS = 400 if sys.version_info >= (3, 13) else sys.maxsize
"""Of descriptors from one class: CPython 3.13 gives a class 1,000 versions in its life, two of which are used up each
time, and without any every attribute of every instance costs 40 ns for good. After so many, `_ask` takes over where it
can, and elsewhere the descriptor stays, which costs 15 ns, and only on the attribute it stands for."""

_NONE: Mapping[str, AnyCell] = MappingProxyType({})


class _Section:
    """One thread at a time changes what is dormant; what the garbage collector finds meanwhile waits for the end.

    It may strike in the middle of any line, in the thread that holds the lock as well.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *exception: object) -> None:
        try:
            while self._depth == 1 and _gone:
                _forget(_gone.popleft())
        finally:
            self._depth -= 1
            self._lock.release()

    def tidy(self) -> None:
        """Do what waits, unless somebody is inside who will."""
        if self._lock.acquire(blocking=False):
            try:
                if self._depth == 0:
                    with self:
                        pass
            finally:
                self._lock.release()


_section = _Section()
_gone: deque[_Asleep] = deque()


class _Asleep(weakref.ref[Any]):
    """The dormant attributes of one instance; kept here since it may have no `__dict__`."""

    __slots__ = ("cells", "cls", "key")
    cells: dict[str, AnyCell]
    cls: type
    key: int


_asleep: dict[int, _Asleep] = {}


class Absent:
    """Says that a class had no attribute of a dormant name. A class, so that it pickles by name."""


class Dormant:
    """The descriptor of a name for which some instance of the class is dormant.

    Args:
        name: the attribute.
        replaced: what the class itself had under that name, or Absent.
    """

    def __init__(self, name: str, replaced: Any = Absent) -> None:
        self.name = name
        self.replaced = replaced

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self._inherited(None, owner)
        cell = cells_of(instance).get(self.name)
        handle = Absent if cell is None else wake(instance, self.name, cell)
        found = _defined(type(instance), self.name)
        if _is_data_descriptor(found):
            # A property of this name, which reads the instance's __dict__ itself.
            return found.__get__(instance, owner)
        if handle is not Absent:
            return handle
        # Another thread may have been quicker.
        values = getattr(instance, "__dict__", {})
        return values[self.name] if self.name in values else self._inherited(instance, type(instance))

    def _inherited(self, instance: Any, owner: type) -> Any:
        """What the attribute would be if this descriptor weren't there."""
        found = _defined(owner, self.name)
        if found is not Absent:
            bind = getattr(type(found), "__get__", None)
            return bind(found, instance, owner) if bind else found
        kind = f"type object {owner.__name__!r}" if instance is None else f"{owner.__name__!r} object"
        target = owner if instance is None else instance
        raise AttributeError(f"{kind} has no attribute {self.name!r}", name=self.name, obj=target)

    def __reduce__(self) -> tuple[Any, ...]:
        # cloudpickle and dill send a class of __main__ with everything on it.
        return type(self), (self.name, self.replaced)


class DormantSlot(Dormant):
    """The same for an attribute in `__slots__`, whose own descriptor would win over one without `__set__`."""

    def __get__(self, instance: Any, owner: type) -> Any:
        cell = None if instance is None else cells_of(instance).get(self.name)
        return self._inherited(instance, owner) if cell is None else wake(instance, self.name, cell)

    def __set__(self, instance: Any, value: Any) -> None:
        self._member(instance).__set__(instance, value)
        _settle(instance, [self.name])

    def __delete__(self, instance: Any) -> None:
        if self.name in cells_of(instance):
            _settle(instance, [self.name])
        else:
            self._member(instance).__delete__(instance)

    def _member(self, instance: Any) -> Any:
        return slot(type(instance), self.name)


def cells_of(instance: Any) -> Mapping[str, AnyCell]:
    """The dormant attributes of an instance, by name."""
    record = _asleep.get(id(instance))
    return record.cells if record is not None and record() is instance else _NONE


def put_to_sleep(instance: Any, cells: Mapping[str, AnyCell]) -> None:
    """Make attributes dormant: what the instance holds under these names is let go."""
    if not cells:
        return
    with _section:
        record = _asleep.get(id(instance))
        if record is None or record() is not instance:
            try:
                record = _Asleep(instance, _collected)
            except TypeError:
                _open_now(instance, cells)
                return
            record.cells, record.cls, record.key = {}, type(instance), id(instance)
            _asleep[record.key] = record
        for name, cell in cells.items():
            if name not in record.cells:
                _install(record.cls, name)
            record.cells[name] = cell
            _drop_value(instance, name)


def _open_now(instance: Any, cells: Mapping[str, AnyCell]) -> None:
    """For an instance that can't be referred to weakly, as of a subclass of int or tuple."""
    for name, cell in cells.items():
        _put_value(instance, name, arrive(cell))


def wake(instance: Any, name: str, cell: AnyCell) -> Any:
    """Open a dormant attribute, under every name that the instance has for it."""
    handle = cell.open()
    with _section:
        names = [other for other, its in cells_of(instance).items() if its is cell]
        for other in names:
            # The value first: as long as the descriptor is there it must find either the cell or the value.
            if not _assigned(instance, other):
                _put_value(instance, other, handle)
        _settle(instance, names)
    return handle


def wake_all(instance: Any) -> None:
    """Open everything that is dormant, for code that looks into `__dict__` itself."""
    for name, cell in list(cells_of(instance).items()):
        if _assigned(instance, name):
            _settle(instance, [name])
        else:
            wake(instance, name, cell)


def renew_cells(change: Callable[[AnyCell], AnyCell]) -> None:
    """In a forked child: put `change(cell)` in the place of every dormant attribute's cell."""
    for record in list(_asleep.values()):
        record.cells.update({name: change(cell) for name, cell in list(record.cells.items())})


def renew_locks() -> None:
    """In a forked child: no lock that another thread of the parent may have held."""
    global _section
    _section = _Section()
    for record in list(_asleep.values()):
        for cell in record.cells.values():
            cell.renew_lock()


def _settle(instance: Any, names: Iterable[str]) -> None:
    """These names aren't dormant any more for this instance."""
    with _section:
        record = _asleep.get(id(instance))
        if record is None or record() is not instance:
            return
        for name in names:
            if record.cells.pop(name, None) is not None:
                _uninstall(record.cls, name)
        if not record.cells:
            del _asleep[record.key]


def _collected(record: weakref.ref[Any]) -> None:
    """A dormant instance is gone: its names count no longer."""
    assert isinstance(record, _Asleep)
    _gone.append(record)
    _section.tidy()


def _forget(record: _Asleep) -> None:
    if _asleep.get(record.key) is record:
        del _asleep[record.key]
    for name in record.cells:
        _uninstall(record.cls, name)


class _Tally:
    """Of one class: for each name how many instances are dormant, and how often a descriptor was taken off.

    Not on the descriptors: when cloudpickle brings a class of __main__ for a second time, it sets every attribute of
    the class again, to copies.
    """

    __slots__ = ("dormant", "removals")

    def __init__(self) -> None:
        self.dormant: dict[str, int] = {}
        self.removals = 0


_tallies: weakref.WeakKeyDictionary[type, _Tally] = weakref.WeakKeyDictionary()


def _install(cls: type, name: str) -> None:
    tally = _tallies.setdefault(cls, _Tally())
    tally.dormant[name] = tally.dormant.get(name, 0) + 1
    found = cls.__dict__.get(name, Absent)
    if isinstance(found, Dormant) or (tally.removals >= MAX_REMOVALS and _asks(cls, name)):
        return
    kind = Dormant if slot(cls, name) is None else DormantSlot
    type.__setattr__(cls, name, kind(name, found))


def _uninstall(cls: type, name: str) -> None:
    tally = _tallies[cls]
    tally.dormant[name] -= 1
    descriptor = cls.__dict__.get(name)
    if tally.dormant[name] > 0 or not isinstance(descriptor, Dormant):
        return
    if tally.removals >= MAX_REMOVALS and not _asks(cls, name):
        return
    tally.removals += 1
    if descriptor.replaced is Absent:
        type.__delattr__(cls, name)
    else:
        type.__setattr__(cls, name, descriptor.replaced)


def _asks(cls: type, name: str) -> bool:
    """Whether the class asks `_ask` for an attribute of this name that an instance lacks: from now on, if it can."""
    hook = getattr(cls, "__getattr__", None)
    if (hook or _ask) is not _ask or cls.__getattribute__ is not object.__getattribute__:  # type: ignore[comparison-overlap]
        return False
    if _defined(cls, name) is not Absent:
        return False
    if hook is None:
        type.__setattr__(cls, "__getattr__", _ask)
    return True


def _ask(instance: Any, name: str) -> Any:
    """The `__getattr__` of a class whose descriptors have come and gone too often. It costs nothing from 3.12 on."""
    cell = cells_of(instance).get(name)
    if cell is not None:
        return wake(instance, name, cell)
    # Another thread may have been quicker; or it is missing, or a property, and raises again what it raised.
    return object.__getattribute__(instance, name)


def _defined(cls: type, name: str) -> Any:
    """What the classes have under a name, also while a dormant descriptor stands before it; Absent if nothing."""
    for base in cls.__mro__:
        found = base.__dict__.get(name, Absent)
        if isinstance(found, Dormant):
            found = found.replaced
        if found is not Absent:
            return found
    return Absent


def _is_data_descriptor(found: Any) -> bool:
    return hasattr(type(found), "__get__") and (hasattr(type(found), "__set__") or hasattr(type(found), "__delete__"))


def slot(cls: type, name: str) -> Any:
    """The descriptor behind a name in `__slots__`; None for other names."""
    found = _defined(cls, name)
    return found if hasattr(type(found), "__set__") and not isinstance(found, property) else None


def _assigned(instance: Any, name: str) -> bool:
    """Whether somebody gave the attribute a value while it was dormant, which a descriptor without `__set__` misses."""
    return name in (instance_dict.of(instance) or ())


def _put_value(instance: Any, name: str, value: Any) -> None:
    member = slot(type(instance), name)
    if member is not None:
        member.__set__(instance, value)
    else:
        # Not setattr: a frozen dataclass refuses, and nn.Module does more than store. Interned, which names that were
        # unpickled aren't always: for any other string Python's fast path to an attribute gives up.
        instance_dict.of(instance)[sys.intern(name)] = value


def _drop_value(instance: Any, name: str) -> None:
    member = slot(type(instance), name)
    if member is None:
        instance_dict.of(instance).pop(name, None)
        return
    try:
        member.__delete__(instance)
    except AttributeError:
        pass
