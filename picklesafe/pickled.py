"""What pickle makes of an object: the name or the parts that it sends, asked of the object as the pickler asks it.

Most refusals come from here: a type written in C raises when it is asked, and pickle says no more than that. Asked
beforehand, it is known where the object sits.
"""

from __future__ import annotations

import copyreg
import io
import sys
import time
import warnings
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from types import FunctionType
from typing import Any

from picklesafe import hollow, instance_dict, search
from picklesafe.handles import derived, registry

Reduced = tuple[Any, ...]


def by_attributes(cls: type) -> bool:
    """Whether pickle sends objects of a class as the class and their attributes, so that those must all travel."""
    if issubclass(cls, tuple):
        return True
    if cls in copyreg.dispatch_table or _is_sent_otherwise(cls):
        return False
    return all(_is_picklesafes(_defining(cls, name)) for name in _WAYS)


def into() -> Callable[[Any], bool]:
    """The same of an object, for `search.Bounds`; each class is looked at once."""
    known: dict[type, bool] = {}

    def goes_by_attributes(value: Any) -> bool:
        cls = type(value)
        if cls not in known:
            known[cls] = by_attributes(cls)
        return known[cls]

    return goes_by_attributes


_WAYS = ("__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs_ex__")


def _is_sent_otherwise(cls: type) -> bool:
    """Whether objects of a class are handles, or multiprocessing's pickler has a way of its own to send them."""
    reduction = sys.modules.get("multiprocessing.reduction")
    # Handles first: their libraries' ways are no matter.
    return registry.handle_type(cls) is not None or (
        reduction is not None and cls in reduction.ForkingPickler._extra_reducers
    )


def _defining(cls: type, name: str) -> type:
    return next((base for base in cls.__mro__ if name in base.__dict__), object)


def _is_picklesafes(base: type) -> bool:
    return base is object or base.__module__ == "picklesafe.mixin"


def ask(value: Any, goes_by_attributes: Callable[[Any], bool] | None = None) -> Reduced | str | None:
    """What an object gives to the pickler; None where it goes by its attributes, or had better not be asked.

    Asked is what answers soon and does nothing else: types written in C, those of the standard library, and what does
    nothing but raise.

    Args:
        goes_by_attributes: what `into` gave.

    Raises:
        Refused: the object raises one of the errors by which objects say that they can't be pickled.
    """
    cls = type(value)
    if cls in _NOT_ASKED or _slow.get(cls, 0) >= _TWICE or issubclass(cls, (type, tuple, *_CONTAINERS)):
        return None
    if cls in weakref.ProxyTypes:
        if _is_sent_otherwise(type(_behind(value))):
            _answer(_by_itself, value)  # which the pickler's table of types doesn't tell from others
        return None
    if goes_by_attributes(value) if goes_by_attributes else by_attributes(cls):
        if not is_plain(cls):
            _answer(object.__reduce_ex__, value, 2)  # raises where there is more to it than attributes
        return None
    if _is_sent_otherwise(cls):
        return None
    reducer: Any = copyreg.dispatch_table.get(cls)
    if not (_answers(reducer) if reducer else _answers_by(cls, *_WAYS, "__getnewargs__")):
        return None
    started = time.thread_time()  # which doesn't count what other processes take
    with _without_warnings() if cls.__module__ == "itertools" else nullcontext():
        reduced: Reduced | str = _answer(reducer or _by_itself, value)
    _slow[cls] = _slow.get(cls, 0) + 1 if time.thread_time() - started > _LONG else 0
    return reduced


def _behind(proxy: Any) -> Any:
    """What a weak proxy stands for, whose methods pickle takes for the proxy's own, and sends it in its place."""
    return proxy.__reduce_ex__.__self__


class Refused(Exception):
    """Raised by `ask` alone, from what the object has raised: what goes wrong here is no refusal of the object's."""


def _answer(way: Callable[..., Any], *args: Any) -> Any:
    import pickle  # there already where this is asked

    try:
        return way(*args)
    except (TypeError, ValueError, AttributeError, RuntimeError, pickle.PicklingError) as error:
        raise Refused from error


def _by_itself(value: Any) -> Any:
    return value.__reduce_ex__(5)


@contextmanager
def _without_warnings() -> Iterator[None]:
    # Python 3.12 warns that iterators of itertools won't be pickled for ever; it does once the pickler asks.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_CONTAINERS = (dict, list, set, frozenset, deque)
_NOT_ASKED = frozenset({FunctionType, io.BytesIO, io.StringIO, *hollow.ATOMS})
_slow: weakref.WeakKeyDictionary[type, int] = weakref.WeakKeyDictionary()
_LONG = 0.002
_TWICE = 2
"""Seconds, and how often in a row. A class whose objects take so long, which copy what they hold, isn't asked again;
once may be the garbage collector's doing."""


class _Plain: ...


def is_plain(cls: type) -> bool:
    """Whether there is nothing to an object of a class but attributes."""
    # A cell is as large, and so is a staticmethod on Python 3.10.
    in_python = cls.__flags__ & hollow.HEAP_TYPE and cls.__dictoffset__ != 0
    return bool(in_python) and cls.__basicsize__ == _Plain.__basicsize__


