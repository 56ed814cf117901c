"""The question of the analysis: suppose there are no workers; does torch refuse an argument?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

from picklesafe.lint.contract import WORKERS, exceptions
from picklesafe.lint.interpret.arithmetic import INFINITY, SOMETHING, Absent, Impossible, Known, Opaque, Range, Result
from picklesafe.lint.interpret.evaluate import Assumption, Split, Undecidable, cases
from picklesafe.lint.interpret.run import LoaderEvent
from picklesafe.lint.interpret.state import Condition, item_of
from picklesafe.lint.interpret.values import ABSENT, Expr, Leaf, Origin, bare, const, leaves

_FEW = 16
Refusal = Callable[[Result], bool]
_REFUSALS = frozenset({"ValueError", "TypeError", "AssertionError", "Exception", "BaseException"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "neg", "int", "float", "ceil", "floor", "round", "abs", "len"})
_CONDITIONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "is", "is not", "in", "not in"})
_CALCULATIONS = frozenset({"+", "-", "*", "/", "//", "%", "min", "max", "<", "<=", ">", ">=", "int", "ceil", "floor"})


class Answer(NamedTuple):
    """A case in which a loader refuses an argument.

    Args:
        certain: whether it is so on every run that gets there.
        supposed: what had to be 0 for it, as the user wrote it; None if nothing had to.
        workers, value: what num_workers and the argument are then.
        origins: the places that the argument was given at, the loader's own call first.
        workers_origins: the same of num_workers.
    """

    certain: bool
    supposed: Leaf | None
    workers: Result
    value: Result
    origins: tuple[Origin, ...]
    workers_origins: tuple[Origin, ...]


def refuses(argument: str, target_torch: tuple[int, int]) -> Refusal:
    """Whether torch refuses a value of this argument when there are no workers."""
    if argument == "prefetch_factor":
        return _is_set if target_torch >= (2, 0) else _is_not_two
    if argument == "persistent_workers":
        return _is_true
    return _is_positive if argument == "timeout" else _is_set


def _is_set(value: Result) -> bool:
    if isinstance(value, Known):
        return value.value is not None
    return isinstance(value, Range) or (isinstance(value, Opaque) and value.thing)


def _is_not_two(value: Result) -> bool:
    """Until torch 1.13 the default was 2, and any other value was refused, None included."""
    if isinstance(value, Range):
        return not value.low <= 2 <= value.high
    return (isinstance(value, Known) and value.value != 2) or (isinstance(value, Opaque) and value.thing)


def _is_true(value: Result) -> bool:
    if isinstance(value, Known):
        return bool(value.value)
    return (isinstance(value, Range) and value.low > 0) or value == SOMETHING


def _is_positive(value: Result) -> bool:
    if isinstance(value, Known):
        return isinstance(value.value, (int, float)) and value.value > 0
    return isinstance(value, Range) and value.low > 0


def argument_of(event: LoaderEvent, name: str) -> Expr:
    """An argument of a loader by DataLoader's name for it; ABSENT if it isn't given."""
    keyword = event.contract.keyword(name)
    value = event.arguments.get(keyword)
    if value is None or bare(value) == ABSENT:
        unknown = event.arguments.get("**")
        if unknown is not None:
            return item_of(unknown, keyword)
        value = {key: const(default) for key, default in event.contract.defaults}.get(name, ABSENT)
        if name == WORKERS and not event.standalone:
            return const(event.contract.workers)
    return value


def without_workers(event: LoaderEvent, argument: str, target_torch: tuple[int, int]) -> Answer | None:
    """The case in which `event`'s loader has no workers and refuses `argument`; None if there is none."""
    value = argument_of(event, argument)
    if bare(value) == ABSENT or event.caught & exceptions(argument):
        return None
    refused = refuses(argument, target_torch)
    workers = argument_of(event, WORKERS)
    return _always(event, workers, value, refused) or _sometimes(event, workers, value, refused)


def certainly(event: LoaderEvent, argument: str, invalid: Callable[[Result, Result], bool]) -> Answer | None:
    """The case that `invalid(argument, num_workers)` holds on every run that gets there.

    If it only does with workers, that counts too: nobody gives a value for no workers only.
    """
    if event.caught & _REFUSALS:
        return None
    value, workers = argument_of(event, argument), argument_of(event, WORKERS)
    if bare(value) == ABSENT:
        return None
    answer = _always(event, workers, value, lambda _: True, invalid)
    if answer is not None or argument == WORKERS:
        return answer
    return _with_workers(event, workers, value, invalid)


def _always(
    event: LoaderEvent,
    workers: Expr,
    value: Expr,
    refused: Refusal,
    invalid: Callable[[Result, Result], bool] | None = None,
) -> Answer | None:
    start = Assumption(free=None)
    for test, outcome in event.reach:
        start = start.deciding(test, outcome)
    answer: Answer | None = None

    def ask(assumption: Assumption) -> Answer | None:
        count, given = _workers(assumption, workers), assumption.value(value)
        holds = invalid(given, count) if invalid is not None else _none(count) and refused(given)
        if not holds:
            return None if reached(assumption, event.reach) else answer
        return _answer(True, None, assumption, workers, value)

    try:
        for _, found in cases(start, ask):
            if found is None:
                return None
            answer = answer or found
    except Undecidable:
        return None
    return answer


def _workers(assumption: Assumption, workers: Expr) -> Result:
    count = assumption.value(workers)
    return Known(0) if isinstance(count, Absent) else count


