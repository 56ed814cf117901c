"""What a fix would change, drawn as removed and added lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.report.frame import bar, show

if TYPE_CHECKING:
    from picklesafe.lint.finding import Edit
    from picklesafe.lint.report.style import Style

_CONTEXT = 1
_RULE = "-" * 80
# Not str.splitlines, which splits at form feeds as well.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class _Change(NamedTuple):
    """From `row` on, `old` lines give way to `new` ones."""

    row: int
    old: list[str]
    new: list[str]


def draw_changes(lines: Sequence[str], edits: Sequence[Edit], gutter: int, style: Style) -> list[str]:
    """Removed lines, added ones with their new numbers, and a line of context on both sides."""
    blank = f"{' ' * gutter} {bar(style)}"
    drawn, shown, shift = [blank], 0, 0
    for change in _changes(lines, edits):
        end = change.row + len(change.old)
        first = max(shown + 1, change.row - _CONTEXT)
        if shown and first == shown + 2:
            # A single line takes no more room than saying that it was left out.
            first -= 1
        elif shown and first > shown + 2:
            drawn.append(_RULE)
        drawn += [_draw(row + shift, " ", lines[row - 1], gutter, style) for row in range(first, change.row)]
        drawn += [_draw(0, "-", line, gutter, style) for line in change.old]
        drawn += [_draw(row, "+", line, gutter, style) for row, line in enumerate(change.new, change.row + shift)]
        shift += len(change.new) - len(change.old)
        shown = min(end - 1 + _CONTEXT, len(lines))
        drawn += [_draw(row + shift, " ", lines[row - 1], gutter, style) for row in range(end, shown + 1)]
    return [*drawn, blank]


def _draw(row: int, sign: str, line: str, gutter: int, style: Style) -> str:
    number = style.paint(f"{row or '':<{gutter}}", "blue")
    code = show(line).text
    if sign == " ":
        return f"{number} {bar(style)} {code}".rstrip()
    colour = "removed" if sign == "-" else "green"
    return f"{number} {style.paint(sign, colour)} {style.paint(code, colour)}".rstrip()


def _changes(lines: Sequence[str], edits: Sequence[Edit]) -> list[_Change]:
    changes: list[_Change] = []
    for group in _by_rows(edits):
        first, last = group[0].start.row, max(edit.end.row for edit in group)
        old = list(lines[first - 1 : last])
        changes.append(_trim(_Change(first, old, _LINE.findall("".join(_apply(old, first, group))))))
    return [change for change in changes if change.old or change.new]


def _by_rows(edits: Sequence[Edit]) -> list[list[Edit]]:
    """Edits that share a row are drawn together."""
    groups: list[list[Edit]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if groups and edit.start.row <= max(before.end.row for before in groups[-1]):
            groups[-1].append(edit)
        else:
            groups.append([edit])
    return groups


def _apply(old: list[str], first: int, edits: Sequence[Edit]) -> list[str]:
    pieces, row, column = [], 0, 0
    for edit in edits:
        to_row, to_column = edit.start.row - first, edit.start.column - 1
        pieces += [_between(old, row, column, to_row, to_column), edit.content]
        row, column = edit.end.row - first, edit.end.column - 1
    return [*pieces, _between(old, row, column, len(old), 0)]


def _between(lines: list[str], row: int, column: int, to_row: int, to_column: int) -> str:
    if row == to_row:
        return lines[row][column:to_column] if row < len(lines) else ""
    tail = lines[to_row][:to_column] if to_row < len(lines) else ""
    head = lines[row][column:] if row < len(lines) else ""
    return head + "".join(lines[row + 1 : to_row]) + tail


def _trim(change: _Change) -> _Change:
    row, old, new = change
    while old and new and old[0] == new[0]:
        row, old, new = row + 1, old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return _Change(row, old, new)
