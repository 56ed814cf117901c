"""Classes of the project: their parents, their methods, and which of them are datasets."""

from __future__ import annotations

import ast
from typing import NamedTuple

from picklesafe.lint.datasets.names import dotted, global_value, resolve
from picklesafe.lint.datasets.screening import is_suspect
from picklesafe.lint.datasets.values import Class, Function, Imported, Thing
from picklesafe.lint.project import Module, Project
from picklesafe.lint.trees import last_name

_MIXIN = "PickleSafeMixin"
_DEPTH = 8
_STAGE = "PipelineStage"  # of a webdataset pipeline
_BASES = ("Dataset", "DataPipe", _STAGE)
_ELSEWHERE = frozenset({"tensorflow", "tf", "tensorflow_datasets", "keras", "mxnet", "paddle", "chainer", "pyarrow"})
"""Libraries with datasets of their own, that no torch loader hands to workers."""
PROPERTIES = frozenset({"property", "cached_property", "lazy_property"})

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Lineage(NamedTuple):
    """A class and its parents.

    Args:
        classes: those of the project, nearest first.
        external: the full names of the others.
    """

    classes: tuple[Class, ...]
    external: frozenset[str]

    @property
    def may_open(self) -> bool:
        """Whether there is anything to be found in their files."""
        return any(is_suspect(cls.module) for cls in self.classes)

    @property
    def is_safe(self) -> bool:
        """Whether the mixin is among them."""
        return any(name.rpartition(".")[2] == _MIXIN for name in self.external)

    @property
    def is_dataset(self) -> bool:
        """Whether a loader may hand it to workers."""
        if any(name.partition(".")[0] in _ELSEWHERE for name in self.external):
            return False
        if any(name.endswith(_BASES) for name in self.external):
            return True
        if any(cls.node.name == _STAGE for cls in self.classes[1:]):
            return True
        # By its shape: torch asks for no base class.
        return self.classes[0].node.name.endswith("Dataset") and all(map(self.find, ("__getitem__", "__len__")))

    def find(self, name: str, after: Class | None = None) -> Function | None:
        """The method of that name.

        Args:
            after: look only at the classes behind this one, as `super()` does.
        """
        classes = self.classes
        if after is not None and after in classes:
            classes = classes[classes.index(after) + 1 :]
        for cls in classes:
            for statement in cls.node.body:
                if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == name:
                    return Function(statement, cls.module, home=cls)
        return None


def lineage(cls: Class, project: Project) -> Lineage:
    """The class and all its parents that can be found."""
    classes: dict[Class, None] = {}
    external: set[str] = set()
    _collect(cls, project, classes, external, _DEPTH)
    return Lineage(tuple(classes), frozenset(external))


def _collect(cls: Class, project: Project, classes: dict[Class, None], external: set[str], depth: int) -> None:
    classes[cls] = None
    for base in cls.node.bases:
        node = base.value if isinstance(base, ast.Subscript) else base
        name = dotted(node, cls.module)
        if name.rpartition(".")[2] == _MIXIN:
            external.add(name)
            continue
        found = _base(node, cls.module, project)
        if isinstance(found, Class):
            if depth and found not in classes:
                _collect(found, project, classes, external, depth - 1)
        elif name:
            external.add(name)


def _base(node: ast.expr, module: Module, project: Project) -> Thing | None:
    if isinstance(node, ast.Name):
        (thing, *_) = global_value(module, node.id)
        return resolve(thing, project, whatever=True)
    name = dotted(node, module)
    return resolve(Imported(name, module), project, whatever=True) if name else None


def decorators(node: FunctionNode | ast.ClassDef) -> set[str]:
    """The last names of what decorates a function or a class."""
    return {last_name(decorator) for decorator in node.decorator_list}


def methods(found: Lineage) -> dict[str, Function]:
    """All methods of a class, its own before those of its parents."""
    known: dict[str, Function] = {}
    for cls in found.classes:
        for statement in cls.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name not in known:
                known[statement.name] = Function(statement, cls.module, home=cls)
    return known
