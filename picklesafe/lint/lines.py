"""The lines of files that a report speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint.finding import Position
from picklesafe.lint.source import Source, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picklesafe.lint.finding import Edit, Finding, Related


class Lines:
    """The lines of the file read last: findings come sorted by file, and all files at once are too much."""

    def __init__(self) -> None:
        self._path = ""
        self._source: Source | None = None
        self._lines: dict[int | None, list[str]] = {}

    def of(self, path: str, cell: int | None = None) -> list[str]:
        """The lines of `path`, or of a cell of that notebook; none where it can't be read as text."""
        if path != self._path:
            self._path, self._source, self._lines = path, _read(path), {}
        if cell not in self._lines:
            self._lines[cell] = [] if self._source is None else self._source.shown_lines(cell)
        return self._lines[cell]

    def in_file(self, place: Finding | Related) -> tuple[Position, Position]:
        """Where something stands in its file: of a notebook, where the JSON has the marked text."""
        source = self._source_of(place)
        try:
            return (place.start, place.end) if source is None else source.in_file(place)
        except IndexError:  # it has been changed since
            return Position(1, 1), Position(1, 1)

    def edits_in_file(self, finding: Finding) -> Sequence[Edit]:
        """What a fix replaces in the file: of a notebook, in its JSON."""
        source = self._source_of(finding)
        try:
            return (finding.fix.edits if finding.fix else ()) if source is None else source.edits_in_file(finding)
        except IndexError:
            return ()

    def _source_of(self, place: Finding | Related) -> Source | None:
        """The source in which a place has to be looked up, if it has to be."""
        if place.cell is None:
            return None
        self.of(place.path)
        return self._source


def _read(path: str) -> Source | None:
    try:
        return Source.read(path)
    except SourceError:
        return None
