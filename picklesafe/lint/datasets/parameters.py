"""With what a function starts: what it is given, its defaults, and what its annotations say."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from picklesafe.lint.datasets.classes import decorators
from picklesafe.lint.datasets.expressions import PATH, evaluate
from picklesafe.lint.datasets.names import resolve
from picklesafe.lint.datasets.openers import annotated
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import NONE, OTHER, UNKNOWN, Class, Function, Handle, Imported, Obj, Thing, Value


def bound(
    run: Run, function: Function, arguments: Sequence[Value], keywords: Mapping[str, Value], root: bool = False
) -> dict[str, Value]:
    """The variables with which a function starts.

    Args:
        root: whether its caller isn't known.
    """
    names = dict(run.closures.get(id(function.node), {}))
    args = function.node.args
    positional = [*args.posonlyargs, *args.args]
    given = list(arguments)
    decorated = set() if isinstance(function.node, ast.Lambda) else decorators(function.node)
    if function.home is not None and positional and "staticmethod" not in decorated:
        receiver: Thing | None = function.receiver
        if "classmethod" in decorated:
            receiver = function.receiver.cls if function.receiver is not None else function.home
        if receiver is not None:
            names[positional.pop(0).arg] = frozenset({receiver})
    defaults = dict(zip(reversed(positional), reversed(args.defaults), strict=False))
    defaults.update({p: d for p, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None})
    for index, parameter in enumerate([*positional, *args.kwonlyargs]):
        value = given[index] if index < len(given) and index < len(positional) else keywords.get(parameter.arg)
        if value is None and not root and parameter in defaults:
            value = evaluate(run, defaults[parameter])
        if value is None or value == UNKNOWN:
            value = typed(run, parameter.annotation, parameter) or UNKNOWN
        names[parameter.arg] = value
    for rest in (args.vararg, args.kwarg):
        if rest is not None:
            names[rest.arg] = UNKNOWN
    if args.vararg is not None and len(given) > len(positional):
        names[args.vararg.arg] = run.boxed(args.vararg, frozenset().union(*given[len(positional) :]))
    return names


def typed(run: Run, annotation: ast.expr | None, place: ast.AST) -> Value | None:
    """The handle that a parameter takes whose annotation is that of one; None if it isn't."""
    if annotation is None:
        return None
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return None
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        parts = [typed(run, part, place) or NONE for part in (annotation.left, annotation.right)]
        return parts[0] | parts[1] if any(part != NONE for part in parts) else None
    if isinstance(annotation, ast.Subscript):
        inner = typed(run, annotation.slice, place)
        if isinstance(annotation.value, (ast.Name, ast.Attribute)) and inner is not None:
            name = annotation.value.id if isinstance(annotation.value, ast.Name) else annotation.value.attr
            return inner | NONE if name == "Optional" else run.boxed(annotation, inner)
        annotation = annotation.value
    for thing in evaluate(run, annotation):
        if isinstance(thing, Imported) and thing.name == "pathlib.Path":
            return PATH
        opener = annotated(thing.name) if isinstance(thing, Imported) else None
        if opener is not None:
            key = run.key(place)
            return frozenset({Handle(key, key, opener, annotation, run.frame.module)})
        cls = resolve(thing, run.project)
        if isinstance(cls, Class) and run.lineage(cls).may_open and not run.lineage(cls).is_dataset:
            return _instance(run, cls, place)
    return None


def _instance(run: Run, cls: Class, place: ast.AST) -> Value:
    """An object of the project that somebody else made, or one of a subclass."""
    from picklesafe.lint.datasets.calls import initialize

    obj = Obj(run.key(place), cls)
    run.made[obj] = (place, run.frame.module)
    initialize(run, obj, [], {}, place, root=True)
    return frozenset({obj, OTHER})
