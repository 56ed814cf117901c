"""The lines of files that a report speaks of."""

from __future__ import annotations

from picklesafe.lint.source import Source, SourceError


class Lines:
    """The lines of the file read last: findings come sorted by file, and all files at once are too much."""

    def __init__(self) -> None:
        self._path = ""
        self._lines: list[str] = []

    def of(self, path: str) -> list[str]:
        """The lines of `path`; none where it can't be read as text."""
        if path != self._path:
            self._path, self._lines = path, _read(path)
        return self._lines


def _read(path: str) -> list[str]:
    try:
        lines = Source.read(path).lines
    except SourceError:
        return []
    # What stands behind the last line end is no line.
    return lines if lines[-1] else lines[:-1]
