"""The other question of the analysis: suppose there are workers; what starts, and what never reaches them?"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from picklesafe.lint.contract import CONTEXT, WORKERS
from picklesafe.lint.interpret.arithmetic import Known, Opaque, Range, Result
from picklesafe.lint.interpret.evaluate import Assumption, Undecidable, cases
from picklesafe.lint.interpret.run import LoaderEvent
from picklesafe.lint.interpret.suppose import argument_of, reached
from picklesafe.lint.interpret.travel import Stuck
from picklesafe.lint.interpret.values import ABSENT, NONE, Expr, Leaf, Origin, bare, const, leaves
from picklesafe.lint.trees import last_name

T = TypeVar("T")
_TWO: Final = 2
_CASES: Final = 32
"""As many are looked at: each asks anew whether the loader is reached."""
_FORK: Final = Known("fork")
_CAUGHT: Final = frozenset({"Exception", "BaseException", "AttributeError", "PicklingError"})
"""What handles the error of pickling."""


class Lost(NamedTuple):
    """An argument that doesn't reach the workers of a loader.

    Args:
        reason: why it can't be pickled.
        always: whether every run that gets to the loader has workers and gives it that.
        origins: the places that it was given at, the loader's own call first.
    """

    reason: Stuck
    always: bool
    origins: tuple[Origin, ...]


def lost(event: LoaderEvent, argument: str) -> Lost | None:
    """The case in which a loader has workers and `argument` can't be pickled for them; None if there is none.

    Where the loader itself asks for `fork`, or for a context that nobody knows, there is none either.
    """
    value = event.travellers.get(argument)
    if value is None or bare(value) == NONE or event.caught & _CAUGHT:
        return None
    context = _context(event)

    def ask(assumption: Assumption, count: Result) -> tuple[Stuck, Result, tuple[Origin, ...]] | None:
        if not _pickles(assumption.value(context)):
            return None
        reason = assumption.value(value)
        if not isinstance(reason, Known) or not isinstance(reason.value, Stuck):
            return None
        return reason.value, count, tuple(assumption.where(value))

    found = _first(event, ask)
    if found is None:
        return None
    reason, count, origins = found
    symbols = [*leaves(argument_of(event, WORKERS)), *leaves(value), *leaves(context)]
    always = not symbols and not event.reach and isinstance(count, (Known, Range))
    return Lost(reason, always, origins)


def starts(event: LoaderEvent, pickled: bool = False) -> bool:
    """Whether a loader may start processes: it has workers, in some run that gets to it.

    Args:
        pickled: whether those count only that aren't forked.
    """
    context = _context(event)

    def ask(assumption: Assumption, count: Result) -> bool | None:
        return not pickled or _pickles(assumption.value(context)) or None

    return _first(event, ask) is not None


def _first(event: LoaderEvent, question: Callable[[Assumption, Result], T | None]) -> T | None:
    """The first answer to a question about the cases in which a loader has workers."""
    workers = argument_of(event, WORKERS)
    if bare(workers) == ABSENT or event.contract.threads or _is_left_to_others(event):
        return None

    def ask(assumption: Assumption) -> T | None:
        count = assumption.value(workers)
        if not _is_some(count) or not reached(assumption, event.reach):
            return None
        return question(assumption, count)

    symbols = [leaf for leaf in leaves(workers) if not _stays_zero(leaf)]
    around = frozenset(leaf for test, _ in event.reach for leaf in leaves(test))
    # As they are by default, and where that leads nowhere, as anybody may set them.
    for free in (frozenset(symbols), frozenset(symbols) | around):
        begin = Assumption(free)
        suppositions = [begin.supposing(leaf, _TWO) for leaf in symbols if leaf.low <= _TWO <= leaf.high]
        for start in suppositions if symbols else [begin]:
            try:
                for _, answer in cases(start, ask, _CASES):
                    if answer is not None:
                        return answer
            except Undecidable:
                continue
    return None


def _is_left_to_others(event: LoaderEvent) -> bool:
    """Whether only `**kwargs` may hold a number of workers: whether they do is for whoever gives them."""
    return event.contract.keyword(WORKERS) not in event.arguments and event.contract.workers == 0


def _stays_zero(leaf: Leaf) -> bool:
    """Whether a symbol is the 0 of an attribute of `self`, which nobody here sets to anything else."""
    return (
        leaf.args[0] == "attribute"
        and leaf.args[1].op == "ref"
        and leaf.default is not None
        and bare(leaf.default) == const(0)
    )


def _is_some(count: Result) -> bool:
    if isinstance(count, Known):
        return isinstance(count.value, (int, float)) and count.value > 0
    return isinstance(count, Opaque) or (isinstance(count, Range) and count.high >= 1)


def _context(event: LoaderEvent) -> Expr:
    """The start method that a loader is given; `get_context("fork")` is "fork"."""
    if event.contract.keyword(CONTEXT) not in event.arguments:
        return NONE  # also where `**kwargs` may hold one
    value = bare(argument_of(event, CONTEXT))
    if value.op == "object":
        node = value.args[0]
        if isinstance(node, ast.Call) and last_name(node) == "get_context":
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            method = given[0].value if given and isinstance(given[0], ast.Constant) else None
            return const(method)
    return value


def _pickles(context: Result) -> bool:
    """Whether workers of that start method get their arguments by pickle, on some platform."""
    if isinstance(context, Opaque):
        return False
    return context != _FORK
