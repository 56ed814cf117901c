"""Expressions: what each gives, as an expression over symbols."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Final

from picklesafe.lint.interpret import mapping
from picklesafe.lint.interpret.attributes import assign, read_attribute, read_item, read_name
from picklesafe.lint.interpret.run import Run
from picklesafe.lint.interpret.values import (
    ABSENT,
    FALSE,
    INFINITY,
    NONE,
    TRUE,
    Expr,
    Leaf,
    all_of,
    bare,
    choose,
    const,
    negate,
    operation,
    truth,
)

MAX_UNROLLED: Final = 8

_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def evaluate(run: Run, node: ast.expr) -> Expr:
    """What an expression gives; a symbol of its own where nothing is known."""
    handler = _HANDLERS.get(type(node))
    if handler is not None:
        return handler(run, node)
    for child in ast.iter_child_nodes(node):  # for the calls in it
        if isinstance(child, ast.expr):
            evaluate(run, child)
    return run.fresh(node, "a value")


def _constant(run: Run, node: ast.Constant) -> Expr:
    return const(node.value)


def _attribute(run: Run, node: ast.Attribute) -> Expr:
    return read_attribute(run, evaluate(run, node.value), node.attr, node)


def _subscript(run: Run, node: ast.Subscript) -> Expr:
    base = evaluate(run, node.value)
    if isinstance(node.slice, ast.Slice):
        return run.fresh(node, "a slice")
    return read_item(run, base, evaluate(run, node.slice))


def _call(run: Run, node: ast.Call) -> Expr:
    from picklesafe.lint.interpret.calls import evaluate_call

    return evaluate_call(run, node)


def _binary(run: Run, node: ast.BinOp) -> Expr:
    return evaluate_binary(run, node.op, node.left, node.right, node)


def evaluate_binary(
    run: Run,
    op: ast.operator,
    left_node: ast.expr,
    right_node: ast.expr,
    node: ast.expr | ast.stmt,
    assign_to: ast.expr | None = None,
) -> Expr:
    """`left op right`, or `left op= right` where `assign_to` is given."""
    left, right = bare(evaluate(run, left_node)), bare(evaluate(run, right_node))
    if isinstance(op, ast.BitOr) and mapping.is_dict(run, left):
        if assign_to is not None:
            mapping.update(run, left, right)
            return left
        return _union(run, left, right)
    name = _OPERATORS.get(type(op))
    if name is None:
        result: Expr = run.fresh(node, "a value")
    else:
        text = left.op == "const" and isinstance(left.args[0], str)
        if name in ("/", "//", "%") and not text:
            run.assume(operation("!=", right, const(0)))
        result = operation(name, left, right)
    if assign_to is not None:
        assign(run, assign_to, result, node)
    return result


def _union(run: Run, left: Expr, right: Expr) -> Expr:
    obj = run.object(left)
    ref = mapping.make(run, ast.Dict([], []), obj.entries.copy(), obj.rest)
    for part in (left, right):
        if part.op == "ref":
            run.consumed.add(part.args[0])
    mapping.update(run, ref, right)
    return ref


def _unary(run: Run, node: ast.UnaryOp) -> Expr:
    value = bare(evaluate(run, node.operand))
    if isinstance(node.op, ast.Not):
        return negate(value)
    if isinstance(node.op, ast.USub):
        if value.op == "const" and isinstance(value.args[0], (int, float)):
            return const(-value.args[0])
        return operation("neg", value)
    return value if isinstance(node.op, ast.UAdd) else run.fresh(node, "a value")


def _boolean(run: Run, node: ast.BoolOp) -> Expr:
    return _connect(run, node.values, isinstance(node.op, ast.And))


def _connect(run: Run, nodes: Sequence[ast.expr], both: bool) -> Expr:
    """`a and b and …` (or `a or b or …`): later operands are reached only where they matter."""
    first = bare(evaluate(run, nodes[0]))
    if len(nodes) == 1:
        return first
    others = nodes[1:]
    test = truth(first)
    if both:
        yes, _ = run.branch(test, lambda: _connect(run, others, both), lambda: first)
        no: Expr | None = first
        return _pick(test, yes, no)
    _, otherwise = run.branch(test, lambda: first, lambda: _connect(run, others, both))
    return _pick(test, first, otherwise)


def _pick(test: Expr, yes: Expr | None, no: Expr | None) -> Expr:
    if test.op == "const":
        chosen = yes if test.args[0] else no
    elif yes is None or no is None:
        chosen = yes if no is None else no
    else:
        return choose(test, yes, no)
    assert chosen is not None
    return chosen


def _compare(run: Run, node: ast.Compare) -> Expr:
    values = [bare(evaluate(run, operand)) for operand in (node.left, *node.comparators)]
    tests = []
    for op, left, right in zip(node.ops, values, values[1:], strict=False):
        tests.append(_comparison(run, _COMPARISONS[type(op)], left, right))
    return all_of(tests)


def _comparison(run: Run, op: str, left: Expr, right: Expr) -> Expr:
    if op in ("in", "not in") and (mapping.is_dict(run, right) or right.op == "if"):
        found = mapping.contains(run, right, left)
        return negate(found) if op == "not in" else found
    return operation(op, left, right)


def _conditional(run: Run, node: ast.IfExp) -> Expr:
    with run.demanding():
        test = truth(evaluate(run, node.test))
    yes, no = run.branch(test, lambda: evaluate(run, node.body), lambda: evaluate(run, node.orelse))
    return _pick(test, yes, no)


def _sequence(run: Run, node: ast.List | ast.Tuple) -> Expr:
    if isinstance(node, ast.List) and not node.elts:
        return run.fresh(node, "a list")  # it is there to be filled
    if any(isinstance(element, ast.Starred) for element in node.elts):
        for element in node.elts:
            evaluate(run, element.value if isinstance(element, ast.Starred) else element)
        return run.fresh(node, "a sequence")
    return Expr("seq", ("items", *(bare(evaluate(run, element)) for element in node.elts)))


def _dictionary(run: Run, node: ast.Dict) -> Expr:
    return mapping.display(run, node)


def _lambda(run: Run, node: ast.Lambda) -> Expr:
    value = Expr("function", (node, run.frame.module, run.frame, None))
    run.frame.local_functions.append((value, run.state.copy()))
    return value


def _walrus(run: Run, node: ast.NamedExpr) -> Expr:
    value = evaluate(run, node.value)
    assign(run, node.target, value, node)
    return value


def _await(run: Run, node: ast.Await | ast.Starred | ast.YieldFrom) -> Expr:
    return evaluate(run, node.value)


def _text(run: Run, node: ast.JoinedStr) -> Expr:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            evaluate(run, part.value)
    return Expr("object", (node,))


def iterate(run: Run, node: ast.expr) -> list[Expr] | None:
    """The elements of a short iterable that is known whole, else None."""
    pairs = _pairs(run, node)
    if pairs is not None:
        return pairs
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enumerate" and node.args:
        inner = iterate(run, node.args[0])
        return None if inner is None else [Expr("seq", ("items", const(i), item)) for i, item in enumerate(inner)]
    counted = _counted(node)
    if counted is not None:
        return counted
    value = bare(evaluate(run, node))
    if value.op == "seq":
        items = list(value.args[1:])
    elif mapping.is_dict(run, value) and (found := mapping.items(run, value)) is not None:
        items = [const(key) for key, _ in found]
    else:
        return None
    return items if len(items) <= MAX_UNROLLED else None


def _counted(node: ast.expr) -> list[Expr] | None:
    """The numbers of `range(1, 8)`, if they are few."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"):
        return None
    ends = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and type(arg.value) is int]
    if len(ends) != len(node.args) or not 1 <= len(ends) <= 2:
        return None
    numbers = range(*ends)
    return [const(number) for number in numbers] if len(numbers) <= MAX_UNROLLED else None


