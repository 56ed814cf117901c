"""What well-known functions give: counts of processors, conversions, extremes, dictionaries."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from picklesafe.lint.interpret import classes, mapping
from picklesafe.lint.interpret.expressions import length
from picklesafe.lint.interpret.options import lower_bound
from picklesafe.lint.interpret.run import Arguments, Run
from picklesafe.lint.interpret.values import (
    FALSE,
    INFINITY,
    NONE,
    Expr,
    Leaf,
    all_of,
    bare,
    negate,
    operation,
    truth,
)

_AT_LEAST: Final = {
    "os.cpu_count": 1,
    "os.process_cpu_count": 1,
    "multiprocessing.cpu_count": 1,
    "multiprocess.cpu_count": 1,
    "torch.multiprocessing.cpu_count": 1,
    "psutil.cpu_count": 1,
    "joblib.cpu_count": 1,
    "torch.get_num_threads": 1,
    "torch.distributed.get_world_size": 1,
    "torch.cuda.device_count": 0,
    "torch.distributed.get_rank": 0,
}
_CONVERSIONS: Final = {
    "builtins.int": "int",
    "builtins.float": "float",
    "builtins.str": "str",
    "builtins.abs": "abs",
    "builtins.round": "round",
    "math.ceil": "ceil",
    "math.floor": "floor",
    "math.trunc": "int",
    "numpy.ceil": "ceil",
    "numpy.floor": "floor",
}
_AFFINITY: Final = "os.sched_getaffinity"
_DICTIONARIES: Final = classes.DICTIONARIES
_OBJECTS: Final = frozenset({"multiprocessing.get_context", "torch.multiprocessing.get_context"})
_DEFAULTED: Final = frozenset({"typer.Option", "typer.Argument", "pydantic.Field", "fastapi.Query"})
_TRANSPARENT: Final = frozenset({"copy.copy", "copy.deepcopy", "types.MappingProxyType", "typing.cast"})


def call_external(run: Run, name: str, args: Arguments, node: ast.Call) -> Expr | None:
    """The result of a call of something outside the project; None if nothing is known of it."""
    positional = [bare(arg) for arg in args.positional]
    if name in _AT_LEAST:
        return Leaf(("call", name), f"{name}()", low=_AT_LEAST[name])
    if name in _CONVERSIONS and positional:
        return operation(_CONVERSIONS[name], positional[0])
    special = _SPECIAL.get(name)
    if special is not None:
        return special(run, args, node)
    if name in _OBJECTS:
        return Expr("object", (node,))
    if name in _DEFAULTED:
        default = args.named.get("default", positional[0] if positional else None)
        low = lower_bound({keyword.arg: keyword.value for keyword in node.keywords})
        return Leaf(("node", node), name, low=low, default=default)
    if name in _TRANSPARENT and positional:
        return _copy(run, positional[-1], node)
    last = name.rpartition(".")[2]
    if last in _DICTIONARIES:
        return new_dictionary(run, args, node)
    return None


def _copy(run: Run, value: Expr, node: ast.Call) -> Expr:
    if not mapping.is_dict(run, value):
        return value
    obj = run.object(value)
    run.consumed.add(value.args[0])
    return mapping.make(run, node, obj.entries.copy(), obj.rest)


def new_dictionary(run: Run, args: Arguments, node: ast.Call) -> Expr:
    """`dict(…)`, or one of the kinds whose items are attributes as well."""
    ref = mapping.make(run, node, {})
    for other in args.positional[:1]:
        mapping.update(run, ref, other)
    for name, value in args.named.items():
        mapping.put(run, ref, name, value)
    if args.rest is not None:
        run.writable(ref).rest = args.rest
    return ref


def _bool(run: Run, args: Arguments, node: ast.Call) -> Expr:
    return truth(args.positional[0]) if args.positional else FALSE


def _extremum(op: str) -> Callable[[Run, Arguments, ast.Call], Expr | None]:
    def compute(run: Run, args: Arguments, node: ast.Call) -> Expr | None:
        values = [bare(arg) for arg in args.positional]
        if len(values) == 1 and values[0].op == "seq":
            values = list(values[0].args[1:])
        if args.star is not None or "key" in args.named or len(values) < 2:
            return None
        return operation(op, *values)

    return compute


def _any(both: bool) -> Callable[[Run, Arguments, ast.Call], Expr | None]:
    def compute(run: Run, args: Arguments, node: ast.Call) -> Expr | None:
        values = bare(args.positional[0]) if args.positional else NONE
        if values.op != "seq":
            return None
        tests = [truth(value) for value in values.args[1:]]
        return all_of(tests) if both else negate(all_of(negate(test) for test in tests))

    return compute


def _len(run: Run, args: Arguments, node: ast.Call) -> Expr | None:
    if not args.positional:
        return None
    value = bare(args.positional[0])
    if isinstance(value, Leaf) and value.args[:2] == ("call", _AFFINITY):
        return Leaf(("len", value), "len(os.sched_getaffinity(0))", low=1)
    return length(value)


def _getattr(run: Run, args: Arguments, node: ast.Call) -> Expr | None:
    from picklesafe.lint.interpret.attributes import read_attribute

    if len(args.positional) < 2 or bare(args.positional[1]).op != "const":
        return None
    value = bare(read_attribute(run, args.positional[0], str(bare(args.positional[1]).args[0]), node))
    if len(args.positional) > 2 and isinstance(value, Leaf) and value.default is None:
        return Leaf(value.args, value.text, value.low, value.high, args.positional[2])
    return value


def _environment(run: Run, args: Arguments, node: ast.Call) -> Expr | None:
    if not args.positional:
        return None
    default = bare(args.positional[1]) if len(args.positional) > 1 else NONE
    return Leaf(("environment", bare(args.positional[0])), "the environment", default=default)


def _divmod(run: Run, args: Arguments, node: ast.Call) -> Expr | None:
    if len(args.positional) != 2:
        return None
    return Expr("seq", ("items", operation("//", *args.positional), operation("%", *args.positional)))


_SPECIAL: Final[dict[str, Callable[[Run, Arguments, ast.Call], Expr | None]]] = {
    "builtins.bool": _bool,
    "builtins.min": _extremum("min"),
    "builtins.max": _extremum("max"),
    "builtins.len": _len,
    "builtins.all": _any(both=True),
    "builtins.any": _any(both=False),
    "builtins.dict": new_dictionary,
    "builtins.getattr": _getattr,
    "builtins.divmod": _divmod,
    "os.environ.get": _environment,
    "os.getenv": _environment,
    _AFFINITY: lambda run, args, node: Leaf(("call", _AFFINITY), "os.sched_getaffinity(0)", low=1, high=INFINITY),
}


def call_method(run: Run, base: Expr, name: str, args: Arguments, node: ast.Call) -> Expr | None:
    """The result of a method of a dictionary, or of a look-up with a default; else None."""
    base = bare(base)
    method = _METHODS.get(name)
    if method is None:
        return None
    if mapping.is_dict(run, base):
        return method(run, base, args, node)
    if name in ("get", "pop", "setdefault") and base.op in ("leaf", "if") and args.positional:
        key = bare(args.positional[0])
        if key.op == "const":
            default = args.positional[1] if len(args.positional) > 1 else args.named.get("default", NONE)
            return bare(mapping.get(run, base, key.args[0], bare(default)))
    return None


def _get(run: Run, base: Expr, args: Arguments, node: ast.Call) -> Expr | None:
    key = bare(args.positional[0]) if args.positional else NONE
    if key.op != "const" or not args.positional:
        return None
    default = bare(args.positional[1]) if len(args.positional) > 1 else NONE
    return bare(mapping.get(run, base, key.args[0], default))


def _pop(run: Run, base: Expr, args: Arguments, node: ast.Call) -> Expr | None:
    from picklesafe.lint.interpret.values import ABSENT

    value = _get(run, base, args, node)
    key = bare(args.positional[0]) if args.positional else NONE
    if key.op == "const":
        mapping.put(run, base, mapping.entry_key(key.args[0]), ABSENT)
    return value


def _setdefault(run: Run, base: Expr, args: Arguments, node: ast.Call) -> Expr | None:
    key = bare(args.positional[0]) if args.positional else NONE
    if key.op != "const":
        return None
    given, default = node.args[1] if len(node.args) > 1 else None, NONE
    if given is not None:
        default = Expr("at", (mapping.origin(run, node, given, {}), bare(args.positional[1])))
    value = mapping.get(run, base, key.args[0], default)
    mapping.put(run, base, mapping.entry_key(key.args[0]), value)
    return bare(value)


def _update(run: Run, base: Expr, args: Arguments, node: ast.Call) -> Expr:
    for other in args.positional[:1]:
        mapping.update(run, base, other)
        for ref in _refs(other):
            run.consumed.add(ref.args[0])
    for name, value in args.named.items():
        mapping.put(run, base, name, value)
    if args.rest is not None:
        run.writable(base).rest = args.rest
    return NONE


def _refs(expr: Expr) -> list[Expr]:
    expr = bare(expr)
    if expr.op == "if":
        return [*_refs(expr.args[1]), *_refs(expr.args[2])]
    return [expr] if expr.op == "ref" else []


def _clear(run: Run, base: Expr, args: Arguments, node: ast.Call) -> Expr:
    obj = run.writable(base)
    obj.entries.clear()
    obj.rest = None
    return NONE


_METHODS: Final[dict[str, Callable[[Run, Expr, Arguments, ast.Call], Expr | None]]] = {
    "get": _get,
    "pop": _pop,
    "setdefault": _setdefault,
    "update": _update,
    "copy": lambda run, base, args, node: _copy(run, base, node),
    "clear": _clear,
}
