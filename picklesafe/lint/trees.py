"""Walking syntax trees: the nodes of `ast.walk` that have any fields, in half of its time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def remembered(function: Callable[[T], R]) -> Callable[[T], R]:
    """Decorates what is asked of the same node, or module, again and again: the answer lives as long as that does."""
    key = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def ask(thing: T) -> R:
        kept = thing.__dict__
        if key not in kept:
            kept[key] = function(thing)
        return kept[key]  # type: ignore[no-any-return]

    return ask


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


def first_row(node: ast.stmt | ast.expr) -> int:
    """The row in which a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


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