def is_bytes(value: Any) -> bool:
    """Whether an object is nothing but memory, as an array, which is sent and takes its time; not one of pointers."""
    try:
        kinds = memoryview(value).format
    except Exception:
        return False
    return kinds is not None and not set(kinds) & set("&OPXz")


def _answers_by(cls: type, *ways: str) -> bool:
    return all(_answers(_defining(cls, way).__dict__.get(way)) for way in ways)


def _answers(way: Any) -> bool:
    if not isinstance(way, FunctionType):
        return True
    # What `exec` makes may have none.
    module = way.__module__ if isinstance(way.__module__, str) else ""
    return module.partition(".")[0] in _ASKED or not _returns(way)


# tblib makes dask's and other libraries' exceptions travel with their tracebacks, and takes over everybody else's.
_ASKED = sys.stdlib_module_names | {"picklesafe", "tblib"}


def _returns(function: FunctionType) -> bool:
    import opcode  # for classes that have such a function

    # What lies between two instructions is zero.
    names = {opcode.opname[code] for code in function.__code__.co_code[::2]}
    return any(name.startswith(("RETURN", "YIELD")) for name in names)


def children(node: search.Node, reduced: Reduced | str | None, bounds: search.Bounds) -> Iterator[search.Node]:
    """What the pickler goes on into from an object.

    Args:
        reduced: what `ask` gave for it.
    """
    value = node.value
    if type(value) in weakref.ProxyTypes:
        yield search.Node(_behind(value), node)
        return
    if isinstance(reduced, tuple):
        yield from parts(node, reduced, bounds)
        return
    yield from search.children(node, bounds)
    if isinstance(value, dict):
        yield from _beside_values(node, value, bounds)
    elif type(value) not in hollow.ATOMS and not bounds.into(value):
        entry = registry.handle_type(type(value))
        if entry is not None:
            yield from _of_handle(node, entry, bounds)


def _of_handle(node: search.Node, entry: registry.HandleType, bounds: search.Bounds) -> Iterator[search.Node]:
    """What a handle takes along that is its owner's: attributes, functions that it calls."""
    # To describe one may take long. Of those that are opened again, only SQLite's take along what isn't checked then.
    if entry.travels and not entry.name.startswith("sqlite3."):
        if not _is_refused(node.value, entry):
            yield from search.attributes(node, derived.extra(node.value), bounds)
        return
    try:
        recipe = entry.describe(node.value)
    except Exception:
        return  # it is refused when the pickler comes to it
    held = (value for value in (*recipe.args, *recipe.kwargs.values()) if type(value) not in hollow.ATOMS)
    yield from (search.Node(value, node) for value in held)


def _is_refused(handle: Any, entry: registry.HandleType) -> bool:
    """Whether a handle won't travel since it writes, which is told where it is dropped."""
    try:
        return bool(entry.writes(handle))
    except Exception:
        return True  # so is what doesn't even tell that


def _beside_values(node: search.Node, value: dict[Any, Any], bounds: search.Bounds) -> Iterator[search.Node]:
    if not _answers_by(type(value), "__reduce_ex__", "__reduce__"):
        return  # somebody's own way, which may leave them out
    if dict.__len__(value) <= bounds.sample and not hollow.ATOMS.issuperset(map(type, dict.keys(value))):
        yield from (search.Node(key, node, ".keys(){…}") for key in list(dict.keys(value)))
    if isinstance(value, defaultdict) and value.default_factory is not None:
        yield search.Node(value.default_factory, node, ".default_factory")


def path_to(root: Any, target: Any, budget: int = search.BUDGET) -> str | None:
    """How `target` is reached from `root`, also by way of what only shows what it holds when it is asked."""
    bounds = search.Bounds(budget=budget, sample=budget)
    queue, seen, alive = deque([search.Node(root)]), {id(root)}, []
    while queue:
        node = queue.popleft()
        try:
            form = ask(node.value)
            alive.append(form)
            found = list(children(node, form, bounds))
        except Exception:
            continue
        for child in found:
            bounds.budget -= 1
            if child.value is target:
                return child.path
            if bounds.budget < 0:
                return None
            if id(child.value) not in seen:
                seen.add(id(child.value))
                queue.append(child)
    return None


def parts(node: search.Node, reduced: Reduced, bounds: search.Bounds) -> Iterator[search.Node]:
    """What `__reduce__` gave for an object: the function, its arguments, attributes and elements."""
    function, args, state, items, pairs = (*reduced, None, None, None)[:5]
    yield search.Node(function, node, ".__reduce__()[0]")
    yield search.Node(args, node, ".__reduce__()[1]")
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        if isinstance(part, dict):
            within = instance_dict.WITHIN & part.keys()
            yield from search.attributes(node, {name: part[name] for name in part.keys() - within}, bounds)
            for name in within:
                yield from search.attributes(node, part[name] or {}, bounds)
        elif part is not None:
            yield search.Node(part, node, ".__getstate__()")
    for place, elements in ((3, items), (4, pairs)):
        if elements is not None:
            yield search.Node(list(islice(elements, bounds.sample)), node, f".__reduce__()[{place}]")
