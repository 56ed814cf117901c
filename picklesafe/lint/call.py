"""The fact that loader rules judge: a call that makes a loader, and what torch will say to it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.contract import WORKERS, raises, unset
from picklesafe.lint.finding import CERTAIN, POSSIBLE, Finding, Fix, Related
from picklesafe.lint.interpret import suppose
from picklesafe.lint.interpret.arithmetic import INFINITY, Absent, Known, Range, Result
from picklesafe.lint.interpret.run import LoaderEvent
from picklesafe.lint.interpret.suppose import Answer
from picklesafe.lint.interpret.values import origins
from picklesafe.lint.start_methods import ANYWHERE, Target

if TYPE_CHECKING:
    from picklesafe.lint.interpret.values import Leaf, Origin
    from picklesafe.lint.project import Module

Invalid = Callable[[Result, Result], bool]
"""Whether torch refuses a value (the first) beside a number of workers (the second)."""

_SOME = Range(1, INFINITY)


class Place(NamedTuple):
    """Where a finding sits: a node of the file, and where its argument was written, if it was."""

    node: ast.AST
    origin: Origin | None
    by_workers: bool = False


class Case(NamedTuple):
    """A case in which a loader refuses an argument.

    Args:
        argument: its name, as this loader calls it.
        plain: its name, as DataLoader calls it.
        answer: what the interpreter found.
        place: where the finding belongs.
    """

    argument: str
    plain: str
    answer: Answer
    place: Place

    @property
    def certain(self) -> bool:
        return self.answer.certain

    @property
    def value(self) -> str:
        """The refused value, as Python writes it; the argument's text where it isn't one value."""
        value = self.answer.value
        if isinstance(value, Known):
            return repr(value.value)
        origin = self.place.origin
        return ast.unparse(origin.value) if origin is not None else "a value"


class LoaderCall:
    """A call that makes a DataLoader, or a loader with the same contract.

    Args:
        module: the file under judgement.
        event: the call, as a run in the head came to it.
        target_torch: the torch release that the code is written for.
        target: what else it is for.
    """

    def __init__(
        self, module: Module, event: LoaderEvent, target_torch: tuple[int, int], target: Target = ANYWHERE
    ) -> None:
        self.module = module
        self.event = event
        self.target_torch = target_torch
        self.target = target

    @property
    def loader(self) -> str:
        """What the user calls the loader."""
        return self.event.contract.name

    def refused(self, argument: str, certain: bool | None = None) -> Case | None:
        """The case without workers in which torch refuses an argument.

        Args:
            argument: its name, as DataLoader calls it.
            certain: True for a case that every run comes to, False for one that only runs without
                workers come to, None for either.

        Returns:
            None where there is no such case, or where it is another file's fault.
        """
        if not self._concerns_us(argument):
            return None
        answer = suppose.without_workers(self.event, argument, self.target_torch)
        if answer is None or (certain is not None and answer.certain is not certain):
            return None
        return self._case(argument, answer)

    def invalid(self, argument: str) -> Case | None:
        """The case in which torch refuses an argument whatever else is given.

        Args:
            argument: `num_workers`, `prefetch_factor`, `timeout` or `multiprocessing_context`; of
                others nothing is invalid.

        Returns:
            None where there is no such case, or where it is another file's fault.
        """
        if not self._concerns_us(argument):
            return None
        answer = suppose.certainly(self.event, argument, self._is_invalid(argument))
        return None if answer is None or not answer.origins else self._case(argument, answer)

    def workers_help(self, case: Case) -> bool:
        """Whether torch takes the refused value beside workers; else no guard makes it right."""
        return not self._is_invalid(case.plain)(case.answer.value, _SOME)

    def _is_invalid(self, argument: str) -> Invalid:
        if argument == "prefetch_factor" and self.target_torch < (2, 0):
            return _invalid_old_prefetch
        return _INVALID.get(argument, lambda value, workers: False)

    def _concerns_us(self, argument: str) -> bool:
        """Whether this file gives the argument or the number of workers, here or on the way here."""
        if self.event.home:
            return True
        given = (suppose.argument_of(self.event, name) for name in (argument, WORKERS))
        return any(origin.home and origin.module is self.module for value in given for origin in origins(value))

    def _case(self, argument: str, answer: Answer) -> Case | None:
        place = self._place(answer)
        return None if place is None else Case(self.event.contract.keyword(argument), argument, answer, place)

    def blame(self, given: Sequence[Origin]) -> Place | None:
        """The place in this file at which an argument was given; None if it was another file's.

        Args:
            given: its places, the loader's own call first.
        """
        for origin in given[:1] if self.event.home else given:
            if origin.home and origin.module is self.module:
                return Place(origin.node, origin)
        return None

    def _place(self, answer: Answer) -> Place | None:
        """The argument in this file that is to blame; None if another file's code is."""
        if self.event.home:
            origin = answer.origins[0] if answer.origins else None
            if origin is not None and origin.module is self.module:
                return Place(origin.node, origin)
            return Place(_function_name(self.event.node), None)
        for origin in answer.origins:
            if origin.home and origin.module is self.module:
                return Place(origin.node, origin)
        for origin in answer.workers_origins:
            if answer.certain and origin.home and origin.module is self.module:
                return Place(origin.node, origin, by_workers=True)
        return None

    def report(self, case: Case) -> Finding:
        """The finding of a rule that says what torch says: when, what happens then, what to write instead.

        Args:
            case: from `refused`; its fix is the guarded form.
        """
        return self.finding(
            case, f"{self.because(case)}, {self._outcome(case)}; {self.remedy(case)}", fix=self.guarded(case)
        )

    def finding(self, case: Case, message: str, fix: Fix | None = None) -> Finding:
        """A finding at the argument, with a message of the rule's own.

        Args:
            case: from `refused` or `invalid`.
            message: what is wrong here, what happens then, what to write instead.
            fix: how to mend it, or None.

        Returns:
            The finding; the engine fills in the rule's code and name.
        """
        return self.finding_at(case.place.node, message, CERTAIN if case.certain else POSSIBLE, fix)

    def finding_at(
        self, node: ast.AST, message: str, certainty: str, fix: Fix | None = None, related: tuple[Related, ...] = ()
    ) -> Finding:
        """A finding at a node of this file.

        Args:
            certainty: `certain` or `possible`.
            related: what else the message speaks of; the loader joins it where it is elsewhere.

        Returns:
            The finding; the engine fills in the rule's code and name.
        """
        source = self.module.source
        start, end = source.start(node), source.end(node)  # type: ignore[arg-type]
        rows = {*range(start.row, end.row + 1), *_call_rows(source.tree, node)}
        if self.event.module is self.module:
            rows |= {self.event.node.lineno, self.event.node.end_lineno or start.row}
        return Finding(
            "",
            "",
            str(self.module.path),
            start,
            end,
            message,
            certainty,
            fix,
            (*related, *self._related()),
            tuple(sorted(rows)),
        )

    def lost_callable(self, argument: str) -> Finding | None:
        """The finding for a callable that can't be pickled for the loader's workers; None where there is none.

        Args:
            argument: `collate_fn` or `worker_init_fn`.
        """
        from picklesafe.lint.callables import lost_callable

        return lost_callable(self, argument)

    def unguarded_start(self) -> ast.AST | None:
        """The code outside of functions and main guard that starts the loader's workers; None if there is none."""
        from picklesafe.lint.main_guard import unguarded_start

        return unguarded_start(self)

    def place_of_loader(self) -> tuple[Related, ...]:
        """Where the loader is made, for findings that sit elsewhere."""
        source, node = self.event.module.source, self.event.node
        return (Related(str(source.path), source.start(node), source.end(node), f"{self.loader} is made here"),)

    def _related(self) -> tuple[Related, ...]:
        """The loader itself, where the finding sits at a call that leads to it."""
        if self.event.home:
            return ()
        source, node = self.event.module.source, self.event.node
        return (Related(str(source.path), source.start(node), source.end(node), f"{self.loader} is called here"),)

    def unset(self, argument: str) -> str:
        """What stands for "not given", as Python writes it for the torch that the code runs on.

        Args:
            argument: its name, as DataLoader calls it.
        """
        return unset(argument, self.target_torch)

    def guarded(self, case: Case, otherwise: str | None = None) -> Fix | None:
        """The fix that lets the argument follow the number of workers; see `picklesafe.lint.guarded`.

        Args:
            case: from `refused`.
            otherwise: what the argument is without workers; by default what stands for "not given".

        Returns:
            None where nothing that could be written there helps.
        """
        from picklesafe.lint.guard import guarded

        return guarded(self, case, self.unset(case.plain) if otherwise is None else otherwise)

    def remedy(self, case: Case) -> str:
        """The end of a message: what to write instead.

        Args:
            case: from `refused`.
        """
        if not case.certain:
            return "let it follow the number of workers"
        if case.place.by_workers:
            return f"give it workers, or let {case.argument} follow the number of workers there"
        return f"write {case.argument}={self.unset(case.plain)}, or give it workers"

    def _outcome(self, case: Case) -> str:
        """The middle of a message: what torch does."""
        if case.plain == "timeout":
            return f"and its first iteration raises {raises(case.plain)}"
        return f"which torch refuses ({raises(case.plain)})"

    def because(self, case: Case) -> str:
        """The beginning of a message: "with num_workers=0 DataLoader gets timeout=30".

        Args:
            case: from `refused`. What it supposes is named as the user wrote it; where the finding
                sits at a call of the project's own function, the loader's place is named as well.
        """
        given = f"{case.argument}={case.value}"
        workers = self.event.contract.keyword(WORKERS)
        if not self.event.home:
            return f"{self._setting(case, workers)} this call makes {self._where()} get {given}"
        return f"{self._setting(case, workers)} {self.loader} gets {given}"

    def _where(self) -> str:
        row = self.event.node.lineno
        if self.event.module is self.module:
            return f"{self.loader} ({self.module.source.row_name(row)})"
        return f"{self.loader} ({self.event.module.path.name}:{row})"

    def _setting(self, case: Case, workers: str) -> str:
        answer = case.answer
        if answer.certain:
            given = not isinstance(answer.workers, Absent) and answer.workers_origins
            return f"with {workers}=0" if given else self._without(workers)
        supposed = answer.supposed
        if supposed is None:
            return f"with {workers}=0" if answer.workers_origins else self._without(workers)
        text, value = self._text_of(supposed, answer), 0 if supposed.low <= 0 else supposed.low
        plain = text in (workers, "an item", "an element") or text.endswith(f"[{workers!r}]")
        return f"with {workers}=0" if plain else f"with {text} = {value}"

    def _without(self, workers: str) -> str:
        """The circumstance that nobody gives a number of workers, not even a wrapper that takes one."""
        spec = getattr(self.event.function, "args", None)
        taken = spec is not None and any(arg.arg == workers for arg in (*spec.args, *spec.kwonlyargs))
        return f"without {workers}, which is taken here but never passed on," if taken else f"without {workers}"

    def _text_of(self, supposed: Leaf, answer: Answer) -> str:
        """What had to be 0, in the words of the argument if it is just that."""
        for origin in answer.workers_origins[:1]:
            if isinstance(origin.value, (ast.Attribute, ast.Subscript)) and supposed.low <= 0:
                return ast.unparse(origin.value)
        return supposed.text


