"""A notebook as a source: its cells one below the other are the program that is analysed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from itertools import groupby

from picklesafe.lint.finding import Edit, Finding, Fix, Position, Related
from picklesafe.lint.notebook.document import read
from picklesafe.lint.notebook.magics import Program
from picklesafe.lint.notebook.program import INDENTED, PYTHON, CodeCell, cell_at, code_cells, language
from picklesafe.lint.notebook.writing import place_in_json, rewritten
from picklesafe.lint.source import MAX_BYTES, InvalidSyntax, Source, UnreadableFile, limit, too_large
from picklesafe.lint.spans import Span, splice, trimmed

_BOM = b"\xef\xbb\xbf"


class Notebook(Source):
    """The code cells of a notebook.

    `text` is their Python, `data` and `file_text` are the file's JSON.

    Args:
        path: where it lies.
        data: its bytes.

    Raises:
        UnreadableFile: if the bytes are no notebook.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.bom = data.startswith(_BOM)
        self.encoding = "utf-8"
        self._json = _decode(path, data)
        document = read(self._json)
        self.language = language(document)
        self._take(list(code_cells(document)) if self.language == PYTHON else [])
        if len(self.text) > MAX_BYTES:
            raise too_large(len(self.text))

    def _take(self, cells: list[CodeCell]) -> None:
        self.cells = cells
        self.text = "".join(cell.whole for cell in cells)

    @cached_property
    def code(self) -> bytes:
        return self.text.encode()

    @property
    def file_text(self) -> str:
        return self._json

    @property
    def programs(self) -> Sequence[str]:
        return [cell.whole for cell in self.cells]

    @property
    def sections(self) -> Sequence[tuple[str, bytes]]:
        # Hardly a cell ends in a line end: to say so of each would say nothing.
        return [(f":cell {cell.number}", (cell.text.removesuffix("\n") + "\n").encode()) for cell in self.cells]

    @property
    def notes(self) -> tuple[str, ...]:
        if self.language == PYTHON:
            return ()
        return (f"{self.path}: is a notebook in {self.language}, not in Python, and is passed over",)

    def sound(self) -> tuple[Source, Sequence[InvalidSyntax]]:
        try:
            _ = self.tree
            if all(cell.program.complete for cell in self.cells):
                return self, ()
        except InvalidSyntax:
            pass
        # A string that one cell leaves open and another one closes makes one program of them, but no notebook.
        failures = {cell.number: error for cell in self.cells if (error := self._mistake(cell)) is not None}
        rest = copy(self)
        for name in ("code", "lines", "tree", "_starts"):
            rest.__dict__.pop(name, None)
        rest._take([_emptied(cell) if cell.number in failures else cell for cell in self.cells])
        return rest, list(failures.values())

    def _mistake(self, cell: CodeCell) -> InvalidSyntax | None:
        alone = Source(self.path, cell.whole.replace("\0", "\N{REPLACEMENT CHARACTER}").encode())
        try:
            _ = alone.tree
        except InvalidSyntax as error:
            row = min(error.position.row - cell.head.count("\n"), len(cell.lines))
            return InvalidSyntax(error.message, Position(cell.row + max(row, 1) - 1, error.position.column))
        return None

    def offset(self, position: Position) -> int:
        # A row that is removed whole ends where the next one begins: below a cell's last row, where the cell ends.
        return min(super().offset(position), cell_at(self.cells, position.row).end)

    def spliced(self, spans: Iterable[Span]) -> str:
        return splice(self._json, self._in_json(spans))

    def _in_json(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The sources that change."""
        for row, group in groupby(spans, key=lambda span: self._cell_of(span).row):
            cell = cell_at(self.cells, row)
            own = [span._replace(start=span.start - cell.start, end=span.end - cell.start) for span in group]
            source = rewritten(self._json, cell.cell, own, self._json.isascii())
            yield Span(cell.cell.start, cell.cell.end, source)

    def _cell_of(self, span: Span) -> CodeCell:
        for cell in self.cells:
            if cell.start <= span.start and span.end <= cell.end:
                return cell
        raise IndexError(span.start)

    def confined(self, finding: Finding) -> Finding:
        if finding.fix is not None and not all(self._can_be_made(edit, finding) for edit in finding.fix.edits):
            return finding._replace(fix=None)
        return finding

    def _can_be_made(self, edit: Edit, finding: Finding) -> bool:
        """Whether an edit stays in the finding's cell, and away from what only stands for a command."""
        cell = cell_at(self.cells, finding.start.row)
        if cell_at(self.cells, edit.start.row) is not cell or cell_at(self.cells, edit.end.row) is not cell:
            return False
        start, end = (self.offset(position) - cell.start for position in (edit.start, edit.end))
        return cell.text[start:end] == cell.program.text[start:end]

    def reported(self, finding: Finding) -> Finding:
        cell = cell_at(self.cells, finding.start.row)
        moved = _moved(finding, 1 - cell.row)
        rows = tuple(row for row in moved.ignore_rows if 1 <= row <= len(cell.lines))
        related = tuple(self._reported_place(place) for place in finding.related)
        return moved._replace(related=related, ignore_rows=rows, cell=cell.number)

    def _reported_place(self, place: Related) -> Related:
        if place.path != self.path:
            return place
        cell = cell_at(self.cells, place.start.row)
        start, end = (_down(position, 1 - cell.row) for position in (place.start, place.end))
        return place._replace(start=start, end=end, cell=cell.number)

    def analysed(self, finding: Finding) -> Finding:
        cell = self._cell(finding.cell)
        return _moved(finding, cell.row - 1)._replace(cell=None)

    def _cell(self, number: int | None) -> CodeCell:
        for cell in self.cells:
            if cell.number == number:
                return cell
        raise IndexError(number)

    def shown_lines(self, cell: int | None) -> list[str]:
        return next((one.lines for one in self.cells if one.number == cell), [])

    def in_file(self, place: Finding | Related) -> tuple[Position, Position]:
        cell = self._cell(place.cell)
        start, end = (self.offset(_down(position, cell.row - 1)) - cell.start for position in (place.start, place.end))
        return (
            self._position(place_in_json(self._json, cell.cell, start)),
            self._position(place_in_json(self._json, cell.cell, end, ends=end > start)),
        )

    def edits_in_file(self, finding: Finding) -> Sequence[Edit]:
        fix = self.analysed(finding).fix
        edits = () if fix is None else fix.edits
        spans = sorted(Span(self.offset(edit.start), self.offset(edit.end), edit.content) for edit in edits)
        changes = [trimmed(self._json, span) for span in self._in_json(spans)]
        return [Edit(self._position(start), self._position(end), content) for start, end, content in changes]

    def _position(self, at: int) -> Position:
        """The row and column of a character of the JSON."""
        return Position(self._json.count("\n", 0, at) + 1, at - self._json.rfind("\n", 0, at))

    def row_name(self, row: int) -> str:
        cell = cell_at(self.cells, row)
        return f"cell {cell.number}, line {row - cell.row + 1}"


def _decode(path: str, data: bytes) -> str:
    if len(data) > limit(path):
        raise too_large(len(data), limit(path))
    if b"\0" in data:
        raise UnreadableFile("contains null bytes, so it is no notebook; exclude it")
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            f"is not valid UTF-8 (byte {data[error.start]:#04x} in line {row}), as every notebook has to be",
            Position(row, 1),
        ) from None


def _emptied(cell: CodeCell) -> CodeCell:
    """A cell of which nothing is analysed, as long as before."""
    blank = re.sub(r"[^\r\n]", " ", cell.program.text)
    head = cell.head.replace(INDENTED, "pass" + " " * (len(INDENTED) - 5) + "\n")
    return cell._replace(program=Program(blank), head=head)


def _moved(finding: Finding, rows: int) -> Finding:
    fix = finding.fix
    if fix is not None:
        edits = tuple(Edit(_down(edit.start, rows), _down(edit.end, rows), edit.content) for edit in fix.edits)
        fix = Fix(fix.message, edits, fix.safe)
    start, end = _down(finding.start, rows), _down(finding.end, rows)
    return finding._replace(start=start, end=end, fix=fix, ignore_rows=tuple(row + rows for row in finding.ignore_rows))


def _down(position: Position, rows: int) -> Position:
    return Position(position.row + rows, position.column)
