"""Where a file may make a loader with arguments that matter: told from the tree, before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from picklesafe.lint.contract import BEFORE_WORKERS, HAZARDS, KEYWORDS, TRAVELLERS, UNMISTAKABLE, WORKERS
from picklesafe.lint.project import Module
from picklesafe.lint.trees import last_name, names_in, walk

_ARGUMENTS = (*HAZARDS, WORKERS, *TRAVELLERS)


class Root(NamedTuple):
    """Code that is run on its own: a function, a method, or a module's top level."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    cls: ast.ClassDef | None
    name: str


def roots(
    module: Module, watch: frozenset[str], every: bool = False, fresh: frozenset[str] = frozenset()
) -> Iterator[Root]:
    """The functions of a file that have to be run, and its top level if it has to.

    Args:
        watch: names of functions whose calls matter as well.
        every: whether every call that looks like a loader's matters.
        fresh: those of `watch` that weren't watched before, if some were: functions that speak of none of
            these are left out.
    """
    clues = module.clues._replace(every=every, watch=_with_names_here(module, watch))
    words = _with_names_here(module, fresh)
    source, tree = module.source, module.source.tree
    for root in _functions(tree.body, None, ""):
        node = root.node
        assert not isinstance(node, ast.Module)
        text = source.rows(node.lineno, node.end_lineno or node.lineno)
        if words and not any(word in text for word in words):
            continue
        if clues.may_concern(text) and clues.concern(node, source):
            yield root
    if any(clues.concern(statement, source) for statement in _outside(tree)):
        yield Root(tree, None, "")


def _with_names_here(module: Module, watch: frozenset[str]) -> frozenset[str]:
    return watch.union(new for name, new in module.renamed if name in watch) if watch else watch


def _functions(body: Sequence[ast.stmt], cls: ast.ClassDef | None, prefix: str) -> Iterator[Root]:
    for child in body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Root(child, cls, prefix + child.name)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child.body, child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.With):
            yield from _functions(child.body, cls, prefix)
        elif isinstance(child, ast.If):
            yield from _functions([*child.body, *child.orelse], cls, prefix)
        elif isinstance(child, ast.Try):
            yield from _functions([*child.body, *child.orelse, *child.finalbody], cls, prefix)


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of the top level that are in no function and no class."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            yield from _outside(child)
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child


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
        for value in [*(keyword.value for keyword in (*given, *others)), *node.args[BEFORE_WORKERS:]]:
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
