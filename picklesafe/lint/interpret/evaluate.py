"""What an expression comes to under an assumption, such as "suppose num_workers is 0"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from picklesafe.lint.interpret.arithmetic import (
    GONE,
    INFINITY,
    SOMETHING,
    UNKNOWN,
    Impossible,
    Known,
    Opaque,
    Range,
    Result,
    apply,
    truth_of,
)
from picklesafe.lint.interpret.values import Expr, Leaf, Origin, bare

MAX_SPLITS = 256
T = TypeVar("T")

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=", "is": "is", "is not": "is not"}
CALCULATIONS = frozenset({"+", "-", "*", "/", "//", "%", "min", "max", "abs", "int", "float", "ceil", "floor", "round"})
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "is": "is not", "is not": "is"}


class Split(Exception):
    """The result hangs on a condition that nothing decides."""

    def __init__(self, test: Expr) -> None:
        super().__init__(test)
        self.test = test


class Undecidable(Exception):
    """More cases than anybody would look at."""


class Assumption:
    """What is supposed of some expressions, and what follows for others.

    Args:
        free: symbols that may have any value; all others have their default, if they have one.
            None stands for all.
    """

    def __init__(self, free: frozenset[Leaf] | None = frozenset()) -> None:
        self.free = free
        self.values: dict[Expr, Result] = {}
        self.bounds: dict[Expr, Range] = {}
        self._memo: dict[Expr, Result] = {}

    def copy(self) -> Assumption:
        new = Assumption(self.free)
        new.values = self.values.copy()
        new.bounds = self.bounds.copy()
        return new

    def supposing(self, expr: Expr, value: object) -> Assumption:
        """This assumption, and that `expr` is `value`."""
        new = self.copy()
        new.values[bare(expr)] = Known(value)
        return new

    def deciding(self, test: Expr, outcome: bool) -> Assumption:
        """This assumption, and that `test` holds or doesn't."""
        new = self.copy()
        new._decide(bare(test), outcome)
        return new

    def _decide(self, test: Expr, outcome: bool) -> None:
        if test.op == "not":
            self._decide(test.args[0], not outcome)
        elif test.op == "bool":
            self._decide(test.args[0], outcome)
        elif test.op in _MIRRORED:
            self.values[test] = Known(outcome)
            op = test.op if outcome else _OPPOSITE[test.op]
            self._narrow(op, test.args[0], test.args[1])
            self._narrow(_MIRRORED[op], test.args[1], test.args[0])
        elif test.op == "if":
            self._decide_choice(test, outcome)
        elif test not in self.values:
            bound = self._range(test)
            if bound is not None and not outcome:
                self.values[test] = Known(0)
            elif bound is not None and bound.low >= 0:
                self.bounds[test] = Range(max(bound.low, 1), bound.high)
            else:
                self.values[test] = Opaque(outcome)

    def _decide_choice(self, test: Expr, outcome: bool) -> None:
        """`a and b` that holds means that both do; `a or b` that doesn't, that neither does."""
        condition, yes, no = test.args
        dead_no = _falsy(no) or no == condition
        if outcome and dead_no:
            self._decide(condition, True)
            self._decide(yes, True)
        elif not outcome and (yes == condition or _truthy(yes)):
            self._decide(condition, False)
            self._decide(no, False)
        elif outcome and _falsy(yes):
            self._decide(condition, False)
            self._decide(no, True)

    def _narrow(self, op: str, expr: Expr, other: Expr) -> None:
        if expr.op == "const" or other.op != "const" or expr in self.values:
            return
        value = other.args[0]
        if op in ("==", "is"):
            self.values[expr] = Known(value)
        elif isinstance(value, (int, float)):
            bound = self._bound(expr) or Range(-INFINITY, INFINITY)
            self.bounds[expr] = _cut(op, bound, value)

    def _range(self, expr: Expr) -> Range | None:
        """The bounds of a symbol, or what is calculated from bounds, such as `os.cpu_count() // 2`."""
        bound = self._bound(expr)
        if bound is None and expr.op in CALCULATIONS:
            try:
                found = self.value(expr)
            except (Split, Impossible):
                return None
            bound = found if isinstance(found, Range) else None
        return bound

    def _bound(self, expr: Expr) -> Range | None:
        if expr in self.bounds:
            return self.bounds[expr]
        if isinstance(expr, Leaf) and (expr.low, expr.high) != (-INFINITY, INFINITY):
            return Range(expr.low, expr.high)
        return None

    def value(self, expr: Expr) -> Result:
        """What `expr` is.

        Raises:
            Split: if that depends on an undecided condition.
            Impossible: if no run gets there.
        """
        if expr.op == "const":
            return Known(expr.args[0])
        if expr.op == "at":
            return self.value(expr.args[1])
        known = self._memo.get(expr)
        if known is None:
            known = self._memo[expr] = self._value(expr)
        return known

    def _value(self, expr: Expr) -> Result:
        if expr in self.values:
            return self.values[expr]
        if isinstance(expr, Leaf):
            return self._leaf(expr)
        if expr.op == "if":
            return self.value(expr.args[1] if self.holds(expr.args[0]) else expr.args[2])
        if expr.op == "absent":
            return GONE
        if expr.op == "seq":
            items = [self.value(item) for item in expr.args[1:]]
            return Known(tuple(i.value for i in items)) if all(isinstance(i, Known) for i in items) else SOMETHING  # type: ignore[union-attr]
        if expr.op in OBJECTS:
            return SOMETHING
        return self._bounded(expr, apply(expr.op, [self.value(arg) for arg in expr.args]))

    def _leaf(self, leaf: Leaf) -> Result:
        if leaf.default is not None and self.free is not None and leaf not in self.free and leaf not in self.bounds:
            return self.value(leaf.default)
        bound = self._bound(leaf)
        if bound is None:
            return UNKNOWN
        if bound.low > bound.high:
            raise Impossible
        if bound.low != bound.high or abs(bound.low) == INFINITY:
            return bound
        return Known(int(bound.low))

    def _bounded(self, expr: Expr, result: Result) -> Result:
        bound = self.bounds.get(expr)
        if bound is None or isinstance(result, Known):
            return result
        if isinstance(result, Range):
            bound = Range(max(bound.low, result.low), min(bound.high, result.high))
        if bound.low > bound.high:
            raise Impossible
        return bound

    def holds(self, test: Expr) -> bool:
        """Whether `test` counts as true; raises Split where it may do either."""
        known = truth_of(self.value(test))
        if known is None:
            test = bare(test)
            while test.op in ("not", "bool"):
                test = test.args[0]
            raise Split(test)
        return known

    def where(self, expr: Expr) -> list[Origin]:
        """The places that the value of `expr` was given at, the innermost call's first."""
        if expr.op == "at":
            return [expr.args[0], *self.where(expr.args[1])]
        if expr.op == "if":
            return self.where(expr.args[1] if self.holds(expr.args[0]) else expr.args[2])
        return []