def _function_name(node: ast.AST) -> ast.AST:
    return node.func if isinstance(node, ast.Call) else node


def _invalid_workers(value: Result, workers: Result) -> bool:
    if not isinstance(value, Known):
        return False
    number = value.value
    if number is None or isinstance(number, str):
        return True
    return isinstance(number, (int, float)) and (number < 0 or (isinstance(number, float) and number != 0))


def _invalid_prefetch(value: Result, workers: Result) -> bool:
    if workers == Known(0) or not isinstance(value, Known):
        return False
    return isinstance(value.value, (int, float)) and value.value <= 0


def _invalid_old_prefetch(value: Result, workers: Result) -> bool:
    """Until torch 1.13 None was compared with 0, which is a TypeError."""
    return (workers != Known(0) and value == Known(None)) or _invalid_prefetch(value, workers)


def _invalid_timeout(value: Result, workers: Result) -> bool:
    if not isinstance(value, Known):
        return False
    return not isinstance(value.value, (int, float)) or value.value < 0


def _invalid_context(value: Result, workers: Result) -> bool:
    if workers == Known(0) or not isinstance(value, Known) or value.value is None:
        return False
    return value.value not in ("fork", "spawn", "forkserver")


_INVALID: dict[str, Invalid] = {
    "num_workers": _invalid_workers,
    "prefetch_factor": _invalid_prefetch,
    "timeout": _invalid_timeout,
    "multiprocessing_context": _invalid_context,
}


def _call_rows(tree: ast.Module, node: ast.AST) -> tuple[int, ...]:
    """The first and the last row of the call that a node is an argument of; none if it is no argument."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and any(
            node is part or node is getattr(part, "value", None) for part in (*call.args, *call.keywords)
        ):
            return call.lineno, call.end_lineno or call.lineno
    return ()
