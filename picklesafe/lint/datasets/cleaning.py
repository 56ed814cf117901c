"""Code that closes and drops what is there: whether it does is asked in many ways, and it is meant to succeed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from picklesafe.lint.datasets.expressions import evaluate
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import OTHER, UNKNOWN, Box, Const, Obj, Value, truth
from picklesafe.lint.trees import remembered, walk

_CLEANING = frozenset({"clear", "pop", "flush", "release", "shutdown", "terminate", "join", "unlink", "quit"})
_SAYING = frozenset({"debug", "info", "warning", "error", "exception", "log", "warn"})
_LISTING = frozenset({"list", "tuple", "sorted", "range", "len", "enumerate", "keys", "items", "copy"})
_NEVER_EMPTY = frozenset({"generator", "iterator", "stack"})


@remembered
def plain(test: ast.expr) -> ast.expr:
    """A condition in its shortest words: `self.f` for `getattr(self, "f", None)`, `files` for `len(files) > 0`."""
    new: ast.expr = test
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        new = ast.UnaryOp(test.op, plain(test.operand))
    elif isinstance(test, ast.BoolOp):
        new = ast.BoolOp(test.op, [plain(part) for part in test.values])
    elif isinstance(test, ast.Compare):
        new = _compared(test)
    elif _is_call(test, "len", 1):
        new = test.args[0]
    elif _names_attribute(test, "getattr"):
        new = _attribute(test)
    return ast.copy_location(new, test) if new is not test and not hasattr(new, "lineno") else new


def _compared(test: ast.Compare) -> ast.expr:
    other = test.comparators[0]
    if _is_call(test.left, "len", 1) and isinstance(other, ast.Constant) and other.value == 0 and len(test.ops) == 1:
        if isinstance(test.ops[0], (ast.Gt, ast.NotEq)):
            return test.left.args[0]
        if isinstance(test.ops[0], ast.Eq):
            return ast.UnaryOp(ast.Not(), test.left.args[0])
    if _names_attribute(test.left, "getattr"):
        return ast.Compare(_attribute(test.left), test.ops, test.comparators)
    return test


def _is_call(node: ast.expr, name: str, *counts: int) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
        and len(node.args) in counts
    )


def _names_attribute(node: ast.expr, function: str) -> TypeGuard[ast.Call]:
    """Whether it is such as `getattr(self, "file", None)`."""
    if not _is_call(node, function, 2, 3):
        return False
    (name, *default) = node.args[1:]
    named = isinstance(name, ast.Constant) and isinstance(name.value, str)
    return named and all(isinstance(one, ast.Constant) and not one.value for one in default)


def _attribute(call: ast.Call) -> ast.expr:
    assert isinstance(call.args[1], ast.Constant)
    return ast.copy_location(ast.Attribute(call.args[0], str(call.args[1].value), ast.Load()), call)


@remembered
def asked(test: ast.expr) -> ast.expr | None:
    """The attribute that `hasattr` asks for."""
    return _attribute(test) if isinstance(test, ast.Call) and _names_attribute(test, "hasattr") else None


def outcome(run: Run, test: ast.expr) -> bool | None:
    """How a condition comes out, if that can be told."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        known = outcome(run, test.operand)
        return None if known is None else not known
    if isinstance(test, ast.BoolOp):
        return _of_parts(run, test)
    attribute = asked(test)
    if attribute is None:
        return truth(evaluate(run, test))
    held = kept(run, attribute)
    return True if held and OTHER not in held else None


def _of_parts(run: Run, test: ast.BoolOp) -> bool | None:
    stops = isinstance(test.op, ast.Or)
    known = set()
    for part in test.values:
        known.add(outcome(run, part))
        if stops in known:
            return stops
    return None if None in known else not stops


def kept(run: Run, node: ast.expr) -> Value | None:
    """What a variable holds, or an attribute that was set."""
    if isinstance(node, ast.Name):
        return run.state.names.get(node.id)
    owner = owner_of(run, node)
    return run.get(owner, node.attr) if owner is not None and isinstance(node, ast.Attribute) else None


def owner_of(run: Run, node: ast.expr) -> Obj | None:
    """The one object of which something is an attribute."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owners = [*run.state.names.get(node.value.id, ())]
        if len(owners) == 1 and isinstance(owners[0], Obj):
            return owners[0]
    return None


def empty(run: Run, node: ast.expr) -> None:
    """Go on where a container turned out to be empty, or was emptied."""
    boxes = [thing for thing in kept(run, node) or () if isinstance(thing, Box) and thing.kind not in _NEVER_EMPTY]
    if len(boxes) == 1:
        run.state.fields[boxes[0].key] = {}


def emptied(loop: ast.For | ast.AsyncFor) -> Iterator[ast.expr]:
    """The containers that a loop goes through by their keys, to drop what is under each."""
    listed = {ast.unparse(node) for node in _gone_through(loop.iter)}
    keys = {node.id for node in walk(loop.target) if isinstance(node, ast.Name)}
    for node in walk(loop):
        for container, key in _dropped(node):
            if isinstance(key, ast.Name) and key.id in keys and ast.unparse(container) in listed:
                yield container


def _gone_through(node: ast.expr) -> Iterator[ast.expr]:
    yield node
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in _LISTING:
            yield from _gone_through(node.func.value)
        elif isinstance(node.func, ast.Name) and node.func.id in _LISTING:
            for argument in node.args:
                yield from _gone_through(argument)


def _dropped(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`del d[k]`, `d[k] = None` and `d.pop(k)`: the container, and the key."""
    if isinstance(node, (ast.Delete, ast.Assign)):
        if isinstance(node, ast.Delete) or (isinstance(node.value, ast.Constant) and node.value.value is None):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    yield target.value, target.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and node.args:
        yield node.func.value, node.args[0]


def drop_attributes(run: Run, node: ast.expr) -> None:
    """`delattr(self, "file")`; with a name that isn't known, any attribute may be gone, as with `setattr(…, None)`."""
    if not (_is_call(node, "delattr", 2) or _is_call(node, "setattr", 3)):
        return
    names = evaluate(run, node.args[1])
    known = [name.value for name in names if isinstance(name, Const) and isinstance(name.value, str)]
    deletes = len(node.args) == 2
    if len(known) == len(names):
        for name in known if deletes else ():
            run.remove(evaluate(run, node.args[0]), name)
    elif deletes or (isinstance(node.args[2], ast.Constant) and node.args[2].value is None):
        for owner in evaluate(run, node.args[0]):
            if isinstance(owner, Obj):
                run.state.fields[owner.key] = dict.fromkeys(run.state.held(owner.key), UNKNOWN)


def cleans(statements: Iterable[ast.stmt]) -> bool:
    """Whether statements do nothing but close and drop things: if they fail, there was nothing to close."""
    return all(map(_is_cleaning, statements))


def _is_cleaning(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.If, ast.For, ast.While)):
        return cleans([*statement.body, *statement.orelse])
    if isinstance(statement, ast.Assign):
        return isinstance(statement.value, ast.Constant) or ast.unparse(statement.value) in ("[]", "{}", "()")
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Name):
            return function.id in ("delattr", "setattr", "print")
        name = function.attr if isinstance(function, ast.Attribute) else ""
        return name in _CLEANING | _SAYING or "close" in name
    return isinstance(statement, (ast.Pass, ast.Delete))