OBJECTS = frozenset({"object", "function", "class", "module", "bound", "partial", "super", "ref"})


def cases(
    start: Assumption, question: Callable[[Assumption], T], limit: int = MAX_SPLITS
) -> Iterator[tuple[Assumption, T]]:
    """Ask a question under an assumption, splitting it wherever the answer hangs on a condition.

    Raises:
        Undecidable: after `limit` cases.
    """
    todo = [start]
    asked = 0
    while todo:
        assumption = todo.pop()
        asked += 1
        if asked > limit:
            raise Undecidable
        try:
            yield assumption, question(assumption)
        except Split as split:
            todo.append(assumption.deciding(split.test, False))
            todo.append(assumption.deciding(split.test, True))
        except Impossible:
            continue


def _falsy(expr: Expr) -> bool:
    return expr.op == "const" and not expr.args[0]


def _truthy(expr: Expr) -> bool:
    return expr.op == "const" and bool(expr.args[0])


def _cut(op: str, bound: Range, value: float) -> Range:
    """Numbers of workers are whole, so `> 0` is `>= 1`."""
    low, high = bound
    if op == ">":
        low = max(low, value + 1)
    elif op == ">=":
        low = max(low, value)
    elif op == "<":
        high = min(high, value - 1)
    elif op == "<=":
        high = min(high, value)
    elif op in ("!=", "is not") and value == low:
        low += 1
    return Range(low, high)
