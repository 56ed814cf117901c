"""Comments that silence findings.

# noqa                             every finding of this line
# noqa: PKS111, E501               those of a code, or of codes that begin so (PKS1)
# picklesafe: ignore[PKS111]       the same; alone on its line, it speaks for the next one
# picklesafe: ignore-file[PKS1]    for the whole file, without brackets for every code

Rows that are joined by backslashes or by a string of several rows are one line: there is no room for a comment
but behind them all.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.comments import read_comments
from picklesafe.lint.finding import Position
from picklesafe.lint.selection import ALWAYS, UNUSED

if TYPE_CHECKING:
    from picklesafe.lint.comments import Comment, Rows
    from picklesafe.lint.finding import Finding
    from picklesafe.lint.source import Source

# Not compiled before a finding asks: most files have none.
_LIKELY = r"(?i)#.*?(?:noqa|picklesafe\s*:\s*ignore)"
# As ruff reads it: blanket only where a space follows, so that "noqa-foo" and "noqa:" mean nothing.
_NOQA = r"#\s*(?i:noqa)(?:\s*:\s*(?P<codes>[A-Z]+[0-9]*(?:[\s,]+[A-Z]+[0-9]+)*)(?![\w-])|(?=\s|#|$)(?!\s*:))"
_IGNORE = r"#\s*picklesafe\s*:\s*ignore(?P<file>-file)?(?:\s*\[(?P<codes>[^\]]*)\]|(?![\w\[-]))"
CODE = r"[A-Z]+[0-9]*"
_ENGINE = "PKS9"


class Directive(NamedTuple):
    """What one comment, or a part of it, says.

    Args:
        rows: those that it speaks for.
        codes: what the silenced codes begin with: the empty string for all of them.
        whole_file: whether it speaks for every row.
        start: where it is written.
        text: as it is written.
        codes_start: where in `text` the codes stand, 0 if there are none.
        noqa: whether other tools read it as well.
    """

    rows: Rows
    codes: tuple[str, ...]
    whole_file: bool
    start: Position
    text: str
    codes_start: int
    noqa: bool


class Suppressions:
    """The suppressing comments of one file; found when a finding first asks for them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.used: set[tuple[Directive, str]] = set()
        """Directives that hid a finding, each with the code by which it did."""

    def hide(self, finding: Finding) -> bool:
        """Whether a comment silences `finding`."""
        hiding = [
            (directive, code)
            for directive in self.directives
            if _reaches(directive, finding)
            for code in directive.codes
            if finding.code.startswith(code)
        ]
        self.used.update(hiding)
        return bool(hiding)

    @cached_property
    def directives(self) -> list[Directive]:
        """All of them, in the order of the file."""
        # Most files have no such comment, so that most findings cost no tokenizing.
        candidates = _candidates(self._source)
        return _parse(self._source, candidates) if candidates else []


def _reaches(directive: Directive, finding: Finding) -> bool:
    if finding.code == UNUSED and directive.start == finding.start:
        # A comment that says "everything" doesn't mean what is wrong with itself.
        return any(code.startswith(_ENGINE) for code in directive.codes)
    if directive.whole_file:
        return True
    # A file that can't be analysed says nothing reliable about its own lines.
    rows = finding.ignore_rows or (finding.start.row, finding.end.row)
    return finding.code not in ALWAYS and any(directive.rows.first <= row <= directive.rows.last for row in rows)


def _candidates(source: Source) -> frozenset[int]:
    if not re.search(_LIKELY, source.text):
        return frozenset()
    return frozenset(row for row, line in enumerate(source.lines, 1) if re.search(_LIKELY, line))


def _parse(source: Source, candidates: frozenset[int]) -> list[Directive]:
    found = [
        directive
        for comment in read_comments(source, candidates)
        for pattern in (_NOQA, _IGNORE)
        for match in re.finditer(pattern, comment.text)
        for directive in [_directive(comment, match)]
    ]
    return sorted(found, key=lambda directive: directive.start)


def _directive(comment: Comment, match: re.Match[str]) -> Directive:
    noqa, codes = "file" not in match.re.groupindex, match["codes"]
    return Directive(
        # A noqa alone on its line speaks for that line, as other tools have it.
        comment.own if noqa else comment.target,
        ("",) if codes is None else tuple(re.findall(CODE, codes)),
        not noqa and bool(match["file"]),
        Position(comment.row, comment.column + match.start()),
        match[0],
        0 if codes is None else match.start("codes") - match.start(),
        noqa,
    )
