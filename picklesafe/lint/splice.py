"""The tree of a text of which little has changed: only the changed statements are parsed again.

Between two statements of the top level that begin in the first column of their lines Python's parser is
in the state that it starts in, so what stands there can be parsed on its own. The other statements keep
their nodes, which is why no line may have been added or removed.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Sequence

from picklesafe.lint.parse import parse_text
from picklesafe.lint.source import Source


def spliced(before: Source, tree: ast.Module, after: Source) -> ast.Module | None:
    """The tree of `after`, or None where all of it has to be parsed.

    Args:
        before: an earlier text of the same file.
        tree: its tree.
        after: the text as it is now.

    Raises:
        SyntaxError, ValueError: as `ast.parse` does for the whole of it.
    """
    old, new = before.lines, after.lines
    if len(old) != len(new):
        return None
    changed = [row for row, (one, other) in enumerate(zip(old, new, strict=True), 1) if one != other]
    if not changed:
        return tree
    body = tree.body
    starts = [_first_row(statement) for statement in body]
    first, last = _around(body, starts, changed[0]), bisect_right(starts, changed[-1])
    while last < len(body) and not _is_free(body, starts, last):
        last += 1
    if first < 0:
        return None
    # Empty lines in place of what stands above, so that places, and the rows that messages name, are right.
    above = "\n" * (starts[first] - 1)
    if last < len(body):
        try:
            part = parse_text(above + "".join(new[starts[first] - 1 : starts[last] - 1]))
            return ast.Module([*body[:first], *part.body, *body[last:]], [])
        except (SyntaxError, ValueError):
            pass  # it may end further down
    rest = parse_text(above + "".join(new[starts[first] - 1 :]))
    return ast.Module([*body[:first], *rest.body], [])


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


def _first_row(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])
