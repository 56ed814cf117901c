"""Calls: of the project's functions, methods and classes, which are run, and of what opens, closes and holds."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from picklesafe.lint.datasets import library
from picklesafe.lint.datasets.classes import decorators
from picklesafe.lint.datasets.expressions import attribute, evaluate, item, resolved, view
from picklesafe.lint.datasets.names import MENTIONS
from picklesafe.lint.datasets.openers import OPENERS, annotated, opened
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import (
    ANY,
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

_OPAQUE = frozenset({"per_worker"})
"""Decorators of methods that open what they give wherever they are called, and keep it elsewhere."""
_ADDING = frozenset({"append", "appendleft", "add", "push", "put"})
_MERGING = frozenset({"extend", "update", "extendleft"})


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
        return _call_on_box(run, thing, name, arguments, keywords, node)
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


def _call_on_box(
    run: Run, box: Box, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value:
    given: Value = frozenset().union(*arguments, *keywords.values())
    if box.kind == "stack" and name in ("enter_context", "push"):
        run.add(box, given)
        return given
    if box.kind == "stack" and name == "close":
        run.close(frozenset({box}))
    elif box.kind == "stack" and name == "pop_all":
        (moved,) = made = run.boxed(node, run.contents(box), "stack")
        run.state.fields[box.key, ANY] = frozenset()
        return made if isinstance(moved, Box) else UNKNOWN
    elif name in _ADDING or (name in ("insert", "setdefault") and len(arguments) > 1):
        value = arguments[-1] if arguments else given
        run.add(box, value)
        run.note(value, ast.unparse(node.func), firm=False)
        return value if name == "setdefault" else NONE
    elif name in _MERGING:
        for value in arguments:
            merge(run, box, value)
            run.note(value, ast.unparse(node.func), firm=False)
        for word, value in keywords.items():
            run.state.fields[box.key, word] = value
    elif name in ("pop", "__delitem__"):
        found = item(run, box, arguments[0] if arguments else UNKNOWN)
        if arguments and len(arguments[0]) == 1:
            (key,) = arguments[0]
            if isinstance(key, Const) and isinstance(key.value, str):
                run.state.fields.pop((box.key, key.value), None)
        return found
    elif name == "clear":
        for held in [held for held in run.state.fields if held[0] == box.key]:
            del run.state.fields[held]
    elif name == "get" and arguments:
        return item(run, box, arguments[0]) | (arguments[1] if len(arguments) > 1 else NONE)
    elif name == "copy":
        return merged(run, node, [frozenset({box})], box.kind)
    elif name in ("values", "items"):
        return run.boxed(node, run.contents(box), "dict_" + name)
    return UNKNOWN


def merge(run: Run, box: Box, value: Value) -> None:
    """Put all that some containers hold into another one, under the same keys."""
    for thing in value:
        if isinstance(thing, Box) and thing.key != box.key:
            for (owner, name), held in list(run.state.fields.items()):
                if owner == thing.key and name == ANY:
                    run.add(box, held)
                elif owner == thing.key:
                    run.state.fields[box.key, name] = held


def merged(run: Run, node: ast.AST, values: Sequence[Value], kind: str = "list") -> Value:
    """A new container of what others hold."""
    (box,) = made = run.boxed(node, frozenset(), kind)
    assert isinstance(box, Box)
    for value in values:
        merge(run, box, value)
    return made


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
    if holds or cls.local or any(MENTIONS.search(one.module.source.code) for one in found.classes):
        initialize(run, obj, arguments, keywords, node)
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
    fields = [
        statement
        for cls in reversed(found.classes)
        if decorators(cls.node) & {"dataclass", "define"}
        for statement in cls.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]
    given = dict(
        zip((field.target.id for field in fields if isinstance(field.target, ast.Name)), arguments, strict=False)
    )
    for field in fields:
        assert isinstance(field.target, ast.Name)
        name = field.target.id
        value = keywords.get(name, given.get(name)) or typed(run, field.annotation, field) or UNKNOWN
        with run.framed(obj.cls.module, None, node) as frame:
            if frame is not None:
                frame.statement = field
                run.put(frozenset({obj}), name, value, f"self.{name}")
    after = found.find("__post_init__") if fields else None
    if after is not None:
        call_function(run, after._replace(receiver=obj), [], {}, node)


def typed(run: Run, annotation: ast.expr | None, place: ast.AST) -> Value | None:
    """The handle that a parameter takes whose annotation is that of one; None if it isn't."""
    if annotation is None:
        return None
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return None
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        parts = [typed(run, part, place) or NONE for part in (annotation.left, annotation.right)]
        return parts[0] | parts[1] if any(part != NONE for part in parts) else None
    if isinstance(annotation, ast.Subscript):
        inner = typed(run, annotation.slice, place)
        if isinstance(annotation.value, (ast.Name, ast.Attribute)) and inner is not None:
            name = annotation.value.id if isinstance(annotation.value, ast.Name) else annotation.value.attr
            return inner | NONE if name == "Optional" else run.boxed(annotation, inner)
        annotation = annotation.value
    for thing in evaluate(run, annotation):
        opener = annotated(thing.name) if isinstance(thing, Imported) else None
        if opener is not None:
            key = run.key(place)
            return frozenset({Handle(key, key, opener, annotation, run.frame.module)})
    return None


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
    run.step()
    node = function.node
    if isinstance(node, ast.Lambda):
        return _call_lambda(run, function, arguments, keywords, call)
    names = decorators(node)
    if names & _OPAQUE:
        return UNKNOWN
    if "staticmethod" in names:
        function = function._replace(receiver=None)
    if is_generator(node.body):
        return run.boxed(call or node, frozenset(), "generator")
    from picklesafe.lint.datasets.statements import block

    with run.framed(function.module, function, call) as frame:
        if frame is None:
            return UNKNOWN
        run.state.names = bound(run, function, arguments, keywords, root)
        before = run.state
        if block(run, node.body):
            frame.returned.append((run.state, NONE))
        ends = frame.returned
        state = ends[0][0] if ends else before
        for other, _ in ends[1:]:
            state = state.joined(other)
        run.state = State(state.names, state.fields, state.closed)
        return frozenset().union(*(value for _, value in ends)) if ends else UNKNOWN


