"""The errors of picklesafe, under one base."""

from __future__ import annotations

from typing import Any


class PickleSafeError(Exception):
    """The base of every error that picklesafe raises on purpose.

    Args:
        problem: what is wrong, in one sentence without a full stop.
        more: what a subclass keeps in `args`.
        remedy: what to do instead, as a sentence.
        attribute: where it happened, as an attribute path (`GenomeDataset.log`).

    Every argument is kept, and the error pickles with them: one raised in a worker reaches the parent. The first
    argument alone must do, since torch raises a worker's error again with nothing but its text.
    """

    def __init__(self, problem: str = "", *more: Any, remedy: str = "", attribute: str = "") -> None:
        super().__init__(problem, *more)
        self.problem = problem
        self.remedy = remedy
        self.attribute = attribute

    def __str__(self) -> str:
        text = f"{self.attribute}: {self.problem}" if self.attribute else self.problem
        return f"{text}. {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, self.__dict__


class ConfigurationError(PickleSafeError):
    """A configuration file or an option that `picklesafe check` can't follow."""


class UnsafeHandleError(PickleSafeError):
    """A handle that can't be dropped and reopened without loss: it writes, or its position can't be told."""


class HandleMissingError(PickleSafeError):
    """A handle that can't be opened again here: its file or its library isn't there, or refuses."""


class HandleChangedError(PickleSafeError):
    """A handle whose file isn't the one that it was opened on: replaced, truncated or written to since."""


class NotWorkerSafeError(PickleSafeError):
    """An object that can't reach a worker at all, as a lambda, a generator or a socket."""
