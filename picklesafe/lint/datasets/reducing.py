"""What `__getstate__` does to the state: whether running it once, in the head, tells what is left of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from picklesafe.lint.trees import remembered, walk

_TAKING = frozenset({"pop", "__delitem__", "__setitem__"})
_CHANGING = _TAKING | {"update", "clear", "setdefault", "popitem"}
_CHOOSING = frozenset({"filter", "map", "delattr", "setattr"})
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match, getattr(ast, "TryStar", ast.Try))


@remembered
def is_unclear(function: ast.AST) -> bool:
    """Whether it can't be told which items of a dictionary a function leaves there.

    Code that drops what can't be pickled is the documented way out, and often asks first whether there is such a
    thing, or goes through a list of names. A finding that's wrong there would take that way from people.
    """
    body: list[ast.stmt] = getattr(function, "body", [])
    if not isinstance(body, list):
        return False
    branches = [node for node in _own(body) if isinstance(node, _BRANCHES)]
    if any(_changes(node) for branch in branches for node in walk(branch)):
        return True
    returned = {ast.unparse(node.value) for node in _own(body) if isinstance(node, ast.Return) and node.value}
    return any(_picks(node) or _hands_over(node, returned) for node in _own(body))


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        yield from walk(node)


def _changes(node: ast.AST) -> bool:
    """Whether items are deleted or given."""
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING


def _picks(node: ast.AST) -> bool:
    """Whether that depends on a key, or on a choice among the items, which isn't a constant."""
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Constant)
    if isinstance(node, ast.Call):
        return _takes(node)
    if isinstance(node, ast.DictComp):
        return not _is_plain(node)
    # `dict((k, v) for …)`
    return isinstance(node, (ast.ListComp, ast.GeneratorExp)) and isinstance(node.elt, ast.Tuple)


def _hands_over(node: ast.AST, returned: set[str]) -> bool:
    """Whether what is returned goes through `strip(state)`, which may do anything to it."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    return any(ast.unparse(argument) in returned for argument in node.value.args)


def _takes(call: ast.Call) -> bool:
    function, first = call.func, call.args[:1]
    if isinstance(function, ast.Attribute):
        takes = function.attr in _TAKING and any(not isinstance(key, ast.Constant) for key in first)
        return takes or function.attr == "fromkeys"
    return isinstance(function, ast.Name) and function.id in _CHOOSING


def _is_plain(node: ast.DictComp) -> bool:
    """`{k: v for k, v in d.items()}`, which may have conditions on what is taken."""
    (generator, *more) = node.generators
    source = generator.iter
    if more or not (isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute)):
        return False
    return source.func.attr == "items" and isinstance(node.key, ast.Name) and isinstance(node.value, ast.Name)
