"""Walking syntax trees: the nodes of `ast.walk` that have any fields, in half of its time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_remembering: list[Any] = []


def remembered(function: F) -> F:
    """Decorates what is asked of the same nodes again and again, and always says the same; until `forget`."""
    kept: Any = lru_cache(maxsize=1024)(function)
    _remembering.append(kept)
    return kept  # type: ignore[no-any-return]


def forget() -> None:
    """Let go of all trees that `remembered` functions were asked about."""
    for kept in _remembering:
        kept.cache_clear()


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and everything below it, in no particular order, but for what has no fields, such as `ast.Load`."""
    todo = [node]
    while todo:
        current = todo.pop()
        yield current
        if isinstance(current, (ast.Name, ast.Constant)):
            continue
        for field in current._fields:
            value = getattr(current, field, None)
            if isinstance(value, ast.AST):
                if value._fields:
                    todo.append(value)
            elif type(value) is list:
                todo += [item for item in value if isinstance(item, ast.AST)]


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c` and of `a.b.c(…)`."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def names_in(node: ast.AST) -> set[str]:
    """The variables that are read in `node`; of `a.b.c` only the last part, which names the value."""
    found: set[str] = set()
    todo = [node]
    while todo:
        inner = todo.pop()
        if isinstance(inner, ast.Name):
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.add(inner.attr)
            if not isinstance(inner.value, (ast.Name, ast.Attribute)):
                todo.append(inner.value)
        else:
            todo.extend(ast.iter_child_nodes(inner))
    return found - {"self", "cls"}
