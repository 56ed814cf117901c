"""Where a file may make a loader with arguments that matter: told from the tree, before anything runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from picklesafe.lint.contract import HAZARDS, KEYWORDS, TRAVELLERS, UNMISTAKABLE, WORKERS
from picklesafe.lint.project import Module
from picklesafe.lint.trees import last_name, names_in, walk
from picklesafe.lint.triggers import invalid_workers, runs_at_once, unpicklable_callable

_OTHERS_TIMEOUT = frozenset(
    {"run", "get", "post", "put", "request", "urlopen", "call", "check_call", "check_output", "communicate"}
    | {"join", "wait", "wait_for", "acquire", "connect", "result", "poll", "read", "recv", "send", "Popen"}
    | {"init_process_group", "barrier", "monitored_barrier", "shutdown", "exec_command"}
)
"""Calls that take a `timeout` and make no loader."""

_RENAMED = r"\b(\w+)[ \t]+as[ \t]+(\w+)"
_ALIAS = re.compile(r"oader[ \t]+as[ \t]+(\w+)")
_LOADER_CLASS = re.compile(r"class\s+\w*oader|class\s+\w+\s*\([^)]*oader")
_ARGUMENTS = (*HAZARDS, WORKERS, *TRAVELLERS)
_POSITIONAL = 5
"""How many positional arguments a loader may have before its number of workers."""


class Root(NamedTuple):
    """Code that is run on its own: a function, a method, or a module's top level."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    cls: ast.ClassDef | None
    name: str


def roots(module: Module, watch: frozenset[str], every: bool = False) -> Iterator[Root]:
    """The functions of a file that have to be run, and its top level if it has to.

    Args:
        watch: names of functions whose calls matter as well.
        every: whether every call that looks like a loader's matters.
    """
    clues = _Clues(module, watch, every)
    lines, tree = module.source.lines, module.source.tree
    for root in _functions(tree, module, None, ""):
        node = root.node
        assert not isinstance(node, ast.Module)
        if clues.in_text("".join(lines[node.lineno - 1 : node.end_lineno])) and clues.in_tree(node):
            yield root
    if any(clues.in_tree(statement) for statement in _outside(tree)):
        yield Root(tree, None, "")


def _functions(node: ast.AST, module: Module, cls: ast.ClassDef | None, prefix: str) -> Iterator[Root]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Root(child, cls, prefix + child.name)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, module, child, f"{prefix}{child.name}.")
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

    def __init__(self, module: Module, watch: frozenset[str], every: bool) -> None:
        self.every = every
        self.text = module.source.text
        renamed = re.findall(_RENAMED, self.text) if watch else []
        self.watch = watch.union(new for name, new in renamed if name in watch)
        self.aliases = frozenset(_ALIAS.findall(self.text))
        self.has_loader_class = _LOADER_CLASS.search(self.text) is not None
        self.speaks_of_loaders = "oader" in self.text
        self.workers_may_be_invalid = invalid_workers(module.source.code)
        self.callables = TRAVELLERS if unpicklable_callable(module.source.code) else ()
        self.starts = runs_at_once(module.source.code)
        self.keys = [*HAZARDS, *([WORKERS] if self.workers_may_be_invalid else ()), *self.callables]

    def in_text(self, text: str) -> bool:
        if any(word in text for word in KEYWORDS) or any(name in text for name in self.watch):
            return True
        return ("oader" in text or any(alias in text for alias in self.aliases)) and "(" in text

    def in_tree(self, node: ast.AST) -> bool:
        displays = spread = False
        written: set[str] = set()
        taken: set[str] = set()
        for inner in walk(node):
            if isinstance(inner, ast.Call):
                if self._is_call(inner):
                    return True
                if any(getattr(arg, "value", None) in self.keys for arg in inner.args):
                    written |= names_in(getattr(inner.func, "value", inner.func))  # `kwargs.setdefault(…)`
                for keyword in inner.keywords:
                    if keyword.arg is None:
                        spread = True
                        taken |= names_in(keyword.value)
            elif isinstance(inner, ast.Dict):
                displays = displays or any(getattr(key, "value", None) in self.keys for key in inner.keys)
            elif isinstance(inner, ast.Subscript) and getattr(inner.slice, "value", None) in self.keys:
                written |= names_in(inner.value)
            elif isinstance(getattr(inner, "ctx", None), ast.Store):
                if isinstance(inner, ast.Attribute) and inner.attr in self.keys:
                    written |= names_in(inner.value)
                elif _is_named_so(inner):
                    spread = True
                    taken |= names_in(inner)
        # A dictionary is judged where a loader takes it, or where its name says that one will.
        return (displays and spread) or not written.isdisjoint(taken)

    def _is_call(self, node: ast.Call) -> bool:
        if last_name(node) in self.watch:
            return True
        if last_name(node) in _OTHERS_TIMEOUT:
            return False
        loader = self._is_loader(node)
        if loader and (self.every or len(node.args) > _POSITIONAL or last_name(node) == "create_loader"):
            return True
        return any(self._is_argument(keyword, loader) for keyword in node.keywords)

    def _is_argument(self, keyword: ast.keyword, loader: bool) -> bool:
        name = keyword.arg
        if name is None:
            return loader
        if name == "timeout":
            return loader or self.speaks_of_loaders
        if name == WORKERS:
            return self.workers_may_be_invalid or (loader and self.starts)
        return name.endswith(UNMISTAKABLE) or (loader and name in self.callables)

    def _is_loader(self, node: ast.Call) -> bool:
        """Whether a call looks like one of a loader, or of `partial(DataLoader)` and the like."""
        name = last_name(node)
        if "oader" in name or name in self.aliases:
            return True
        if name in ("__init__", "cls"):
            return self.has_loader_class
        first = last_name(node.args[0]) if node.args else ""
        return first.endswith("Loader") or first in self.aliases


