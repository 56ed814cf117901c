"""What a loader sends to its workers by pickle, and why some of it never arrives.

Measured on torch 2.13 with `spawn`: the dataset, `collate_fn` and `worker_init_fn` are arguments of
the worker process. Samplers and generators stay in the parent: workers get indices, and a seed.
"""

from __future__ import annotations

import ast
from typing import Final, NamedTuple

from picklesafe.lint.interpret import classes
from picklesafe.lint.interpret.run import Frame, Run
from picklesafe.lint.interpret.values import NONE, Expr, bare, choose, const, located
from picklesafe.lint.trees import last_name, walk

_PICKLING: Final = ("__reduce__", "__reduce_ex__", "__getstate__")
_HARMLESS: Final = frozenset({"wraps", "no_grad", "inference_mode", "lru_cache", "cache"})
"""Decorators that leave a local function a local function."""

_DEEP: Final = 4


class Stuck(NamedTuple):
    """Why a value can't be pickled.

    Args:
        what: the value's kind, as a message names it: "a lambda", "`collate`", "an instance of `Collate`".
        where: the function in which that is defined, empty for a lambda at the top level.
        node: its definition.
        path: the file of that.
        inside: what holds it, such as "a partial of "; empty if it is the value itself.
    """

    what: str
    where: str
    node: ast.AST
    path: str
    inside: str = ""


def travels(run: Run, value: Expr, depth: int = 0) -> Expr:
    """NONE where `value` can be pickled for all that is known, and where it can't, a constant Stuck.

    Args:
        value: what the loader gets; the places that it was given at are kept.
    """
    if value.op == "at":
        return located(travels(run, value.args[1], depth), value.args[0])
    if value.op == "if":
        test, yes, no = value.args
        return choose(test, travels(run, yes, depth), travels(run, no, depth))
    if value.op == "function":
        return _function(value)
    if value.op == "bound":
        return _function(value.args[1]) if isinstance(value.args[1].args[0], ast.Lambda) else NONE
    if value.op == "partial" and depth < _DEEP:
        return _partial(run, value, depth)
    if value.op == "ref" and depth < _DEEP:
        return _instance(run, value, depth)
    return NONE


def _function(value: Expr) -> Expr:
    node, module, closure, _ = value.args
    if isinstance(node, ast.Lambda):
        return const(Stuck("a lambda", _qualified(closure), node, module.source.path))
    local = isinstance(closure, Frame) and _is_local(closure, node.name)
    if not local or not all(last_name(decorator) in _HARMLESS for decorator in node.decorator_list):
        return NONE
    return const(Stuck(f"`{node.name}`", _qualified(closure), node, module.source.path))


def _is_local(frame: Frame, name: str) -> bool:
    """Whether what is defined in that frame can be found under no name of its module."""
    if isinstance(frame.node, ast.Module):
        return False
    return not any(isinstance(inner, ast.Global) and name in inner.names for inner in walk(frame.node))


def _qualified(frame: Frame | None) -> str:
    """The name of a function as Python shows it: `Data.setup`."""
    names: list[str] = []
    while frame is not None:
        if isinstance(frame.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.append(frame.node.name)
            if frame.cls is not None and frame.closure is None:
                names.append(frame.cls.args[0].name)
        frame = frame.closure
    return ".".join(reversed(names))


def _partial(run: Run, value: Expr, depth: int) -> Expr:
    inner, given, _ = run.partials[value.args[0]]
    result = _within(travels(run, inner, depth + 1), "a partial of ")
    for argument in (*given.positional, *given.named.values()):
        result = _either(result, _within(travels(run, bare(argument), depth + 1), "a partial that is given "))
    return result


def _instance(run: Run, value: Expr, depth: int) -> Expr:
    obj = run.object(value)
    if obj.kind != "instance" or obj.cls is None or obj.cls.op != "class":
        return NONE
    if any(classes.find(run, obj.cls, name) is not None for name in _PICKLING):
        return NONE
    node, module, frame = obj.cls.args
    if isinstance(frame, Frame) and _is_local(frame, node.name):
        return const(Stuck(f"an instance of `{node.name}`", _qualified(frame), node, module.source.path))
    result = NONE
    for name, entry in obj.entries.items():
        held = f"an instance of `{node.name}`, whose `{name}` is "
        result = _either(result, _within(travels(run, bare(entry), depth + 1), held))
    return result


def _within(result: Expr, holder: str) -> Expr:
    """The same reason, for what holds the value."""
    if result.op == "if":
        return choose(result.args[0], _within(result.args[1], holder), _within(result.args[2], holder))
    if result.op == "at":
        return _within(result.args[1], holder)
    if result == NONE:
        return NONE
    stuck: Stuck = result.args[0]
    return const(stuck._replace(inside=holder + stuck.inside))


def _either(one: Expr, other: Expr) -> Expr:
    """A reason where there is one of either kind."""
    if one == NONE or other == NONE:
        return other if one == NONE else one
    if one.op == "if":
        return choose(one.args[0], _either(one.args[1], other), _either(one.args[2], other))
    return one
