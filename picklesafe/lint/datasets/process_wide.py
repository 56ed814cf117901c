"""What the code of a dataset uses and the instance doesn't hold: handles of a module, of a class, or in a cache."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from picklesafe.lint.datasets.calls import call_function
from picklesafe.lint.datasets.classes import decorators, methods
from picklesafe.lint.datasets.expressions import evaluate
from picklesafe.lint.datasets.names import global_value, resolve
from picklesafe.lint.datasets.run import Run, Stored
from picklesafe.lint.datasets.screening import opens
from picklesafe.lint.datasets.values import Box, Class, Function, Handle, Imported, Obj, Value
from picklesafe.lint.project import Module
from picklesafe.lint.trees import walk

_CACHES: Final = frozenset({"lru_cache", "cache"})


def shared(run: Run, cls: Class) -> Iterator[tuple[Handle, Stored]]:
    """The handles that all instances in a process share, each with the statement that keeps it."""
    found = run.lineage(cls)
    for one in found.classes:
        for statement in one.node.body:
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                yield from _kept(run, statement, statement.value, one.module, one)
    for method in methods(found).values():
        for node in walk(method.node):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                yield from _of_module(run, node.id, method.module)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                own = found.find(node.attr)
                if own is not None:
                    yield from _cached(run, own._replace(receiver=Obj(("self",), cls)))


def _of_module(run: Run, name: str, module: Module) -> Iterator[tuple[Handle, Stored]]:
    if name in module.bindings:
        (thing, *_) = global_value(module, name)
        if isinstance(thing, Imported) and not thing.whole:
            home, _, last = thing.name.rpartition(".")
            other = run.project.find(home, module)
            if other is not None and opens(other):
                yield from _of_statements(run, last, other)
            thing = resolve(thing, run.project)
        else:
            yield from _of_statements(run, name, module)
        if isinstance(thing, Function):
            yield from _cached(run, thing)


def _of_statements(run: Run, name: str, module: Module) -> Iterator[tuple[Handle, Stored]]:
    for statement in module.decisive(name):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.Call):
            yield from _kept(run, statement, statement.value, module, None)


def module_value(run: Run, module: Module, name: str) -> Value | None:
    """What a call at the top level of a module has bound a name to, if that is a handle."""
    for statement in module.decisive(name)[-1:]:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.Call):
            value = _evaluated(run, statement, statement.value, module)
            if any(isinstance(thing, Handle) for thing in value):
                return value
    return None


def _evaluated(run: Run, statement: ast.stmt, value: ast.expr, module: Module) -> Value:
    with run.framed(module, None, statement) as frame:
        if frame is None:
            return frozenset()
        run.state.names = {}
        return evaluate(run, value)


def _kept(
    run: Run, statement: ast.Assign | ast.AnnAssign, node: ast.expr, module: Module, home: Class | None
) -> Iterator[tuple[Handle, Stored]]:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    text = ast.unparse(target) if home is None else f"{home.node.name}.{ast.unparse(target)}"
    before = run.state
    run.state = before.without_names()
    for handle in _handles(run, _evaluated(run, statement, node, module)):
        yield handle, Stored(statement, module, text, home, True)
    run.state = before


def _cached(run: Run, function: Function) -> Iterator[tuple[Handle, Stored]]:
    """What a function with a cache gives, and so keeps."""
    if isinstance(function.node, ast.Lambda) or not decorators(function.node) & _CACHES:
        return
    returns = [node for node in walk(function.node) if isinstance(node, ast.Return)]
    before = run.state
    run.state = before.without_names()
    with run.framed(function.module, None, function.node):
        value = call_function(run, function, [], {}, function.node, root=True)
    for handle in _handles(run, value):
        statement = max(returns, key=lambda node: node.lineno)
        yield handle, Stored(statement, function.module, f"the cache of {function.node.name}", function.home, True)
    run.state = before


def _handles(run: Run, value: Value) -> list[Handle]:
    found = [thing for thing in value if isinstance(thing, Handle)]
    for thing in value:
        if isinstance(thing, Box):
            found += [inner for inner in run.contents(thing) if isinstance(inner, Handle)]
    return [handle for handle in found if not run.is_closed(handle)]
