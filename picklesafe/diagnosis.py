"""Finding what can't be pickled before the pickler comes upon it, to name where it sits and what to write instead.

pickle says `Can't pickle <function <lambda>>: attribute lookup … failed`; which attribute held it, it doesn't say. What
is found here is bounded and sampled: a lambda deep in a long list may still get the bare error.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import Any

from picklesafe import search
from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles import registry

BUDGET = 2000


def refuse_what_cannot_travel(owner: Any, frame: FrameType | None) -> None:
    """Look for the first thing in `owner` that plain pickle can't send.

    Args:
        frame: that of the code which asked for the pickling; nothing is refused to a pickler that can do more than
            pickle does (cloudpickle, dill), nor to copy and deepcopy.

    Raises:
        NotWorkerSafeError: there is one; the error has its path and the way out.
    """
    if _can_do_more(frame):
        return
    classes: set[type] = set()
    for node in _nodes(owner):
        error = _problem(node.value, classes)
        if error is not None:
            error.attribute = node.path
            raise error


def _nodes(owner: Any) -> Iterator[search.Node]:
    yield search.Node(owner)
    yield from search.look(owner, search.Bounds(_pickles_by_attributes, budget=BUDGET))


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
    return any(_pickles_functions(type(value)) for value in frame.f_locals.values())


def _pickles_functions(cls: type) -> bool:
    """Whether this is a pickler with ways of its own to send a function."""
    import pickle  # half as long to import as picklesafe itself, and there already where this is asked

    if issubclass(cls, pickle.Pickler) and hasattr(cls, "reducer_override"):
        return True
    # dill also changes the table of the class that it derives from.
    plain: Any = pickle._Pickler
    dispatch: Any = getattr(cls, "dispatch", {})
    return issubclass(cls, plain) and dispatch.get(FunctionType) is not plain.save_global


def _pickles_by_attributes(value: Any) -> bool:
    """Whether pickle sends this object as its class and its attributes, so that those must all travel."""
    cls = type(value)
    if isinstance(value, tuple):
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
    if isinstance(value, type):
        return None if _importable(value) else _class(value)
    if cls in classes or not _pickles_by_attributes(value):
        return None
    classes.add(cls)
    if cls.__module__ != "builtins" and not _importable(cls):
        return _class(cls)
    return None if isinstance(value, tuple) or cls.__module__ == "builtins" else _opaque(value)


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
