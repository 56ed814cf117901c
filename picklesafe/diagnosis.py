"""Finding what can't be pickled before the pickler comes upon it, to name where it sits and what to write instead.

pickle says `Can't pickle <function <lambda>>: attribute lookup … failed`; which attribute held it, it doesn't say. What
is found here is bounded and sampled: a lambda deep in a long list may still get the bare error from pickle itself.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

from picklesafe import live, pickled, search, travel
from picklesafe.errors import NotWorkerSafeError, PickleSafeError
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
    _examine_all(search.Node(owner), reduced, search.Bounds(pickled.into(), budget=BUDGET))


def _examine_all(root: search.Node, reduced: Any, bounds: search.Bounds) -> None:
    fine: set[type] = set()
    seen = {id(root.value)}
    queue = deque(pickled.parts(root, reduced, bounds) if reduced is not None else [root])
    # What objects give when they are asked is theirs alone, and must live as long as it is told apart by identity.
    alive = []
    while queue:
        node = queue.popleft()
        try:
            form = None if type(node.value) in fine else _examined(node, fine, bounds.into)
            children = list(pickled.children(node, form, bounds))
        except NotWorkerSafeError:
            raise
        except Exception:
            continue  # somebody's __getattribute__ or __dict__: the pickler will see
        if form is not None:
            alive.append(form)
        unsent = travel.resources(type(node.value))
        for child in children:
            bounds.budget -= 1
            if bounds.budget < 0:
                return
            if child.key in unsent and child.is_attribute:
                continue  # of @per_worker
            if id(child.value) not in seen or issubclass(type(child.value), tuple):
                seen.add(id(child.value))
                queue.append(child)
            elif not bounds.into(child.value) and registry.handle_type(type(child.value)) is not None:
                _refuse_cycle(child)


def _refuse_cycle(node: search.Node) -> None:
    if any(above.value is node.value for above in node.chain[:-1]):
        raise NotWorkerSafeError(
            f"{_this(node.value)} holds itself in its own attributes, and can't be opened again before it is there",
            remedy="Keep the way back out of it, or open it in a method decorated with @picklesafe.per_worker",
            attribute=_place(node),
        )


def explain(sent: Any, error: Exception) -> None:
    """Why multiprocessing's pickler failed, however deep in an object of picklesafe the reason lies.

    Args:
        sent: what it was given, as a process with its arguments.
        error: what it raised.

    Raises:
        NotWorkerSafeError: the reason lies in such an object; with its path and the way out.
    """
    if isinstance(error, PickleSafeError):
        return
    try:
        bounds = search.Bounds(pickled.into(), budget=_DEEP, sample=_DEEP, glances=_DEEP)
        _examine_all(search.Node(_Sent(sent)), None, bounds)
    except NotWorkerSafeError as found:
        if found.attribute:
            raise found from error


_DEEP = 1_000_000
"""Objects that are visited once it has failed, which takes seconds."""


class _Sent:
    """What was sent, which needn't be an object of picklesafe itself."""

    def __init__(self, it: Any) -> None:
        self.it = it


def _place(node: search.Node) -> str:
    """The path to a node from the object of picklesafe that it is in; "" if it is in none."""
    chain = node.chain
    if type(chain[0].value) is not _Sent:
        return node.path
    start = next((place for place, above in enumerate(chain) if live.is_alive(above.value)), None)
    if start is None:
        return ""
    return type(chain[start].value).__name__ + "".join(below.step for below in chain[start + 1 :])


def refuse_what_is_a_handle(owner: Any, frame: FrameType | None, error: Exception | None = None) -> None:
    """An object that is itself a file can't be sent by its attributes: what it stands on wouldn't arrive.

    Args:
        frame: as for `refuse_what_cannot_travel`.
        error: what the object itself has said.

    Raises:
        NotWorkerSafeError: it is one.
    """
    if error is None and pickled.is_plain(type(owner)):
        return
    library = registry.library_class(type(owner))
    if library is type(owner) or _can_do_more(frame):
        return
    raise NotWorkerSafeError(
        f"it derives from {library.__module__}.{library.__qualname__}, and would arrive as one that was never opened",
        remedy="Keep that in an attribute, which is opened again, rather than derive from it",
        attribute=type(owner).__name__,
    ) from error


