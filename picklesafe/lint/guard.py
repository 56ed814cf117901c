"""The fix of loader rules: let an argument follow the number of workers."""

from __future__ import annotations

import ast

from picklesafe.lint.call import Case, LoaderCall
from picklesafe.lint.contract import WORKERS
from picklesafe.lint.finding import Edit, Fix
from picklesafe.lint.interpret.values import Origin
from picklesafe.lint.trees import walk

_ATOMS = (ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Tuple, ast.Dict, ast.Set)


def guarded(call: LoaderCall, case: Case, otherwise: str) -> Fix | None:
    """The edit after which the argument is `otherwise` when there are no workers.

    A certain finding's value is replaced; a possible one's gets a condition on the number of
    workers, as the same call gives it. The fix is unsafe where that evaluates a call twice.

    Args:
        call: the loader's.
        case: in which it refuses the argument.
        otherwise: `None`, `False` or `0`, whichever torch takes for "not given".

    Returns:
        None where the argument or the number of workers isn't written in this file, or where torch
        refuses the value beside workers as well.
    """
    origin = case.place.origin
    if origin is None or case.place.by_workers:
        return None
    workers = _workers(call, case, origin)
    if case.certain and (workers is None or isinstance(workers, ast.Constant)):
        return _replaced(call, origin, otherwise, safe=workers is not None or _is_own(call, origin))
    if workers is None:
        return None
    source = call.module.source
    branch = _wrong_branch(case, origin.value, workers)
    if branch is not None:
        return Fix(f"Use {otherwise} without workers", (Edit(source.start(branch), source.end(branch), otherwise),))
    if not call.workers_help(case):
        return None
    condition = _condition(ast.unparse(workers) if _spans_lines(workers) else source.segment(workers), workers)
    value = source.segment(origin.value)
    content = _combined(value, origin.value, condition, otherwise)
    edit = Edit(source.start(origin.value), source.end(origin.value), content)
    return Fix(f"Let `{case.argument}` follow the number of workers", (edit,), safe=_is_pure(workers))


def _is_own(call: LoaderCall, origin: Origin) -> bool:
    """Whether the argument is written at the call that makes the loader: no other loader shares it then."""
    node = call.event.node
    if not call.event.home:
        return isinstance(origin.node, ast.keyword)
    return isinstance(node, ast.Call) and (origin.node in node.keywords or origin.node in node.args)


def _replaced(call: LoaderCall, origin: Origin, otherwise: str, safe: bool) -> Fix:
    source = call.module.source
    edit = Edit(source.start(origin.value), source.end(origin.value), otherwise)
    return Fix(f"Replace by {otherwise}", (edit,), safe=safe and _is_pure(origin.value))


def _combined(value: str, node: ast.expr, condition: str, otherwise: str) -> str:
    if otherwise == "False":
        if isinstance(node, ast.Constant) and node.value is True:
            return condition
        return f"{value if isinstance(node, (*_ATOMS, ast.Compare, ast.UnaryOp)) else f'({value})'} and {condition}"
    plain = not isinstance(node, (ast.IfExp, ast.Lambda, ast.NamedExpr))
    return f"{value if plain else f'({value})'} if {condition} else {otherwise}"


def _condition(text: str, workers: ast.expr) -> str:
    return f"{text if isinstance(workers, (*_ATOMS, ast.BinOp)) else f'({text})'} > 0"


def _spans_lines(node: ast.expr) -> bool:
    return node.lineno != node.end_lineno


def _is_pure(node: ast.expr) -> bool:
    """Whether evaluating an expression once more (or no more) changes nothing."""
    impure = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
    return not any(isinstance(inner, impure) for inner in walk(node))


def _workers(call: LoaderCall, case: Case, origin: Origin) -> ast.expr | None:
    """The number of workers as it can be written beside the argument."""
    name = call.event.contract.keyword(WORKERS)
    beside = origin.siblings.get(name)
    if beside is not None:
        given = any(other.value is beside for other in case.answer.workers_origins)
        return beside if given else None  # a wrapper may take it and never pass it on
    for other in case.answer.workers_origins:
        same = other.module is origin.module and other.function is origin.function
        if same and other.home and isinstance(other.value, (ast.Name, ast.Attribute)) and _is_known(other, origin):
            return other.value
    return None


def _is_known(workers: Origin, origin: Origin) -> bool:
    """Whether what gives the number of workers can be read where the argument is given."""
    base: ast.expr = workers.value
    while isinstance(base, ast.Attribute):
        base = base.value
    if not isinstance(base, ast.Name):
        return False
    inside = list(walk(workers.function)) if isinstance(workers.function, ast.AST) else []
    text = ast.unparse(workers.value)
    for node in inside:
        stored = isinstance(getattr(node, "ctx", None), ast.Store) and isinstance(node, (ast.Name, ast.Attribute))
        if stored and node.lineno > origin.value.lineno and ast.unparse(node) in (text, base.id):  # type: ignore[attr-defined]
            return False  # it is another number by the time the loader is made
    is_parameter = any(isinstance(node, ast.arg) and node.arg == base.id for node in inside)
    return is_parameter or workers.value.lineno < origin.value.lineno


def _wrong_branch(case: Case, value: ast.expr, workers: ast.expr) -> ast.expr | None:
    """The wrong half of `x if num_workers > 0 else 2`."""
    if not isinstance(value, ast.IfExp):
        return None
    text = ast.unparse(workers)
    test = ast.unparse(value.test)
    if test in (text, f"{text} > 0", f"{text} >= 1", f"{text} != 0", f"0 < {text}", f"bool({text})"):
        branch = value.orelse
    elif test in (f"not {text}", f"{text} == 0", f"{text} < 1", f"{text} <= 0"):
        branch = value.body
    else:
        return None
    return branch if isinstance(branch, ast.Constant) and repr(branch.value) == case.value else None
