"""What a name in a module means: followed through its imports, and through the project's modules."""

from __future__ import annotations

import ast

from picklesafe.lint.project import Module, Project, absolute

_HOPS = 5
"""How far a name is followed that packages hand on."""


def full_name(node: ast.expr, module: Module) -> str:
    """`h5py.File` of `h.File` after `import h5py as h`; "" for what isn't a plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    first = node.id
    for statement in module.decisive(first)[-1:]:
        imported = _imported(statement, first, module)
        if imported is None:
            return ""  # a name of the module's own
        first = imported
    return ".".join([first, *reversed(parts)])


def _imported(statement: ast.stmt, name: str, module: Module) -> str | None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                return alias.name if alias.asname else name
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            if (alias.asname or alias.name) == name:
                return f"{absolute(module, statement)}.{alias.name}"
    return None


def find_class(node: ast.expr, module: Module, project: Project) -> tuple[ast.ClassDef, Module] | None:
    """The class of the project that a name stands for."""
    for _ in range(_HOPS):
        if isinstance(node, ast.Name):
            for statement in module.decisive(node.id)[-1:]:
                if isinstance(statement, ast.ClassDef):
                    return statement, module
        name = full_name(node, module)
        home, _, last = name.rpartition(".")
        found = project.find(home, module) if home else None
        if found is None:
            return None
        module, node = found, ast.Name(last, ast.Load())
    return None
