"""Where a file starts workers as soon as it runs, main guard or not: told from its tree, for one loader."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from picklesafe.lint.interpret.workers import starts
from picklesafe.lint.trees import last_name, walk

if TYPE_CHECKING:
    from picklesafe.lint.call import LoaderCall

_PASSING: Final = frozenset({"enumerate", "zip", "islice", "tqdm", "track", "list", "tuple"})
_STARTING: Final = frozenset({"iter", "list", "tuple"})
_TRAINING: Final = frozenset({"fit", "validate", "test", "predict"})
"""Methods of Lightning's Trainer, and of the like, that iterate over the loaders they are given."""

_MAIN: Final = frozenset({"__name__", "current_process", "parent_process"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_EXEMPT_FILE = r"test_.*\.py$|.*_test\.py$|conftest\.py$|.*\.ipynb$"
_CELLS = rb"(?m)^#[ \t]*(?:%%|In[ \t]?\[)|get_ipython\("
_DEPTH: Final = 3


def unguarded_start(call: LoaderCall) -> ast.AST | None:
    """The code outside of functions and main guard that starts a loader's workers by pickle; None if there is none.

    Tests and notebooks are exempt: the program that runs those has a guard of its own, or no file.
    """
    source, event = call.module.source, call.event
    if not event.home or event.module is not call.module or event.standalone:
        return None
    if re.match(_EXEMPT_FILE, os.path.basename(source.path)) or re.search(_CELLS, source.code):
        return None
    found = _Starts(source.tree).find(event.node, event.function)
    # Asked last: to suppose workers takes longer than to look at a tree.
    return found if found is not None and starts(event, pickled=True) else None


class _Starts:
    def __init__(self, tree: ast.Module) -> None:
        self.top = list(_unguarded(tree))
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def find(self, loader: ast.AST, function: ast.AST | None) -> ast.AST | None:
        """What at the top level starts a loader that is made there, or in a function of the file."""
        if function is None:
            if not any(node is loader for node in self.top):
                return None
            return self._consumer(self.top, loader)
        name = next((name for name, node in self.functions.items() if node is function), None)
        if name is None or self._consumer(list(_inside(function)), loader) is None:
            return None
        return self._call_of(name)

    def _call_of(self, name: str) -> ast.AST | None:
        """The call at the top level that comes to a function of the file."""
        reached = {name}
        for _ in range(_DEPTH):
            for node in self.top:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in reached:
                    return node
            reached |= {other for other, body in self.functions.items() if any(map(_calls(reached), _inside(body)))}
        return None

    def _consumer(self, nodes: list[ast.AST], loader: ast.AST) -> ast.AST | None:
        names, containers = _bound(nodes, loader)

        def is_loader(node: ast.AST) -> bool:
            if isinstance(node, ast.Subscript):
                return isinstance(node.value, ast.Name) and node.value.id in containers
            return node is loader or (isinstance(node, ast.Name) and node.id in names)

        for node in nodes:
            if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)) and _passes(node.iter, is_loader):
                return node.iter
            if isinstance(node, ast.Call) and self._is_start(node, is_loader):
                return node
        return None

    def _is_start(self, node: ast.Call, is_loader: _Test) -> bool:
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if not any(map(is_loader, given)):
            return False
        if isinstance(node.func, ast.Name) and node.func.id in _STARTING:
            return True
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in _TRAINING and "trainer" in last_name(node.func.value).lower()
        function = self.functions.get(last_name(node))
        return function is not None and any(_iterates(function, name) for name in _receiving(function, node, is_loader))


if TYPE_CHECKING:
    from collections.abc import Callable

    _Test = Callable[[ast.AST], bool]


def _unguarded(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of the top level that run whenever the file does."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTIONS):
            continue
        if isinstance(child, ast.If) and not _MAIN.isdisjoint(_words(child.test)):
            continue
        yield child
        yield from _unguarded(child)


def _inside(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, but for those of functions in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, _FUNCTIONS):
            yield child
            yield from _inside(child)


def _words(test: ast.AST) -> set[str]:
    return {getattr(node, "id", "") or getattr(node, "attr", "") for node in walk(test)}


def _calls(names: set[str]) -> _Test:
    return lambda node: isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _bound(nodes: list[ast.AST], loader: ast.AST) -> tuple[set[str], set[str]]:
    """The variables that hold a loader, and those that hold a list or a dictionary of such."""
    names: set[str] = set()
    containers: set[str] = set()
    for node in nodes:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        plain = {target.id for target in targets if isinstance(target, ast.Name)}
        if node.value is loader:
            names |= plain
        elif isinstance(node.value, (ast.Dict, ast.DictComp, ast.List, ast.ListComp)) and loader in walk(node.value):
            containers |= plain
    return names, containers


def _passes(node: ast.AST, is_loader: _Test) -> bool:
    """Whether iterating over `node` iterates over the loader: `loader`, `enumerate(tqdm(loader))`."""
    if is_loader(node):
        return True
    return isinstance(node, ast.Call) and last_name(node) in _PASSING and any(_passes(a, is_loader) for a in node.args)


def _receiving(function: ast.FunctionDef, node: ast.Call, is_loader: _Test) -> Iterator[str]:
    """The parameters of a function that a call gives the loader to."""
    for parameter, value in zip(function.args.args, node.args, strict=False):
        if is_loader(value):
            yield parameter.arg
    yield from (keyword.arg for keyword in node.keywords if keyword.arg is not None and is_loader(keyword.value))


def _iterates(function: ast.FunctionDef, name: str) -> bool:
    def is_it(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == name

    return any(
        (isinstance(node, (ast.For, ast.comprehension)) and _passes(node.iter, is_it))
        or (isinstance(node, ast.Call) and last_name(node) in _STARTING and any(map(is_it, node.args)))
        for node in _inside(function)
    )
