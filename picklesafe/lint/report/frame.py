"""The lines of code around a place, with marks below it, as compilers draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.report.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picklesafe.lint.finding import Position

CONTEXT = 2
"""Lines shown above and below."""

WIDTH = 140
"""Columns of code shown of a long line."""

_TAB = 4


class Line(NamedTuple):
    """A line as it is shown, and where each of its characters then stands.

    `columns` has one entry more than the line has characters: the end.
    """

    text: str
    columns: list[int]

    def column(self, column: int) -> int:
        """Where the character of source column `column` (from 1) is shown, from 0."""
        return self.columns[min(max(column - 1, 0), len(self.columns) - 1)]


class Frame:
    """A piece of code to be drawn with its marks.

    Args:
        lines: all lines of the file.
        start, end: what is marked, `end` exclusive.
        context: how many lines are shown around it.
    """

    def __init__(self, lines: Sequence[str], start: Position, end: Position, context: int = CONTEXT) -> None:
        self._lines = lines
        self._start_row = min(start.row, len(lines))
        # Up to the first column of a row means: up to the end of the row above.
        whole_row = end.column == 1 and end.row > start.row
        self._end_row = max(self._start_row, min(end.row - whole_row, len(lines)))
        self._first, self._last = self._shown_rows(context)
        self._left = show(lines[self._start_row - 1]).column(start.column)
        last = show(lines[self._end_row - 1])
        self._right = last.columns[-1] if whole_row or end.row > self._end_row else last.column(end.column)

    @property
    def gutter(self) -> int:
        """How many digits the row numbers need."""
        return len(str(self._last))

    @property
    def ends_with_marks(self) -> bool:
        return self._last == self._end_row

    def draw(self, gutter: int, style: Style, mark: str = "^", label: str = "") -> list[str]:
        """The lines of the drawing, row numbers right-aligned in `gutter` columns."""
        drawn = []
        window = self._window()
        for row in range(self._first, self._last + 1):
            number = style.paint(f"{row:>{gutter}}", "blue")
            code = crop(show(self._lines[row - 1]), window)
            drawn.append(f"{number} {bar(style)} {self._margin(row, style)}{code}".rstrip())
            marks = self._marks(row, window, mark)
            if marks:
                marks = f"{marks} {label}" if label and row == self._end_row else marks
                colour = "red" if mark == "^" else "blue"
                drawn.append(f"{' ' * gutter} {bar(style)} {style.paint(marks, colour)}")
        return drawn

    def _shown_rows(self, context: int) -> tuple[int, int]:
        first = max(1, self._start_row - context)
        last = min(len(self._lines), self._end_row + context)
        while first < self._start_row and not self._lines[first - 1].strip():
            first += 1
        while last > self._end_row and not self._lines[last - 1].strip():
            last -= 1
        return first, last

    def _window(self) -> int:
        """The first shown column: 0, unless the marks would lie too far to the right."""
        return 0 if max(self._left, self._right) <= WIDTH - 1 else max(0, self._left - WIDTH // 2)

    @property
    def _one_row(self) -> bool:
        return self._start_row == self._end_row

    def _margin(self, row: int, style: Style) -> str:
        """What stands between the bar and the code where several rows are marked together."""
        if self._one_row:
            return ""
        if row == self._start_row:
            return style.paint("/", "red") + " " if self._starts_its_row else "  "
        return style.paint("|", "red") + " " if self._start_row < row <= self._end_row else "  "

    @property
    def _starts_its_row(self) -> bool:
        return not show(self._lines[self._start_row - 1]).text[: self._left].strip()

    def _marks(self, row: int, window: int, mark: str) -> str:
        left, right = self._left - window, self._right - window
        if self._one_row:
            if row != self._start_row:
                return ""
            left, right = max(left, 0), min(right, WIDTH)
            return " " * left + mark * max(1, right - left)
        if row == self._start_row and not self._starts_its_row:
            return " " + "_" * (max(left, 0) + 1) + mark
        return "|" + "_" * max(right, 1) + mark if row == self._end_row else ""


def show(line: str) -> Line:
    """A line with tabs expanded, and the column of every character on a terminal."""
    line = line.rstrip("\r\n")
    if line.isascii() and line.isprintable():
        return Line(line, list(range(len(line) + 1)))
    columns, text, at = [], [], 0
    for character in line:
        columns.append(at)
        shown = " " * (_TAB - at % _TAB) if character == "\t" else printable(character)
        text.append(shown)
        at += len(shown) if character == "\t" else _width(shown)
    return Line("".join(text), [*columns, at])


def crop(line: Line, left: int) -> str:
    """The part of a line from display column `left` on that fits into WIDTH, dots where it was cut."""
    if not left and line.columns[-1] <= WIDTH:
        return line.text
    right = left + WIDTH
    kept, at = [], 0
    for character in line.text:
        # The first and the last column are the dots'.
        if (not left or at > left) and at + _width(character) < right:
            kept.append(character)
        at += _width(character)
    return f"{'…' if left else ''}{''.join(kept)}{'…' if at > right else ''}"


def bar(style: Style) -> str:
    """The upright line between row numbers and code."""
    return style.paint("|", "blue")


def _width(character: str) -> int:
    if character.isascii():
        return 1
    # Imported here, as most code is ASCII and the tables of Unicode are large.
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
