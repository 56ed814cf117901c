"""A notebook's JSON, and where in it the text of each code cell is written.

Read with the standard library's decoder, which `nbformat` uses as well: what is needed beyond it is
the place of every piece of source, so that a fix can replace some characters and leave all others.
`nbformat` knows no places, validates with jsonschema (0.3 s to import), and what it writes is the
whole file anew, with its own indentation, escapes and order of keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from picklesafe.lint.finding import Position
from picklesafe.lint.source import UnreadableFile

FORMAT = 4
_SPACE = re.compile(r"[ \t\n\r]*")


class Piece(NamedTuple):
    """A string of a cell's source.

    Args:
        start, end: where its literal stands in the JSON, the quotes included.
        value: what it means.
    """

    start: int
    end: int
    value: str


class Cell(NamedTuple):
    """A code cell as it is written.

    Args:
        number: its place among all cells of the notebook, from 1.
        pieces: the strings that its source is made of.
        start, end: where the source stands in the JSON: a string, or a list of strings.
        metadata: of the cell.
    """

    number: int
    pieces: tuple[Piece, ...]
    start: int
    end: int
    metadata: dict[str, Any]


class Document(NamedTuple):
    """What a notebook holds.

    Args:
        cells: those of code, in order.
        metadata: of the notebook.
    """

    cells: list[Cell]
    metadata: dict[str, Any]


def read(text: str) -> Document:
    """Find the code cells in the JSON of a notebook.

    Raises:
        UnreadableFile: if it is no JSON, no notebook, or one of another format than 4.
    """
    reader = _Reader(text)
    try:
        reader.read()
    except json.JSONDecodeError as error:
        raise UnreadableFile(
            f"is no notebook: it is not valid JSON ({error.msg}, line {error.lineno} column {error.colno})",
            Position(error.lineno, error.colno),
        ) from None
    except ValueError as error:  # a number with thousands of digits
        raise UnreadableFile(f"is no notebook that can be read: {error}") from None
    return reader.document()


class _Reader:
    """Follows the JSON down to the sources of the cells, and has the decoder skip everything else.

    Of equal keys the last one counts, as in every JSON reader that notebooks are opened with.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._value = json.JSONDecoder().raw_decode
        self._top: dict[str, Any] = {}
        self._cells: list[dict[str, Any]] | None = None

    def read(self) -> None:
        text, at = self._text, self._skip(0)
        at = self._skip(self._object(at, self._top_member) if text[at : at + 1] == "{" else self._value(text, at)[1])
        if at < len(text):
            raise json.JSONDecodeError("Extra data", text, at)

    def document(self) -> Document:
        if self._cells is None and "worksheets" not in self._top:
            raise UnreadableFile("is no notebook: it holds no list of cells")
        version = self._top.get("nbformat", FORMAT)
        if version != FORMAT or self._cells is None:
            raise UnreadableFile(
                f"is a notebook of format {'3 or older' if self._cells is None else version}, and only format {FORMAT} "
                "is read; `jupyter nbconvert --to notebook --inplace` brings it up to date"
            )
        metadata = self._top.get("metadata")
        return Document(list(self._code_cells()), metadata if isinstance(metadata, dict) else {})

    def _code_cells(self) -> Iterator[Cell]:
        for number, cell in enumerate(self._cells or (), 1):
            if cell.get("cell_type") != "code":
                continue
            if "pieces" not in cell:
                raise UnreadableFile(f"is no notebook: the source of cell {number} is neither text nor a list of it")
            pieces, start, end = cell["pieces"]
            metadata = cell.get("metadata")
            yield Cell(number, pieces, start, end, metadata if isinstance(metadata, dict) else {})

    def _top_member(self, key: str, at: int) -> int:
        if key != "cells" or self._text[at : at + 1] != "[":
            self._top[key], at = self._value(self._text, at)
            return at
        self._cells = cells = []

        def cell(at: int) -> int:
            members: dict[str, Any] = {}
            cells.append(members)
            if self._text[at : at + 1] != "{":
                return self._value(self._text, at)[1]
            return self._object(at, lambda key, at: self._cell_member(members, key, at))

        return self._array(at, cell)

    def _cell_member(self, members: dict[str, Any], key: str, at: int) -> int:
        if key != "source":
            value, end = self._value(self._text, at)
            if key in ("cell_type", "metadata"):
                members[key] = value
            return end
        pieces: list[Piece] = []

        def piece(at: int) -> int:
            value, end = self._value(self._text, at)
            pieces.append(Piece(at, end, value))
            return end

        end = self._array(at, piece) if self._text[at : at + 1] == "[" else piece(at)
        members.pop("pieces", None)
        if all(isinstance(piece.value, str) for piece in pieces):
            members["pieces"] = (tuple(pieces), at, end)
        return end

    def _object(self, at: int, member: Callable[[str, int], int]) -> int:
        """Follow an object that begins at `at`; `member` is given each key and where its value begins."""

        def entry(at: int) -> int:
            if self._text[at : at + 1] != '"':
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, at)
            key, at = self._value(self._text, at)
            return member(key, self._skip(self._expect(":", self._skip(at))))

        return self._items(at, "}", entry)

    def _array(self, at: int, item: Callable[[int], int]) -> int:
        return self._items(at, "]", item)

    def _items(self, at: int, closing: str, item: Callable[[int], int]) -> int:
        at = self._skip(at + 1)
        if self._text[at : at + 1] == closing:
            return at + 1
        while True:
            at = self._skip(item(at))
            if self._text[at : at + 1] == closing:
                return at + 1
            at = self._skip(self._expect(",", at))

    def _expect(self, sign: str, at: int) -> int:
        if self._text[at : at + 1] != sign:
            raise json.JSONDecodeError(f"Expecting '{sign}' delimiter", self._text, at)
        return at + 1

    def _skip(self, at: int) -> int:
        space = _SPACE.match(self._text, at)
        assert space is not None  # it matches nothing as well
        return space.end()
