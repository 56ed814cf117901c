"""Calls: of the project's functions, methods and classes, which are run, and of what opens, closes and holds."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from picklesafe.lint.datasets import library
from picklesafe.lint.datasets.classes import Lineage, decorators
from picklesafe.lint.datasets.containers import call_on_box
from picklesafe.lint.datasets.expressions import attribute, evaluate, resolved, view
from picklesafe.lint.datasets.openers import OPENERS, opened
from picklesafe.lint.datasets.parameters import bound, typed
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import (
    NONE,
    UNKNOWN,
    Box,
    Class,
    Const,
    Function,
    Handle,
    Imported,
    Obj,
    Plain,
    State,
    Thing,
    Value,
)
from picklesafe.lint.trees import remembered, walk

_OPAQUE = frozenset({"per_worker"})
"""Decorators of methods that open what they give wherever they are called, and keep it elsewhere."""


def call(run: Run, node: ast.Call) -> Value:
    """What a call gives, once it has been run."""
    run.step()
    function = node.func
    arguments = [evaluate(run, argument) for argument in node.args]
    keywords = {keyword.arg: evaluate(run, keyword.value) for keyword in node.keywords if keyword.arg is not None}
    for keyword in node.keywords:
        if keyword.arg is None:
            evaluate(run, keyword.value)
    if _is_super(function):
        assert isinstance(function, ast.Attribute)
        return _call_parent(run, function.attr, arguments, keywords, node)
    found: Value = frozenset()
    if isinstance(function, ast.Attribute):
        for thing in evaluate(run, function.value):
            found |= _call_attribute(run, thing, function.attr, arguments, keywords, node)
    else:
        for thing in evaluate(run, function):
            found |= call_thing(run, thing, arguments, keywords, node)
    return found or UNKNOWN


def call_thing(
    run: Run, thing: Thing, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value:
    """What calling a thing gives."""
    thing = resolved(run, thing)
    if isinstance(thing, Imported):
        return _call_imported(run, thing.name, arguments, keywords, node)
    if isinstance(thing, Class):
        return instantiate(run, thing, arguments, keywords, node)
    if isinstance(thing, Function):
        return call_function(run, thing, arguments, keywords, node)
    if isinstance(thing, Obj):
        return call_method(run, thing, "__call__", arguments, node, keywords)
    return UNKNOWN


def _is_super(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "super"
    )


def _call_parent(
    run: Run, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value:
    """`super().name(…)`."""
    current = run.frame.function
    receiver = current.receiver if current is not None else None
    if current is None or receiver is None:
        return UNKNOWN
    found = run.lineage(receiver.cls).find(name, after=current.home)
    if found is not None:
        return call_function(run, found._replace(receiver=receiver), arguments, keywords, node)
    if name == "__getstate__":
        return frozenset({Box(receiver.key, "dict")})
    return UNKNOWN


def _call_attribute(
    run: Run,
    thing: Thing,
    name: str,
    arguments: Sequence[Value],
    keywords: Mapping[str, Value],
    node: ast.Call,
) -> Value:
    if isinstance(thing, Handle):
        return _call_on_handle(run, thing, name, node)
    if isinstance(thing, Box):
        return call_on_box(run, thing, name, arguments, keywords, node)
    if isinstance(thing, Plain) and thing.kind and name == "open":
        return _handle(run, "pathlib.Path.open", arguments, node)
    if isinstance(thing, Class) and arguments:
        method = run.lineage(thing).find(name)
        receiver = next((one for one in arguments[0] if isinstance(one, Obj)), None)
        if method is not None and receiver is not None and "classmethod" not in decorators(method.node):  # type: ignore[arg-type]
            return call_function(run, method._replace(receiver=receiver), arguments[1:], keywords, node)
    if isinstance(thing, Obj) and name == "__getstate__" and run.lineage(thing.cls).find(name) is None:
        return frozenset({Box(thing.key, "dict")})
    found: Value = frozenset()
    for method_ in attribute(run, thing, name, node.func):
        found |= call_thing(run, method_, arguments, keywords, node)
    return found


def _call_on_handle(run: Run, handle: Handle, name: str, node: ast.Call) -> Value:
    if name in ("close", "release", "shutdown"):
        run.close(frozenset({handle}))
        return NONE
    if name == "__enter__":
        return frozenset({handle})
    return view(run, handle, name, node)


def _call_imported(
    run: Run, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value:
    found = library.called(run, name, arguments, keywords, node)
    return found if found is not None else _handle(run, name, arguments, node)


def _handle(run: Run, name: str, arguments: Sequence[Value], node: ast.Call) -> Value:
    on_a_file = bool(arguments) and any(isinstance(thing, Handle) for thing in arguments[0])
    opener = opened(name, node, on_a_file=on_a_file)
    if opener is None:
        return UNKNOWN
    key = run.key(node)
    run.state.closed -= {key}
    return frozenset({Handle(key, key, opener, node, run.frame.module)})


def instantiate(
    run: Run, cls: Class, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.AST
) -> Value:
    """An instance of a class of the project, whose `__init__` has been run."""
    found = run.lineage(cls)
    for name in found.external:
        if name in OPENERS:
            key = run.key(node)
            return frozenset({Handle(key, key, OPENERS[name], node, run.frame.module)})
    obj = Obj(run.key(node), cls)
    holds = any(type(thing) not in (Const, Plain) for value in (*arguments, *keywords.values()) for thing in value)
    near = cls.local or cls.module is run.frame.module
    if holds or near or found.may_open:
        initialize(run, obj, arguments, keywords, node)
        run.made[obj] = (node, run.frame.module)
    return frozenset({obj})


def initialize(
    run: Run,
    obj: Obj,
    arguments: Sequence[Value],
    keywords: Mapping[str, Value],
    node: ast.AST,
    root: bool = False,
) -> None:
    """Run what a class does with a new instance.

    Args:
        root: whether it isn't known what it is given.
    """
    found = run.lineage(obj.cls)
    init = found.find("__init__")
    if init is not None:
        call_function(run, init._replace(receiver=obj), arguments, keywords, node, root)
        return
    fields = _fields(found)
    given = dict(zip(fields, arguments, strict=False))
    for name, field in fields.items():
        value = keywords.get(name, given.get(name)) or typed(run, field.annotation, field) or UNKNOWN
        with run.framed(obj.cls.module, None, node) as frame:
            if frame is not None:
                frame.statement = field
                run.put(frozenset({obj}), name, value, f"self.{name}")
    after = found.find("__post_init__") if fields else None
    if after is not None:
        call_function(run, after._replace(receiver=obj), [], {}, node)


def _fields(found: Lineage) -> dict[str, ast.AnnAssign]:
    """The fields of a dataclass, in the order in which its `__init__` takes them."""
    return {
        statement.target.id: statement
        for cls in reversed(found.classes)
        if decorators(cls.node) & {"dataclass", "define"}
        for statement in cls.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def call_method(
    run: Run,
    obj: Obj,
    name: str,
    arguments: Sequence[Value],
    node: ast.AST,
    keywords: Mapping[str, Value] | None = None,
) -> Value:
    """What a method gives; the object itself for `__enter__` where there is none."""
    method = run.lineage(obj.cls).find(name)
    if method is None:
        return frozenset({obj}) if name == "__enter__" else UNKNOWN
    return call_function(run, method._replace(receiver=obj), arguments, keywords or {}, node)


def call_function(
    run: Run,
    function: Function,
    arguments: Sequence[Value],
    keywords: Mapping[str, Value],
    call: ast.AST | None,
    root: bool = False,
) -> Value:
    """Run a function of the project; what it returns.

    Args:
        root: whether its caller isn't known: parameters are what their annotations say, if anything.
    """
    node = function.node
    if isinstance(node, ast.Lambda):
        return _call_lambda(run, function, arguments, keywords, call)
    names = decorators(node)
    if names & _OPAQUE:
        return UNKNOWN
    if "staticmethod" in names:
        function = function._replace(receiver=None)
    if is_generator(node):
        return run.boxed(call or node, frozenset(), "generator")
    found = ends(run, function, arguments, keywords, call, root)
    return frozenset().union(*(value for _, value in found)) if found else UNKNOWN


def ends(
    run: Run,
    function: Function,
    arguments: Sequence[Value],
    keywords: Mapping[str, Value],
    call: ast.AST | None,
    root: bool = False,
) -> list[tuple[State, Value]]:
    """Run a function's body; each of its ends with what it returns there, none if it is running already."""
    from picklesafe.lint.datasets.statements import block

    assert not isinstance(function.node, ast.Lambda)
    run.step()
    with run.framed(function.module, function, call) as frame:
        if frame is None:
            return []
        run.state.names = bound(run, function, arguments, keywords, root)
        before = run.state
        if block(run, function.node.body):
            frame.returned.append((run.state, NONE))
        state = frame.returned[0][0] if frame.returned else before
        for other, _ in frame.returned[1:]:
            state = state.joined(other)
        run.state = State(state.names, state.fields, state.closed)
        return frame.returned


def call_property(run: Run, method: Function, node: ast.AST) -> Value:
    """What a property gives; a cached one is kept, by the statement that returns it."""
    value = call_function(run, method, [], {}, node)
    if isinstance(method.node, ast.Lambda) or "cached_property" not in decorators(method.node):
        return value
    returns = [part for part in walk(method.node) if isinstance(part, ast.Return)]
    with run.framed(method.module, method, node) as frame:
        if frame is not None and returns and method.receiver is not None:
            frame.statement = max(returns, key=lambda part: part.lineno)
            name = method.node.name
            run.put(frozenset({method.receiver}), name, value, f"self.{name}")
    return value


def _call_lambda(
    run: Run, function: Function, arguments: Sequence[Value], keywords: Mapping[str, Value], call: ast.AST | None
) -> Value:
    assert isinstance(function.node, ast.Lambda)
    with run.framed(function.module, function, call) as frame:
        if frame is None:
            return UNKNOWN
        run.state.names = bound(run, function, arguments, keywords)
        return evaluate(run, function.node.body)


@remembered
def is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether calling a function runs nothing of it."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        current = todo.pop()
        if isinstance(current, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(current))
    return False
