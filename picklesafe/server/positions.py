"""Rows and columns of the linter, and those of the protocol: from 0, in units that the client has chosen."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from picklesafe.lint.finding import Position
from picklesafe.lint.source import Source


def units(text: str, encoding: str) -> int:
    """How many units of `encoding` (utf-8, utf-16 or utf-32) `text` takes."""
    if text.isascii() or encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(character > "\uffff" for character in text)


def offset_in(lines: Sequence[str], position: types.Position, encoding: str) -> int:
    """Where `position` stands in the text made of `lines`; behind the end of a line means its end."""
    before = sum(map(len, lines[: position.line]))
    if position.line >= len(lines):
        return before
    return before + _characters(lines[position.line].rstrip("\r\n"), position.character, encoding)


def _characters(line: str, count: int, encoding: str) -> int:
    if line.isascii() or encoding == "utf-32":
        return min(count, len(line))
    taken = 0
    for index, character in enumerate(line):
        if taken >= count:
            return index
        taken += units(character, encoding)
    return len(line)


class Places:
    """Tells an editor where things are in one source.

    Args:
        source: the file.
        encoding: what the client counts columns in.
    """

    def __init__(self, source: Source, encoding: str) -> None:
        self._lines = source.lines
        self._encoding = encoding
        # The mark is a character of the editor's text, if it sends it at all; Python doesn't count it.
        self._mark = "\ufeff" if source.bom else ""

    def position(self, place: Position) -> types.Position:
        """A place of the linter's in the units of the client; one that isn't there becomes the nearest."""
        row = min(place.row, len(self._lines))
        line = (self._mark if row == 1 else "") + self._lines[row - 1]
        column = place.column - 1 + (len(self._mark) if row == 1 else 0)
        return types.Position(row - 1, units(line[:column].rstrip("\r\n"), self._encoding))

    def range(self, start: Position, end: Position) -> types.Range:
        """From `start` up to `end`."""
        return types.Range(self.position(start), self.position(end))
