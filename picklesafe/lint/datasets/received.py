"""What a dataset is given by the code of its own file: handles that were opened for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from picklesafe.lint.datasets.calls import call_function
from picklesafe.lint.datasets.carried import carried
from picklesafe.lint.datasets.kept import Kept, kept
from picklesafe.lint.datasets.run import Run, TooMuch
from picklesafe.lint.datasets.screening import speaks_of_opening
from picklesafe.lint.datasets.values import Class, Function, Obj
from picklesafe.lint.project import Project


def received(cls: Class, project: Project) -> list[Kept]:
    """What instances keep that the functions, the methods and the top level of the file make of a class."""
    found: dict[int, Kept] = {}
    for function in _makers(cls):
        run = Run(project)
        try:
            with run.framed(cls.module, None, None):
                call_function(run, function, [], {}, function.node, root=True)
            for obj in run.made:
                for one in kept(run, carried(run, obj)) if obj.cls == cls else ():
                    found.setdefault(id(one.stored.statement), one._replace(certain=False))
        except (TooMuch, RecursionError):
            continue
    return list(found.values())


def _makers(cls: Class) -> Iterator[Function]:
    """The functions outside of the class that speak of it, and open something."""
    source = cls.module.source
    called = re.compile(rf"\b{re.escape(cls.node.name)}\(")
    if len(called.findall(source.text)) < 1 + len(re.findall(rf"class {re.escape(cls.node.name)}\(", source.text)):
        return
    for node, home in _functions(source.tree, None):
        text = "".join(source.lines[node.lineno - 1 : node.end_lineno])
        inside = home is not None and home == cls.node
        if not inside and called.search(text) and speaks_of_opening(text.encode()):
            owner = Class(home, cls.module) if home is not None else None
            receiver = Obj(("self",), owner) if owner is not None else None
            yield Function(node, cls.module, receiver, owner)


def _functions(
    node: ast.AST, home: ast.ClassDef | None
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child, home
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, child)
        elif isinstance(child, (ast.If, ast.Try)):
            yield from _functions(child, home)
