"""Expressions: which things they may be. What is neither kept nor opened is `OTHER`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from picklesafe.lint.datasets.classes import PROPERTIES, decorators
from picklesafe.lint.datasets.names import global_value, resolve
from picklesafe.lint.datasets.openers import MEMMAP
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
    Thing,
    Value,
    truth,
)

PATH: Value = frozenset({Plain("path")})
_OF_PATHS = frozenset(
    {"joinpath", "with_suffix", "with_name", "resolve", "absolute", "expanduser", "parent", "parents"}
)


def evaluate(run: Run, node: ast.expr) -> Value:
    """What an expression may be; what it calls is run."""
    handler = _HANDLERS.get(type(node))
    return handler(run, node) if handler is not None else UNKNOWN


def _constant(run: Run, node: ast.Constant) -> Value:
    return frozenset({Const(node.value)}) if isinstance(node.value, (str, bool, int, type(None))) else UNKNOWN


def _name(run: Run, node: ast.Name) -> Value:
    known = run.state.names.get(node.id)
    if known is not None:
        return known
    found = global_value(run.frame.module, node.id)
    if found != UNKNOWN:
        return found
    from picklesafe.lint.datasets.process_wide import module_value

    return module_value(run, run.frame.module, node.id) or UNKNOWN


def _attribute(run: Run, node: ast.Attribute) -> Value:
    found: Value = frozenset()
    for thing in evaluate(run, node.value):
        found |= attribute(run, thing, node.attr, node)
    return found


def attribute(run: Run, thing: Thing, name: str, node: ast.expr) -> Value:
    """An attribute of a thing."""
    if isinstance(thing, Obj):
        return _of_object(run, thing, name, node)
    if isinstance(thing, Imported):
        return frozenset({Imported(f"{thing.name}.{name}", thing.module)})
    if isinstance(thing, Handle):
        return view(run, thing, name, node)
    if isinstance(thing, Class):
        return _of_class(run, thing, name)
    if isinstance(thing, Plain) and thing.kind and name in _OF_PATHS:
        return PATH
    return UNKNOWN


def _of_object(run: Run, obj: Obj, name: str, node: ast.expr) -> Value:
    if name == "__dict__":
        return frozenset({Box(obj.key, "dict")})
    if name == "__class__":
        return frozenset({obj.cls})
    known = run.get(obj, name)
    if known is not None:
        return known
    method = run.lineage(obj.cls).find(name)
    if method is None:
        return _of_class(run, obj.cls, name)
    if not isinstance(method.node, ast.Lambda) and decorators(method.node) & PROPERTIES:
        from picklesafe.lint.datasets.calls import call_property

        return call_property(run, method._replace(receiver=obj), node)
    return frozenset({method._replace(receiver=obj)})


def _of_class(run: Run, cls: Class, name: str) -> Value:
    """A class attribute, if it is a constant, or a function."""
    found = run.lineage(cls)
    method = found.find(name)
    if method is not None:
        return frozenset({method})
    for one in found.classes:
        for statement in one.node.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                value = getattr(statement, "value", None)
                return frozenset({Const(value.value)}) if isinstance(value, ast.Constant) else UNKNOWN
    return UNKNOWN


def view(run: Run, handle: Handle, name: str, node: ast.expr) -> Value:
    """What an attribute, a method or (`[]`) an item of a handle gives: another handle on the same file, or data."""
    if name not in handle.opener.views or handle.key[-1] == "attrs":  # what attributes of HDF5 hold is read at once
        return UNKNOWN
    return frozenset({handle._replace(key=(*run.key(node), name))})


def _subscript(run: Run, node: ast.Subscript) -> Value:
    key = evaluate(run, node.slice) if not isinstance(node.slice, (ast.Slice, ast.Tuple)) else UNKNOWN
    found: Value = frozenset()
    for thing in evaluate(run, node.value):
        if isinstance(thing, Box):
            found |= item(run, thing, key)
        elif isinstance(thing, Handle) and _is_view(thing, node.slice):
            found |= view(run, thing, "[]", node)
        elif isinstance(thing, Imported):
            found |= {thing}  # a type with parameters
        else:
            found |= UNKNOWN
    return found


def _is_view(handle: Handle, key: ast.expr) -> bool:
    if handle.opener.kind == MEMMAP:
        parts = key.elts if isinstance(key, ast.Tuple) else [key]
        return any(isinstance(part, ast.Slice) for part in parts)
    if isinstance(key, (ast.Slice, ast.Tuple)):
        return False
    # The items of a file are datasets; those of a dataset are data, and those of a group have names.
    return not handle.is_view or (isinstance(key, ast.Constant) and isinstance(key.value, str))


def item(run: Run, box: Box, key: Value) -> Value:
    """What a container may hold under a key."""
    (one, *more) = key
    if isinstance(one, Const) and isinstance(one.value, str) and not more:
        known = run.get(box, one.value)
        if known is not None:
            return known
        return run.get(box, ANY) or UNKNOWN
    return run.elements(box) or UNKNOWN


def elements(run: Run, value: Value) -> Value:
    """What iterating over a value may give."""
    found: Value = frozenset()
    for thing in value:
        if isinstance(thing, Box):
            found |= run.elements(thing)
    return found or UNKNOWN


def _choice(run: Run, node: ast.IfExp) -> Value:
    known = truth(evaluate(run, node.test))
    if known is not None:
        return evaluate(run, node.body if known else node.orelse)
    return evaluate(run, node.body) | evaluate(run, node.orelse)


def _boolean(run: Run, node: ast.BoolOp) -> Value:
    stops = isinstance(node.op, ast.Or)
    found: Value = frozenset()
    for part in node.values:
        value = evaluate(run, part)
        known = truth(value)
        if known is not None and known is not stops and part is not node.values[-1]:
            continue
        found |= value
        if known is stops:
            break
    return found


def _unary(run: Run, node: ast.UnaryOp) -> Value:
    known = truth(evaluate(run, node.operand))
    return frozenset({Const(not known)}) if isinstance(node.op, ast.Not) and known is not None else UNKNOWN


def _compare(run: Run, node: ast.Compare) -> Value:
    left = evaluate(run, node.left)
    rights = [evaluate(run, right) for right in node.comparators]
    if len(rights) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        inside = _is_in(run, left, rights[0])
        if inside is not None:
            return frozenset({Const(inside is isinstance(node.ops[0], ast.In))})
    if len(rights) == 1 and isinstance(node.ops[0], (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
        same = _same(left, rights[0])
        if same is not None:
            return frozenset({Const(same is isinstance(node.ops[0], (ast.Is, ast.Eq)))})
    return UNKNOWN


def _is_in(run: Run, key: Value, container: Value) -> bool | None:
    """Whether a dictionary has a key, if that can be told."""
    if len(key) == 1 and len(container) == 1:
        (one,), (box,) = key, container
        if isinstance(one, Const) and isinstance(box, Box) and run.get(box, str(one.value)) is not None:
            return True
    return None


def _same(left: Value, right: Value) -> bool | None:
    """Whether two values are one, if that can be told."""
    if len(left) != 1 or len(right) != 1:
        return None
    (one,), (other,) = left, right
    if isinstance(one, Const) and isinstance(other, Const):
        return one.value == other.value
    known = (Handle, Obj, Box)
    if (isinstance(one, known) and right == NONE) or (isinstance(other, known) and left == NONE):
        return False
    return None


def _arithmetic(run: Run, node: ast.BinOp) -> Value:
    left, right = evaluate(run, node.left), evaluate(run, node.right)
    if PATH in (left, right) and isinstance(node.op, ast.Div):
        return PATH
    if any(isinstance(thing, Box) for thing in left | right):
        from picklesafe.lint.datasets.containers import merged

        return merged(run, node, [left, right])
    return UNKNOWN


def _sequence(run: Run, node: ast.List | ast.Tuple | ast.Set) -> Value:
    found: Value = frozenset()
    for part in node.elts:
        if isinstance(part, ast.Starred):
            found |= elements(run, evaluate(run, part.value))
        else:
            found |= evaluate(run, part)
    if isinstance(node, ast.Tuple) and all(type(thing) in (Const, Plain) for thing in found):
        return UNKNOWN
    return run.boxed(node, found, type(node).__name__.lower())


def _dictionary(run: Run, node: ast.Dict) -> Value:
    from picklesafe.lint.datasets.containers import merge

    (box,) = made = run.boxed(node, frozenset(), "dict")
    assert isinstance(box, Box)
    for key, part in zip(node.keys, node.values, strict=True):
        value = evaluate(run, part)
        if key is None:
            merge(run, box, value)
        elif isinstance(key, ast.Constant) and isinstance(key.value, str):
            run.state.put(box.key, key.value, value)
        else:
            evaluate(run, key)
            run.add(box, value)
    return made


def _comprehension(run: Run, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    kind = "generator" if isinstance(node, ast.GeneratorExp) else "list"
    value = _within(run, node.generators, lambda: evaluate(run, node.elt))
    return run.boxed(node, value, kind)


def _dict_comprehension(run: Run, node: ast.DictComp) -> Value:
    from picklesafe.lint.datasets.library import filtered

    chosen = filtered(run, node)
    if chosen is not None:
        return chosen
    return run.boxed(node, _within(run, node.generators, lambda: evaluate(run, node.value)), "dict")


def _within(run: Run, generators: Iterable[ast.comprehension], what: Callable[[], Value]) -> Value:
    from picklesafe.lint.datasets.statements import assign

    names = dict(run.state.names)
    for generator in generators:
        assign(run, generator.target, elements(run, evaluate(run, generator.iter)), None)
        for condition in generator.ifs:
            evaluate(run, condition)
    value = what()
    run.state.names = names
    return value


def _lambda(run: Run, node: ast.Lambda) -> Value:
    run.closures[id(node)] = run.state.names
    return frozenset({Function(node, run.frame.module, local=True)})


def _named(run: Run, node: ast.NamedExpr) -> Value:
    value = evaluate(run, node.value)
    run.state.names[node.target.id] = value
    return value


def _awaited(run: Run, node: ast.Await | ast.Starred) -> Value:
    return evaluate(run, node.value)


def _call(run: Run, node: ast.Call) -> Value:
    from picklesafe.lint.datasets.calls import call

    return call(run, node)


def _yielded(run: Run, node: ast.Yield | ast.YieldFrom) -> Value:
    if node.value is not None:
        evaluate(run, node.value)
    return UNKNOWN


def _text(run: Run, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            evaluate(run, part.value)
    return UNKNOWN


def resolved(run: Run, thing: Thing) -> Thing:
    """What an imported name stands for in the project, if it is there."""
    return resolve(thing, run.project)


_HANDLERS: dict[type[ast.expr], Callable[[Run, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.IfExp: _choice,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BinOp: _arithmetic,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dictionary,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Await: _awaited,
    ast.Starred: _awaited,
    ast.Yield: _yielded,
    ast.YieldFrom: _yielded,
    ast.JoinedStr: _text,
}
