"""What the interpreter computes with: expressions over the symbols that a run may set.

A value is never a set of possibilities but one expression, such as `nw > 0 ? 2 : None`, so what
hangs together stays together: the same condition, met twice, is the same expression twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from picklesafe.lint.interpret.arithmetic import Impossible, Known, apply

if TYPE_CHECKING:
    import ast

    from picklesafe.lint.project import Module

INFINITY: Final = math.inf
MAX_SIZE: Final = 400
"""Parts that occur twice count twice, as they do for whatever walks over an expression."""


class Expr:
    """One node of an expression; equal to any other of the same shape.

    Args:
        op: what it is: `const`, `leaf`, `if`, `at`, an operation, or a kind of object.
        args: its operands, or what tells it apart from others of its kind.
    """

    __slots__ = ("_hash", "args", "op", "size")
    _hash: int
    size: int

    def __init__(self, op: str, args: tuple[Any, ...]) -> None:
        self.op = op
        self.args = args
        self._hash = hash((op, *(a._hash if isinstance(a, Expr) else _fingerprint(a) for a in args)))
        self.size = 1 + sum(a.size for a in args if isinstance(a, Expr))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        # The 64 bits of the hash stand for the operands: comparing those would walk both trees.
        return isinstance(other, Expr) and (self._hash, self.size, self.op) == (other._hash, other.size, other.op)

    def __repr__(self) -> str:
        return f"{self.op}{self.args!r}"


def _fingerprint(value: object) -> int:
    """A hash that tells True from 1 from 1.0, as a loader does, and -1 from -2, as Python's doesn't."""
    return hash((type(value), repr(value) if isinstance(value, (int, float)) else value))


class Leaf(Expr):
    """A symbol: something that is known by its access path only.

    Args:
        path: what makes it the same symbol as another.
        text: how the user wrote it.
        low, high: bounds of its value, if it is a number for sure.
        default: what it is when nobody sets it (a parameter, an option, a look-up).
    """

    __slots__ = ("default", "high", "low", "text")

    def __init__(
        self,
        path: tuple[Any, ...],
        text: str,
        low: float = -INFINITY,
        high: float = INFINITY,
        default: Expr | None = None,
    ) -> None:
        super().__init__("leaf", path)
        self.size = 1
        self.text = text
        self.low = low
        self.high = high
        self.default = default


class External(Leaf):
    """Something outside the project, by its dotted name: a class, a function, a setting."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__((name,), name)
        self.op = "external"


class Origin(NamedTuple):
    """Where an argument was written.

    Args:
        module: the file.
        node: the keyword, dictionary entry's key, or assignment.
        value: the expression given there.
        home: whether that is code under judgement, not code of a function that it calls.
        siblings: the other arguments given at the same place, by name.
        function: the function that the place is in.
    """

    module: Module
    node: ast.AST
    value: ast.expr
    home: bool
    siblings: dict[str, ast.expr]
    function: object = None

    def __hash__(self) -> int:
        return id(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and self.node is other.node and self.home == other.home


ABSENT: Final = Expr("absent", ())


def const(value: object) -> Expr:
    return Expr("const", (value,))


TRUE: Final = const(True)
FALSE: Final = const(False)
NONE: Final = const(None)


def is_const(expr: Expr) -> bool:
    return expr.op == "const"


def located(expr: Expr, origin: Origin) -> Expr:
    """`expr`, given as an argument at `origin`."""
    return Expr("at", (origin, expr))


def bare(expr: Expr) -> Expr:
    """`expr` without the places that it was given at."""
    while expr.op == "at":
        expr = expr.args[1]
    if expr.op == "if" and (expr.args[1].op == "at" or expr.args[2].op == "at"):
        return choose(expr.args[0], bare(expr.args[1]), bare(expr.args[2]))
    return expr


def choose(test: Expr, yes: Expr, no: Expr) -> Expr:
    """`yes` where `test` holds, else `no`."""
    if yes is no or yes == no:
        return yes
    if test.op == "const":
        return yes if test.args[0] else no
    if test.op == "not":
        return choose(test.args[0], no, yes)
    return _bounded(Expr("if", (test, yes, no)))


def _bounded(expr: Expr) -> Expr:
    """`expr`, or a symbol for it if it has grown beyond anything that a guard says."""
    return expr if expr.size <= MAX_SIZE else Leaf(("large", expr), "a value")


_BOOLEAN: Final = frozenset({"not", "bool", "<", "<=", ">", ">=", "==", "!=", "is", "is not", "in", "not in"})


def truth(expr: Expr) -> Expr:
    """`bool(expr)`."""
    expr = bare(expr)
    if expr.op == "const":
        return const(bool(expr.args[0]))
    return expr if expr.op in _BOOLEAN else Expr("bool", (expr,))


def negate(expr: Expr) -> Expr:
    expr = bare(expr)
    if expr.op == "const":
        return const(not expr.args[0])
    return expr.args[0] if expr.op == "not" and expr.args[0].op in _BOOLEAN else Expr("not", (expr,))


def all_of(tests: Iterable[Expr]) -> Expr:
    result = TRUE
    for test in tests:
        result = test if result is TRUE else choose(result, test, FALSE)
    return result


def operation(op: str, *args: Expr) -> Expr:
    """An operation on values, done at once where they are constants; places are dropped."""
    operands = tuple(bare(arg) for arg in args)
    if all(operand.op == "const" for operand in operands):
        try:
            known = apply(op, [Known(operand.args[0]) for operand in operands])
        except Impossible:
            known = None
        if isinstance(known, Known):
            return const(known.value)
    return _bounded(Expr(op, operands))


def origins(expr: Expr) -> Iterator[Origin]:
    """The places that parts of `expr` were given at."""
    return (part.args[0] for part in _parts(expr) if part.op == "at")


def leaves(expr: Expr) -> Iterator[Leaf]:
    """The symbols that `expr` depends on, each once."""
    return (part for part in _parts(expr) if isinstance(part, Leaf))


def _parts(expr: Expr) -> Iterator[Expr]:
    """`expr` and what it is made of down to the symbols, each once, in the order they are written."""
    seen: set[Expr] = set()
    todo = [expr]
    while todo:
        part = todo.pop()
        if part in seen:
            continue
        seen.add(part)
        yield part
        if not isinstance(part, Leaf):
            todo.extend(arg for arg in reversed(part.args) if isinstance(arg, Expr))
