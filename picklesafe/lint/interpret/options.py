"""Options of command lines: what `args.workers` is when nobody says, and the least it may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from picklesafe.lint.interpret.run import Run
from picklesafe.lint.interpret.values import FALSE, INFINITY, NONE, TRUE, Expr, Leaf, const
from picklesafe.lint.project import Module
from picklesafe.lint.trees import last_name, remembered


class Option(NamedTuple):
    """A declared option: its default (None if there is none) and its bounds."""

    default: Expr | None
    low: float = -INFINITY
    high: float = INFINITY


def declared(run: Run, leaf: Leaf, name: str) -> Leaf:
    """`leaf`, with what this file's command line says of an option called `name`."""
    option = options(run.frame.module).get(name)
    if option is None:
        return leaf
    default = leaf.default if leaf.default is not None else option.default
    return Leaf(leaf.args, leaf.text, max(leaf.low, option.low), min(leaf.high, option.high), default)


@remembered
def options(module: Module) -> dict[str, Option]:
    """The options that a file declares with argparse or click, by destination."""
    data = module.source.code
    if b"add_argument(" not in data and b"option(" not in data:
        return {}
    found: dict[str, Option] = {}
    for node in _calls(module.source.tree.body):
        if not isinstance(node.func, (ast.Attribute, ast.Name)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if name in ("add_argument", "option"):
            _declare(found, node, click=name == "option")
    return found


def _calls(body: Sequence[ast.stmt]) -> Iterator[ast.Call]:
    """Calls that are a statement or a decorator: options are declared nowhere else."""
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            yield statement.value
        for decorator in getattr(statement, "decorator_list", ()):
            if isinstance(decorator, ast.Call):
                yield decorator
        for part in ("body", "orelse", "finalbody"):
            yield from _calls(getattr(statement, part, ()))


def _declare(found: dict[str, Option], node: ast.Call, click: bool) -> None:
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    name = _destination(node, keywords, click)
    if name is None:
        return
    option = _option(keywords, click)
    # Two parsers of one file may share a name: then nothing is known of its default.
    found[name] = option if name not in found or found[name] == option else Option(None)


def _destination(node: ast.Call, keywords: dict[str | None, ast.expr], click: bool) -> str | None:
    explicit = keywords.get("dest")
    if isinstance(explicit, ast.Constant) and isinstance(explicit.value, str):
        return explicit.value
    flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if click:
        plain = [flag for flag in flags if flag.isidentifier()]
        if plain:
            return plain[0]
        flags = [part.strip() for flag in flags for part in flag.split("/")[:1]]
    long = [flag for flag in flags if flag.startswith("--")] or flags
    return long[0].lstrip("-").replace("-", "_") if long else None


def _option(keywords: dict[str | None, ast.expr], click: bool) -> Option:
    action = keywords.get("action")
    if isinstance(action, ast.Constant) and action.value in ("store_true", "store_false"):
        implied: Expr | None = FALSE if action.value == "store_true" else TRUE
    else:
        required = keywords.get("required")
        implied = None if isinstance(required, ast.Constant) and required.value else NONE
        if click and isinstance(flag := keywords.get("is_flag"), ast.Constant) and flag.value:
            implied = FALSE
    given = keywords.get("default")
    default = implied if given is None else literal(given)
    low, high = _bounds(keywords)
    return Option(default, low, high)


def _bounds(keywords: dict[str | None, ast.expr]) -> tuple[float, float]:
    """From `choices=[…]`, `click.IntRange(min=1)`, `min=1` (typer), `ge=1` and `gt=0` (pydantic)."""
    choices = keywords.get("choices")
    if isinstance(choices, ast.Call) and last_name(choices) == "range" and choices.args:
        ends = [number(arg) for arg in choices.args[:2]]
        low, high = (0, ends[0]) if len(ends) == 1 else (ends[0], ends[1])
        return (-INFINITY if low is None else low), (INFINITY if high is None else high - 1)
    if isinstance(choices, (ast.List, ast.Tuple, ast.Set)):
        values = [value for element in choices.elts if (value := number(element)) is not None]
        if values and len(values) == len(choices.elts):
            return min(values), max(values)
    kind = keywords.get("type")
    if isinstance(kind, ast.Call):
        low, high = _bounds({keyword.arg: keyword.value for keyword in kind.keywords})
        positional = [number(arg) for arg in kind.args]
        if low == -INFINITY and positional and positional[0] is not None:
            low = positional[0]
        if high == INFINITY and len(positional) > 1 and positional[1] is not None:
            high = positional[1]
        return low, high
    high = next((value for name in ("max", "le") if (value := number(keywords.get(name))) is not None), INFINITY)
    return lower_bound(keywords), high


def lower_bound(keywords: dict[str | None, ast.expr]) -> float:
    for name, step in (("min", 0), ("ge", 0), ("gt", 1)):
        value = number(keywords.get(name))
        if value is not None:
            is_open = literal(keywords["min_open"]) == TRUE if "min_open" in keywords else False
            return value + (1 if is_open else step)
    return -INFINITY


def annotated(annotation: ast.expr | None) -> float:
    """The least value that `Annotated[int, Option(min=1)]` or `PositiveInt` allow."""
    if annotation is None:
        return -INFINITY
    if last_name(annotation) in ("PositiveInt", "PositiveFloat"):
        return 1
    if isinstance(annotation, ast.Subscript) and last_name(annotation.value) == "Annotated":
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        calls = [part for part in parts if isinstance(part, ast.Call)]
        return max((lower_bound({k.arg: k.value for k in call.keywords}) for call in calls), default=-INFINITY)
    return -INFINITY


def number(node: ast.expr | None) -> float | None:
    value = literal(node) if node is not None else None
    found = value.args[0] if value is not None else None
    return found if isinstance(found, (int, float)) else None


def literal(node: ast.expr) -> Expr | None:
    """A constant, also a negative number; None for anything else."""
    if isinstance(node, ast.Constant):
        return const(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return const(-value) if isinstance(value, (int, float)) else None
    return None
