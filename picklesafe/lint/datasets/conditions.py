"""Conditions that nobody can tell, but that come out alike wherever they are asked."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

_MOST = 4
"""So many conditions are told apart: each doubles the work."""


class Condition(NamedTuple):
    """What is asked, in words that don't depend on how it is asked.

    Args:
        text: the condition without its negation.
        negated: whether the opposite is asked.
    """

    text: str
    negated: bool


def condition(test: ast.expr) -> Condition:
    """`x is not None` is `x is None`, negated."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = condition(test.operand)
        return inner._replace(negated=not inner.negated)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPPOSITES:
        opposite = ast.Compare(test.left, [_OPPOSITES[type(test.ops[0])]()], test.comparators)
        return Condition(ast.unparse(opposite), True)
    return Condition(ast.unparse(test), False)


_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.IsNot: ast.Is, ast.NotEq: ast.Eq, ast.NotIn: ast.In}


class Conditions:
    """The unknown conditions that a run comes to.

    Args:
        assumed: how some of them come out.
    """

    def __init__(self, assumed: dict[str, bool] | None = None) -> None:
        self._assumed = assumed or {}
        self._asked: Counter[str] = Counter()

    def ask(self, test: ast.expr) -> bool | None:
        """How an unknown condition comes out by assumption, if there is one."""
        asked = condition(test)
        self._asked[asked.text] += 1
        known = self._assumed.get(asked.text)
        return None if known is None else known is not asked.negated

    def cases(self) -> Iterator[dict[str, bool]]:
        """All ways in which those come out that were asked more than once; none if there are no such."""
        # Those of the object itself first: the others are mostly the business of a function that is called twice.
        often = [text for text, times in self._asked.most_common() if times > 1]
        again = sorted(often, key=lambda text: "self." not in text)[:_MOST]
        if again:
            for outcomes in product((True, False), repeat=len(again)):
                yield dict(zip(again, outcomes, strict=True))
