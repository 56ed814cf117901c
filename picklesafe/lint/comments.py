"""The comments of a file, told apart from strings that look like them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picklesafe.lint.source import Source


class Comment(NamedTuple):
    """A comment.

    Args:
        row, column: where it begins.
        text: from its number sign on.
        target: the row that it speaks for: its own, or where it stands alone, the next one with code.
    """

    row: int
    column: int
    text: str
    target: int


class _Token(NamedTuple):
    is_comment: bool
    first_row: int
    last_row: int
    column: int
    text: str


def read_comments(source: Source, candidates: frozenset[int]) -> Iterator[Comment]:
    """The comments of the candidate rows; other rows have none that matters."""
    alone: list[_Token] = []
    code_row = 0
    for token in _tokens(source, max(candidates)):
        if not token.is_comment:
            yield from (_comment(comment, token.first_row) for comment in alone)
            alone = []
            code_row = token.last_row
        elif token.first_row not in candidates:
            continue
        elif token.first_row == code_row:
            yield _comment(token, code_row)
        else:
            alone.append(token)
    yield from (_comment(comment, comment.first_row) for comment in alone)


def _comment(token: _Token, target: int) -> Comment:
    return Comment(token.first_row, token.column, token.text, target)


def _tokens(source: Source, last: int) -> Iterator[_Token]:
    """Comments, and the code between them, up to the first code below row `last`."""
    from picklesafe.lint.source import ConfigurationSource

    if isinstance(source, ConfigurationSource):
        yield from _guess(source.lines, 0)
        return
    import tokenize

    # One kind of line end: tokenize and Source disagree about a lone carriage return.
    lines = iter([line.rstrip("\r\n") + "\n" for line in source.lines])
    layout = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    row = 0
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type not in layout:
                row = token.end[0]
                yield _Token(token.type == tokenize.COMMENT, token.start[0], row, token.start[1] + 1, token.string)
                if token.start[0] > last and token.type != tokenize.COMMENT:
                    return
    except (tokenize.TokenError, SyntaxError):
        # Broken code, or newer than the running Python: below here, what looks like a comment is taken for one.
        yield from _guess(source.lines, row)


def _guess(lines: list[str], above: int) -> Iterator[_Token]:
    for row, line in enumerate(lines[above:], above + 1):
        code, hash_sign, comment = line.partition("#")
        if code.strip():
            yield _Token(False, row, row, 1, code)
        if hash_sign:
            yield _Token(True, row, row, len(code) + 1, hash_sign + comment.rstrip())
