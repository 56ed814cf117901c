"""The fix of dataset rules: the mixin among the bases, and its import where isort has it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from typing import Final

from picklesafe.lint.datasets.names import dotted
from picklesafe.lint.finding import Edit, Fix, Position
from picklesafe.lint.project import Module, Project
from picklesafe.lint.source import Source
from picklesafe.lint.trees import last_name, walk

_PACKAGE, _NAME = "picklesafe", "PickleSafeMixin"
_IMPORT: Final = f"from {_PACKAGE} import {_NAME}"
_STANDARD, _OTHERS, _OWN = 0, 1, 2
_NO_PLACE: Final = ("NamedTuple", "Enum", "TypedDict", "Protocol", "Struct", "BaseModel")
"""Classes whose children can't have a parent of another kind, or say themselves how they are pickled."""


def add_mixin(node: ast.ClassDef, module: Module, project: Project, safe: bool) -> Fix | None:
    """The edits that make a class a `PickleSafeMixin`; None where there is no place for it.

    Args:
        safe: whether it changes no run that works.
    """
    source = module.source
    if any(dotted(base, module).endswith(_NO_PLACE) for base in node.bases) or _comes_too_late(node, module):
        return None
    name, imported = _imported(source)
    base = _base(node, source, name)
    if base is None:
        return None
    edits = (base,) if imported is None else (imported(module, project), base)
    return Fix(f"Add {_NAME} to the bases of `{node.name}`", edits, safe=safe)


def _comes_too_late(node: ast.ClassDef, module: Module) -> bool:
    """Whether a child in the same file names the mixin before the class, which must not come after its own parent."""
    for other in walk(module.source.tree):
        if isinstance(other, ast.ClassDef) and other is not node:
            names = [last_name(base) for base in other.bases]
            if _NAME in names and node.name in names[names.index(_NAME) :]:
                return True
    return False


def _base(node: ast.ClassDef, source: Source, name: str) -> Edit | None:
    if node.bases or node.keywords:
        at = source.start(node.bases[0] if node.bases else node.keywords[0])
        return Edit(at, at, f"{name}, ")
    start = source.start(node)
    line = source.lines[start.row - 1]
    head = re.compile(rf"class\s+{re.escape(node.name)}\s*(?:\(\s*\))?(?=\s*:)").match(line, start.column - 1)
    if head is None:
        return None
    begin = head.start() + head[0].index(node.name) + len(node.name)
    return Edit(Position(start.row, begin + 1), Position(start.row, head.end() + 1), f"({name})")


def _imported(source: Source) -> tuple[str, Callable[[Module, Project], Edit] | None]:
    """What the mixin is called in a file, and what gives the edit that imports it; None if it is there."""
    for statement in source.tree.body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.name == _PACKAGE:
                    return f"{alias.asname or _PACKAGE}.{_NAME}", None
        elif isinstance(statement, ast.ImportFrom) and statement.module == _PACKAGE and not statement.level:
            for alias in statement.names:
                if alias.name == _NAME:
                    return alias.asname or _NAME, None
            return _NAME, _beside(statement)
    return _NAME, _import


def _beside(statement: ast.ImportFrom) -> Callable[[Module, Project], Edit]:
    """Among the names that are imported from the package already, classes first."""

    def edit(module: Module, project: Project) -> Edit:
        names = statement.names
        behind = [alias for alias in names if not alias.name[:1].isupper() or alias.name > _NAME]
        if behind:
            at = module.source.start(behind[0])  # type: ignore[arg-type]
            return Edit(at, at, f"{_NAME}, ")
        at = module.source.end(names[-1])  # type: ignore[arg-type]
        return Edit(at, at, f", {_NAME}")

    return edit


def _import(module: Module, project: Project) -> Edit:
    """A line in the section of other libraries: behind `import x`, in the order of `from x import`."""
    body = module.source.tree.body
    first = next((s for s in body if isinstance(s, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))), body[-1])
    imports = [s for s in body if isinstance(s, (ast.Import, ast.ImportFrom)) and s.lineno < first.lineno]
    sections: dict[int, list[ast.Import | ast.ImportFrom]] = {}
    for statement in imports:
        sections.setdefault(_section(statement, module, project), []).append(statement)
    others = sections.get(_OTHERS, [])
    for statement in others:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").lower() > _PACKAGE:
            return _insert(statement.lineno, f"{_IMPORT}\n")
    if others:
        return _insert((others[-1].end_lineno or others[-1].lineno) + 1, f"{_IMPORT}\n")
    if _STANDARD in sections:
        last = sections[_STANDARD][-1]
        return _insert((last.end_lineno or last.lineno) + 1, f"\n{_IMPORT}\n")
    if imports:
        return _insert(imports[0].lineno, f"{_IMPORT}\n\n")
    return _insert(
        _row(body[1] if ast.get_docstring(module.source.tree) is not None and body[1:] else body[0]), f"{_IMPORT}\n\n\n"
    )


def _row(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _section(statement: ast.Import | ast.ImportFrom, module: Module, project: Project) -> int:
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return _OWN
    name = (statement.module or "") if isinstance(statement, ast.ImportFrom) else statement.names[0].name
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__future__":
        return _STANDARD
    return _OTHERS if project.find(top, module) is None else _OWN


def _insert(row: int, text: str) -> Edit:
    return Edit(Position(row, 1), Position(row, 1), text)
