"""Running statements: what each does to the state."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from picklesafe.lint.interpret import exits
from picklesafe.lint.interpret.attributes import assign, assign_name, delete, import_names
from picklesafe.lint.interpret.expressions import evaluate, evaluate_binary, iterate
from picklesafe.lint.interpret.relevance import mentions
from picklesafe.lint.interpret.run import Dead, Run
from picklesafe.lint.interpret.state import State, merge
from picklesafe.lint.interpret.values import FALSE, NONE, Expr, Leaf, choose, const, operation, truth


def execute(run: Run, body: Sequence[ast.stmt]) -> None:
    """Run statements one after the other.

    Raises:
        Dead: if the end is never reached.
    """
    for statement in body:
        run.step()
        handler = _HANDLERS.get(type(statement))
        if handler is not None:
            handler(run, statement)


def _attempt(run: Run, state: State | None, body: Sequence[ast.stmt]) -> State | None:
    """The state after running `body` from `state`, or None if its end is not reached."""
    if state is None:
        return None
    run.state = state
    try:
        execute(run, body)
    except Dead:
        return None
    return run.state


def _continue_with(run: Run, state: State | None) -> None:
    if state is None:
        raise Dead
    run.state = state


def _expression(run: Run, node: ast.Expr) -> None:
    # A helper that raises for some values, or changes a dictionary, matters without its result.
    call = node.value
    given = [*call.args, *call.keywords] if isinstance(call, ast.Call) and _is_near(run, call.func) else []
    with run.demanding(any(mentions(arg, run.frame.relevant) for arg in given)):
        evaluate(run, node.value)
    if exits.never_returns(run, node.value):
        raise Dead


def _is_near(run: Run, function: ast.expr) -> bool:
    """Whether a function is defined in the same file: others are not parsed just to see what they do."""
    if isinstance(function, ast.Name):
        statements = run.frame.module.bindings.get(function.id, [])
        return function.id in run.state.names or any(isinstance(found, ast.FunctionDef) for found in statements)
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)


def _assign(run: Run, node: ast.Assign) -> None:
    wanted = any(mentions(target, run.frame.relevant) for target in node.targets)
    with run.demanding(wanted):
        value = evaluate(run, node.value)
    for target in node.targets:
        assign(run, target, value, node)


def _annotated(run: Run, node: ast.AnnAssign) -> None:
    if node.value is not None:
        with run.demanding(mentions(node.target, run.frame.relevant)):
            value = evaluate(run, node.value)
        assign(run, node.target, value, node)


def _augmented(run: Run, node: ast.AugAssign) -> None:
    with run.demanding(mentions(node.target, run.frame.relevant)):
        evaluate_binary(run, node.op, node.target, node.value, node, assign_to=node.target)


def _delete(run: Run, node: ast.Delete) -> None:
    for target in node.targets:
        delete(run, target)


def _return(run: Run, node: ast.Return) -> None:
    with run.demanding(run.frame.home is False):
        value = evaluate(run, node.value) if node.value is not None else NONE
    run.frame.returns.append((run.state, value))
    raise Dead


def _raise(run: Run, node: ast.Raise) -> None:
    raise Dead


def _test(run: Run, node: ast.expr) -> Expr:
    with run.demanding(mentions(node, run.frame.relevant)):
        return truth(evaluate(run, node))


def _if(run: Run, node: ast.If) -> None:
    test = _test(run, node.test)
    _choice(run, test, node.body, node.orelse)


def _choice(run: Run, test: Expr, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]) -> None:
    before, base = run.state, len(run.state.reach)
    yes = _attempt(run, before.copy().narrow(test, True), body)
    no = _attempt(run, before.narrow(test, False), orelse)
    _continue_with(run, merge(test, yes, no, base))


def _assert(run: Run, node: ast.Assert) -> None:
    run.assume(_test(run, node.test))


def _for(run: Run, node: ast.For | ast.AsyncFor) -> None:
    items = iterate(run, node.iter)
    if items is not None:
        _unrolled(run, node, items)
        return
    test = _runs(run, node)
    element = Leaf(("element", node.iter), "an element")

    def enter() -> None:
        assign(run, node.target, element, node)

    _loop(run, test, enter, node.body)
    execute(run, node.orelse)


def _runs(run: Run, node: ast.For | ast.AsyncFor) -> Expr:
    """Whether a loop runs at all."""
    call = node.iter
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "range"
        and len(call.args) == 1
    ):
        return operation(">", evaluate(run, call.args[0]), const(0))
    return run.fresh(node, "the loop runs")


def _unrolled(run: Run, node: ast.For | ast.AsyncFor, items: Sequence[Expr]) -> None:
    base = len(run.state.reach)
    left: list[State] = []
    state: State | None = run.state
    for item in items:
        if state is None:
            break
        run.state = state
        assign(run, node.target, item, node)
        run.frame.breaks.append([])
        run.frame.continues.append([])
        state = _attempt(run, run.state, node.body)
        left += run.frame.breaks.pop()
        state = _join(run.frame.continues.pop(), state, base)
    if state is not None:
        state = _attempt(run, state, node.orelse)
    _continue_with(run, _join(left, state, base))


def _loop(run: Run, test: Expr, enter: Callable[[], None], body: Sequence[ast.stmt]) -> None:
    """A loop runs not at all or, as far as this goes, once."""
    before, base = run.state, len(run.state.reach)
    inside = before.copy().narrow(test, True)
    if inside is not None:
        run.state = inside
        enter()
        run.frame.breaks.append([])
        run.frame.continues.append([])
        end = _attempt(run, run.state, body)
        end = _join([*run.frame.continues.pop(), *run.frame.breaks.pop()], end, base)
    else:
        end = None
    _continue_with(run, merge(test, end, before.narrow(test, False), base))


def _join(states: Sequence[State], last: State | None, base: int) -> State | None:
    """One state for several, each told apart from the next by the conditions that led to it."""
    for state in reversed(states):
        if last is None:
            last = state
            continue
        test, shared = exits.difference(state, last, base)
        last = merge(test, state, last, shared)
    return last


def _while(run: Run, node: ast.While) -> None:
    test = _test(run, node.test)
    endless = test.op == "const" and bool(test.args[0])
    if endless:
        run.frame.breaks.append([])
        run.frame.continues.append([])
        base = len(run.state.reach)
        end = _attempt(run, run.state, node.body)
        run.frame.continues.pop()
        _continue_with(run, _join(run.frame.breaks.pop(), None, base) or end)
        return
    _loop(run, test, lambda: None, node.body)
    execute(run, node.orelse)


def _break(run: Run, node: ast.Break) -> None:
    if run.frame.breaks:
        run.frame.breaks[-1].append(run.state)
    raise Dead


def _continue(run: Run, node: ast.Continue) -> None:
    if run.frame.continues:
        run.frame.continues[-1].append(run.state)
    raise Dead


def _try(run: Run, node: ast.Try) -> None:
    before, base = run.state.copy(), len(run.state.reach)
    with run.catching(exits.caught_by(node)):
        end = _attempt(run, run.state, node.body)
    end = _attempt(run, end, node.orelse)
    for handler in node.handlers:
        test = run.fresh(handler, "an exception")
        entered = before.copy().narrow(test, True)
        if entered is not None and handler.name:
            entered.names[handler.name] = run.fresh(handler, handler.name)
        end = merge(test, _attempt(run, entered, handler.body), end, base)
    _continue_with(run, end)
    execute(run, node.finalbody)


def _with(run: Run, node: ast.With | ast.AsyncWith) -> None:
    caught: frozenset[str] = frozenset()
    for item in node.items:
        value = evaluate(run, item.context_expr)
        caught |= exits.caught_in(item.context_expr)
        if item.optional_vars is not None:
            assign(run, item.optional_vars, value, node)
    with run.catching(caught):
        if not caught:
            execute(run, node.body)
            return
        test = run.fresh(node, "an exception")
        before, base = run.state.copy().narrow(test, True), len(run.state.reach)
        end = _attempt(run, run.state, node.body)
        _continue_with(run, merge(test, before, end, base))


def _function(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    frame = run.frame
    value = Expr("function", (node, frame.module, frame, None))
    frame.local_functions.append((value, run.state.copy()))
    assign_name(run, node.name, value)


def _class(run: Run, node: ast.ClassDef) -> None:
    assign_name(run, node.name, Expr("class", (node, run.frame.module, run.frame)))


def _import(run: Run, node: ast.Import | ast.ImportFrom) -> None:
    with run.demanding(any((alias.asname or alias.name) in run.frame.relevant for alias in node.names)):
        for name, value in import_names(run, node, run.frame.module):
            lazy = isinstance(value, Leaf) and value.args[0] == "import" and isinstance(run.frame.node, ast.Module)
            if not lazy:  # else it is found when it is read
                assign_name(run, name, value)


def _match(run: Run, node: ast.Match) -> None:
    subject = evaluate(run, node.subject)
    _match_cases(run, node, subject, list(node.cases))


def _match_cases(run: Run, node: ast.Match, subject: Expr, cases: list[ast.match_case]) -> None:
    if not cases:
        return
    case, *others = cases
    test = _pattern(run, case.pattern, subject)
    if case.guard is not None:
        test = choose(test, truth(evaluate(run, case.guard)), FALSE)
    before, base = run.state, len(run.state.reach)
    yes = _attempt(run, before.copy().narrow(test, True), case.body)
    no = before.narrow(test, False)
    if no is not None:
        run.state = no
        try:
            _match_cases(run, node, subject, others)
            no = run.state
        except Dead:
            no = None
    _continue_with(run, merge(test, yes, no, base))


def _pattern(run: Run, pattern: ast.pattern, subject: Expr) -> Expr:
    if isinstance(pattern, ast.MatchValue):
        return operation("==", subject, evaluate(run, pattern.value))
    if isinstance(pattern, ast.MatchSingleton):
        return operation("is", subject, Expr("const", (pattern.value,)))
    if isinstance(pattern, ast.MatchOr):
        result: Expr = FALSE
        for alternative in reversed(pattern.patterns):
            result = choose(_pattern(run, alternative, subject), Expr("const", (True,)), result)
        return result
    if isinstance(pattern, ast.MatchAs):
        test = _pattern(run, pattern.pattern, subject) if pattern.pattern is not None else Expr("const", (True,))
        if pattern.name:
            assign_name(run, pattern.name, subject)
        return test
    for inner in ast.walk(pattern):
        name = getattr(inner, "name", None) or getattr(inner, "rest", None)
        if isinstance(name, str):
            assign_name(run, name, run.fresh(inner, name))
    return run.fresh(pattern, "the pattern matches")


_HANDLERS: dict[type[ast.stmt], Callable[..., None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.If: _if,
    ast.Assert: _assert,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Try: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Match: _match,
}
if hasattr(ast, "TryStar"):  # Python 3.11
    _HANDLERS[ast.TryStar] = _try
