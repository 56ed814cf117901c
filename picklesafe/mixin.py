"""PickleSafeMixin: every handle of an object is dropped on pickling and reopened where the object arrives."""

from __future__ import annotations

import copyreg
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from picklesafe import deep_copy, diagnosis, dormant, forking, forking_pickler, instance_dict, live, travel
from picklesafe.cell import AnyCell, Cell, Refusal, SharedDescriptorError, again
from picklesafe.errors import NotWorkerSafeError, PickleSafeError
from picklesafe.handles import registry
from picklesafe.mending import Mending

if TYPE_CHECKING:
    from typing_extensions import Self


class PickleSafeMixin:
    """Inherit it, and the object reaches any worker with its handles:

        class GenomeDataset(PickleSafeMixin, Dataset):
            def __init__(self, path):
                self.genome = pyfaidx.Fasta(path)

    On pickling (spawn, forkserver, joblib, Dask, Ray) every handle travels as its recipe, wherever it sits; one that is
    an attribute is opened at its first use in the worker, one inside a container or another object on arrival. In a
    forked child read-only descriptors get an offset of their own, and handles that need more are reopened at first
    use. A copy, deep or not, has handles of its own. Between those moments an attribute is a plain attribute: nothing
    is checked at any access.

    It needs no `__init__`, and works beside `__slots__`, dataclasses, nn.Module and a `__getstate__` or `__setstate__`
    of yours, which may call `super()`. A dormant attribute is missing from `vars(obj)` until it is used.

    Attributes:
        check_unchanged: set it to False in your class to reopen a file whatever has happened to it since.

    Raises, at pickling or at first use:
        UnsafeHandleError: a handle that can write, or whose position can't be told.
        NotWorkerSafeError: something that can't be reopened, as a lambda or a generator.
        HandleMissingError, HandleChangedError: the file isn't what it was when the handle was dropped.
    """

    __slots__ = ("__weakref__",)

    check_unchanged: ClassVar[bool] = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        new = super().__new__
        if new is object.__new__:
            if (args or kwargs) and cls.__init__ is object.__init__:
                raise TypeError(f"{cls.__name__}() takes no arguments")
            instance = new(cls)
        else:
            instance = new(cls, *args, **kwargs)
        live.add(instance)
        travel.register_new_libraries()
        return instance

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__mro__[: cls.__mro__.index(PickleSafeMixin)]:
            reducer = base.__dict__.get("__reduce_ex__")
            if reducer is not None and not _calls_super(reducer):
                raise NotWorkerSafeError(
                    f"{cls.__qualname__}: {base.__qualname__}.__reduce_ex__ comes before PickleSafeMixin and doesn't "
                    "call super(), so no handle would be dropped",
                    remedy="Put PickleSafeMixin first among the bases",
                )
        deep_copy.look_after(cls)
        copier = next(base for base in cls.__mro__ if "__copy__" in base.__dict__)
        if str(copier.__module__).partition(".")[0] == "pydantic":
            # Which would share the handles. One of the user's knows what it does.
            type.__setattr__(cls, "__copy__", PickleSafeMixin.__copy__)
        new = next(base.__dict__["__new__"] for base in cls.__mro__ if "__new__" in base.__dict__)
        if new is not PickleSafeMixin.__dict__["__new__"] and not isinstance(_function(new), _NotingNew):
            # It may not come to ours, as that of dict.
            own = _function(new) if "__new__" in cls.__dict__ else None
            type.__setattr__(cls, "__new__", staticmethod(_NotingNew(own)))

    def __getstate__(self) -> Any:
        """The attributes, as a new dict or, with `__slots__`, a pair of them; dormant ones as opaque cells."""
        bases = type(self).__mro__[type(self).__mro__.index(PickleSafeMixin) + 1 : -1]
        if not any("__getstate__" in base.__dict__ for base in bases):
            return _plain_state(self)
        state = super().__getstate__()  # type: ignore[misc]
        # Maybe the live __dict__.
        return {**dormant.cells_of(self), **state} if isinstance(state, dict) else state

    def __setstate__(self, state: Any) -> None:
        """Take in what `__getstate__` gave, in this process or another."""
        cells: dict[str, AnyCell] = {}
        state = _take_cells(state, cells)
        inherited = getattr(super(), "__setstate__", None)
        if inherited is not None:
            inherited(state)
        else:
            _apply(self, state)
        live.add(self)
        dormant.put_to_sleep(self, cells)
        for name, cell in cells.items():
            if cell.is_open:
                # A nested reference to the same handle opened it on arrival.
                dormant.wake(self, name, cell)

    def __reduce_ex__(self, protocol: Any) -> Any:
        _wake_for_others(self)
        frame = sys._getframe(1)
        try:
            reduced = super().__reduce_ex__(protocol)
        except (TypeError, ValueError) as error:
            diagnosis.refuse_what_is_a_handle(self, frame, error)
            raise
        if isinstance(reduced, str):
            return reduced
        itself = _reduces_itself(type(self))
        if itself:
            # Its elements come from iterators, which give them once.
            reduced = tuple(list(part) if place in (3, 4) and part else part for place, part in enumerate(reduced))
        else:
            diagnosis.refuse_what_is_a_handle(self, frame)
        diagnosis.refuse_what_cannot_travel(self, frame, reduced if itself else None)
        ours = type(self).__setstate__ is PickleSafeMixin.__setstate__
        return travel.prepare(self, reduced, dormant=ours and not diagnosis.changes_classes(frame))

    def __copy__(self) -> Self:
        """A shallow copy, with handles of its own in its attributes; one that can't be reopened is shared."""
        _wake_for_others(self)
        for name, cell in list(dormant.cells_of(self).items()):
            if isinstance(cell, Mending):
                dormant.wake(self, name, cell)
        reduced = super().__reduce_ex__(4)
        if isinstance(reduced, str):
            return self  # a name, under which everybody has the same object
        function, args, state, items, pairs, set_state = (*reduced, *[None] * 4)[:6]
        copied = function(*args)
        if state is not None:
            state = _with_own_handles(self, state)
            if set_state is None:
                copied.__setstate__(state)
            else:
                set_state(copied, state)
        for item in items or ():
            copied.append(item)
        for key, value in pairs or ():
            copied[key] = value
        result: Self = copied
        return result