def _call_lambda(
    run: Run, function: Function, arguments: Sequence[Value], keywords: Mapping[str, Value], call: ast.AST | None
) -> Value:
    assert isinstance(function.node, ast.Lambda)
    with run.framed(function.module, function, call) as frame:
        if frame is None:
            return UNKNOWN
        run.state.names = bound(run, function, arguments, keywords)
        return evaluate(run, function.node.body)


def is_generator(body: Sequence[ast.stmt]) -> bool:
    """Whether calling a function with that body runs nothing of it."""
    todo: list[ast.AST] = list(body)
    while todo:
        current = todo.pop()
        if isinstance(current, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(current))
    return False


def bound(
    run: Run, function: Function, arguments: Sequence[Value], keywords: Mapping[str, Value], root: bool = False
) -> dict[str, Value]:
    """The variables with which a function starts.

    Args:
        root: whether its caller isn't known.
    """
    names = dict(run.closures.get(id(function.node), {}))
    args = function.node.args
    positional = [*args.posonlyargs, *args.args]
    given = list(arguments)
    decorated = set() if isinstance(function.node, ast.Lambda) else decorators(function.node)
    if function.home is not None and positional and "staticmethod" not in decorated:
        receiver: Thing | None = function.receiver
        if "classmethod" in decorated:
            receiver = function.receiver.cls if function.receiver is not None else function.home
        if receiver is not None:
            names[positional.pop(0).arg] = frozenset({receiver})
    defaults = dict(zip(reversed(positional), reversed(args.defaults), strict=False))
    defaults.update({p: d for p, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None})
    for index, parameter in enumerate([*positional, *args.kwonlyargs]):
        value = given[index] if index < len(given) and index < len(positional) else keywords.get(parameter.arg)
        if value is None and not root and parameter in defaults:
            value = evaluate(run, defaults[parameter])
        if value is None or value == UNKNOWN:
            value = typed(run, parameter.annotation, parameter) or UNKNOWN
        names[parameter.arg] = value
    for rest in (args.vararg, args.kwarg):
        if rest is not None:
            names[rest.arg] = UNKNOWN
    if args.vararg is not None and len(given) > len(positional):
        names[args.vararg.arg] = run.boxed(args.vararg, frozenset().union(*given[len(positional) :]))
    return names
