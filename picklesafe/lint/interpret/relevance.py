"""Which names of a function feed its loaders: only for those are the project's functions entered."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache


def names_in(node: ast.AST) -> set[str]:
    """The variables and attributes that are read or written in `node`."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.add(inner.attr)
    return found - {"self", "cls"}


def mentions(node: ast.AST, names: frozenset[str]) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in names:
            return True
        if isinstance(inner, ast.Attribute) and inner.attr in names:
            return True
    return False


@lru_cache(maxsize=512)
def _flows(function: ast.AST) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """For each assignment: the names that it sets, and those that it reads."""
    flows = []
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets: list[ast.AST] = list(node.targets)
            value: ast.AST | None = node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            targets, value = [node.target], node.iter
        else:
            continue
        if value is not None:
            targets_names = frozenset().union(*(_target_names(target) for target in targets))
            flows.append((targets_names, frozenset(names_in(value))))
    return tuple(flows)


def _target_names(target: ast.AST) -> frozenset[str]:
    """The names that an assignment sets; of `a.b["c"] = …` both `a` and `b`."""
    return frozenset(names_in(target))


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
