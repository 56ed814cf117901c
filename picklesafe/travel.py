"""Pickling: while an object of picklesafe is being pickled, and only then, handles leave as recipes.

The state of such an object is wrapped. The wrapper pickles as `unwrap(state, end)`, so that the pickler passes two
points, one before and one after everything in the state; in between, in this thread, reducers in
`copyreg.dispatch_table` turn each handle, however deep, into its cell. There is no walk and no copy: identity, cycles,
shared tensors, out-of-band buffers and memory stay the pickler's own. Outside, the reducers do what the type itself
would do: a bare file raises, a memmap sends its bytes, as ever.
"""

from __future__ import annotations

import copyreg
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from picklesafe import forking_pickler, hollow, instance_dict, other_picklers, pickled, search
from picklesafe.cell import Cell, again, arrive, cell_for
from picklesafe.errors import NotWorkerSafeError, PickleSafeError
from picklesafe.handles import registry
from picklesafe.handles.derived import HoldsItselfError

Reduced = tuple[Any, ...]


class _Underway(threading.local):
    """The wrapped states that this thread's pickler is inside of, outermost first."""

    def __init__(self) -> None:
        self.stack: list[tuple[weakref.ref[_End], int, Any]] = []

    def owners(self) -> list[Any]:
        # The pickler holds the end marker until it has passed it. A marker that is gone was never reached: that
        # pickling failed, and its context with it. An error that somebody keeps may hold the marker as well (deepcopy
        # and the pickler in Python have it in their frames): then the frame that asked isn't running any more.
        while self.stack and (self.stack[-1][0]() is None or not _is_running(self.stack[-1][1])):
            self.stack.pop()
        return [owner for _, _, owner in self.stack]


def _is_running(identity: int) -> bool:
    frame = sys._getframe(2)
    while frame is not None and id(frame) != identity:
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None


_underway = _Underway()


class _End:
    """Marks where the state ends."""

    __slots__ = ("__weakref__",)

    def __reduce__(self) -> Reduced:
        while _underway.stack:
            marker, *_ = _underway.stack.pop()
            if marker() is self:
                break
        return _End, ()


class Travelling:
    """The state of an object on its way.

    Args:
        state: whatever `__getstate__` gave, or the arguments that rebuild the object.
        owner: the object, for the paths in errors.
    """

    __slots__ = ("owner", "state")

    def __init__(self, state: Any, owner: Any) -> None:
        self.state = state
        self.owner = owner

    def __reduce_ex__(self, protocol: Any) -> Reduced:
        end = _End()
        _underway.owners()
        if not _underway.stack:
            register_reducers()
        _underway.stack.append((weakref.ref(end), id(sys._getframe(1)), self.owner))
        return unwrap, (self.state, end)