def _answer(certain: bool, supposed: Leaf | None, assumption: Assumption, workers: Expr, value: Expr) -> Answer:
    return Answer(
        certain,
        supposed,
        assumption.value(workers),
        assumption.value(value),
        tuple(assumption.where(value)),
        tuple(assumption.where(workers)),
    )


def _none(count: Result) -> bool:
    return isinstance(count, Known) and isinstance(count.value, (int, float)) and count.value == 0


def _sometimes(event: LoaderEvent, workers: Expr, value: Expr, refused: Refusal) -> Answer | None:
    free = frozenset(leaves(workers))
    reachable = False
    near, far = _by_relation(event, workers, value)
    for level in (free, free | frozenset(leaf for test, _ in event.reach for leaf in leaves(test))):
        if not reached(Assumption(level), far):
            continue
        for supposed, start in _suppositions(level, workers):

            def ask(assumption: Assumption, supposed: Leaf | None = supposed) -> tuple[bool, Answer | None]:
                if not _none(_workers(assumption, workers)):
                    return False, None
                given = _given(assumption, value)
                if not reached(assumption, near):
                    return False, None
                if not refused(given):
                    return True, None
                return True, _answer(False, supposed, assumption, workers, value)

            try:
                for _, (arrived, found) in cases(start, ask):
                    reachable |= arrived
                    if found is not None:
                        return found
            except Undecidable:
                continue
        if reachable:
            # The defaults alone lead there; what other settings do is judged by whoever sets them.
            return None
    return None


def _with_workers(
    event: LoaderEvent, workers: Expr, value: Expr, invalid: Callable[[Result, Result], bool]
) -> Answer | None:
    """Suppose two workers are asked for, or none and the code makes some of it: is the value invalid?"""
    free = frozenset(leaves(workers))
    for leaf, number in product(free, (2, 0)):
        if not leaf.low <= number <= leaf.high:
            continue  # there is no machine without processors

        def ask(assumption: Assumption) -> Answer | None:
            count = _workers(assumption, workers)
            if _none(count) or not invalid(assumption.value(value), count):
                return None
            if not reached(assumption, event.reach):
                return None
            return _answer(False, None, assumption, workers, value)

        try:
            for _, found in cases(Assumption(free).supposing(leaf, number), ask):
                if found is not None:
                    return found
        except Undecidable:
            continue
    return None


def _given(assumption: Assumption, value: Expr) -> Result:
    """What the argument is; a condition that hangs on other things may go either way.

    A value that is merely handed on, also by `bool(…)`, stays unknown.
    """
    given, test = assumption.value(value), bare(value)
    if isinstance(given, Opaque) and given.truth and assumption.free is not None and test in assumption.free:
        return SOMETHING  # what makes the number of workers 0 makes this true
    if isinstance(given, Opaque) and test.op in _ARITHMETIC:
        return Opaque(given.truth, thing=True)  # what is calculated is never None
    if isinstance(given, Opaque) and given.truth is None and (test.op in _CONDITIONS or test.op == "not"):
        raise Split(test)
    return given


def _suppositions(free: frozenset[Leaf], workers: Expr) -> Iterator[tuple[Leaf | None, Assumption]]:
    """Assumptions under which there may be no workers, the simplest first."""
    start = Assumption(free)
    for leaf in _counts(workers):
        start.bounds[leaf] = Range(max(leaf.low, 0), leaf.high)
    if not isinstance(bare(workers), Leaf):
        yield None, start
    for leaf in leaves(workers):
        if leaf.low <= 0 <= leaf.high:
            yield leaf, start.supposing(leaf, 0)
        if leaf.low != 0 and abs(leaf.low) != INFINITY:
            yield leaf, start.supposing(leaf, leaf.low)
        if _has_negation(workers):
            yield None, start.supposing(leaf, 1)
    if bare(workers).op not in ("leaf", "const", "if") and _may_be_zero(start, workers):
        yield None, start.supposing(workers, 0)


def _has_negation(expr: Expr) -> bool:
    """Whether a number of workers is made of a flag, as in `int(not debug)`."""
    return expr.op == "not" or any(_has_negation(arg) for arg in expr.args if isinstance(arg, Expr))


def _counts(workers: Expr) -> Iterator[Leaf]:
    """The symbols that are calculated with: numbers of something, so not negative."""
    todo = [bare(workers)]
    while todo:
        expr = todo.pop()
        operands = [arg for arg in expr.args if isinstance(arg, Expr)]
        if expr.op in _CALCULATIONS:
            yield from (arg for arg in operands if isinstance(arg, Leaf))
        if not isinstance(expr, Leaf):
            todo += operands


def _may_be_zero(start: Assumption, workers: Expr) -> bool:
    try:
        count = start.value(workers)
    except (Split, Impossible):
        return False
    return isinstance(count, Range) and count.low <= 0 <= count.high


def _by_relation(event: LoaderEvent, workers: Expr, value: Expr) -> tuple[list[Condition], list[Condition]]:
    """The conditions that have symbols in common with the arguments, and those that have none."""
    symbols = {*leaves(workers), *leaves(value)}
    near: list[Condition] = []
    far: list[Condition] = []
    for condition in event.reach:
        (far if symbols.isdisjoint(leaves(condition[0])) else near).append(condition)
    return near, far


def reached(assumption: Assumption, reach: Iterable[Condition]) -> bool:
    """Whether a run may get to the loader; a condition that nothing decides counts as met."""
    return all(_may_be(assumption, test, outcome) for test, outcome in reach)


def _may_be(assumption: Assumption, test: Expr, outcome: bool) -> bool:
    try:
        found = cases(assumption, lambda case: case.holds(test), _FEW)
        return any(holds is outcome for _, holds in found)
    except Undecidable:
        return True