def _examined(node: search.Node, fine: set[type], goes_by_attributes: Callable[[Any], bool]) -> Any:
    """What the node's object gives to the pickler, as `pickled.ask` has it.

    Args:
        fine: classes are added to it of whose objects the next one needn't be examined.

    Raises:
        NotWorkerSafeError: it can't be sent.
    """
    value, form = node.value, None
    if pickled.is_bytes(value):
        return None
    try:
        error = _problem(value, goes_by_attributes)
        if error is None:
            form = pickled.ask(value, goes_by_attributes)
            error = _no_name(value, form) if isinstance(form, str) else _no_way_back(form)
    except NotWorkerSafeError as refusal:
        error = refusal
    except pickled.Refused as refusal:
        error = _opaque(value, refusal.__cause__)
    if error is not None:
        error.attribute = _place(node)
        raise error
    if form is None and not issubclass(type(value), (FunctionType, type, *weakref.ProxyTypes)):
        fine.add(type(value))
    return form


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
    # The table that multiprocessing's pickler has is looked up in picklesafe.pickled.
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


def _problem(value: Any, goes_by_attributes: Callable[[Any], bool]) -> NotWorkerSafeError | None:
    """The error of a function, of a class, or of an object's class."""
    cls = type(value)
    if cls is FunctionType:
        return None if _importable(value) else _function(value)
    if issubclass(cls, type):  # not isinstance, which takes list[int] for a class on Python 3.10
        return None if _importable(value) else _class(value)
    by_name = cls.__module__ != "builtins" and goes_by_attributes(value)
    return _class(cls) if by_name and not _importable(cls) else None


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
    if "<locals>" in cls.__qualname__ or getattr(sys.modules.get(cls.__module__), cls.__name__, None) is None:
        has, remedy = "has none of that name", "Define it at the top of a module"
    else:
        has = "has another one of that name"
        remedy = f"Make what needs it in a method decorated with @picklesafe.per_worker; {_MADE_ANEW}"
    return NotWorkerSafeError(
        f"the class {cls.__qualname__} can't be sent to a worker, which imports classes by name, and {cls.__module__} "
        f"{has}",
        remedy=remedy,
    )


_MADE_ANEW = "a class made while the program runs, as for each mock, or reloaded, is never found again"


def _no_name(value: Any, name: str) -> NotWorkerSafeError | None:
    """The error of an object that goes by a name under which something else is found."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is value or module is None:
        return None
    wrapped = getattr(value, "__wrapped__", None)
    what = "a lambda" if getattr(wrapped, "__name__", "") == "<lambda>" else f"what {module.__name__} calls {name}"
    around = f" around {what}" if wrapped is not None else f" called {name}"
    return NotWorkerSafeError(
        f"{_this(value)}{around} can't be sent to a worker, which imports it by name, and finds "
        f"{'nothing' if found is None else 'something else'} under {module.__name__}.{name}",
        remedy="Write it at the top of a module, as a decorator (@functools.lru_cache) of a function with that name"
        if wrapped is not None
        else "Define it at the top of a module, under that name",
    )


def _no_way_back(form: Any) -> NotWorkerSafeError | None:
    """The error of what Cython sends and can't make again: its class wants arguments, of which none are sent."""
    if not isinstance(form, tuple) or not getattr(form[0], "__name__", "").startswith("__pyx_unpickle"):
        return None
    cls: Any = form[1][0]
    # The one that its function calls: not that of a class in Python which derives from Cython's.
    ways = (base.__dict__.get("__new__") for base in cls.__mro__)
    new = next(way for way in ways if isinstance(way, BuiltinFunctionType))
    try:
        new(cls)
    except TypeError as error:
        return _opaque(cls, error)
    return None


def _opaque(value: Any, error: BaseException | None) -> NotWorkerSafeError:
    """The error of an object that refuses when it is asked."""
    return NotWorkerSafeError(
        f"{_this(value)} can't be sent to a worker ({error})",
        remedy="Make it in a method decorated with @picklesafe.per_worker, or teach picklesafe with "
        "picklesafe.register_handle how to make it again",
    )


def _this(value: Any) -> str:
    cls = value if isinstance(value, type) else type(value)
    return f"this {cls.__qualname__}" if cls.__module__ == "builtins" else f"this {cls.__module__}.{cls.__qualname__}"
