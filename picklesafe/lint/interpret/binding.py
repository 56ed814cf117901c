"""The variables of a function when it starts: its parameters, bound to what a call gives."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from picklesafe.lint.interpret.run import Arguments, Frame, FunctionNode, Run
from picklesafe.lint.interpret.state import Object
from picklesafe.lint.interpret.values import Expr, Leaf, bare, const

if TYPE_CHECKING:
    from picklesafe.lint.project import Module


def bind(run: Run, node: FunctionNode, args: Arguments, module: Module, closure: Frame | None) -> dict[str, Expr]:
    """The variables of a function when it starts."""
    spec = node.args
    names: dict[str, Expr] = {}
    plain = [*spec.posonlyargs, *spec.args]
    for param, value in zip(plain, args.positional, strict=False):
        names[param.arg] = value
    named = dict(args.named)
    for param in [*plain, *spec.kwonlyargs]:
        if param.arg in named and param.arg not in names:
            names[param.arg] = named.pop(param.arg)
    unknown = args.rest if args.rest is not None else args.star
    for param, default in parameters(node):
        if param.arg not in names:
            given = _default(run, default, module, closure)
            names[param.arg] = _unknown(unknown, param.arg, given) if unknown is not None else given
    if spec.vararg is not None:
        extra = args.positional[len(plain) :]
        names[spec.vararg.arg] = (
            Expr("seq", ("items", *extra)) if args.star is None else Leaf(("star", args.star), "*args")
        )
    if spec.kwarg is not None:
        ref = run.allocate(Object("dict", named, args.rest))
        names[spec.kwarg.arg] = ref
    return names


def _unknown(source: Expr, name: str, default: Expr) -> Expr:
    return Leaf(("item", source, name), name, default=None if isinstance(default, Leaf) else default)


def parameters(node: FunctionNode) -> list[tuple[ast.arg, ast.expr | None]]:
    """The parameters but for `*args` and `**kwargs`, each with its default."""
    spec = node.args
    plain = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(spec.defaults))
    defaults += spec.defaults
    return [*zip(plain, defaults, strict=True), *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]


def _default(run: Run, default: ast.expr | None, module: Module, closure: Frame | None) -> Expr:
    if default is None:
        return Leaf(("missing",), "an argument")
    return default_value(run, default, module, closure)


def default_value(run: Run, default: ast.expr, module: Module, closure: Frame | None) -> Expr:
    """A parameter's default, as its module sees it."""
    from picklesafe.lint.interpret.expressions import evaluate

    if isinstance(default, ast.Constant):
        return const(default.value)
    with run.aside(module, closure, home=False):
        return bare(evaluate(run, default))
