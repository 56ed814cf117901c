"""The comments of a file, told apart from strings that look like them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from tokenize import TokenInfo

    from picklesafe.lint.source import Source


class Rows(NamedTuple):
    """Rows that are one line to a comment at its end: joined by backslashes or by a string of several rows."""

    first: int
    last: int


class Comment(NamedTuple):
    """A comment.

    Args:
        row, column: where it begins.
        text: from its number sign on.
        own: the rows of its line.
        target: the rows that it speaks for: its own, or where it stands alone, those of the next code.
    """

    row: int
    column: int
    text: str
    own: Rows
    target: Rows


class _Token(NamedTuple):
    kind: str
    first_row: int
    last_row: int
    column: int
    text: str


_COMMENT, _CODE, _LINE_END = "comment", "code", "line end"


def read_comments(source: Source, candidates: frozenset[int]) -> Iterator[Comment]:
    """The comments of the candidate rows; other rows have none that matters."""
    tokens = list(_tokens(source, max(candidates)))
    joined = _joined(tokens)
    alone: list[_Token] = []
    code_row = 0
    for token in tokens:
        if token.kind == _CODE:
            yield from (_comment(comment, token.first_row, joined) for comment in alone)
            alone = []
            code_row = token.last_row
        elif token.kind == _LINE_END or token.first_row not in candidates:
            continue
        elif token.first_row == code_row:
            yield _comment(token, code_row, joined)
        else:
            alone.append(token)
    yield from (_comment(comment, comment.first_row, joined) for comment in alone)


def joined_rows(source: Source) -> dict[int, Rows]:
    """The rows that a row is joined with, for each that is not a line by itself."""
    return _joined(_tokens(source, len(source.lines)))


def _comment(token: _Token, target: int, joined: dict[int, Rows]) -> Comment:
    row = token.first_row
    return Comment(row, token.column, token.text, *(joined.get(of, Rows(of, of)) for of in (row, target)))


def _joined(tokens: Iterable[_Token]) -> dict[int, Rows]:
    joined: dict[int, Rows] = {}
    first = 0
    for token in tokens:
        first = first or token.first_row
        if token.kind == _LINE_END:
            if token.last_row > first:
                rows = Rows(first, token.last_row)
                joined.update(dict.fromkeys(range(rows.first, rows.last + 1), rows))
            first = 0
    return joined


def _tokens(source: Source, last: int) -> Iterator[_Token]:
    """Comments, the code between them and the ends of lines, up to that of the first code below row `last`."""
    from picklesafe.lint.source import ConfigurationSource

    if isinstance(source, ConfigurationSource):
        yield from _guess(source.lines, 0)
        return
    import tokenize

    # One kind of line end: tokenize and Source disagree about a lone carriage return.
    lines = iter([line.rstrip("\r\n") + "\n" for line in source.lines])
    row = code_row = 0
    try:
        for token in _python_tokens(tokenize.generate_tokens(lambda: next(lines, ""))):
            if token.kind != _LINE_END:
                row = token.last_row
            if token.kind == _CODE:
                code_row = row
            yield token
            if token.kind == _LINE_END and code_row > last:
                return
    except (tokenize.TokenError, SyntaxError):
        # Broken code, or newer than the running Python: below here, what looks like a comment is taken for one.
        yield from _guess(source.lines, row)


def _python_tokens(tokens: Iterator[TokenInfo]) -> Iterator[_Token]:
    import tokenize

    kinds = {tokenize.COMMENT: _COMMENT, tokenize.NL: _LINE_END, tokenize.NEWLINE: _LINE_END}
    layout = (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    # An f-string is a token to older Pythons, and many to newer ones, with line ends of their own.
    opening, closing = ({getattr(tokenize, f"{kind}STRING_{end}", None) for kind in "FT"} for end in ("START", "END"))
    depth = 0
    for token in tokens:
        depth += (token.type in opening) - (token.type in closing)
        kind = kinds.get(token.type, _CODE)
        if token.type not in layout and not (depth and kind == _LINE_END):
            yield _Token(kind, token.start[0], token.end[0], token.start[1] + 1, token.string)


def _guess(lines: list[str], above: int) -> Iterator[_Token]:
    for row, line in enumerate(lines[above:], above + 1):
        code, hash_sign, comment = line.partition("#")
        if code.strip():
            yield _Token(_CODE, row, row, 1, code)
        if hash_sign:
            yield _Token(_COMMENT, row, row, len(code) + 1, hash_sign + comment.rstrip())
        yield _Token(_LINE_END, row, row, len(line), "")
