"""What a condition tells of the values it asks about: behind `if self.file is None:` there is no file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from picklesafe.lint.datasets.classes import decorators
from picklesafe.lint.datasets.cleaning import asked, empty, owner_of
from picklesafe.lint.datasets.expressions import evaluate
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import NONE, Const, Handle, Obj, Plain, Thing, Value


def narrow(run: Run, test: ast.expr, outcome: bool) -> None:
    """Go on where a condition turned out true, or false."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        narrow(run, test.operand, not outcome)
    elif isinstance(test, ast.BoolOp):
        if isinstance(test.op, ast.And) is outcome:  # else one of them did, and it isn't known which
            for part in test.values:
                narrow(run, part, outcome)
    elif isinstance(test, (ast.Name, ast.Attribute)):
        _keep(run, test, lambda thing: _may_be(thing, outcome))
        if not outcome:
            empty(run, test)
    elif isinstance(test, ast.Call):
        attribute = asked(test)
        owner = owner_of(run, attribute) if attribute is not None else None
        if owner is not None and isinstance(attribute, ast.Attribute) and not outcome:
            run.state.remove(owner.key, attribute.attr)
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot)) and _is_none(test.comparators):
        is_none = outcome is isinstance(test.ops[0], ast.Is)
        _keep(run, test.left, lambda thing: _may_be_none(thing) if is_none else thing != Const(None))


def _is_none(nodes: Sequence[ast.expr]) -> bool:
    return len(nodes) == 1 and isinstance(nodes[0], ast.Constant) and nodes[0].value is None


def _keep(run: Run, node: ast.expr, wanted: Callable[[Thing], bool]) -> None:
    """Of what a variable or an attribute may be, keep what is still possible."""
    if isinstance(node, ast.Name):
        known = run.state.names.get(node.id)
        if known is not None:
            run.state.names[node.id] = _chosen(known, wanted)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owners = evaluate(run, node.value)
        for owner in owners:
            if isinstance(owner, Obj) and len(owners) == 1:
                name = _field(run, owner, node.attr)
                held = run.get(owner, name)
                if held is not None:
                    run.state.put(owner.key, name, _chosen(held, wanted))


def _field(run: Run, owner: Obj, name: str) -> str:
    """The attribute that a name stands for, if it is that of a property which returns one."""
    method = run.lineage(owner.cls).find(name)
    if method is None or isinstance(method.node, ast.Lambda):
        return name
    last = method.node.body[-1]
    if "property" in decorators(method.node) and isinstance(last, ast.Return) and isinstance(last.value, ast.Attribute):
        return last.value.attr
    return name


def _chosen(value: Value, wanted: Callable[[Thing], bool]) -> Value:
    return frozenset(thing for thing in value if wanted(thing)) or value


def _may_be_none(thing: Thing) -> bool:
    return isinstance(thing, Plain) or thing in NONE


def _may_be(thing: Thing, outcome: bool) -> bool:
    if isinstance(thing, Const):
        return bool(thing.value) is outcome
    return outcome or not isinstance(thing, (Handle, Obj))
