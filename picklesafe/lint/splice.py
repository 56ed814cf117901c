"""The tree of a text of which little has changed: only the changed statements are parsed again.

Between two statements of the top level that begin in the first column of their lines Python's parser is
in the state that it starts in, so what stands there can be parsed on its own. The same goes for what stands
in a class, below another header. The other statements keep their nodes; those below lines that were added or
removed are moved.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from picklesafe.lint.parse import parse_text
from picklesafe.lint.source import Source
from picklesafe.lint.trees import first_row, walk


def spliced(before: Source, tree: ast.Module, after: Source) -> ast.Module:
    """The tree of `after`, made of that of an earlier text.

    Args:
        before: the earlier text of the same file.
        tree: its tree, which is used up.
        after: the text as it is now.

    Raises:
        SyntaxError, ValueError: as `ast.parse` does for the whole of it; the earlier tree is as it was.
    """
    old, new = before.lines, after.lines
    above, below = unchanged(old, new)
    if above == len(old) == len(new):
        return tree
    change = _Change(new, above + 1, len(old) - below, len(new) - len(old))
    body = tree.body
    starts = [first_row(statement) for statement in body]
    first, last = _affected(body, starts, 0, change)
    # Above the first statement there are only comments.
    start, end = starts[first] if first >= 0 else 1, starts[last] if last < len(body) else len(old) + 1
    kept = body[: max(first, 0)]
    part = _with_parts(body[first], end, change) if 0 <= first == last - 1 else None
    if part is None and last < len(body):
        try:
            part = parse_text(_text(start, end, change)).body
        except (SyntaxError, ValueError):
            pass  # it may end further down
    if part is None:
        return ast.Module([*kept, *parse_text(_text(start, len(old) + 1, change)).body], [])
    for statement in body[last:]:
        _move(statement, change.added)
    return ast.Module([*kept, *part, *body[last:]], [])


class _Change(NamedTuple):
    """The lines of a new text, the first and the last row of the old one that differ, and how many there are more."""

    lines: Sequence[str]
    first: int
    last: int
    added: int


def _with_parts(statement: ast.stmt, end: int, change: _Change) -> list[ast.stmt] | None:
    """A class of which only some statements are parsed again, or None where that can't be.

    Args:
        end: the row, of the old text, in which the next statement begins.
    """
    if not isinstance(statement, ast.ClassDef):
        return None
    body = statement.body
    starts = [first_row(member) for member in body]
    column = body[0].col_offset
    first, last = _affected(body, starts, column, change)
    if first < 0 or change.lines[starts[0] - 1][:column].strip():
        return None  # the change is in the header, or the header in the first line of what is in the class
    try:
        part = parse_text(_text(starts[first], starts[last] if last < len(body) else end, change, "class _:\n")).body
    except (SyntaxError, ValueError):
        return None
    if len(part) != 1 or not isinstance(part[0], ast.ClassDef):
        return None  # something stands below the class now
    for member in body[last:]:
        _move(member, change.added)
    # A new node, for what was remembered of the old one isn't true any more.
    fields = {field: getattr(statement, field) for field in statement._fields}
    new = ast.ClassDef(**{**fields, "body": [*body[:first], *part[0].body, *body[last:]]})
    new.lineno, new.col_offset = statement.lineno, statement.col_offset
    new.end_lineno, new.end_col_offset = new.body[-1].end_lineno, new.body[-1].end_col_offset
    return [new]


def _text(start: int, end: int, change: _Change, header: str = "") -> str:
    """The new text of what stood in some rows, below empty lines, so that places, and rows in messages, are right."""
    return "\n" * (start - 1 - bool(header)) + header + "".join(change.lines[start - 1 : end + change.added - 1])


def unchanged(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines two texts have in common at their start and at their end."""
    above = _common(old, new)
    return above, min(_common(old[::-1], new[::-1]), len(old) - above, len(new) - above)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (line, another) in pairs if line != another), min(len(one), len(other)))


def _affected(body: Sequence[ast.stmt], starts: Sequence[int], column: int, change: _Change) -> tuple[int, int]:
    """The statements to parse again: the one before the change, so that what continues it is noticed, up to another."""
    first, last = bisect_right(starts, change.first - 1) - 1, bisect_right(starts, change.last)
    while first >= 0 and not _is_free(body, starts, first, column):
        first -= 1
    while last < len(body) and not _is_free(body, starts, last, column):
        last += 1
    return first, last


def _is_free(body: Sequence[ast.stmt], starts: Sequence[int], index: int, column: int) -> bool:
    """Whether a statement begins its line, with nothing before it that ends there."""
    statement = body[index]
    # A decorator's place is not its statement's, but both begin in one column.
    return statement.col_offset == column and (index == 0 or (body[index - 1].end_lineno or 0) < starts[index])


_places: WeakKeyDictionary[ast.stmt, list[dict[str, Any]]] = WeakKeyDictionary()
"""Where the nodes of statements keep their rows: to find them takes ten times as long as to change them."""


def _move(statement: ast.stmt, rows: int) -> None:
    if not rows:
        return
    if isinstance(statement, ast.ClassDef):
        for member in statement.body:
            _move(member, rows)
    places = _places.get(statement)
    if places is None:
        places = _places[statement] = [vars(node) for node in _own_nodes(statement) if "lineno" in node._attributes]
    for place in places:
        place["lineno"] += rows
        place["end_lineno"] += rows


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement, of a class without its body: that is moved statement by statement."""
    if not isinstance(statement, ast.ClassDef):
        yield from walk(statement)
        return
    yield statement
    for child in ast.iter_child_nodes(statement):
        if child not in statement.body:
            yield from walk(child)
