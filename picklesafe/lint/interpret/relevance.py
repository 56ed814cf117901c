"""Which names of a function feed its loaders: only for those are the project's functions entered."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from picklesafe.lint.trees import names_in, remembered, walk


def mentions(node: ast.AST, names: frozenset[str]) -> bool:
    return not names.isdisjoint(names_in(node))


@remembered
def _flows(function: ast.AST) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """For each assignment: the names that it sets, and those that it reads."""
    flows = []
    for node in walk(function):
        if isinstance(node, ast.Assign):
            targets: list[ast.AST] = list(node.targets)
            value: ast.AST | None = node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            targets, value = [node.target], node.iter
        else:
            continue
        if value is not None:
            flows.append((frozenset().union(*map(names_in, targets)), frozenset(names_in(value))))
    return tuple(flows)


@remembered
def returned(function: ast.AST) -> frozenset[str]:
    """The names that a function's results are made of."""
    values = [n.value for n in walk(function) if isinstance(n, ast.Return) and n.value is not None]
    return frozenset().union(*map(names_in, values))


def feeding(function: ast.AST, seeds: Iterable[str]) -> frozenset[str]:
    """`seeds` and all names of `function` that flow into them."""
    wanted = set(seeds)
    flows = _flows(function)
    while True:
        size = len(wanted)
        for targets, sources in flows:
            if targets & wanted:
                wanted |= sources
        if len(wanted) == size:
            return frozenset(wanted)
