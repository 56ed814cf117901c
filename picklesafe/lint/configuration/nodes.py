"""What a configuration file says: mappings whose keys know their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from picklesafe.lint.finding import Position

_REFERENCE: Final = re.compile(r"\$\{(\.?)([\w-]+(?:\.[\w-]+|\[\d+\])*)\}")
_DEEP: Final = 8


class Unknown(NamedTuple):
    """A value that only whoever reads the file can tell."""


UNKNOWN: Final = Unknown()


class Entry(NamedTuple):
    """A key of a mapping, the place where it is written, and its value."""

    key: str
    start: Position
    value: Any

    @property
    def end(self) -> Position:
        return self.start._replace(column=self.start.column + len(self.key))


class Mapping:
    """A mapping, with what it merges; other values are Python's own, lists and UNKNOWN."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}


def mappings(root: Any) -> Iterator[Mapping]:
    """All mappings of a document, each once however often it is referred to."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen or not isinstance(node, (Mapping, list)):
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            yield node
            todo += [entry.value for entry in node.entries.values()]
        else:
            todo += node


def value_of(entry: Entry, mapping: Mapping, root: Any) -> Any:
    """The value of an entry, `${…}` followed within the file; UNKNOWN where that leads out of it."""
    value = entry.value
    for _ in range(_DEEP):
        if not isinstance(value, str) or "${" not in value:
            return value
        reference = _REFERENCE.fullmatch(value)
        if reference is None:
            return UNKNOWN
        value = _follow(mapping if reference[1] else root, reference[2])
    return UNKNOWN


def _follow(node: Any, path: str) -> Any:
    for part in re.findall(r"[\w-]+", path):
        if isinstance(node, Mapping) and part in node.entries:
            node = node.entries[part].value
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return UNKNOWN
    return node
