"""Finding what can't be pickled before the pickler comes upon it, to name where it sits and what to write instead.

pickle says `Can't pickle <function <lambda>>: attribute lookup … failed`; which attribute held it, it doesn't say. What
is found here is bounded and sampled: a lambda deep in a long list may still get the bare error.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterator, Mapping
from types import FrameType, FunctionType, ModuleType
from typing import Any

from picklesafe import search
from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles import registry

BUDGET = 2000


def refuse_what_cannot_travel(owner: Any, frame: FrameType | None, reduced: Any = None) -> None:
    """Look for the first thing in `owner` that plain pickle can't send.

    Args:
        reduced: what a class of its own mind has given for the object, which may leave something out.
        frame: that of the code which asked for the pickling; nothing is refused to a pickler that can do more than
            pickle does (cloudpickle, dill), nor to copy and deepcopy.

    Raises:
        NotWorkerSafeError: there is one; the error has its path and the way out.
    """
    if _can_do_more(frame):
        return
    classes: set[type] = set()
    bounds = search.Bounds(_pickles_by_attributes, budget=BUDGET)
    try:
        for node in _nodes(owner, bounds) if reduced is None else _nodes_of_reduced(owner, reduced, bounds):
            error = _problem(node.value, classes)
            if error is not None:
                error.attribute = node.path
                raise error
    except NotWorkerSafeError:
        raise
    except Exception:
        return  # somebody's __getattribute__ or __dict__: the pickler will see


def _nodes(owner: Any, bounds: search.Bounds) -> Iterator[search.Node]:
    yield search.Node(owner)
    yield from search.look(owner, bounds)


def _nodes_of_reduced(owner: Any, reduced: Any, bounds: search.Bounds) -> Iterator[search.Node]:
    root = search.Node(owner)
    args, state = (*reduced[1:], None)[:2]
    tops = [search.Node(args, root, ".__reduce__()[1]")]
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        if isinstance(part, dict):
            tops += search.attributes(root, part, bounds)
        elif part is not None:
            tops.append(search.Node(part, root, ".__getstate__()"))
    for top in tops:
        yield top
        yield from search.look_below(top, bounds)


def changes_classes(frame: FrameType | None) -> bool:
    """Whether this is dill, which sends a class of __main__ by value, and when an object of it has arrived gives it
    another class: the one of that name in __main__, if there is one. Nothing can lie dormant through that.
    """
    pickler = getattr(sys.modules.get("dill"), "Pickler", None)
    frame = _pickler_frame(frame)
    if pickler is None or frame is None:
        return False
    return any(issubclass(type(value), pickler) for value in frame.f_locals.values())


def _pickler_frame(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_name == "__reduce_ex__":
        frame = frame.f_back
    return frame


def _can_do_more(frame: FrameType | None) -> bool:
    frame = _pickler_frame(frame)
    if frame is None or frame.f_globals.get("__name__") == "copy":
        return True
    if any(_is_pickler_that_can(value) for value in frame.f_locals.values()):
        return True
    # `MyPickler(file).dump(x)`, where nothing but the code names the pickler.
    return "dump" in frame.f_code.co_names and any(map(_can_send_more, _classes_named_in(frame)))


def _classes_named_in(frame: FrameType) -> Iterator[type]:
    names = frame.f_code.co_names
    for name in names:
        found = frame.f_globals.get(name)
        inner = [vars(found).get(other) for other in names] if isinstance(found, ModuleType) else [found]
        yield from (value for value in inner if isinstance(value, type))
    yield from (value for value in frame.f_locals.values() if isinstance(value, type))


def _is_pickler_that_can(value: Any) -> bool:
    cls = type(value)
    if _can_send_more(cls):
        return True
    # The table that multiprocessing's pickler has is looked up in _pickles_by_attributes.
    is_pickler = issubclass(cls, _picklers()) and cls.__module__ != "multiprocessing.reduction"
    return is_pickler and getattr(value, "dispatch_table", None) is not None


def _can_send_more(cls: type) -> bool:
    """Whether this is a pickler with ways of its own to send an object."""
    if not issubclass(cls, _picklers()):
        return False
    if hasattr(cls, "reducer_override"):
        return True
    plain: Any = next(base for base in cls.__mro__ if base in _picklers())
    if any(getattr(cls, name, None) is not getattr(plain, name, None) for name in ("persistent_id", "save")):
        return True
    table = getattr(cls, "dispatch_table", None)
    # dill also changes the table of the class that it derives from.
    dispatch: Any = getattr(cls, "dispatch", {})
    python: Any = _picklers()[1]
    return isinstance(table, Mapping) or (plain is python and dispatch.get(FunctionType) is not python.save_global)


def _picklers() -> tuple[type, type]:
    import pickle  # half as long to import as picklesafe itself, and there already where this is asked

    return pickle.Pickler, pickle._Pickler


def _pickles_by_attributes(value: Any) -> bool:
    """Whether pickle sends this object as its class and its attributes, so that those must all travel."""
    cls = type(value)
    if issubclass(cls, tuple):
        return True
    if cls in copyreg.dispatch_table or cls in _multiprocessing_reducers() or registry.handle_type(cls) is not None:
        return False
    return all(_inherited(cls, name) for name in ("__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs_ex__"))


def _inherited(cls: type, name: str) -> bool:
    """Whether a class has only what object, or picklesafe itself, gives it under this name."""
    found = next((base for base in cls.__mro__ if name in base.__dict__), object)
    return found is object or found.__module__ == "picklesafe.mixin"


def _multiprocessing_reducers() -> Any:
    reduction = sys.modules.get("multiprocessing.reduction")
    return reduction.ForkingPickler._extra_reducers if reduction else ()


def _problem(value: Any, classes: set[type]) -> NotWorkerSafeError | None:
    cls = type(value)
    if cls is FunctionType:
        return None if _importable(value) else _function(value)
    if issubclass(cls, type):  # not isinstance, which takes list[int] for a class on Python 3.10
        return None if _importable(value) else _class(value)
    if cls in classes or not _pickles_by_attributes(value):
        return None
    classes.add(cls)
    if cls.__module__ != "builtins" and not _importable(cls):
        return _class(cls)
    return None if issubclass(cls, tuple) or cls.__module__ == "builtins" else _opaque(value)


_BY_VALUE = (type(None), type(...), type(NotImplemented))
"""pickle sends these three classes as `type(None)` and so on."""


def _importable(value: Any) -> bool:
    if any(value is cls for cls in _BY_VALUE):
        return True
    module = sys.modules.get(value.__module__ or "")
    found: Any = module
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value or module is None


def _function(function: FunctionType) -> NotWorkerSafeError:
    code = function.__code__
    kind = "a lambda" if function.__name__ == "<lambda>" else f"the local function {function.__name__}"
    return NotWorkerSafeError(
        f"{kind} ({code.co_filename}:{code.co_firstlineno}) can't be sent to a worker, which imports functions by name",
        remedy="Write it with def at the top of a module; what it takes from around it goes into functools.partial",
    )


def _class(cls: type) -> NotWorkerSafeError:
    return NotWorkerSafeError(
        f"the class {cls.__qualname__} can't be sent to a worker, which imports classes by name, and {cls.__module__} "
        f"has none of that name",
        remedy="Define it at the top of a module",
    )


def _opaque(value: Any) -> NotWorkerSafeError | None:
    """An object written in C that has state and no way to give it away."""
    cls = type(value)
    if hasattr(value, "__dict__") or _slot_names(cls):
        return None
    try:
        value.__reduce_ex__(2)
    except TypeError as error:
        return NotWorkerSafeError(
            f"{cls.__module__}.{cls.__qualname__} can't be sent to a worker ({error})",
            remedy="Make it in a method decorated with @picklesafe.per_worker, or teach picklesafe with "
            "picklesafe.register_handle how to open it again",
        )
    except Exception:
        return None
    return None


def _slot_names(cls: type) -> Any:
    return copyreg._slotnames(cls)  # type: ignore[attr-defined]
