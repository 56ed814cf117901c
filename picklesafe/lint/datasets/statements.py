"""Statements, one after the other: both branches of a condition, unless it is known; loops once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from picklesafe.lint.datasets.cleaning import asked, cleans, drop_attributes, emptied, empty, outcome, plain
from picklesafe.lint.datasets.expressions import elements, evaluate
from picklesafe.lint.datasets.names import imports
from picklesafe.lint.datasets.narrowing import narrow
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import (
    NONE,
    UNKNOWN,
    Box,
    Class,
    Const,
    Function,
    Handle,
    Obj,
    State,
    Value,
    truth,
)
from picklesafe.lint.trees import walk


def block(run: Run, statements: Sequence[ast.stmt]) -> bool:
    """Run statements; whether the end of them is reached."""
    for statement in statements:
        run.step()
        run.frame.statement = statement
        handler = _HANDLERS.get(type(statement))
        if handler is not None:
            if not handler(run, statement):
                return False
        elif type(statement) in _ENDS:
            return False
    return True


def _expression(run: Run, node: ast.Expr) -> bool:
    drop_attributes(run, node.value)
    evaluate(run, node.value)
    return True


def _assign(run: Run, node: ast.Assign) -> bool:
    value = evaluate(run, node.value)
    for target in node.targets:
        assign(run, target, value, node.value)
    return True


def _annotated(run: Run, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        assign(run, node.target, evaluate(run, node.value), node.value)
    return True


def _augmented(run: Run, node: ast.AugAssign) -> bool:
    from picklesafe.lint.datasets.containers import merge

    value = evaluate(run, node.value)
    known = evaluate(run, node.target)
    boxes = [thing for thing in known if isinstance(thing, Box)]
    for box in boxes:
        merge(run, box, value)
        run.note(value, ast.unparse(node.target), firm=False)
    if not boxes:
        assign(run, node.target, UNKNOWN, None)
    return True


def assign(run: Run, target: ast.expr, value: Value, node: ast.expr | None) -> None:
    """Bind a target of an assignment.

    Args:
        node: the expression, whose parts are told apart if it is a tuple.
    """
    if isinstance(target, ast.Name):
        run.state.names[target.id] = value
    elif isinstance(target, ast.Attribute):
        run.put(evaluate(run, target.value), target.attr, value, ast.unparse(target))
    elif isinstance(target, ast.Subscript):
        _assign_item(run, target, value)
    elif isinstance(target, ast.Starred):
        assign(run, target.value, value, None)
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == len(target.elts) else None
        for index, one in enumerate(target.elts):
            if parts is None:
                assign(run, one, elements(run, value), None)
            else:
                assign(run, one, evaluate(run, parts[index]), parts[index])


def _assign_item(run: Run, target: ast.Subscript, value: Value) -> None:
    key = evaluate(run, target.slice)
    for owner in evaluate(run, target.value):
        if isinstance(owner, Box):
            (one, *more) = key
            if isinstance(one, Const) and isinstance(one.value, str) and not more:
                run.put(frozenset({owner}), one.value, value, ast.unparse(target))
            else:
                run.add(owner, value)
                run.note(value, ast.unparse(target), firm=False)


def _delete(run: Run, node: ast.Delete) -> bool:
    for target in node.targets:
        if isinstance(target, ast.Name):
            run.state.names.pop(target.id, None)
        elif isinstance(target, ast.Attribute):
            run.remove(evaluate(run, target.value), target.attr)
        elif isinstance(target, ast.Subscript) and ast.unparse(target.slice) == ":":
            empty(run, target.value)
        elif isinstance(target, ast.Subscript):
            for key in evaluate(run, target.slice):
                if isinstance(key, Const):
                    run.remove(evaluate(run, target.value), str(key.value))
    return True


def _if(run: Run, node: ast.If) -> bool:
    test = plain(node.test)
    known = outcome(run, test)
    if known is not None:
        return block(run, node.body if known else node.orelse)

    def way(outcome: bool) -> bool:
        narrow(run, test, outcome)
        return block(run, node.body if outcome else node.orelse)

    known = run.conditions.ask(test) if _is_lasting(run, test) else None
    if known is not None:
        return way(known)
    return _either(run, [lambda: way(True), lambda: way(False)])


def _is_lasting(run: Run, test: ast.expr) -> bool:
    """Whether a condition is likely to come out alike the next time: not if it asks for what is opened and closed."""
    for part in walk(test):
        node = asked(part) or part if isinstance(part, ast.expr) else part
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            for owner in run.state.names.get(node.value.id, ()):
                held = run.get(owner, node.attr) if isinstance(owner, Obj) else None
                if held is not None and any(isinstance(thing, (Handle, Obj)) for thing in held):
                    return False
    return True


def _either(run: Run, ways: Sequence[Callable[[], bool]]) -> bool:
    """Go each way from here, and on from where they meet."""
    before = run.state
    ends: list[State] = []
    for way in ways:
        run.state = before.copy()
        if way():
            ends.append(run.state)
    run.state = _meeting(ends, before)
    return bool(ends)


def _meeting(ends: Sequence[State], otherwise: State) -> State:
    if not ends:
        return otherwise
    state = ends[0]
    for end in ends[1:]:
        state = state.joined(end)
    return state


def _for(run: Run, node: ast.For | ast.AsyncFor) -> bool:
    item = elements(run, evaluate(run, node.iter))

    def body() -> bool:
        assign(run, node.target, item, None)
        return block(run, node.body)

    def after() -> None:
        for container in emptied(node):
            empty(run, container)

    listed = node.iter.elts if isinstance(node.iter, (ast.Tuple, ast.List)) else ()
    return _loop(run, node, body, after, sure=any(type(one) is not ast.Starred for one in listed))


def _while(run: Run, node: ast.While) -> bool:
    test = plain(node.test)
    known = outcome(run, test)
    if known is False:
        return block(run, node.orelse)
    # `while True: if not files: break` is left only where there are no files.
    first = node.body[0]
    leaves = isinstance(first, ast.If) and isinstance(first.body[0], ast.Break) and isinstance(test, ast.Constant)
    last = plain(first.test) if leaves and isinstance(first, ast.If) else test
    return _loop(run, node, lambda: block(run, node.body), lambda: narrow(run, last, leaves), sure=known is True)


def _loop(
    run: Run,
    node: ast.For | ast.AsyncFor | ast.While,
    body: Callable[[], bool],
    after: Callable[[], None],
    sure: bool,
) -> bool:
    """Run the body once.

    Args:
        after: what holds once there is no more to do.
        sure: whether it runs at all.
    """
    before, outer = run.state, (run.frame.broken, run.frame.continued)
    run.frame.broken, run.frame.continued = [], []
    run.state = before.copy()
    _forget_counters(run, node)
    through = body()
    broken = run.frame.broken
    ends = [*run.frame.continued, *([run.state] if through else []), *([] if sure else [before])]
    run.frame.broken, run.frame.continued = outer
    run.state = _meeting(ends, before)
    after()
    # Where it is left by `break`, `else` doesn't run.
    if ends and block(run, node.orelse):
        broken = [run.state, *broken]
    run.state = _meeting(broken, run.state)
    return bool(broken)


def _forget_counters(run: Run, node: ast.AST) -> None:
    """The second time around, a constant that the body changes is another one."""
    for part in walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            known = run.state.names.get(part.id, UNKNOWN)
            if all(isinstance(thing, Const) for thing in known):
                run.state.names[part.id] = known | UNKNOWN


def _break(run: Run, node: ast.Break) -> bool:
    run.frame.broken.append(run.state)
    return False


def _continue(run: Run, node: ast.Continue) -> bool:
    run.frame.continued.append(run.state)
    return False


def _return(run: Run, node: ast.Return) -> bool:
    value = NONE if node.value is None else evaluate(run, node.value)
    run.frame.returned.append((run.state, value))
    return False


def _with(run: Run, node: ast.With | ast.AsyncWith) -> bool:
    entered = [_enter(run, item) for item in node.items]
    first = len(run.frame.returned)
    through = block(run, node.body)

    def leave() -> bool:
        for value in reversed(entered):
            _exit(run, value)
        return True

    _afterwards(run, first, leave)
    return through and leave()


def _enter(run: Run, item: ast.withitem) -> Value:
    from picklesafe.lint.datasets.calls import call_method

    value = evaluate(run, item.context_expr)
    inside = value
    for thing in value:
        if isinstance(thing, Obj):
            inside = call_method(run, thing, "__enter__", [], item.context_expr)
    if item.optional_vars is not None:
        assign(run, item.optional_vars, inside, None)
    return value


def _exit(run: Run, value: Value) -> None:
    from picklesafe.lint.datasets.calls import call_method

    run.close(value)
    for thing in value:
        if isinstance(thing, Obj):
            call_method(run, thing, "__exit__", [NONE, NONE, NONE], thing.cls.node)


def _afterwards(run: Run, first: int, what: Callable[[], bool]) -> None:
    """Do what is done on the way out, for each of the ends that came since."""
    after = run.state
    for index, (state, value) in enumerate(run.frame.returned[first:], first):
        run.state = state.copy()
        what()
        run.frame.returned[index] = (run.state, value)
    run.state = after


def _try(run: Run, node: ast.Try) -> bool:
    first, before = len(run.frame.returned), run.state.copy()
    through = block(run, node.body)
    ends = []
    # An exception may come before any of the statements, or after them.
    broken = run.state.copy() if through and cleans(node.body) else before.joined(run.state)
    if through and block(run, node.orelse):
        ends.append(run.state)
    for handler in node.handlers:
        run.state = broken.copy()
        if handler.name:
            run.state.names[handler.name] = UNKNOWN
        if block(run, handler.body):
            ends.append(run.state)
    _afterwards(run, first, lambda: block(run, node.finalbody))
    run.state = _meeting(ends, before)
    return bool(ends) and block(run, node.finalbody)


def _match(run: Run, node: ast.Match) -> bool:
    evaluate(run, node.subject)
    ways: list[Callable[[], bool]] = [lambda case=case: block(run, case.body) for case in node.cases]  # type: ignore[misc]
    last = node.cases[-1]
    if last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None:
        return _either(run, ways)
    return _either(run, [*ways, lambda: True])


def _import(run: Run, node: ast.Import | ast.ImportFrom) -> bool:
    run.state.names.update({name: frozenset({thing}) for name, thing in imports(node, run.frame.module).items()})
    return True


def _define(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    run.closures[id(node)] = run.state.names
    run.state.names[node.name] = frozenset({Function(node, run.frame.module, local=True)})
    return True


def _define_class(run: Run, node: ast.ClassDef) -> bool:
    run.state.names[node.name] = frozenset({Class(node, run.frame.module, local=True)})
    return True


def _assert(run: Run, node: ast.Assert) -> bool:
    possible = truth(evaluate(run, node.test)) is not False
    narrow(run, node.test, True)
    return possible


_HANDLERS: dict[type[ast.stmt], Callable[[Run, Any], bool]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Return: _return,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.Match: _match,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _define_class,
    ast.Assert: _assert,
}
if hasattr(ast, "TryStar"):
    _HANDLERS[ast.TryStar] = _try
_ENDS = frozenset({ast.Raise})
