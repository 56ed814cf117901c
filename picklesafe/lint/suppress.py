"""Comments that silence findings.

# noqa                             every finding of this line
# noqa: PKS111, E501               those of a code, or of codes that begin so (PKS1)
# picklesafe: ignore[PKS111]       the same; alone on its line, it speaks for the next one
# picklesafe: ignore-file[PKS1]    for the whole file, without brackets for every code
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.selection import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picklesafe.lint.finding import Finding
    from picklesafe.lint.source import Source

# Not compiled before a finding asks: most files have none.
_LIKELY = r"(?i)#.*?(?:noqa|picklesafe\s*:\s*ignore)"
# As ruff reads it: blanket only where a space follows, so that "noqa-foo" and "noqa:" mean nothing.
_NOQA = r"#\s*(?i:noqa)(?:\s*:\s*(?P<codes>[A-Z]+[0-9]*(?:[\s,]+[A-Z]+[0-9]+)*)(?![\w-])|(?=\s|#|$)(?!\s*:))"
_IGNORE = r"#\s*picklesafe\s*:\s*ignore(?P<file>-file)?(?:\s*\[(?P<codes>[^\]]*)\]|(?![\w\[-]))"


class _Comment(NamedTuple):
    """`prefixes` are what the silenced codes begin with: the empty string for all of them."""

    row: int
    prefixes: tuple[str, ...]
    whole_file: bool


class _Token(NamedTuple):
    is_comment: bool
    first_row: int
    last_row: int
    text: str


class Suppressions:
    """The suppressing comments of one file; found when a finding first asks for them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def hide(self, finding: Finding) -> bool:
        """Whether a comment silences `finding`."""
        return any(self._speaks_of(comment, finding) for comment in self._comments)

    @cached_property
    def _comments(self) -> list[_Comment]:
        # Most files have no such comment, so that most findings cost no tokenizing.
        candidates = _candidates(self._source)
        return _parse(self._source, candidates) if candidates else []

    @staticmethod
    def _speaks_of(comment: _Comment, finding: Finding) -> bool:
        if not comment.whole_file:
            rows = finding.ignore_rows or (finding.start.row, finding.end.row)
            # A file that can't be analysed says nothing reliable about its own lines.
            if finding.code in ALWAYS or comment.row not in rows:
                return False
        return finding.code.startswith(comment.prefixes)


def _candidates(source: Source) -> frozenset[int]:
    if not re.search(_LIKELY, source.text):
        return frozenset()
    return frozenset(row for row, line in enumerate(source.lines, 1) if re.search(_LIKELY, line))


def _parse(source: Source, candidates: frozenset[int]) -> list[_Comment]:
    parsed: list[_Comment] = []
    for row, text, target in _read_comments(source, candidates):
        parsed += _noqa(row, text)
        parsed += _ignore(target, text)
    return parsed


def _noqa(row: int, text: str) -> Iterator[_Comment]:
    for match in re.finditer(_NOQA, text):
        yield _Comment(row, _prefixes(match["codes"]), False)


def _ignore(row: int, text: str) -> Iterator[_Comment]:
    for match in re.finditer(_IGNORE, text):
        yield _Comment(row, _prefixes(match["codes"]), bool(match["file"]))


def _prefixes(codes: str | None) -> tuple[str, ...]:
    return ("",) if codes is None else tuple(re.findall(r"[A-Z]+[0-9]*", codes))


def _read_comments(source: Source, candidates: frozenset[int]) -> Iterator[tuple[int, str, int]]:
    """The comments of the candidate rows, each with the row that it speaks for.

    A comment alone on its line speaks for the next row with code on it.
    """
    alone: list[_Token] = []
    code_row = 0
    for token in _tokens(source, max(candidates)):
        if not token.is_comment:
            yield from ((comment.first_row, comment.text, token.first_row) for comment in alone)
            alone = []
            code_row = token.last_row
        elif token.first_row not in candidates:
            continue
        elif token.first_row == code_row:
            yield code_row, token.text, code_row
        else:
            alone.append(token)
    yield from ((comment.first_row, comment.text, comment.first_row) for comment in alone)


def _tokens(source: Source, last: int) -> Iterator[_Token]:
    """Comments, and the code between them, up to the first code below row `last`."""
    import tokenize

    # One kind of line end: tokenize and Source disagree about a lone carriage return.
    lines = iter([line.rstrip("\r\n") + "\n" for line in source.lines])
    layout = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    row = 0
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type not in layout:
                row = token.end[0]
                yield _Token(token.type == tokenize.COMMENT, token.start[0], row, token.string)
                if token.start[0] > last and token.type != tokenize.COMMENT:
                    return
    except (tokenize.TokenError, SyntaxError):
        # Broken code, or newer than the running Python: below here, what looks like a comment is taken for one.
        yield from _guess(source.lines, row)


def _guess(lines: list[str], above: int) -> Iterator[_Token]:
    for row, line in enumerate(lines[above:], above + 1):
        code, hash_sign, comment = line.partition("#")
        if code.strip():
            yield _Token(False, row, row, code)
        if hash_sign:
            yield _Token(True, row, row, hash_sign + comment.rstrip())
