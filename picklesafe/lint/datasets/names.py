"""What a name in a module means: followed through its imports, and through the project's modules."""

from __future__ import annotations

import ast
import builtins

from picklesafe.lint.datasets.screening import defines, is_suspect
from picklesafe.lint.datasets.values import NONE, UNKNOWN, Class, Const, Function, Imported, Thing, Value
from picklesafe.lint.project import Module, Project, absolute

_HOPS = 5
"""How far a name is followed that packages hand on."""
_BUILTINS = frozenset(dir(builtins))


def global_value(module: Module, name: str) -> Value:
    """What a name means at the top level of a module, as far as that is told by a definition or an import."""
    statements = module.decisive(name)
    # `try: import pyfaidx`, and None where that fails: the code that uses it counts on the import.
    for statement in [*(s for s in statements if isinstance(s, (ast.Import, ast.ImportFrom))), *statements[::-1]]:
        found = _defined(statement, name, module)
        if found is not None:
            return frozenset({found})
    if not statements and name in _BUILTINS:
        return frozenset({Imported(name, module)})
    return UNKNOWN


def _defined(statement: ast.stmt, name: str, module: Module) -> Thing | None:
    if isinstance(statement, ast.ClassDef):
        return Class(statement, module)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return Function(statement, module)
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return imports(statement, module).get(name)
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
        return Const(statement.value.value)
    return None


def imports(statement: ast.Import | ast.ImportFrom, module: Module) -> dict[str, Imported]:
    """The names that an import binds."""
    if isinstance(statement, ast.ImportFrom):
        home = absolute(module, statement)
        return {a.asname or a.name: Imported(f"{home}.{a.name}", module) for a in statement.names}
    return {
        alias.asname or alias.name.partition(".")[0]: Imported(
            alias.name if alias.asname else alias.name.partition(".")[0], module, whole=True
        )
        for alias in statement.names
    }


def resolve(thing: Thing, project: Project, *, whatever: bool = False) -> Thing:
    """What an imported name stands for in the project; the name itself, if that isn't found there.

    Args:
        whatever: whether to look into files as well in which nothing is opened.
    """
    for _ in range(_HOPS):
        if not isinstance(thing, Imported) or thing.whole:
            break
        home, _, last = thing.name.rpartition(".")
        module = project.find(home, thing.module) if home else None
        if module is None or not (whatever or _matters(module, last)):
            break
        found = global_value(module, last)
        if len(found) != 1 or found in (UNKNOWN, NONE):
            break
        (thing,) = found
    return thing


def _matters(module: Module, name: str) -> bool:
    """Whether something may be opened by what a file calls `name`: it may only hand it on, too."""
    return is_suspect(module) or not defines(module, name.encode())


def dotted(node: ast.expr, module: Module) -> str:
    """`h5py.File` of `h.File` after `import h5py as h`; "" for what isn't a plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    (thing, *_) = global_value(module, node.id)
    return ".".join([thing.name, *reversed(parts)]) if isinstance(thing, Imported) else ""
