"""What an attribute or a variable may hold, as far as it matters to workers, and what holds at a place in the code."""

from __future__ import annotations

import ast
from typing import Final, NamedTuple

from picklesafe.lint.datasets.openers import Opener
from picklesafe.lint.project import Module

Key = tuple[object, ...]
"""Tells one object from another: the calls that led to where it was made, and that place."""


class Handle(NamedTuple):
    """What a worker can't be handed: an open file, a mapped array, or (`stuck`) what can't be pickled at all.

    Args:
        root: the key of the file that it stands on, its own unless it is a view.
        node: where it was opened.
    """

    key: Key
    root: Key
    opener: Opener
    node: ast.AST
    module: Module

    @property
    def is_view(self) -> bool:
        """Whether it is a part of a file that was opened before."""
        return self.key != self.root


class Obj(NamedTuple):
    """An instance of a class of the project."""

    key: Key
    cls: Class


class Box(NamedTuple):
    """A container, or the `__dict__` of the object that has this key.

    Args:
        kind: the name of its type, `iterator` for what is read once.
    """

    key: Key
    kind: str


class Imported(NamedTuple):
    """What a dotted name stands for, outside of the project as far as is known.

    Args:
        module: that imports it.
        whole: whether it was imported as a module, `import numpy as np`.
    """

    name: str
    module: Module
    whole: bool = False


class Class(NamedTuple):
    """A class of the project."""

    node: ast.ClassDef
    module: Module
    local: bool = False


class Function(NamedTuple):
    """A function of the project.

    Args:
        receiver: what its first parameter is bound to.
        home: the class that defines it.
        local: whether it was made while something ran, so that pickle can't find it by its name.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    receiver: Obj | None = None
    home: Class | None = None
    local: bool = False


class Const(NamedTuple):
    """A constant, of which the truth or the text may matter."""

    value: object


class Plain(NamedTuple):
    """Whatever may be sent anywhere, or isn't known.

    Args:
        kind: `path` for a pathlib.Path, whose `open` is that of files.
    """

    kind: str = ""


Thing = Handle | Obj | Box | Imported | Class | Function | Const | Plain
Value = frozenset[Thing]
"""The things that may be there."""

OTHER: Final = Plain()
UNKNOWN: Final[Value] = frozenset({OTHER})
NONE: Final[Value] = frozenset({Const(None)})
ANY: Final = "*"
"""The key of what a container holds, where that isn't told apart."""
SOURCES: Final = "<sources>"
"""The key of what an iterator holds on to until it is through, and doesn't give: its function, a file it reads."""


class State:
    """What holds at a place in the code.

    Args:
        names: the variables of the function that runs.
        fields: the attributes of objects and the contents of containers; the inner dictionaries are never changed,
            so that states can share them.
        closed: the keys of handles that were closed.
    """

    __slots__ = ("closed", "fields", "names")

    def __init__(self, names: dict[str, Value], fields: dict[Key, dict[str, Value]], closed: frozenset[Key]) -> None:
        self.names = names
        self.fields = fields
        self.closed = closed

    def copy(self) -> State:
        """One that can be changed without changing this one."""
        return State(dict(self.names), dict(self.fields), self.closed)

    def without_names(self) -> State:
        """A copy in which another function starts."""
        return State({}, dict(self.fields), self.closed)

    def joined(self, other: State) -> State:
        """What holds where two ways meet."""
        fields = dict(self.fields)
        for key, held in other.fields.items():
            own = fields.get(key)
            if own is not held:
                fields[key] = held if own is None else _joined(own, held)
        return State(_joined(self.names, other.names), fields, self.closed & other.closed)

    def held(self, key: Key) -> dict[str, Value]:
        """What an object or a container holds."""
        return self.fields.get(key, {})

    def put(self, key: Key, name: str, value: Value) -> None:
        """Set an attribute, or what is under a key of a container."""
        self.fields[key] = {**self.held(key), name: value}

    def remove(self, key: Key, name: str) -> None:
        """Delete it, if it is there."""
        self.fields[key] = {other: value for other, value in self.held(key).items() if other != name}


def _joined(one: dict[str, Value], other: dict[str, Value]) -> dict[str, Value]:
    if one is other or one == other:
        return one
    found = dict(one)
    for key, value in other.items():
        known = one.get(key, UNKNOWN)
        found[key] = known if known == value else known | value
    for key in one.keys() - other.keys():
        found[key] = one[key] | UNKNOWN
    return found


def truth(value: Value) -> bool | None:
    """Whether a value is true, if that is the same for all that it may be."""
    found = {bool(t.value) if isinstance(t, Const) else True if isinstance(t, (Handle, Obj)) else None for t in value}
    return found.pop() if len(found) == 1 else None