def within(owner: Any, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in which handles leave as recipes: one that copies what an object holds, in its own way."""
    end = _End()
    if not _underway.owners():
        register_reducers()
    _underway.stack.append((weakref.ref(end), id(sys._getframe()), owner))
    try:
        return function(*args)
    finally:
        end.__reduce__()


def unwrap(state: Any, end: Any) -> Any:
    """The other end of `Travelling`."""
    return state


def call(packed: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
    """Rebuild an object whose `__reduce__` names a function and arguments with handles among them."""
    function, args = packed
    return function(*args)


def prepare(owner: Any, reduced: Reduced, *, dormant: bool) -> Reduced:
    """What the pickler gets in place of `reduced`, the outcome of `__reduce_ex__`.

    Args:
        dormant: handles in attributes may arrive unopened, since our `__setstate__` takes them in; otherwise they are
            opened on arrival, like nested ones.
    """
    function, args, *rest = reduced
    if function not in _CONSTRUCTORS or any(
        not isinstance(arg, type) and type(arg) not in hollow.ATOMS for arg in args
    ):
        function, args = call, (Travelling((function, args), owner),)
    if rest and rest[0] is not None:
        rest[0] = Travelling(pack(owner, rest[0], dormant=dormant), owner)
    if len(rest) > 1 and rest[1] is not None:
        rest[1] = (_element(item, owner) for item in rest[1])
    if len(rest) > 2 and rest[2] is not None:
        rest[2] = ((_element(key, owner), _element(value, owner)) for key, value in rest[2])
    return (function, args, *rest)


def _element(value: Any, owner: Any) -> Any:
    """An element of an owner that is a list or a dictionary; in a wrapper of its own if there may be handles in it."""
    cls = type(value)
    if cls in hollow.ATOMS or ((cls is tuple or cls is list) and hollow.ATOMS.issuperset(map(type, value))):
        return value
    return Travelling(value, owner)


_CONSTRUCTORS = frozenset({copyreg.__newobj__, copyreg.__newobj_ex__, copyreg._reconstructor})  # type: ignore[attr-defined]


def pack(owner: Any, state: Any, *, dormant: bool) -> Any:
    """`state` with cells for the handles among its attributes; the caller's own dictionaries are left alone."""
    if isinstance(state, tuple) and len(state) == 2 and all(part is None or type(part) is dict for part in state):
        return tuple(_pack_attributes(owner, part, dormant) if part else part for part in state)
    return _pack_attributes(owner, state, dormant) if type(state) is dict else state


def _pack_attributes(owner: Any, attributes: dict[Any, Any], dormant: bool) -> dict[Any, Any]:
    unsent = resources(type(owner))
    return {name: _packed(owner, name, value, dormant) for name, value in attributes.items() if name not in unsent}


def _packed(owner: Any, name: Any, value: Any, dormant: bool) -> Any:
    if name in instance_dict.WITHIN and type(value) is dict:
        return _pack_attributes(owner, value, False)
    cell = _dormant_cell(value) if type(value) is Cell else _attribute_cell(owner, name, value)
    if cell is None:
        return value
    return cell if dormant else Arriving(cell)


def _dormant_cell(cell: Cell) -> Cell:
    """The cell itself; where a handle that it looks into is open under another name, one that goes by that."""
    return cell if next(cell.opened(), None) is None else again(cell)


def _attribute_cell(owner: Any, name: Any, value: Any) -> Cell | None:
    """The cell of a handle in an attribute; None for other values, and for a handle that the pickler is left with."""
    if type(value) in hollow.ATOMS:
        return None
    if registry.handle_type(type(value)) is None:
        return _mapped_array(owner, name, value)
    try:
        return to_cell(value, owner, partial(_attribute, owner, name))
    except NotWorkerSafeError:
        # The pickler may know what we don't: multiprocessing's sends sockets, cloudpickle sends modules. Where it
        # doesn't, it comes to our reducer and this error.
        return None


def _mapped_array(owner: Any, name: Any, value: Any) -> Cell | None:
    """A cell for a plain array that looks into a mapped file, as `np.asarray` of a memmap gives; else None.

    No reducer is registered for ndarray, which every other array would pay for: in containers they travel by value.
    """
    if str(type(value).__module__).partition(".")[0] != "numpy" or getattr(value, "base", None) is None:
        return None
    from picklesafe.handles.arrays import in_attribute

    try:
        recipe = in_attribute(value)
    except PickleSafeError as error:
        error.attribute = _attribute(owner, name)
        raise
    if recipe is None:
        return None
    return Cell(recipe, _attribute(owner, name), getattr(owner, "check_unchanged", True))


_resources: weakref.WeakKeyDictionary[type, frozenset[str]] = weakref.WeakKeyDictionary()


def resources(cls: type) -> frozenset[str]:
    """The names of a class's `@per_worker` methods: what they gave belongs to one process and never travels."""
    found = _resources.get(cls)
    if found is None:
        names = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        found = frozenset(name for name, value in names.items() if getattr(type(value), "is_per_worker", False) is True)
        _resources[cls] = found
    return found


def _attribute(owner: Any, name: str) -> str:
    return f"{type(owner).__name__}.{name}"


class Arriving:
    """A cell that is to be opened where it arrives."""

    __slots__ = ("cell",)

    def __init__(self, cell: Cell) -> None:
        self.cell = cell

    def __reduce__(self) -> Reduced:
        return arrive, (self.cell,)


def to_cell(handle: Any, owner: Any, attribute: Callable[[], str], cells: Any = None) -> Cell:
    """`cell_for`, with the attribute's path in its errors."""
    try:
        return cell_for(handle, attribute, getattr(owner, "check_unchanged", True), cells)
    except PickleSafeError as error:
        error.attribute = error.attribute or attribute()
        raise


_registered: dict[type, Any] = {}
_known: Any = None
_modules_seen = 0


def register_reducers() -> None:
    """Put a reducer into copyreg for every handle type that is loaded and doesn't have one.

    They stay, since some picklers copy the table when they are made; they act only while a state is on its way.
    """
    global _known
    other_picklers.ask_first(_reduce_inside)
    known = registry.known_types()
    if known is _known:
        return
    for cls in known:
        if cls not in _registered:
            _registered[cls] = copyreg.dispatch_table.get(cls)
            copyreg.pickle(cls, _reduce)
    _known = known


def register_new_libraries() -> None:
    """The same, if something was imported since the last time."""
    global _modules_seen
    if len(sys.modules) != _modules_seen:
        _modules_seen = len(sys.modules)
        register_reducers()
        forking_pickler.before_each(register_reducers)


def _reduce_inside(handle: Any) -> Reduced | str | None:
    return _reduce(handle) if _underway.owners() else None


def _reduce(handle: Any) -> Reduced | str:
    owners = _underway.owners()
    if not owners:
        original = _registered.get(type(handle))
        # 4: what the type does at protocol 5, out-of-band buffers, it does for subclasses of ndarray at no protocol.
        reduced: Reduced | str = original(handle) if original else handle.__reduce_ex__(4)
        return reduced
    owner = owners[-1]

    def path() -> str:
        found = search.path_to(owners[0], handle) or pickled.path_to(owners[0], handle)
        return found or f"{type(owner).__name__} (nested {type(handle).__qualname__})"

    try:
        return arrive, (to_cell(handle, owner, path),)
    except PickleSafeError as error:
        may_copy = isinstance(error, NotWorkerSafeError) and not isinstance(error, HoldsItselfError)
        if may_copy and sys._getframe(1).f_globals.get("__name__") == "copy":
            try:
                return handle.__reduce_ex__(4)  # type: ignore[no-any-return]  # deepcopy may know how to copy it
            except Exception:
                raise error from None
        if " (nested " in error.attribute:
            error.attribute = pickled.path_to(owners[0], handle, _DEEP) or error.attribute
        raise


_DEEP = 1_000_000
"""Objects that are visited to say where a handle sits that is refused."""
