"""Reading and writing names, attributes and items."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from picklesafe.lint.interpret import classes, mapping
from picklesafe.lint.interpret.options import declared
from picklesafe.lint.interpret.run import Run
from picklesafe.lint.interpret.values import ABSENT, Expr, External, Leaf, bare, choose, located
from picklesafe.lint.project import Module, absolute


def read_name(run: Run, node: ast.Name) -> Expr:
    """A variable: of this function, of those around it, of the module, or a builtin."""
    name = node.id
    if name in run.state.names:
        return run.state.names[name]
    closure = run.frame.closure
    while closure is not None:
        if name in closure.names:
            return closure.names[name]
        closure = closure.closure
    return read_global(run, run.frame.module, name)


def read_global(run: Run, module: Module, name: str) -> Expr:
    """A name of a module's top level, evaluated when it is first needed."""
    for frame in run.frames:
        if isinstance(frame.node, ast.Module) and frame.module is module and name in frame.names:
            return frame.names[name]
    key = (module, name)
    if key not in run.globals:
        run.globals[key] = Leaf(("global", str(module.path), name), name)  # in case it refers to itself
        value = _evaluate_global(run, module, name)
        if isinstance(value, Leaf) and value.args[0] == "import":
            del run.globals[key]  # it may be needed later
            return value
        run.globals[key] = value
    return run.globals[key]


def _evaluate_global(run: Run, module: Module, name: str) -> Expr:
    statements = module.bindings.get(name, [])
    if statements and isinstance(statements[0], (ast.Assign, ast.AnnAssign)) and name in module.rebound:
        return Leaf(("global", str(module.path), name), name)
    if not statements:
        return _star_import(run, module, name)
    value: Expr | None = None
    for statement in module.decisive(name):
        found = _evaluate_binding(run, module, name, statement)
        if value is None:
            value = found
        else:
            value = choose(run.fresh(statement, "a condition"), found, value)
    assert value is not None
    return value


def _star_import(run: Run, module: Module, name: str) -> Expr:
    for statement in module.bindings.get("*", []):
        if isinstance(statement, ast.ImportFrom):
            found = imported(run, module, absolute(module, statement), name)
            if found is not None and (found.op != "external" or not hasattr(builtins, name)):
                return found
    if hasattr(builtins, name):
        return External(f"builtins.{name}")
    return Leaf(("global", str(module.path), name), name)


def _evaluate_binding(run: Run, module: Module, name: str, statement: ast.stmt) -> Expr:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return Expr("function", (statement, module, None, None))
    if isinstance(statement, ast.ClassDef):
        return Expr("class", (statement, module, None))
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        found = next((value for _, value in import_names(run, statement, module, name)), None)
        return found if found is not None else Leaf(("global", str(module.path), name), name)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        return _evaluate_in_module(run, module, name, statement)
    return Leaf(("global", str(module.path), name), name)


def _evaluate_in_module(run: Run, module: Module, name: str, statement: ast.Assign | ast.AnnAssign) -> Expr:
    """Run one assignment of another module's top level, in a state of its own."""
    from picklesafe.lint.interpret.statements import execute

    with run.aside(module, relevant=frozenset({name})):
        execute(run, [statement])
        return run.state.names.get(name, Leaf(("global", str(module.path), name), name))


def import_names(
    run: Run, node: ast.Import | ast.ImportFrom, module: Module, only: str | None = None
) -> Iterator[tuple[str, Expr]]:
    """The names that an import binds, or only the one that is asked for."""
    for alias in node.names:
        if only is not None and only not in (alias.asname, alias.name, alias.name.partition(".")[0]):
            continue
        if isinstance(node, ast.Import):
            target = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or target, imported_module(run, module, target)
        elif alias.name == "*":
            continue
        else:
            value = imported(run, module, absolute(module, node), alias.name)
            yield alias.asname or alias.name, value if value is not None else Leaf(("import", alias), alias.name)


def imported_module(run: Run, importer: Module, name: str) -> Expr:
    found = run.project.find(name, importer)
    return External(name) if found is None else Expr("module", (found,))


def imported(run: Run, importer: Module, package: str, name: str) -> Expr | None:
    """What `from package import name` gives."""
    dotted = f"{package}.{name}" if package else name
    found = run.project.find(package, importer) if package else None
    if found is None:
        inner = run.project.find(dotted, importer)
        return Expr("module", (inner,)) if inner is not None else External(dotted)
    if not run.demand and not found.speaks_of(run.words, name):
        return None  # nothing that this run needs: don't parse the file
    if name in found.bindings or "*" in found.bindings:
        value = read_global(run, found, name)
        if not (isinstance(value, Leaf) and value.args[0] == "global") or name in found.bindings:
            return value
    inner = run.project.find(dotted, importer)
    return Expr("module", (inner,)) if inner is not None else None


def read_attribute(run: Run, base: Expr, name: str, node: ast.AST) -> Expr:
    """`base.name`."""
    base = bare(base)
    if base.op == "if":
        yes = read_attribute(run, base.args[1], name, node)
        return choose(base.args[0], yes, read_attribute(run, base.args[2], name, node))
    if base.op == "external":
        return External(f"{base.args[0]}.{name}")
    if base.op == "module":
        module: Module = base.args[0]
        inner = run.project.find(f"{module.package}.{name}", module) if module.path.stem == "__init__" else None
        known = name in module.bindings
        return read_global(run, module, name) if known or inner is None else Expr("module", (inner,))
    if base.op == "ref":
        return _read_object(run, base, name, node)
    if base.op in ("class", "super"):
        found = classes.read(run, base, base, name, node)
        return found if found is not None else _symbol(run, base, name)
    return _symbol(run, base, name)


