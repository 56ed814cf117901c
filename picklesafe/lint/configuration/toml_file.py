"""TOML, with the places of keys: tomllib reads it, and its lines are looked through for the keys."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from picklesafe.lint.configuration.nodes import UNKNOWN, Entry, Mapping
from picklesafe.lint.finding import Position

_KEY: Final = r"(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')"
_DOTTED: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?[ \t]*(?:#.*)?$")
_ASSIGNMENT: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_INLINE: Final = re.compile(rf"[{{,][ \t]*({_KEY})[ \t]*=")
_STRING: Final = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*')

Path = tuple[str | int, ...]


def read_toml(text: str) -> Iterator[Any]:
    """The document of a TOML file; raises ValueError where it is none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    yield _built(tomllib.loads(text), (), _places(text))


def _built(value: Any, path: Path, places: dict[Path, Position]) -> Any:
    if isinstance(value, dict):
        mapping = Mapping()
        for key, inner in value.items():
            place = places.get((*path, key))
            if place is not None or isinstance(inner, (dict, list)):
                mapping.entries[key] = Entry(key, place or Position(1, 1), _built(inner, (*path, key), places))
        return mapping
    if isinstance(value, list):
        return [_built(inner, (*path, index), places) for index, inner in enumerate(value)]
    return value if isinstance(value, (str, int, float)) else UNKNOWN


def _places(text: str) -> dict[Path, Position]:
    """Where each key stands; keys that are written in an unusual way have no place, and are left alone."""
    places: dict[Path, Position] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    closing = ""
    for row, line in enumerate(text.split("\n"), 1):
        if closing:
            if line.count(closing) % 2:
                closing = ""
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _opened(header, counts)
            continue
        found = _ASSIGNMENT.match(line)
        if found is not None:
            path = (*table, *_parts(found[1]))
            last = re.search(rf"{_KEY}$", found[1])
            assert last is not None
            places[path] = Position(row, found.start(1) + last.start() + 1)
            for inner in _INLINE.finditer(line, found.end()):
                within = (*path, *_parts(inner[1]))
                places[within] = Position(row, inner.start(1) + 1)
        closing = _left_open(line)
    return places


def _opened(header: re.Match[str], counts: dict[Path, int]) -> Path:
    """The path of a table's header, with the numbers of the lists of tables that it is in."""
    path: Path = ()
    parts = _parts(header[2])
    for index, part in enumerate(parts):
        path = (*path, part)
        if header[1] == "[[" and index == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_KEY, dotted)]


def _left_open(line: str) -> str:
    """The quotes of a text of several lines that begins in a line, if one does."""
    opened = ""
    for token in _STRING.findall(line):
        if token in ('"""', "'''"):
            opened = "" if opened == token else opened or token
    return opened
