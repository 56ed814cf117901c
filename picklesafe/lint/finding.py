"""What a rule reports: a finding, the place it sits at, and the fix it offers."""

from __future__ import annotations

from typing import NamedTuple

CERTAIN = "certain"
POSSIBLE = "possible"


class Position(NamedTuple):
    """A place in a text file: `row` and `column` start at 1, columns count characters."""

    row: int
    column: int


class Edit(NamedTuple):
    """Replace what stands from `start` up to `end` (exclusive) by `content`."""

    start: Position
    end: Position
    content: str


class Fix(NamedTuple):
    """Edits that belong together; a safe fix leaves every working run as it was."""

    message: str
    edits: tuple[Edit, ...]
    safe: bool = True

    @property
    def applicability(self) -> str:
        return "safe" if self.safe else "unsafe"


class Related(NamedTuple):
    """A second place that a finding is about, such as the loader that a call ends in.

    Args:
        cell: of a notebook, see Finding.
    """

    path: str
    start: Position
    end: Position
    message: str
    cell: int | None = None


class Finding(NamedTuple):
    """One thing that is wrong at one place.

    Args:
        code, name: of the rule, such as `PKS111` and `unguarded-prefetch-factor`.
        path: the file, as it was named on the command line or found below it.
        start, end: the argument itself, `end` exclusive.
        message: what is wrong here, what happens then, what to write instead.
        certainty: `certain` (on every run that gets here) or `possible` (on runs without workers).
        fix: how to mend it, or None.
        related: other places that the message speaks of.
        ignore_rows: rows whose comments may suppress the finding.
        cell: in a notebook the number of the cell, counting all of them from 1; rows, those of the
            fix included, then count from the start of the cell.
    """

    code: str
    name: str
    path: str
    start: Position
    end: Position
    message: str
    certainty: str = CERTAIN
    fix: Fix | None = None
    related: tuple[Related, ...] = ()
    ignore_rows: tuple[int, ...] = ()
    cell: int | None = None


def where(place: Finding | Related) -> str:
    """`row:column`, in a notebook `cell 3:row:column`."""
    cell = "" if place.cell is None else f"cell {place.cell}:"
    return f"{cell}{place.start.row}:{place.start.column}"