def _is_named_so(node: ast.AST) -> bool:
    """Whether something that is stored has a name that speaks of loaders."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return "oader" in last_name(node)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return "oader" in str(node.slice.value)
    return False


def givers(module: Module) -> Iterator[str]:
    """The functions of a file that give anybody a dictionary with a loader's arguments.

    Only those that take nothing: what they give can't follow a number of workers, and a loader that
    takes it need hold none of the words that are looked for.
    """
    for node in module.source.tree.body:
        if isinstance(node, ast.FunctionDef) and not any(True for _ in ast.iter_child_nodes(node.args)):
            lines = module.source.lines[node.lineno - 1 : node.end_lineno]
            if any(word in line for line in lines for word in UNMISTAKABLE) and _gives(node):
                yield node.name


def _gives(node: ast.FunctionDef) -> bool:
    """Whether a function returns something, and writes such an argument into a dictionary but no number of workers."""
    keys: set[object] = set()
    returns = False
    for inner in walk(node):
        if isinstance(inner, ast.Dict):
            keys.update(getattr(key, "value", None) for key in inner.keys)
        elif isinstance(inner, ast.Call):
            keys.update(keyword.arg for keyword in inner.keywords if last_name(inner) == "dict")
        elif isinstance(inner, ast.Subscript):
            keys.add(getattr(inner.slice, "value", None))
        returns = returns or (isinstance(inner, ast.Return) and inner.value is not None)
    return returns and WORKERS not in keys and not keys.isdisjoint(UNMISTAKABLE)


def seeds(node: ast.AST) -> set[str]:
    """The names that loaders' arguments are made of."""
    found: set[str] = set()
    for inner in walk(node):
        if isinstance(inner, ast.Call):
            found |= _argument_names(inner)
        elif isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in _ARGUMENTS:
                    found |= names_in(value)
        elif isinstance(inner, ast.Subscript) and getattr(inner.slice, "value", None) in _ARGUMENTS:
            found |= names_in(inner.value)
    return found


def _argument_names(node: ast.Call) -> set[str]:
    found: set[str] = set()
    if any(isinstance(arg, ast.Constant) and arg.value in _ARGUMENTS for arg in node.args):
        found = found.union(*map(names_in, node.args))  # `kwargs.setdefault("num_workers", self.workers)`
    given = [
        keyword
        for keyword in node.keywords
        if keyword.arg is not None and keyword.arg.endswith((*KEYWORDS, *TRAVELLERS))
    ]
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
    calls: set[ast.AST] = set()
    for inner in walk(node):
        if isinstance(inner, ast.Call) and any((keyword.arg or "").endswith(KEYWORDS) for keyword in inner.keywords):
            calls.add(inner.func)  # a method of something kept in an attribute
        if not isinstance(inner, ast.Attribute):
            continue
        chain, base = [inner.attr], inner.value
        while isinstance(base, ast.Attribute):
            chain.append(base.attr)
            base = base.value
        matters = inner in calls or not relevant.isdisjoint(chain) or any("worker" in name for name in chain)
        if matters and isinstance(base, ast.Name) and base.id == "self":
            found.add(chain[-1])
    return found
