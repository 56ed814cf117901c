"""Dataset classes, and what their instances hold when they are handed to a loader."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from picklesafe.lint.datasets.names import find_class, full_name
from picklesafe.lint.datasets.openers import Opener, opened
from picklesafe.lint.finding import Finding, Fix, Related
from picklesafe.lint.project import Module, Project
from picklesafe.lint.trees import walk

_LIBRARIES = ("torch.", "torch_geometric.", "torchvision.", "torchaudio.", "lightning.", "pytorch_lightning.", "monai.")
_DROPPING = ("__getstate__", "__reduce__", "__reduce_ex__")
_MIXIN = "PickleSafeMixin"
_DEPTH = 4
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Kept(NamedTuple):
    """A handle that an instance holds.

    Args:
        statement: that stores it.
        attribute: such as `self.file`.
        opener: what it is.
        module: the file of the statement.
        lazy: whether it is opened after construction.
    """

    statement: ast.stmt
    attribute: str
    opener: Opener
    module: Module
    lazy: bool = False


class Dataset:
    """A dataset class of the project.

    Args:
        node: the class.
        module: its file.
        project: that it belongs to.
    """

    def __init__(self, node: ast.ClassDef, module: Module, project: Project) -> None:
        self.node = node
        self.module = module
        self._project = project
        self.kept = [] if _drops(node, module, project) else list(_held(node, module, project, _DEPTH))

    def finding(self, kept: Kept, message: str) -> Finding:
        """What a rule reports: at the statement, with the dataset as the related place."""
        source = kept.module.source
        related: tuple[Related, ...] = ()
        if kept.module is not self.module or not _within(kept.statement, self.node):
            own = self.module.source
            start = own.start(self.node)
            end = start._replace(column=start.column + len("class ") + len(self.node.name))
            related = (Related(own.path, start, end, f"{self.node.name} keeps it"),)
        rows = (kept.statement.lineno, kept.statement.end_lineno or kept.statement.lineno)
        return Finding(
            "", "", source.path, source.start(kept.statement), source.end(kept.statement), message,
            fix=self._fix(kept), related=related, ignore_rows=rows,
        )  # fmt: skip

    def _fix(self, kept: Kept) -> Fix | None:
        from picklesafe.lint.datasets.mixin import add_mixin

        return add_mixin(self.node, self.module.source, kept.opener.reopens) if kept.module is self.module else None


def datasets(module: Module, project: Project) -> Iterator[Dataset]:
    """The dataset classes of a file."""
    for statements in module.bindings.values():
        for node in statements:
            if isinstance(node, ast.ClassDef) and _is_dataset(node, module, project, _DEPTH):
                yield Dataset(node, module, project)


def _is_dataset(node: ast.ClassDef, module: Module, project: Project, depth: int) -> bool:
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        name = full_name(base, module)
        if name.startswith(_LIBRARIES) and name.endswith("Dataset"):
            return True
        parent = find_class(base, module, project) if depth else None
        if parent is not None and parent[0] is not node and _is_dataset(*parent, project, depth - 1):
            return True
    return False


def _parents(node: ast.ClassDef, module: Module, project: Project) -> Iterator[tuple[ast.ClassDef, Module]]:
    for base in node.bases:
        found = find_class(base.value if isinstance(base, ast.Subscript) else base, module, project)
        if found is not None and found[0] is not node:
            yield found


def _drops(node: ast.ClassDef, module: Module, project: Project, depth: int = _DEPTH) -> bool:
    """Whether the class, or a parent of the project, says how its instances are pickled."""
    if any(name in _methods(node) for name in _DROPPING):
        return True
    if any(full_name(base, module).rpartition(".")[2] == _MIXIN for base in node.bases):
        return True
    return depth > 0 and any(_drops(*parent, project, depth - 1) for parent in _parents(node, module, project))


def _methods(node: ast.ClassDef) -> dict[str, Function]:
    return {s.name: s for s in node.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _all_methods(
    node: ast.ClassDef, module: Module, project: Project, depth: int
) -> dict[str, tuple[Function, Module]]:
    found: dict[str, tuple[Function, Module]] = {}
    for parent in reversed(list(_parents(node, module, project)) if depth else []):
        found.update(_all_methods(*parent, project, depth - 1))
    # A parent's __init__ runs as well where it is called through super().
    own = _methods(node)
    if "__init__" in own and "__init__" in found and "super().__init__" in ast.unparse(own["__init__"]):
        found["super().__init__"] = found["__init__"]
    found.update({name: (method, module) for name, method in own.items()})
    return found


def _held(node: ast.ClassDef, module: Module, project: Project, depth: int) -> Iterator[Kept]:
    methods = _all_methods(node, module, project, depth)
    reached, todo = [], ["__init__", "super().__init__"]
    while todo:
        name = todo.pop()
        if name in methods and name not in reached:
            reached.append(name)
            todo += [m for m in methods if f"self.{m}" in _called(methods[name][0])]
    attributes: dict[str, Kept | None] = {}
    for name in reversed(reached):  # __init__ was reached first, and ends last
        for kept in _stored(*methods[name], project, depth):
            attributes[kept[0]] = kept[1]
    yield from (kept for kept in attributes.values() if kept is not None)


def _called(method: Function) -> set[str]:
    return {ast.unparse(inner.func) for inner in walk(method) if isinstance(inner, ast.Call)}


def _stored(method: Function, module: Module, project: Project, depth: int) -> Iterator[tuple[str, Kept | None]]:
    """The attributes that a method leaves, in the order in which it sets them; None for what is no handle."""
    local: dict[str, Opener] = {}
    statements = sorted(
        (n for n in walk(method) if isinstance(n, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Delete))),
        key=lambda n: n.lineno,
    )
    for statement in statements:
        if isinstance(statement, ast.Expr):
            if isinstance(statement.value, ast.Call) and isinstance(statement.value.func, ast.Attribute):
                function = statement.value.func
                if function.attr == "close":
                    local.pop(ast.unparse(function.value), None)
            continue
        if isinstance(statement, ast.Delete):
            yield from ((ast.unparse(target), None) for target in statement.targets)
            continue
        if statement.value is None:
            continue
        opener = _value(statement.value, module, local)
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            text = ast.unparse(target)
            if isinstance(target, ast.Name):
                local.pop(text, None)
                if opener is not None:
                    local[text] = opener
            elif isinstance(target, ast.Attribute) and text.count(".") == 1 and text.startswith("self."):
                if opener is not None:
                    yield text, Kept(statement, text, opener, module)
                else:
                    yield text, _helper(statement.value, module, project, depth)


def _helper(value: ast.expr, module: Module, project: Project, depth: int) -> Kept | None:
    """What an object holds that is made of a class of the project."""
    if not depth or not isinstance(value, ast.Call):
        return None
    found = find_class(value.func, module, project)
    if found is None or _drops(*found, project):
        return None
    return next(_held(*found, project, depth - 1), None)


def _value(value: ast.expr, module: Module, local: dict[str, Opener]) -> Opener | None:
    """The handle that an expression is, or holds."""
    if isinstance(value, ast.Name):
        return local.get(value.id)
    if isinstance(value, ast.IfExp):
        return _value(value.body, module, local) or _value(value.orelse, module, local)
    if isinstance(value, (ast.List, ast.Tuple)):
        return next((found for item in value.elts if (found := _value(item, module, local))), None)
    if isinstance(value, ast.ListComp):
        return _value(value.elt, module, local)
    if isinstance(value, (ast.Dict, ast.DictComp)):
        values = value.values if isinstance(value, ast.Dict) else [value.value]
        return next((found for item in values if (found := _value(item, module, local))), None)
    return opened(full_name(value.func, module), value) if isinstance(value, ast.Call) else None


def _within(statement: ast.stmt, node: ast.ClassDef) -> bool:
    return node.lineno <= statement.lineno <= (node.end_lineno or node.lineno)
