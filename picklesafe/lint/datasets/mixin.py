"""The fix of dataset rules: the mixin among the bases, and its import."""

from __future__ import annotations

import ast
import sys

from picklesafe.lint.finding import Edit, Fix, Position
from picklesafe.lint.source import Source

_IMPORT = "from picklesafe import PickleSafeMixin"


def add_mixin(node: ast.ClassDef, source: Source, safe: bool) -> Fix | None:
    """The edits that make a class a `PickleSafeMixin`; None where it has no bases to stand before."""
    if not node.bases:
        return None
    first = source.start(node.bases[0])
    edits = [Edit(first, first, "PickleSafeMixin, ")]
    if not any(isinstance(s, ast.ImportFrom) and ast.unparse(s).startswith(_IMPORT) for s in source.tree.body):
        edits.insert(0, _import(source))
    return Fix(f"Add PickleSafeMixin to the bases of `{node.name}`", tuple(edits), safe=safe)


def _import(source: Source) -> Edit:
    """Where isort would have it: in the section of other libraries, in the order of names."""
    imports = [s for s in source.tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    others = [s for s in imports if _section(s) == 1]
    for statement in others:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").lower() > "picklesafe":
            return _insert(statement.lineno, f"{_IMPORT}\n")
    if others:
        return _insert((others[-1].end_lineno or 0) + 1, f"{_IMPORT}\n")
    before = [s for s in imports if _section(s) == 0]
    if before:
        return _insert((before[-1].end_lineno or 0) + 1, f"\n{_IMPORT}\n")
    row = imports[0].lineno if imports else source.tree.body[0].lineno
    return _insert(row, f"{_IMPORT}\n\n")


def _section(statement: ast.Import | ast.ImportFrom) -> int:
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return 2
    name = (statement.module or "") if isinstance(statement, ast.ImportFrom) else statement.names[0].name
    return 0 if name.partition(".")[0] in {*sys.stdlib_module_names, "__future__"} else 1


def _insert(row: int, text: str) -> Edit:
    return Edit(Position(row, 1), Position(row, 1), text)
