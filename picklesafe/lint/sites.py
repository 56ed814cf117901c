"""Where a file may make a loader with arguments that matter: told from the tree, before anything runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from picklesafe.lint.contract import HAZARDS, WORKERS
from picklesafe.lint.interpret.classes import last_name
from picklesafe.lint.interpret.relevance import names_in
from picklesafe.lint.interpret.run import FunctionNode
from picklesafe.lint.interpret.values import Expr
from picklesafe.lint.project import Module

KEYWORDS = (*HAZARDS[:3], WORKERS)
"""Names that only loaders' arguments have; `timeout` is anybody's."""

_OTHERS_TIMEOUT = frozenset(
    {"run", "get", "post", "put", "request", "urlopen", "call", "check_call", "check_output", "communicate"}
    | {"join", "wait", "wait_for", "acquire", "connect", "result", "poll", "read", "recv", "send", "Popen"}
    | {"init_process_group", "barrier", "monitored_barrier", "shutdown", "exec_command"}
)
"""Calls that take a `timeout` and make no loader."""

_ALIAS = re.compile(r"oader[ \t]+as[ \t]+(\w+)")
_POSITIONAL = 5
"""How many positional arguments a loader may have before its number of workers."""


class Root(NamedTuple):
    """Code that is run on its own: a function, a method, or a module's top level."""

    node: FunctionNode | ast.Module
    cls: Expr | None
    name: str


def roots(module: Module, watch: frozenset[str]) -> Iterator[Root]:
    """The functions of a file that have to be run, and its top level if it has to.

    Args:
        watch: names of functions whose calls matter as well.
    """
    clues = _Clues(module, watch)
    lines, tree = module.source.lines, module.source.tree
    for root in _functions(tree, module, None, ""):
        node = root.node
        assert not isinstance(node, ast.Module)
        if clues.in_text("".join(lines[node.lineno - 1 : node.end_lineno])) and clues.in_tree(node):
            yield root
    if any(clues.in_tree(statement) for statement in _outside(tree)):
        yield Root(tree, None, "")


def _functions(node: ast.AST, module: Module, cls: Expr | None, prefix: str) -> Iterator[Root]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Root(child, cls, prefix + child.name)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, module, Expr("class", (child, module, None)), f"{prefix}{child.name}.")
        elif isinstance(child, (ast.If, ast.Try, ast.With)):
            yield from _functions(child, module, cls, prefix)


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of the top level that are in no function and no class."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            yield from _outside(child)
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child


class _Clues:
    """What tells that a piece of code may give a loader an argument that torch refuses."""

    def __init__(self, module: Module, watch: frozenset[str]) -> None:
        self.text = module.source.text
        self.watch = watch
        self.aliases = frozenset(_ALIAS.findall(self.text))
        self.speaks_of_loaders = "oader" in self.text
        self._invalid: dict[str, bool] = {}

    def in_text(self, text: str) -> bool:
        if any(word in text for word in KEYWORDS) or any(name in text for name in self.watch):
            return True
        return ("oader" in text or any(alias in text for alias in self.aliases)) and "(" in text

    def in_tree(self, node: ast.AST) -> bool:
        return any(self._is_clue(inner) for inner in ast.walk(node))

    def _is_clue(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return self._is_call(node)
        if isinstance(node, ast.Dict):
            return any(isinstance(key, ast.Constant) and key.value in HAZARDS for key in node.keys)
        if isinstance(node, ast.Subscript):
            return isinstance(node.slice, ast.Constant) and node.slice.value in HAZARDS
        return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in HAZARDS[:3]

    def _is_call(self, node: ast.Call) -> bool:
        if last_name(node) in self.watch:
            return True
        if last_name(node) in _OTHERS_TIMEOUT:
            return False
        loader = self._is_loader(node)
        if loader and (len(node.args) > _POSITIONAL or last_name(node) == "create_loader"):
            return True
        if any(isinstance(arg, ast.Constant) and arg.value in HAZARDS for arg in node.args):
            return True
        return any(self._is_argument(keyword, loader) for keyword in node.keywords)

    def _is_argument(self, keyword: ast.keyword, loader: bool) -> bool:
        name = keyword.arg
        if name is None:
            return loader
        if name == "timeout":
            return loader or self.speaks_of_loaders
        if name == WORKERS:
            return self._may_be_invalid(keyword.value)
        return name.endswith(HAZARDS[:3])

    def _is_loader(self, node: ast.Call) -> bool:
        """Whether a call looks like one of a loader, or of `partial(DataLoader)` and the like."""
        names = {last_name(node), *(last_name(arg) for arg in node.args[:1])}
        return any("oader" in name or name in self.aliases or name in ("__init__", "cls") for name in names)

    def _may_be_invalid(self, node: ast.expr) -> bool:
        """Whether a number of workers may be one that torch never takes (PKS105)."""
        if isinstance(node, ast.Constant):
            return type(node.value) not in (int, bool)
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if not name:
            return isinstance(node, ast.UnaryOp)
        if name not in self._invalid:
            given = rf"\b{re.escape(name)}\b[ \t]*(?::[^=\n]*)?=[ \t]*(?:-[ \t]*\d|None\b|['\"]|\d*\.\d)"
            self._invalid[name] = re.search(given, self.text) is not None
        return self._invalid[name]


def seeds(node: ast.AST) -> set[str]:
    """The names that loaders' arguments are made of."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            found |= _argument_names(inner)
        elif isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in (*HAZARDS, WORKERS):
                    found |= names_in(value)
        elif isinstance(inner, ast.Subscript) and getattr(inner.slice, "value", None) in (*HAZARDS, WORKERS):
            found |= names_in(inner.value)
    return found


def _argument_names(node: ast.Call) -> set[str]:
    found: set[str] = set()
    if any(isinstance(arg, ast.Constant) and arg.value in (*HAZARDS, WORKERS) for arg in node.args):
        found = found.union(*map(names_in, node.args))  # `kwargs.setdefault("num_workers", self.workers)`
    given = [keyword for keyword in node.keywords if keyword.arg is not None and keyword.arg.endswith(KEYWORDS)]
    if given or "oader" in last_name(node):
        others = [k for k in node.keywords if k.arg is None or k.arg == "timeout"]
        for value in [*(keyword.value for keyword in (*given, *others)), *node.args[_POSITIONAL:]]:
            found |= names_in(value)
        if isinstance(node.func, ast.Name):
            found.add(node.func.id)
    return found


def read_from_self(node: ast.AST, relevant: frozenset[str]) -> set[str]:
    """The attributes of `self` through which relevant names are read: `args` of `self.args.workers`."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if not isinstance(inner, ast.Attribute):
            continue
        chain, base = [inner.attr], inner.value
        while isinstance(base, ast.Attribute):
            chain.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name) and base.id == "self":
            if not relevant.isdisjoint(chain) or any("worker" in name for name in chain):
                found.add(chain[-1])
    return found
