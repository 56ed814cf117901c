"""Where a path ends, and what the program itself handles."""

from __future__ import annotations

import ast

from picklesafe.lint.interpret.run import Run
from picklesafe.lint.interpret.state import State
from picklesafe.lint.interpret.values import Expr, External, Leaf, all_of, bare, negate

_EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit", "pytest.skip", "pytest.fail", "builtins.exit"})
_EVERYTHING = frozenset({"BaseException"})


def never_returns(run: Run, node: ast.expr) -> bool:
    """Whether a statement ends the run, as `sys.exit()` and `parser.error(…)` do."""
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else ""
    if name.endswith(".error") and isinstance(node.func, ast.Attribute):
        from picklesafe.lint.interpret.expressions import evaluate

        base = bare(evaluate(run, node.func.value))
        made_by = base.args[1] if isinstance(base, Leaf) and base.args[0] == "call" else None
        return name.endswith("parser.error") or (
            isinstance(made_by, External) and made_by.text.endswith("ArgumentParser")
        )
    return name in _EXITS


def caught_by(node: ast.Try) -> frozenset[str]:
    """The exceptions that a `try` handles without raising again."""
    names: set[str] = set()
    for handler in node.handlers:
        if not any(isinstance(statement, ast.Raise) for statement in handler.body):
            names |= _EVERYTHING if handler.type is None else _names(handler.type)
    return frozenset(names)


def caught_in(node: ast.expr) -> frozenset[str]:
    """The exceptions that a `with` block expects: `pytest.raises`, `suppress`, `assertRaises`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
        return frozenset()
    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
    if name not in ("raises", "suppress", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp"):
        return frozenset()
    found: set[str] = set()
    for arg in node.args if name == "suppress" else node.args[:1]:
        found |= _names(arg)
    return frozenset(found) or _EVERYTHING


def _names(node: ast.expr) -> set[str]:
    if isinstance(node, ast.Tuple):
        return {name for element in node.elts for name in _names(element)}
    return {node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""}


def difference(state: State, other: State, base: int) -> tuple[Expr, int]:
    """The condition that tells `state` from `other`, and how many conditions they share."""
    shared = base
    for one, two in zip(state.reach[base:], other.reach[base:], strict=False):
        if one != two:
            break
        shared += 1
    extra = state.reach[shared:]
    return all_of(test if outcome else negate(test) for test, outcome in extra), shared
