"""What generated programs are made of: the shape of a part, and the site that guards write to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

OFF = {"prefetch_factor": "None", "persistent_workers": "False", "multiprocessing_context": "None", "timeout": "0"}
"""The arguments that need workers, each with the value that asks for nothing."""


class Argument(NamedTuple):
    """An argument with one value. `bad`: torch refuses the value even with workers."""

    name: str
    keyword: str
    on: str
    head: str = ""
    bad: bool = False

    @property
    def off(self) -> str:
        return OFF[self.keyword]


class Spelling(NamedTuple):
    """Where the value is written: `{on}` and `{keyword}` are filled in.

    Args:
        head: lines at the top of the program.
        local: lines before the call.
        parameter: a further parameter of the function around the call.
        init: a line in `__init__`, needs a scope that offers "init".
        needs: what the scope around must offer.
        by_default: another caller might give another value, so nothing is certain.
    """

    name: str
    expression: str = "{on}"
    head: str = ""
    local: str = ""
    parameter: str = ""
    init: str = ""
    needs: str = ""
    by_default: bool = False


class Scope(NamedTuple):
    """Where the number of workers comes from: a program with a hole for the body of a function.

    Args:
        text: the program; a line `BODY` is the hole, `PARAMETERS` follows the parameters of the
            function around it, `INIT` stands in `__init__`, `OPTION` where options are declared.
        workers: the expression that reads the number of workers in the body.
        offers: what a Spelling may need.
        function: whether the body stands in a function (where it may return).
        passed: whether num_workers is given to the loader at all.
        simple: the guards that tell something here, or none for all.
        by_default: another program might set another number, so nothing is certain.
    """

    name: str
    text: str
    workers: str
    offers: tuple[str, ...] = ()
    function: bool = True
    passed: bool = True
    simple: tuple[str, ...] = ()
    by_default: bool = False


class Callee(NamedTuple):
    """What is called: the lines that define it, and the expression that names it.

    Args:
        torch_signature: takes the positional arguments of torch's own.
        names: the parameters that go by another name here.
    """

    name: str
    head: str
    expression: str = "DataLoader"
    torch_signature: bool = True
    names: Mapping[str, str] = {}


Items = list[tuple[str, str]]


class Passing(NamedTuple):
    """How the arguments are passed: lines that end in `loader = …`."""

    name: str
    lines: Callable[[str, Items], list[str]]
    torch_signature: bool = False
    head: str = ""


class Site:
    """The place that a guard writes to: the names of everything, and the calls."""

    def __init__(self, scope: Scope, callee: Callee, passing: Passing, argument: Argument, value: str) -> None:
        self.scope, self.callee, self.passing, self.argument = scope, callee, passing, argument
        self.workers = scope.workers
        self.on = value
        self.off = argument.off
        self.keyword = self.key(argument.keyword)

    def key(self, name: str) -> str:
        """The name under which the callee takes `name`."""
        return self.callee.names.get(name, name)

    def items(self, value: str | None, workers: str | None = None, **others: str) -> Items:
        passed = [(self.key("num_workers"), workers or self.workers)] if self.scope.passed or workers else []
        given = [] if value is None else [(self.keyword, value)]
        return [*passed, *given, *((self.key(name), other) for name, other in others.items())]

    def call(self, value: str | None, workers: str | None = None, **others: str) -> list[str]:
        """Lines that make the loader with this value (None: without the argument)."""
        return self.passing.lines(self.callee.expression, self.items(value, workers, **others))

    def inline(self, value: str | None, workers: str | None = None) -> str:
        """The call as one expression."""
        return keywords(self.callee.expression, self.items(value, workers))

    def dictionary(self, value: str | None) -> str:
        """A dict display of the arguments."""
        return "{" + ", ".join(f'"{name}": {given}' for name, given in self.items(value)) + "}"

    def call_with(self, *unpacked: str) -> list[str]:
        """Lines that make the loader from dicts alone."""
        return [f"loader = {self.callee.expression}(DATA, {', '.join('**' + name for name in unpacked)})"]


def keywords(callee: str, items: Items) -> str:
    return f"{callee}({', '.join(['DATA', *(f'{name}={value}' for name, value in items)])})"


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]
