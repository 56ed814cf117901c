"""Dictionaries, and what is given as `**mapping`: entries with the places they were written at."""

from __future__ import annotations

import ast

from picklesafe.lint.interpret.run import Run
from picklesafe.lint.interpret.state import Object, item_of
from picklesafe.lint.interpret.values import (
    ABSENT,
    FALSE,
    NONE,
    TRUE,
    Expr,
    Origin,
    bare,
    choose,
    located,
    operation,
)


def is_dict(run: Run, expr: Expr) -> bool:
    expr = bare(expr)
    return expr.op == "ref" and run.object(expr).kind == "dict"


def keys(run: Run, expr: Expr) -> list[str]:
    """The keys that a mapping has for certain or maybe."""
    expr = bare(expr)
    if expr.op == "if":
        return list(dict.fromkeys([*keys(run, expr.args[1]), *keys(run, expr.args[2])]))
    if is_dict(run, expr):
        return list(run.object(expr).entries)
    return []


def rest(run: Run, expr: Expr) -> Expr | None:
    """Where a mapping's other entries come from, or None if it has no others."""
    expr = bare(expr)
    if expr.op == "if":
        yes = rest(run, expr.args[1])
        return yes if yes is not None else rest(run, expr.args[2])
    if is_dict(run, expr):
        return run.object(expr).rest
    return None if expr == NONE else expr


def get(run: Run, expr: Expr, key: object, default: Expr | None = None) -> Expr:
    """`mapping[key]`, at the place it was written; ABSENT (or `default`) if it isn't there."""
    expr = bare(expr)
    if expr.op == "if":
        yes = get(run, expr.args[1], key, default)
        return choose(expr.args[0], yes, get(run, expr.args[2], key, default))
    missing = ABSENT if default is None else default
    if is_dict(run, expr):
        obj = run.object(expr)
        entry = obj.entries.get(entry_key(key))
        if entry is not None:
            return without_absent(entry, missing) if default is not None else entry
        return missing if obj.rest is None else _symbol(run, obj.rest, key, default)
    if expr == NONE:
        return missing
    return _symbol(run, expr, key, default)


def _symbol(run: Run, base: Expr, key: object, default: Expr | None) -> Expr:
    from picklesafe.lint.interpret.options import declared

    leaf = item_of(base, key, default)
    if leaf in run.state.paths:
        return run.state.paths[leaf]
    return declared(run, leaf, str(key))


def without_absent(value: Expr, missing: Expr) -> Expr:
    if value == ABSENT:
        return missing
    if value.op == "if":
        return choose(value.args[0], without_absent(value.args[1], missing), without_absent(value.args[2], missing))
    if value.op == "at" and bare(value) == ABSENT:
        return missing
    return value


def entry_key(key: object) -> str:
    """The name of an entry: text for itself, anything else so that it can't be mistaken for text."""
    if isinstance(key, bool) or (isinstance(key, float) and key.is_integer()):
        key = int(key)  # False, 0 and 0.0 are one key
    return key if isinstance(key, str) else f"\0{key!r}"


def make(run: Run, node: ast.Call | ast.Dict, entries: dict[str, Expr], others: Expr | None = None) -> Expr:
    """A new dictionary, remembered as a place where loader arguments may be given."""
    ref = run.allocate(Object("dict", entries, others))
    run.dictionaries[ref.args[0]] = (node, run.frame)
    return ref


def put(run: Run, ref: Expr, key: str, value: Expr) -> None:
    run.writable(ref).entries[key] = value


def put_unknown(run: Run, ref: Expr, node: ast.AST) -> None:
    """An entry is written whose key nobody knows."""
    obj = run.writable(ref)
    obj.entries.clear()
    obj.rest = run.fresh(node, "an item")


def update(run: Run, ref: Expr, other: Expr) -> None:
    """`ref.update(other)`."""
    obj = run.writable(ref)
    others = rest(run, other)
    for key in keys(run, other):
        value = get(run, other, key)
        obj.entries[key] = without_absent(value, obj.entries.get(key, ABSENT))
    if others is not None:
        for key in list(obj.entries):
            if key not in keys(run, other):
                obj.entries[key] = _symbol(run, others, key, obj.entries[key])
        obj.rest = others if obj.rest is None or bare(other) == obj.rest else run.fresh(_NOWHERE, "an item")


_NOWHERE = ast.Pass()


def origin(run: Run, node: ast.AST, value: ast.expr, siblings: dict[str, ast.expr]) -> Origin:
    frame = run.frame
    return Origin(frame.module, node, value, frame.home, siblings, frame.function)


def display(run: Run, node: ast.Dict) -> Expr:
    """`{…}` with its `**others`."""
    from picklesafe.lint.interpret.expressions import evaluate

    ref = make(run, node, {})
    siblings = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
    named = {str(name): value for name, value in siblings.items()}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            update(run, ref, evaluate(run, value))
            continue
        name = bare(evaluate(run, key))
        given = evaluate(run, value)
        if name.op == "const":
            put(run, ref, entry_key(name.args[0]), located(given, origin(run, key, value, named)))
        else:
            put_unknown(run, ref, node)
    return ref


def contains(run: Run, mapping: Expr, key: Expr) -> Expr:
    """`key in mapping`."""
    mapping, key = bare(mapping), bare(key)
    if is_dict(run, mapping) and key.op == "const":
        obj = run.object(mapping)
        entry = obj.entries.get(entry_key(key.args[0]), ABSENT if obj.rest is None else None)
        if entry is not None:
            return _present(entry)
    return operation("in", key, mapping)


def _present(entry: Expr) -> Expr:
    entry = bare(entry)
    if entry.op == "if":
        return choose(entry.args[0], _present(entry.args[1]), _present(entry.args[2]))
    return FALSE if entry == ABSENT else TRUE


def items(run: Run, mapping: Expr) -> list[tuple[str, Expr]] | None:
    """The entries of a mapping that has no unknown ones."""
    if not is_dict(run, mapping) or run.object(bare(mapping)).rest is not None:
        return None
    return list(run.object(bare(mapping)).entries.items())