class _NotingNew:
    """The `__new__` of a class whose own, or inherited one, may not come to the mixin's: it notes the instance.

    An object, not a function: dill sends those of __main__'s classes with all that is global where they stand.

    Args:
        own: the one that the class itself defines; None if it inherits one.
    """

    def __init__(self, own: Any) -> None:
        self.own = own

    def __call__(self, cls: Any, *args: Any, **kwargs: Any) -> Any:
        new = self.own
        if new is None:
            # Asked for anew: a subclass may have put another class between.
            here = next(base for base in cls.__mro__ if _function(base.__dict__.get("__new__")) is self)
            new = super(here, cls).__new__
        instance = new(cls, *args, **kwargs)
        if isinstance(instance, PickleSafeMixin):
            live.add(instance)
        return instance


def _function(found: Any) -> Any:
    return found.__func__ if isinstance(found, staticmethod) else found


class _Signature:
    """The `__signature__` of a class, for `inspect`: what it would find if there were no `_NotingNew`."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        made_by = next(base.__dict__["__new__"] for base in owner.__mro__ if "__new__" in base.__dict__)
        if instance is not None or not isinstance(_function(made_by), _NotingNew):
            raise AttributeError("__signature__")
        import inspect

        for base in owner.__mro__:
            new = _function(base.__dict__.get("__new__"))
            if isinstance(new, _NotingNew):
                new = new.own
            taker = base.__dict__.get("__init__") if new is None or base is PickleSafeMixin else new
            if isinstance(taker, FunctionType):
                signature = inspect.signature(taker)
                return signature.replace(parameters=[*signature.parameters.values()][1:])
            if taker is not None:  # of a class written in C
                return inspect.signature(base)
        raise AttributeError("__signature__")


PickleSafeMixin.__signature__ = _Signature()  # type: ignore[attr-defined]
forking.watch()
forking_pickler.when_refused(diagnosis.explain)


def _wake_for_others(instance: PickleSafeMixin) -> None:
    """Where the class has a `__getstate__` or `__reduce__` of its own, it must find everything in `__dict__`."""
    if _reduces_itself(type(instance)):
        dormant.wake_all(instance)


def _reduces_itself(cls: type[PickleSafeMixin]) -> bool:
    return cls.__getstate__ is not PickleSafeMixin.__getstate__ or cls.__reduce__ is not object.__reduce__


def _calls_super(reducer: Any) -> bool:
    code = getattr(reducer, "__code__", None)
    return code is not None and ("super" in code.co_names or "__reduce_ex__" in code.co_names)


def _plain_state(instance: Any) -> Any:
    """What `object.__getstate__` of Python 3.11 gives, for 3.10 too, without opening what is dormant."""
    cells = dormant.cells_of(instance)
    slots: dict[str, Any] = {}
    for name in copyreg._slotnames(type(instance)):  # type: ignore[attr-defined]
        try:
            slots[name] = cells[name] if name in cells else dormant.slot(type(instance), name).__get__(instance)
        except AttributeError:  # not set
            continue
    attributes = getattr(instance, "__dict__", None)
    if attributes is not None:
        attributes = {**{name: cell for name, cell in cells.items() if name not in slots}, **attributes}
    return (attributes, slots) if slots else attributes


def _take_cells(state: Any, cells: dict[str, AnyCell]) -> Any:
    """`state` without its cells, which go into `cells`."""
    if isinstance(state, tuple) and len(state) == 2:
        return tuple(_take_cells(part, cells) for part in state)
    if not isinstance(state, dict):
        return state
    found = {name: value for name, value in state.items() if type(value) in (Cell, Refusal)}
    cells.update(found)
    return {name: value for name, value in state.items() if name not in found} if found else state


def _apply(instance: Any, state: Any) -> None:
    """As pickle does it for a class without `__setstate__`."""
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        # Interned, as attribute names are: for any other string Python's fast path to an attribute gives up.
        instance_dict.of(instance).update(
            {sys.intern(name) if type(name) is str else name: value for name, value in attributes.items()}
        )
    for name, value in (slots or {}).items():
        # Not setattr, which a frozen dataclass refuses.
        object.__setattr__(instance, name, value)


def _with_own_handles(owner: Any, state: Any) -> Any:
    if isinstance(state, tuple) and len(state) == 2:
        return tuple(_with_own_handles(owner, part) for part in state)
    if not isinstance(state, dict):
        return state
    ours = type(owner).__setstate__ is PickleSafeMixin.__setstate__
    return _own_attributes(owner, state, {}, ours)


def _own_attributes(owner: Any, attributes: dict[Any, Any], shared: dict[Any, Cell], dormant: bool) -> dict[Any, Any]:
    copied: dict[Any, Any] = {}
    for name, value in attributes.items():
        if name in travel.resources(type(owner)):
            continue
        if name in instance_dict.WITHIN and type(value) is dict:
            # It may be the live one.
            copied[name] = _own_attributes(owner, value, shared, False)
            continue
        cell = _own(owner, name, value, shared)
        copied[name] = value if cell is None else cell if dormant else cell.open()
    return copied


def _own(owner: Any, name: str, value: Any, shared: dict[Any, Cell]) -> Cell | None:
    """A cell of its own for the copy of a handle; None for what stays shared."""
    if type(value) is Cell:
        return again(value, shared)
    entry = registry.handle_type(type(value))
    if entry is None or not entry.travels:
        return None
    try:
        return travel.to_cell(value, owner, lambda: f"{type(owner).__name__}.{name}", shared)
    except SharedDescriptorError:
        raise
    except PickleSafeError:
        # It is still this process: sharing it loses nothing, and is what copy always did.
        return None
