"""The cells of a notebook that are Python, put one below the other."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from picklesafe.lint.notebook.document import Cell, Document
from picklesafe.lint.notebook.magics import Program, python_in

PYTHON = "Python"
_DATABRICKS = "application/vnd.databricks.v1+notebook"
_BETWEEN = "pass\n"
"""Stands above every cell: what the cell before leaves open, a block or a comment for the next line, ends there."""

INDENTED = "if True:\n"
"""Stands above a cell whose first line is indented: IPython takes that."""

# One way to match each line end: with two for `\r\n`, a page of empty lines is matched in endless ways.
_FIRST_INDENTED = re.compile(r"(?:[ \t\f]*(?:#[^\r\n]*)?[\r\n])*[ \t]+[^\s#]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class CodeCell(NamedTuple):
    """A cell of the program.

    Args:
        cell: as it is written.
        text: its own text.
        program: the Python in it.
        head: the lines that stand above it in the program.
        row: where in the program its first line stands.
        start: where in the program it begins.
    """

    cell: Cell
    text: str
    program: Program
    head: str
    row: int
    start: int

    @property
    def number(self) -> int:
        return self.cell.number

    @property
    def end(self) -> int:
        """Where in the program it ends."""
        return self.start + len(self.text)

    @property
    def lines(self) -> list[str]:
        """Its lines with their ends, split where Python splits them."""
        return io.StringIO(self.text, newline="").readlines()

    @property
    def whole(self) -> str:
        """Its part of the program."""
        text = self.program.text
        return self.head + text + ("" if not text or text[-1] in "\r\n" else "\n")


def language(document: Document) -> str:
    """The language that the notebook's kernel runs; Python is written so."""
    metadata = document.metadata
    ways = (("language_info", "name"), ("kernelspec", "language"), (_DATABRICKS, "language"))
    for name in (_dig(metadata, *way) for way in ways):
        if isinstance(name, str) and name:
            # sparkmagic has its Python called `pyspark`.
            return PYTHON if name.lower().startswith(("python", "ipython", "pyspark")) else name
    return PYTHON


def code_cells(document: Document) -> Iterator[CodeCell]:
    """The cells that are Python; those in another language are left out."""
    databricks = _DATABRICKS in document.metadata
    row, start = 1, 0
    for cell in document.cells:
        # Half of a pair means nothing, and can't be encoded.
        text = _SURROGATE.sub("\ufffd", "".join(piece.value for piece in cell.pieces))
        program = python_in(text, databricks)
        if program is None or _dig(cell.metadata, "vscode", "languageId") not in (None, "python"):
            continue
        head = _BETWEEN + (INDENTED if _FIRST_INDENTED.match(program.text) else "")
        placed = CodeCell(cell, text, program, head, row + head.count("\n"), start + len(head))
        yield placed
        row = placed.row + len(placed.lines)
        start += len(placed.whole)


def cell_at(cells: Sequence[CodeCell], row: int) -> CodeCell:
    """The cell that a row of the program belongs to; the lines above a cell belong to the one before.

    Raises:
        IndexError: if there is none.
    """
    index = bisect_right(cells, row, key=lambda cell: cell.row) - 1
    if index < 0:
        raise IndexError(row)
    return cells[index]


def _dig(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
