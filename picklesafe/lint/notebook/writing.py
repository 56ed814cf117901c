"""A cell's source with some characters replaced: every other byte of it stays as it was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from picklesafe.lint.notebook.document import Cell
from picklesafe.lint.notebook.escapes import escaped, place
from picklesafe.lint.spans import Span

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def rewritten(json: str, cell: Cell, spans: Sequence[Span], ascii_only: bool) -> str:
    """The JSON of a cell's source after replacements.

    Args:
        json: of the notebook.
        cell: one of its cells.
        spans: counted in the cell's text, in order, none overlapping another.
        ascii_only: whether new characters are escaped if they are not ASCII.
    """
    source = _Source(json, cell, ascii_only)
    # From the last to the first: those before it keep their places.
    for span in reversed(spans):
        source.replace(span)
    return source.written()


def place_in_json(json: str, cell: Cell, at: int, ends: bool = False) -> int:
    """Where in the JSON character `at` of a cell's text is written.

    Args:
        ends: whether something ends there: then the end of the character before it is meant, which
            may stand in another string.
    """
    for piece in cell.pieces:
        if at < len(piece.value) + ends or piece is cell.pieces[-1]:
            return piece.start + place(json[piece.start : piece.end], at)
        at -= len(piece.value)
    return cell.start


class _String(NamedTuple):
    """A string of the source: as it is written, quotes included, and what it means."""

    literal: str
    value: str


class _Source:
    """The strings of a source, and what stands between them.

    Where it is a list, as Jupyter writes it, each string is a line, and new lines become strings of
    their own. Some programs write one string for all of it.
    """

    def __init__(self, json: str, cell: Cell, ascii_only: bool) -> None:
        self._ascii_only = ascii_only
        self._is_list = json[cell.start] == "["
        self._strings = [_String(json[piece.start : piece.end], piece.value) for piece in cell.pieces]
        edges = [cell.start, *(edge for piece in cell.pieces for edge in (piece.start, piece.end)), cell.end]
        # What stands before each string, and behind the last one.
        self._gaps = [json[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
        self._between = self._gaps[1] if len(self._gaps) > 2 else f",{self._gaps[0][1:]}"

    def written(self) -> str:
        literals = [*(string.literal for string in self._strings), ""]
        return "".join(gap + literal for gap, literal in zip(self._gaps, literals, strict=True))

    def replace(self, span: Span) -> None:
        first, start = self._find(span.start)
        last, end = self._find(span.end, ends=span.end > span.start)
        head, tail = self._strings[first].value[:start], self._strings[last].value[end:]
        kept = head + span.content
        if kept and not kept.endswith("\n") and not tail and self._ends_line(last):
            # The line end is gone, so the next line goes on in this one.
            last, end, tail = last + 1, 0, self._strings[last + 1].value
        if not kept and not tail and self._is_list:
            self._remove(first, last)
            return
        before = self._strings[first].literal[: place(self._strings[first].literal, start)]
        after = self._strings[last].literal[place(self._strings[last].literal, end) :]
        self._put(first, last, _String(before, head), self._lines(head, span.content, tail), _String(after, tail))

    def _find(self, at: int, ends: bool = False) -> tuple[int, int]:
        """The string in which character `at` of the text stands, or before it, if something `ends` there."""
        for index, string in enumerate(self._strings):
            if at < len(string.value) + ends or index == len(self._strings) - 1:
                return index, at
            at -= len(string.value)
        raise IndexError(at)

    def _ends_line(self, index: int) -> bool:
        return index + 1 < len(self._strings) and self._strings[index].value.endswith("\n")

    def _lines(self, head: str, content: str, tail: str) -> list[str]:
        """New text as it is distributed over strings; the first one begins with `head`, the last one ends in `tail`."""
        if not self._is_list:
            return [content]
        lines = _LINE.findall(content) or [""]
        if head.endswith("\n") and content:
            lines.insert(0, "")
        if tail and content.endswith("\n"):
            lines.append("")
        return lines

    def _put(self, first: int, last: int, before: _String, lines: list[str], after: _String) -> None:
        new = [_String(f'"{escaped(line, self._ascii_only)}"', line) for line in lines]
        new[0] = _String(before.literal + new[0].literal[1:], before.value + new[0].value)
        new[-1] = _String(new[-1].literal[:-1] + after.literal, new[-1].value + after.value)
        self._strings[first : last + 1] = new
        self._gaps[first + 1 : last + 1] = [self._between] * (len(new) - 1)

    def _remove(self, first: int, last: int) -> None:
        count = len(self._strings)
        del self._strings[first : last + 1]
        if not self._strings:
            self._gaps = ["[]"]
        elif last + 1 < count:
            del self._gaps[first + 1 : last + 2]
        else:
            del self._gaps[first : last + 1]
