"""Functions of the standard library, of numpy and of torch that hand on what they are given, or hold it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from picklesafe.lint.datasets.openers import BUFFER, MEMMAP, REFUSED, SAFE, STUCK, TENSOR, Opener
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import ANY, OTHER, SOURCES, UNKNOWN, Box, Const, Handle, Obj, Plain, Value

_HOLDING: Final = frozenset(
    {"enumerate", "zip", "map", "filter", "reversed", "itertools.chain", "itertools.cycle", "itertools.islice"}
)
_COLLECTING: Final = frozenset({"list", "tuple", "set", "frozenset", "sorted", "dict", "collections.OrderedDict"}) | {
    "collections.deque", "torchvision.transforms.Compose", "torch.nn.ModuleList", "functools.partial",
    "torchvision.transforms.Lambda", "torchvision.transforms.v2.Compose", "torchvision.transforms.v2.Lambda",
}  # fmt: skip
_SAME: Final = frozenset({"contextlib.closing", "contextlib.nullcontext", "iter", "copy.copy", "io.BufferedReader"})
_VIEWS: Final = frozenset({"numpy.asarray", "numpy.asanyarray", "numpy.ravel", "numpy.frombuffer", "numpy.reshape"})
_CASTS: Final = frozenset({"numpy.asarray", "numpy.asanyarray"})
_TENSORS: Final = frozenset({"torch.from_numpy", "torch.as_tensor", "torch.frombuffer"})
_ZARR: Final = frozenset({"zarr.open", "zarr.open_group", "zarr.open_array", "zarr.group", "zarr.Group"})
_STUCK: Final = {
    "threading": "Lock RLock Condition Event Semaphore BoundedSemaphore Barrier Thread Timer local",
    "queue": "Queue LifoQueue PriorityQueue SimpleQueue",
    "concurrent.futures": "ThreadPoolExecutor ProcessPoolExecutor",
    "multiprocessing": "Pool",
    "multiprocessing.pool": "Pool ThreadPool",
    "socket": "socket create_connection",
    "subprocess": "Popen",
    "csv": "reader writer DictReader DictWriter",
    "os": "scandir",
    "weakref": "ref WeakValueDictionary WeakKeyDictionary WeakSet",
    "asyncio": "new_event_loop get_event_loop",
    "logging": "FileHandler StreamHandler",
    "logging.handlers": "RotatingFileHandler TimedRotatingFileHandler",
    "psycopg2": "connect",
    "psycopg": "connect",
    "pymysql": "connect",
    "mysql.connector": "connect",
    "pymongo": "MongoClient",
    "boto3": "client resource Session",
    "sqlalchemy": "create_engine",
    "contextvars": "ContextVar",
    "ssl": "create_default_context SSLContext",
}
_REMADE: Final = ("threading", "queue", "concurrent.futures", "logging", "logging.handlers")
_NOT_REMADE: Final = ("Thread", "Timer")
STUCK_NAMES: Final = {
    f"{module}.{name}": Opener(
        f"{module}.{name}", STUCK, restored=SAFE if module in _REMADE and name not in _NOT_REMADE else REFUSED
    )
    for module, names in _STUCK.items()
    for name in names.split()
}
"""What gives something that pickle refuses, and that nothing can open again."""


def called(
    run: Run, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value | None:
    """What a function outside of the project gives; None if nothing is known of it here."""
    first = arguments[0] if arguments else UNKNOWN
    if name in STUCK_NAMES:
        key = run.key(node)
        return frozenset({Handle(key, key, STUCK_NAMES[name], node, run.frame.module)})
    if name in _HOLDING:
        return _iterator(run, name, arguments, node)
    if name in _COLLECTING:
        return _collected(run, name, arguments, keywords, node)
    if name == "collections.defaultdict":
        return run.boxed(node, first if arguments else frozenset(), "dict")
    if name in ("contextlib.ExitStack", "contextlib.AsyncExitStack"):
        return run.boxed(node, frozenset(), "stack")
    if name in ("pathlib.Path", "pathlib.PurePath"):
        return frozenset({Plain("path")})
    if name == "vars" and arguments:
        return frozenset(Box(thing.key, "dict") for thing in first if isinstance(thing, Obj)) or UNKNOWN
    if name in ("setattr", "object.__setattr__") and len(arguments) == 3:
        return _set(run, arguments)
    if name == "getattr" and len(arguments) > 1:
        return _get(run, arguments, node)
    return _passed(run, name, first, node, copies=name in _CASTS and (len(arguments) > 1 or "dtype" in keywords))


def _passed(run: Run, name: str, first: Value, node: ast.Call, copies: bool) -> Value | None:
    """What hands on its first argument, or a view of it.

    Args:
        copies: whether it is given a type to convert arrays to.
    """
    from picklesafe.lint.datasets.containers import merged

    handles = [thing for thing in first if isinstance(thing, Handle)]
    if name == "copy.copy" and any(isinstance(thing, Box) for thing in first):
        return merged(run, node, [first], "dict")
    if name in _SAME:
        if name == "iter" and not handles and any(isinstance(thing, Box) for thing in first):
            return _iterator(run, name, [first], node)
        return first if handles or name != "io.BufferedReader" else None
    if name in _VIEWS:
        return UNKNOWN if copies else _array(run, name, handles, node)
    if name in _TENSORS:
        mapped = [thing for thing in handles if thing.opener.kind == MEMMAP]
        return frozenset(thing._replace(opener=TENSOR) for thing in mapped) or UNKNOWN
    if name in _ZARR:
        return frozenset(thing._replace(key=run.key(node)) for thing in handles) or UNKNOWN
    return None


def _array(run: Run, name: str, handles: Sequence[Handle], node: ast.Call) -> Value:
    """An array of numpy: a map stays one, a dataset of an HDF5 or netCDF file is read."""
    found = {thing for thing in handles if thing.opener.kind == MEMMAP}
    if name == "numpy.frombuffer":
        mapped = [thing for thing in handles if thing.opener.type == "mmap.mmap"]
        found |= {thing._replace(key=run.key(node), opener=BUFFER) for thing in mapped}
    return frozenset(found) or UNKNOWN


def _collected(run: Run, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call) -> Value:
    from picklesafe.lint.datasets.containers import merged

    if name == "dict" or name == "collections.OrderedDict":
        made = merged(run, node, arguments, "dict")
        (box,) = made
        for key, value in keywords.items():
            run.state.put(box.key, key, value)  # type: ignore[union-attr]
        return made
    if name in ("functools.partial", "torchvision.transforms.Lambda", "torchvision.transforms.v2.Lambda"):
        return run.boxed(node, frozenset().union(*arguments, *keywords.values()), "partial")
    return run.boxed(node, frozenset().union(*(_given(run, value) for value in arguments)))


def _iterator(run: Run, name: str, arguments: Sequence[Value], node: ast.Call) -> Value:
    """An iterator: what it gives is one thing, what it holds on to until then another."""
    starred = [isinstance(part, ast.Starred) for part in node.args]
    # `zip(*files)` goes over the lines of the files, not over the files.
    over = [_given(run, value) if star else value for value, star in zip(arguments, starred, strict=False)]
    if name == "map":
        given = _mapped(run, over, node)
    else:
        given = frozenset().union(*(_given(run, value) for value in over))
    made = run.boxed(node, given, "iterator")
    (box,) = made
    run.state.put(box.key, SOURCES, frozenset().union(*(_held(run, value) for value in over)))  # type: ignore[union-attr]
    return made


def _mapped(run: Run, arguments: Sequence[Value], node: ast.Call) -> Value:
    """What the function that is mapped gives for each element."""
    from picklesafe.lint.datasets.calls import call_thing

    function, *over = arguments or [UNKNOWN]
    elements = [_given(run, value) or UNKNOWN for value in over]
    return frozenset().union(*(call_thing(run, thing, elements, {}, node) for thing in function))


def _given(run: Run, value: Value) -> Value:
    """What iterating over a value gives: not the value itself, such as a file that is read line by line."""
    return frozenset().union(*(run.elements(thing) for thing in value if isinstance(thing, Box)))


def _held(run: Run, value: Value) -> Value:
    """What an iterator over a value holds on to."""
    found: Value = frozenset()
    for thing in value:
        if isinstance(thing, Box):
            found |= run.contents(thing)
        elif not isinstance(thing, (Const, Plain)):
            found |= {thing}
    return found


def _set(run: Run, arguments: Sequence[Value]) -> Value:
    for name in arguments[1]:
        if isinstance(name, Const):
            run.put(arguments[0], str(name.value), arguments[2], f"self.{name.value}")
        else:
            run.put(arguments[0], ANY, arguments[2], "self.…")
    return frozenset({Const(None)})


def _get(run: Run, arguments: Sequence[Value], node: ast.Call) -> Value:
    from picklesafe.lint.datasets.expressions import attribute

    found: Value = frozenset()
    for name in arguments[1]:
        if isinstance(name, Const) and isinstance(name.value, str):
            for thing in arguments[0]:
                known = run.get(thing, name.value) if isinstance(thing, (Obj, Box)) else None
                found |= known if known is not None else attribute(run, thing, name.value, node)
    if len(arguments) > 2 and not (found and OTHER not in found):
        found |= arguments[2]
    return found or UNKNOWN


def filtered(run: Run, node: ast.DictComp) -> Value | None:
    """`{k: v for k, v in self.__dict__.items() if k != "file"}`: what is left of the attributes.

    None if it is no such thing; unknown where it can't be told which are left.
    """
    from picklesafe.lint.datasets.expressions import evaluate

    generator = node.generators[0]
    source = generator.iter
    if (
        len(node.generators) != 1
        or not isinstance(source, ast.Call)
        or not isinstance(source.func, ast.Attribute)
        or source.func.attr != "items"
        or not isinstance(generator.target, ast.Tuple)
        or not isinstance(node.value, ast.Name)
    ):
        return None
    key, value = generator.target.elts
    if not isinstance(key, ast.Name) or not isinstance(value, ast.Name) or node.value.id != value.id:
        return None
    (box,) = made = run.boxed(node, frozenset(), "dict")
    assert isinstance(box, Box)
    names = dict(run.state.names)
    for thing in evaluate(run, source.func.value):
        for name, held in run.state.held(thing.key).items() if isinstance(thing, Box) else ():
            run.state.names = {**names, key.id: frozenset({Const(name)}), value.id: held}
            if all(_holds(run, condition) for condition in generator.ifs):
                run.state.put(box.key, name, held)
    run.state.names = names
    return made


def _holds(run: Run, condition: ast.expr) -> bool:
    """Whether a condition on an attribute's name is known to hold: what can't be told is left out."""
    from picklesafe.lint.datasets.expressions import evaluate
    from picklesafe.lint.datasets.values import truth

    if isinstance(condition, ast.Compare) and isinstance(condition.ops[0], (ast.In, ast.NotIn)):
        names = evaluate(run, condition.left)
        listed = condition.comparators[0]
        if isinstance(listed, (ast.Tuple, ast.List, ast.Set)) and len(names) == 1:
            (name,) = names
            inside = any(
                isinstance(one, ast.Constant) and one.value == getattr(name, "value", "") for one in listed.elts
            )
            return inside is isinstance(condition.ops[0], ast.In)
    return truth(evaluate(run, condition)) is True
