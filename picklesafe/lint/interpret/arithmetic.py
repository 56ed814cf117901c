"""Operations on what is known of a value: a constant, a range of numbers, or little."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final, NamedTuple

INFINITY: Final = math.inf
_SMALLEST: Final = 5e-324


class Known(NamedTuple):
    """Exactly this constant."""

    value: Any


class Range(NamedTuple):
    """Some number from `low` to `high`, both included."""

    low: float
    high: float


class Opaque(NamedTuple):
    """Anything, of which at most the truth value is known; `thing` if it is an object, not None."""

    truth: bool | None = None
    thing: bool = False


class Absent(NamedTuple):
    """Not given at all."""


Result = Known | Range | Opaque | Absent
UNKNOWN: Final = Opaque()
SOMETHING: Final = Opaque(True, True)
GONE: Final = Absent()


class Impossible(Exception):
    """No run gets here: the operation raises, as a division by zero does."""


_BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "is": lambda a, b: a is b if type(a) in (bool, type(None)) or type(b) in (bool, type(None)) else a == b,
    "is not": lambda a, b: a is not b if type(a) in (bool, type(None)) or type(b) in (bool, type(None)) else a != b,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}

_UNARY: Final[dict[str, Callable[[Any], Any]]] = {
    "not": operator.not_,
    "bool": bool,
    "neg": operator.neg,
    "int": int,
    "float": float,
    "str": str,
    "abs": abs,
    "round": round,
    "ceil": math.ceil,
    "floor": math.floor,
    "len": len,
}


def truth_of(result: Result) -> bool | None:
    """Whether a value counts as true, or None if that can't be told."""
    if isinstance(result, Known):
        return bool(result.value)
    if isinstance(result, Range):
        return True if result.low > 0 or result.high < 0 else None
    if isinstance(result, Opaque):
        return result.truth
    return None


def apply(op: str, args: list[Result]) -> Result:
    """The result of `op`; UNKNOWN where it can't be told.

    Raises:
        Impossible: if the operation itself would raise.
    """
    if any(isinstance(arg, Absent) for arg in args):
        return UNKNOWN
    if all(isinstance(arg, Known) for arg in args):
        return _constant(op, [arg.value for arg in args])  # type: ignore[union-attr]
    if op in ("min", "max"):
        return _extremum(op, args)
    if op in ("not", "bool"):
        known = truth_of(args[0])
        return UNKNOWN if known is None else Known(known if op == "bool" else not known)
    if op in ("is", "is not", "==", "!=") and (decided := _identity(op, args)) is not None:
        return Known(decided)
    ranges = [_range(arg) for arg in args]
    try:
        if len(ranges) == 2:
            return _binary_range(op, ranges[0], ranges[1])
        return _unary_range(op, ranges[0]) if len(ranges) == 1 else UNKNOWN
    except ArithmeticError:  # a whole number that is too large for a float
        return UNKNOWN


def _constant(op: str, values: list[Any]) -> Result:
    try:
        if op in ("min", "max"):
            return Known((min if op == "min" else max)(values))
        if len(values) == 2 and op in _BINARY:
            if op in ("*", "+", "%") and not all(isinstance(v, (int, float)) for v in values):
                return UNKNOWN  # a repeated or padded string may be huge
            return Known(_BINARY[op](*values))
        if op == "**":
            return UNKNOWN
        if len(values) == 1 and op in _UNARY:
            return Known(_UNARY[op](values[0]))
    except (TypeError, ValueError, ArithmeticError):
        raise Impossible from None
    return UNKNOWN


def _extremum(op: str, args: list[Result]) -> Result:
    ranges = [_range(arg) for arg in args]
    bounds = [r or Range(-INFINITY, INFINITY) for r in ranges]
    pick = min if op == "min" else max
    low, high = pick(r.low for r in bounds), pick(r.high for r in bounds)
    if low == high:
        return Known(int(low) if float(low).is_integer() else low)
    return UNKNOWN if (low, high) == (-INFINITY, INFINITY) else Range(low, high)


def _identity(op: str, args: list[Result]) -> bool | None:
    """Whether something can be None, as far as its kind tells."""
    for one, other in (args, reversed(args)):
        if (
            isinstance(one, Known)
            and one.value is None
            and (isinstance(other, Range) or (isinstance(other, Opaque) and (other.thing or other.truth)))
        ):
            return op in ("is not", "!=")
        if op in ("==", "!=") and isinstance(one, Known) and not one.value and truth_of(other):
            return op == "!="
    return None


def _range(result: Result) -> Range | None:
    if isinstance(result, Range):
        return result
    if isinstance(result, Known) and isinstance(result.value, (int, float)):
        return Range(result.value, result.value)
    return None


def _binary_range(op: str, a: Range | None, b: Range | None) -> Result:
    if op in ("/", "//", "%"):
        return _division(op, a, b)
    if a is None or b is None:
        return UNKNOWN
    if op == "+":
        return _span(a.low + b.low, a.high + b.high)
    if op == "-":
        return _span(a.low - b.high, a.high - b.low)
    if op == "*":
        corners = [0.0 if 0 in (x, y) else x * y for x in a for y in b]
        return _span(min(corners), max(corners))
    return _comparison(op, a, b)


def _division(op: str, a: Range | None, b: Range | None) -> Result:
    """Divisors are counts (of devices, of processes) wherever this matters, so at least 1 here."""
    if b is not None and b.low == b.high == 0:
        raise Impossible
    if op == "%":
        return _span(0, b.high) if b is not None and b.low >= 0 else UNKNOWN
    if a is None or a.low < 0:
        return UNKNOWN
    bottom = max(b.low, 1) if b is not None else 1
    top = b.high if b is not None and b.high >= bottom else INFINITY
    low = max(a.low / top, _SMALLEST) if a.low > 0 else 0.0
    high = a.high / bottom
    return _span(low, high) if op == "/" else _span(math.floor(low), math.floor(high) if high < INFINITY else high)


def _comparison(op: str, a: Range, b: Range) -> Result:
    if op in (">", ">="):
        return _comparison("<" if op == ">" else "<=", b, a)
    if op == "<" and (a.high < b.low or a.low >= b.high):
        return Known(a.high < b.low)
    if op == "<=" and (a.high <= b.low or a.low > b.high):
        return Known(a.high <= b.low)
    if op in ("==", "!=", "is", "is not") and (a.high < b.low or a.low > b.high):
        return Known(op in ("!=", "is not"))
    return UNKNOWN


def _unary_range(op: str, a: Range | None) -> Result:
    if op == "len":
        return Range(0, INFINITY)
    if a is None:
        return Range(0, INFINITY) if op == "abs" else UNKNOWN
    if op == "neg":
        return _span(-a.high, -a.low)
    if op == "abs":
        return _span(0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high)), max(abs(a.low), abs(a.high)))
    if op in ("float", "int", "round", "floor", "ceil"):
        step: Callable[[float], float] = {"ceil": math.ceil, "float": float, "round": round}.get(op, math.floor)  # type: ignore[assignment]
        return _span(*(bound if abs(bound) == INFINITY else step(bound) for bound in a))
    return UNKNOWN


def _span(low: float, high: float) -> Result:
    if low != low or high != high:
        return UNKNOWN
    return Range(low, high)