def _read_object(run: Run, base: Expr, name: str, node: ast.AST) -> Expr:
    obj = run.object(base)
    if obj.kind == "dict":
        return bare(mapping.get(run, base, name))
    entry = bare(obj.entries[name]) if name in obj.entries else ABSENT
    if entry == ABSENT or entry.op == "if":
        found = classes.read(run, obj.cls, base, name, node) if obj.cls is not None else None
        missing = found if found is not None else _symbol(run, base, name)
        return mapping.without_absent(entry, missing)
    return obj.entries[name]  # with the place that it was given at, if a call gave it


def attribute_leaf(base: Expr, name: str, default: Expr | None = None) -> Leaf:
    text = base.args[0].name if base.op == "class" else getattr(base, "text", "self" if base.op == "ref" else "…")
    return Leaf(("attribute", base, name), f"{text}.{name}", default=default)


def _symbol(run: Run, base: Expr, name: str) -> Expr:
    leaf = attribute_leaf(base, name)
    if leaf in run.state.paths:
        return run.state.paths[leaf]
    annotated = run.types.get(base)
    if annotated is not None:
        found = classes.read(run, annotated, base, name, ast.Pass())
        if found is not None:
            return found
    return declared(run, leaf, name)


def read_item(run: Run, base: Expr, key: Expr) -> Expr:
    """`base[key]`."""
    base, key = bare(base), bare(key)
    if key.op != "const":
        return Leaf(("item", base, key), "an item")
    if base.op == "seq":
        index = key.args[0]
        items = base.args[1:]
        if isinstance(index, int) and -len(items) <= index < len(items):
            return bare(items[index])
    return bare(mapping.get(run, base, key.args[0]))


def assign_name(run: Run, name: str, value: Expr) -> None:
    run.state.names[name] = value
    run.frame.names = run.state.names
    run.remember(name, value)


def assign(run: Run, target: ast.expr, value: Expr, node: ast.AST) -> None:
    """Bind `target` to `value`, as an assignment or a loop does."""
    if isinstance(target, ast.Name):
        assign_name(run, target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(run, target.elts, bare(value), node)
    elif isinstance(target, ast.Starred):
        assign(run, target.value, run.fresh(target, "the rest"), node)
    elif isinstance(target, ast.Attribute):
        _assign_attribute(run, target, value, node)
    elif isinstance(target, ast.Subscript):
        _assign_item(run, target, value, node)


def _unpack(run: Run, targets: list[ast.expr], value: Expr, node: ast.AST) -> None:
    items = value.args[1:] if value.op == "seq" else ()
    for index, target in enumerate(targets):
        known = len(items) == len(targets) and not isinstance(target, ast.Starred)
        given = items[index] if known else _element(value, index)
        assign(run, target, given, node)


def _element(value: Expr, index: int) -> Expr:
    if value.op == "if":
        return choose(value.args[0], _element(value.args[1], index), _element(value.args[2], index))
    if value.op == "seq" and index < len(value.args) - 1:
        return bare(value.args[index + 1])
    return Leaf(("item", value, index), "an item")


def _assign_attribute(run: Run, target: ast.Attribute, value: Expr, node: ast.AST) -> None:
    from picklesafe.lint.interpret.expressions import evaluate

    base = bare(evaluate(run, target.value))
    run.remember(target.attr, value)
    if base.op == "ref":
        if run.object(base).kind == "dict" and isinstance(node, ast.Assign):
            value = located(value, mapping.origin(run, node, node.value, {}))
        run.writable(base).entries[target.attr] = value
    else:
        run.state.paths[attribute_leaf(base, target.attr)] = bare(value)


def _assign_item(run: Run, target: ast.Subscript, value: Expr, node: ast.AST) -> None:
    from picklesafe.lint.interpret.expressions import evaluate

    base, key = bare(evaluate(run, target.value)), bare(evaluate(run, target.slice))
    if key.op == "const":
        run.remember(str(key.args[0]), value)
    if not mapping.is_dict(run, base):
        if key.op == "const":
            run.state.paths[Leaf(("item", base, key.args[0]), "")] = bare(value)
        return
    if key.op != "const":
        mapping.put_unknown(run, base, target)
        return
    given = node.value if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) else None
    if given is not None:
        value = located(value, mapping.origin(run, node, given, {}))
    mapping.put(run, base, mapping.entry_key(key.args[0]), value)


def delete(run: Run, target: ast.expr) -> None:
    """`del target`."""
    from picklesafe.lint.interpret.expressions import evaluate

    if isinstance(target, ast.Name):
        run.state.names.pop(target.id, None)
    elif isinstance(target, ast.Subscript):
        base, key = bare(evaluate(run, target.value)), bare(evaluate(run, target.slice))
        if mapping.is_dict(run, base) and key.op == "const":
            mapping.put(run, base, mapping.entry_key(key.args[0]), ABSENT)
    elif isinstance(target, ast.Attribute):
        base = bare(evaluate(run, target.value))
        if base.op == "ref":
            run.writable(base).entries[target.attr] = ABSENT
