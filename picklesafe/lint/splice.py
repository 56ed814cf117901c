"""The tree of a text of which little has changed: only the changed statements are parsed again.

Between two statements of the top level that begin in the first column of their lines Python's parser is
in the state that it starts in, so what stands there can be parsed on its own. The other statements keep
their nodes; those below lines that were added or removed are moved.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any
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
    added = len(new) - len(old)
    body = tree.body
    starts = [first_row(statement) for statement in body]
    first, last = _around(body, starts, above + 1), bisect_right(starts, len(old) - below)
    while last < len(body) and not _is_free(body, starts, last):
        last += 1
    # Above the first statement there are only comments.
    start = starts[first] if first >= 0 else 1
    kept = body[: max(first, 0)]
    # Empty lines in place of what stands above, so that places, and the rows that messages name, are right.
    empty = "\n" * (start - 1)
    if last < len(body):
        try:
            part = parse_text(empty + "".join(new[start - 1 : starts[last] + added - 1]))
        except (SyntaxError, ValueError):
            pass  # it may end further down
        else:
            for statement in body[last:]:
                _move(statement, added)
            return ast.Module([*kept, *part.body, *body[last:]], [])
    rest = parse_text(empty + "".join(new[start - 1 :]))
    return ast.Module([*kept, *rest.body], [])


def unchanged(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines two texts have in common at their start and at their end."""
    above = _common(old, new)
    return above, min(_common(old[::-1], new[::-1]), len(old) - above, len(new) - above)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (line, another) in pairs if line != another), min(len(one), len(other)))


def _around(body: Sequence[ast.stmt], starts: Sequence[int], row: int) -> int:
    """The statement to begin with: the one before the changed row, so that what continues it is noticed."""
    index = bisect_right(starts, row - 1) - 1
    while index >= 0 and not _is_free(body, starts, index):
        index -= 1
    return index


def _is_free(body: Sequence[ast.stmt], starts: Sequence[int], index: int) -> bool:
    """Whether a statement begins its line, with nothing before it that ends there."""
    statement = body[index]
    # A decorator's place is not its statement's, but both begin in one column.
    return statement.col_offset == 0 and (index == 0 or (body[index - 1].end_lineno or 0) < starts[index])


_places: WeakKeyDictionary[ast.stmt, list[dict[str, Any]]] = WeakKeyDictionary()
"""Where the nodes of statements keep their rows: to find them takes ten times as long as to change them."""


def _move(statement: ast.stmt, rows: int) -> None:
    if not rows:
        return
    places = _places.get(statement)
    if places is None:
        places = _places[statement] = [vars(node) for node in walk(statement) if "lineno" in node._attributes]
    for place in places:
        place["lineno"] += rows
        place["end_lineno"] += rows
