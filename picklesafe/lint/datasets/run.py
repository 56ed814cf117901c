"""One run of a class's code in the head: what its attributes hold when it is through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from picklesafe.lint.datasets.classes import Lineage, lineage
from picklesafe.lint.datasets.conditions import Conditions
from picklesafe.lint.datasets.values import (
    ANY,
    NONE,
    OTHER,
    SOURCES,
    UNKNOWN,
    Box,
    Class,
    Const,
    Function,
    Handle,
    Key,
    Obj,
    Plain,
    State,
    Value,
)
from picklesafe.lint.project import Module, Project

_STEPS = 4_000
"""How many statements and calls are run for one class: more, and nothing is said of it."""
_LARGE = 1_000
"""A run of more steps isn't repeated for each way in which its conditions may come out."""
_DEPTH = 12


class TooMuch(Exception):
    """There is more code around a class than is worth to be run."""


class Stored(NamedTuple):
    """The statement that gave a handle to an attribute.

    Args:
        target: as it is written, such as `self.file`.
        home: the class that it stands in.
        firm: whether it is an assignment to an attribute, rather than one into a container.
    """

    statement: ast.stmt
    module: Module
    target: str
    home: Class | None
    firm: bool


class Frame:
    """A function that is being run.

    Args:
        function: it, or None for the top level.
        statement: the one that is being run.
        returned: the states at its ends so far, with what was returned.
        broken: the states in which the innermost loop is left by `break`.
        continued: those in which it goes on by `continue`.
    """

    def __init__(self, module: Module, function: Function | None) -> None:
        self.module = module
        self.function = function
        self.statement: ast.stmt | None = None
        self.returned: list[tuple[State, Value]] = []
        self.broken: list[State] = []
        self.continued: list[State] = []


class Run:
    """The state of a run, and what all of its parts share.

    Args:
        project: that the code belongs to.
        assumed: how conditions come out that nobody can tell.

    Attributes:
        entered: the functions that were run so far.
    """

    def __init__(self, project: Project, assumed: dict[str, bool] | None = None) -> None:
        self.project = project
        self.conditions = Conditions(assumed)
        self.state = State({}, {}, frozenset())
        self.calls: tuple[object, ...] = ()
        self.frame: Frame
        self.stored: dict[Key, Stored] = {}
        self.made: dict[Obj, tuple[ast.AST, Module]] = {}
        self.entered: list[ast.AST] = []
        self.closures: dict[int, dict[str, Value]] = {}
        self._lineages: dict[Class, Lineage] = {}
        self._running: list[ast.AST] = []
        self._steps = 0

    def cases(self) -> list[dict[str, bool]]:
        """The ways in which conditions may come out that are to be told apart."""
        return list(self.conditions.cases()) if self._steps <= _LARGE else []

    def step(self) -> None:
        """Count a piece of work.

        Raises:
            TooMuch: it was one too many.
        """
        self._steps += 1
        if self._steps > _STEPS:
            raise TooMuch

    def key(self, node: ast.AST) -> Key:
        """Tells what is made at a place, in the course of these calls, from all else."""
        return (*self.calls, id(node))

    def lineage(self, cls: Class) -> Lineage:
        """The class and its parents."""
        if cls not in self._lineages:
            self._lineages[cls] = lineage(cls, self.project)
        return self._lineages[cls]

    @contextmanager
    def framed(self, module: Module, function: Function | None, call: ast.AST | None) -> Iterator[Frame | None]:
        """Within the block another function runs; None if it is running already, or too deep down."""
        node = function.node if function is not None else None
        if len(self._running) >= _DEPTH or node in self._running:
            yield None
            return
        before = (self.__dict__.get("frame"), self.calls, self.state.names)
        self.frame = frame = Frame(module, function)
        self._running.append(node or module.source.tree)
        self.entered.append(self._running[-1])
        if call is not None:
            self.calls = (*self.calls, id(call))
        try:
            yield frame
        finally:
            self._running.pop()
            self.frame, self.calls, self.state.names = before  # type: ignore[assignment]

    def get(self, obj: Obj | Box, name: str) -> Value | None:
        """What an attribute or an item holds, if it was set."""
        return self.state.held(obj.key).get(name)

    def contents(self, box: Box) -> Value:
        """All that a container holds; of an iterator, what it holds on to."""
        held = self.state.held(box.key)
        return held[SOURCES] if SOURCES in held else frozenset().union(*held.values())

    def elements(self, box: Box) -> Value:
        """What iterating over a container gives."""
        return frozenset().union(*(value for name, value in self.state.held(box.key).items() if name != SOURCES))

    def add(self, box: Box, value: Value) -> None:
        """Put something into a container."""
        known = self.get(box, ANY)
        self.state.put(box.key, ANY, value if known is None else known | value)

    def boxed(self, node: ast.AST, value: Value, kind: str = "list") -> Value:
        """A new container that holds all of this."""
        box = Box((*self.key(node), kind), kind)
        self.state.fields[box.key] = {ANY: value}
        return frozenset({box})

    def put(self, target: Value, name: str, value: Value, text: str) -> None:
        """Set an attribute of an object, or of each that it may be."""
        owners = [thing for thing in target if isinstance(thing, (Obj, Box))]
        for owner in owners:
            known = self.get(owner, name)
            sure = len(target) == 1 or known is None
            self.state.put(owner.key, name, value if sure else value | (known or UNKNOWN))
        if owners:
            self.note(value, text, firm=any(isinstance(owner, Obj) for owner in owners))

    def remove(self, target: Value, name: str) -> None:
        """Delete an attribute, or an item."""
        for owner in target:
            if isinstance(owner, (Obj, Box)):
                self.state.remove(owner.key, name)

    def note(self, value: Value, text: str, firm: bool) -> None:
        """Remember where handles were first given to an attribute, or else into a container."""
        statement = self.frame.statement
        if statement is None or all(type(thing) in (Const, Plain) for thing in value):
            return
        home = self.frame.function.home if self.frame.function is not None else None
        for key in self._keys(value, set()):
            known = self.stored.get(key)
            if known is None or (firm and not known.firm):
                self.stored[key] = Stored(statement, self.frame.module, text, home, firm)

    def _keys(self, value: Value, seen: set[Key]) -> Iterator[Key]:
        """What tells the handles in a value, and in what it holds, from others."""
        for thing in value:
            if isinstance(thing, (Obj, Box)):
                if thing.key not in seen:
                    seen.add(thing.key)
                    if isinstance(thing, Box):
                        yield thing.key
                    yield from self._keys(self.contents(Box(thing.key, "")), seen)
            elif not isinstance(thing, (Const, Plain)):
                yield key_of(thing)

    def close(self, value: Value) -> None:
        """Close handles, and the containers' contents where the container is an ExitStack."""
        for thing in value:
            if isinstance(thing, Handle):
                self.state.closed |= {thing.root}
            elif isinstance(thing, Box) and thing.kind == "stack":
                self.close(self.contents(thing))

    def is_closed(self, handle: Handle) -> bool:
        """Whether the file that it stands on was closed, whatever happened."""
        return handle.root in self.state.closed


def key_of(thing: object) -> Key:
    """What tells a thing that can't be sent from another one."""
    if isinstance(thing, (Handle, Obj, Box)):
        return thing.key
    return ("node", id(getattr(thing, "node", None)), getattr(thing, "name", ""))


def certain(value: Value) -> bool:
    """Whether there is no other thing that it may be."""
    return OTHER not in value and not value & NONE
