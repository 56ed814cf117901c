"""YAML, and JSON as the YAML that it nearly is, with the places of all keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from picklesafe.lint.configuration.nodes import UNKNOWN, Entry, Mapping
from picklesafe.lint.finding import Position

_MERGE: Final = "tag:yaml.org,2002:merge"
_PLAIN: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str"))
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON_TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|\t', re.DOTALL)


def read_yaml(text: str) -> Iterator[Any]:
    """The documents of a YAML file; raises ValueError where it is none."""
    try:
        for node in list(yaml.compose_all(text, Loader=_LOADER)):
            yield _Reader().read(node)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(_reason(error)) from None


def read_json(text: str) -> Iterator[Any]:
    """The document of a JSON file, comments and commas at the end allowed; raises ValueError where it is none."""
    return read_yaml(_JSON_TOKEN.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    """A comment or tab as spaces, so that all else stays in its place."""
    token = match[0]
    return token if token.startswith('"') else re.sub(r"[^\n]", " ", token)


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', '')}" if mark else "it is nested too deeply"


class _Reader:
    def __init__(self) -> None:
        self._known: dict[int, Any] = {}
        self._scalars = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node | None) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node is None or id(node) in self._known:
            return self._known.get(id(node))  # an alias is the very node that it stands for
        if isinstance(node, yaml.SequenceNode):
            items: list[Any] = []
            self._known[id(node)] = items
            items += map(self.read, node.value)
            return items
        mapping = self._known[id(node)] = Mapping()
        assert isinstance(node, yaml.MappingNode)
        self._fill(mapping, node)
        return mapping

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag not in _PLAIN:
            return UNKNOWN
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return UNKNOWN

    def _fill(self, mapping: Mapping, node: yaml.MappingNode) -> None:
        merged: list[Any] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                merged += map(self.read, parts)
            elif isinstance(key, yaml.ScalarNode):
                # Of a quoted key, what is between the quotes.
                column = key.start_mark.column + (2 if key.style in ("'", '"') else 1)
                place = Position(key.start_mark.line + 1, column)
                mapping.entries[key.value] = Entry(key.value, place, self.read(value))
        for other in merged:
            for name, entry in other.entries.items() if isinstance(other, Mapping) else ():
                mapping.entries.setdefault(name, entry)