def _pairs(run: Run, node: ast.expr) -> list[Expr] | None:
    """The pairs of `mapping.items()`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "items"):
        return None
    found = mapping.items(run, evaluate(run, node.func.value))
    if found is None or len(found) > 4 * MAX_UNROLLED:
        return None
    return [Expr("seq", ("items", const(key), value)) for key, value in found]


def _comprehension(run: Run, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Expr:
    items = iterate(run, node.generators[0].iter) if len(node.generators) == 1 else None
    if items is None:
        _inside(run, node, node.generators, lambda: evaluate(run, node.elt))
        return Leaf(("node", node), "a sequence")
    names, generator = run.state.names.copy(), node.generators[0]
    values: list[Expr] = []
    for item in items:
        assign(run, generator.target, item, node)
        test = truth(_connect(run, generator.ifs, True)) if generator.ifs else TRUE
        value, _ = run.branch(test, lambda: bare(evaluate(run, node.elt)), lambda: NONE)
        values.append(value if value is not None else NONE)
    run.state.names = names
    return Leaf(("node", node), "a sequence") if generator.ifs else Expr("seq", ("items", *values))


def _inside(
    run: Run, node: ast.expr, generators: Sequence[ast.comprehension], compute: Callable[[], Expr]
) -> Expr | None:
    """Compute the element of a comprehension once, where its conditions hold."""
    names = run.state.names.copy()
    for generator in generators:
        evaluate(run, generator.iter)
        assign(run, generator.target, Leaf(("element", generator.iter), "an element"), node)
    conditions = [test for generator in generators for test in generator.ifs]
    test = truth(_connect(run, conditions, True)) if conditions else TRUE
    value, _ = run.branch(test, compute, lambda: NONE)
    run.state.names = names
    return value


def _dict_comprehension(run: Run, node: ast.DictComp) -> Expr:
    generator = node.generators[0]
    pairs = _pairs(run, generator.iter) if len(node.generators) == 1 else None
    if pairs is None:
        _inside(run, node, node.generators, lambda: evaluate(run, node.value))
        return run.fresh(node, "a dictionary")
    names = run.state.names.copy()
    entries: dict[str, Expr] = {}
    for pair in pairs:
        given = pair.args[2]
        assign(run, generator.target, Expr("seq", ("items", pair.args[1], bare(given))), node)
        key, value = bare(evaluate(run, node.key)), evaluate(run, node.value)
        kept = given if bare(value) == bare(given) else value
        test = truth(_connect(run, generator.ifs, True)) if generator.ifs else TRUE
        if key.op == "const" and test != FALSE:
            entries[mapping.entry_key(key.args[0])] = choose(test, kept, ABSENT)
    run.state.names = names
    return mapping.make(run, ast.Dict([], []), entries)


def length(value: Expr) -> Expr:
    """`len(value)`."""
    value = bare(value)
    if value.op == "seq":
        return const(len(value.args) - 1)
    if value.op == "const" and isinstance(value.args[0], (str, bytes)):
        return const(len(value.args[0]))
    return Leaf(("len", value), f"len({getattr(value, 'text', '…')})", low=0, high=INFINITY)


_HANDLERS: dict[type[ast.expr], Callable[..., Expr]] = {
    ast.Constant: _constant,
    ast.Name: read_name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Dict: _dictionary,
    ast.Lambda: _lambda,
    ast.NamedExpr: _walrus,
    ast.Await: _await,
    ast.Starred: _await,
    ast.JoinedStr: _text,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
}
