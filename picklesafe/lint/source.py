"""One Python file: its bytes, its text, its tree, and the way between positions of the two."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from picklesafe.errors import PickleSafeError
from picklesafe.lint.finding import Position

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable

    from picklesafe.lint.finding import Edit, Finding, Related
    from picklesafe.lint.spans import Span

_NOTEBOOK = ".ipynb"

MAX_BYTES = 10_000_000
"""Larger files are refused: their tree would take gigabytes (about 100 bytes a byte of source)."""

_MAX_NOTEBOOK_BYTES = 100_000_000
"""Of a notebook most bytes are pictures in its outputs, which are in no tree; its code has the limit above."""

_BOM = b"\xef\xbb\xbf"
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_LONGEST_HEAD = 4096


class SourceError(PickleSafeError):
    """A file that can't be analysed. `code` is the rule it is reported under."""

    code = "PKS903"
    name = "unreadable-file"

    def __init__(self, message: str, position: Position = Position(1, 1)) -> None:
        super().__init__(message, position)
        self.message = message
        self.position = position


class UnreadableFile(SourceError):
    """Bytes that can't be had, or can't be text."""


class InvalidSyntax(SourceError):
    """Text that is no Python, of any version that libcst knows."""

    code = "PKS901"
    name = "syntax-error"


class Source:
    """The text of one file.

    Args:
        path: where it lies; only named in messages and used to resolve imports.
        data: its bytes.

    Raises:
        UnreadableFile: if the bytes are no text in the encoding that they declare.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self.path = os.fspath(path)
        self.data = data
        self.bom = data.startswith(_BOM)
        self.encoding = encoding_of(data)
        self.text = _decode(data, self.encoding)

    @staticmethod
    def of(path: str, data: bytes) -> Source:
        """The source of a file that holds `data`: of a notebook, its code; raises UnreadableFile."""
        if not is_notebook(path):
            return Source(path, data)
        from picklesafe.lint.notebook.notebook import Notebook

        return Notebook(path, data)

    @staticmethod
    def read(path: str) -> Source:
        """Read `path`; raises UnreadableFile where that fails."""
        return Source.of(path, read_bytes(path))

    @property
    def code(self) -> bytes:
        """What is analysed, as bytes: all of the file, but of a notebook."""
        return self.data

    @property
    def file_text(self) -> str:
        """The text of the whole file, which `encode` makes its bytes from."""
        return self.text

    @property
    def programs(self) -> Sequence[str]:
        """The texts that have to be Python, each for itself."""
        return [self.text]

    @property
    def sections(self) -> Sequence[tuple[str, bytes]]:
        """The parts in which a change is shown, each with what is added to the file's name."""
        return [("", self.data)]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying of the file to those who ask for it."""
        return ()

    def sound(self) -> tuple[Source, Sequence[InvalidSyntax]]:
        """The part that can be analysed although another isn't Python, and what is wrong with that one."""
        return self, ()

    def reported(self, finding: Finding) -> Finding:
        """A finding of this file's analysis with the places that a reader is told."""
        return finding

    def analysed(self, finding: Finding) -> Finding:
        """A reported finding with its places in `text`."""
        return finding

    def confined(self, finding: Finding) -> Finding:
        """A finding of this file's analysis without a fix that can't be written."""
        return finding

    def shown_lines(self, cell: int | None) -> list[str]:
        """The lines that a reader sees, of the file or of a cell of this notebook."""
        # What stands behind the last line end is no line.
        return self.lines if self.lines[-1] else self.lines[:-1]

    def in_file(self, place: Finding | Related) -> tuple[Position, Position]:
        """Where a reported place starts and ends in the file's own text."""
        return place.start, place.end

    def edits_in_file(self, finding: Finding) -> Sequence[Edit]:
        """What the fix of a reported finding changes in the file's own text."""
        return () if finding.fix is None else finding.fix.edits

    def row_name(self, row: int) -> str:
        """How a message speaks of a row."""
        return f"line {row}"

    def spliced(self, spans: Iterable[Span]) -> str:
        """The file's text with parts of `text` replaced.

        Args:
            spans: in order, none overlapping another.
        """
        from picklesafe.lint.spans import splice

        return splice(self.text, spans)

    @cached_property
    def lines(self) -> list[str]:
        """The lines with their ends, split where Python splits them (not at form feeds), and what follows the last."""
        return [*io.StringIO(self.text, newline="").readlines(), ""]

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; raises InvalidSyntax, or UnreadableFile where Python can't hold it."""
        from picklesafe.lint.parse import parse

        return parse(self)

    @property
    def is_parsed(self) -> bool:
        """Whether the tree is there already."""
        return "tree" in self.__dict__

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [], 0
        for line in self.lines:
            starts.append(at)
            at += len(line)
        return starts

    def column(self, row: int, byte: int) -> int:
        """The column, from 1 and in characters, of `ast`'s UTF-8 byte offset `byte` in `row`."""
        line = self.lines[row - 1]
        return byte + 1 if line.isascii() else len(line.encode()[:byte].decode(errors="replace")) + 1

    def start(self, node: ast.expr | ast.keyword | ast.stmt) -> Position:
        return Position(node.lineno, self.column(node.lineno, node.col_offset))

    def end(self, node: ast.expr | ast.keyword | ast.stmt) -> Position:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return Position(node.end_lineno, self.column(node.end_lineno, node.end_col_offset))

    def end_of_line(self, position: Position) -> Position:
        """The end of the row that a position is in."""
        return position._replace(column=len(self.lines[position.row - 1].rstrip("\r\n")) + 1)

    def offset(self, position: Position) -> int:
        """Where `position` stands in `text`."""
        return self._starts[position.row - 1] + position.column - 1

    def slice(self, start: Position, end: Position) -> str:
        """The text between two positions."""
        return self.text[self.offset(start) : self.offset(end)]

    def segment(self, node: ast.expr | ast.keyword | ast.stmt) -> str:
        """The text of a node, as it was written."""
        return self.slice(self.start(node), self.end(node))

    def encode(self, text: str) -> bytes:
        """Bytes for `text` in this file's encoding and with its byte order mark."""
        return (_BOM if self.bom else b"") + text.encode(self.encoding)


class ConfigurationSource(Source):
    """The text of a file that is no Python: it has no tree, and its comments are told from its lines."""


_given: dict[str, bytes] = {}
"""Contents that count in place of what the disk holds, by absolute path."""


@contextmanager
def standing_in(path: str, data: bytes) -> Iterator[None]:
    """Within the block `data` is what `path` holds, for every part of the linter that reads sources.

    The file itself is neither read nor written, and doesn't have to exist.
    """
    key = os.path.abspath(path)
    before = _given.get(key)
    _given[key] = data
    try:
        yield
    finally:
        if before is None:
            del _given[key]
        else:
            _given[key] = before


def stand_in(path: str, data: bytes | None) -> None:
    """From now on `data` is what `path` holds, as within `standing_in`; with None, what the disk holds again."""
    key = os.path.abspath(path)
    if data is None:
        _given.pop(key, None)
    else:
        _given[key] = data


def read_bytes(path: str) -> bytes:
    """The bytes of `path`; raises UnreadableFile, with the system's reason."""
    if _given:
        data = _given.get(os.path.abspath(path))
        if data is not None:
            return data
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UnreadableFile(f"can't be read: {error.strerror or error}") from None


def encoding_of(data: bytes) -> str:
    """The encoding that PEP 263 gives: a declaration in one of the first two lines, else UTF-8."""
    head = data.removeprefix(_BOM)[:_LONGEST_HEAD]
    for line in head.splitlines()[:2]:
        match = _CODING.match(line)
        if match:
            return match.group(1).decode("ascii")
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    return "utf-8"


def is_notebook(path: str) -> bool:
    """Whether a file of that name is a Jupyter notebook."""
    return os.fspath(path).endswith(_NOTEBOOK)


def limit(path: str) -> int:
    """How many bytes a file may have."""
    return _MAX_NOTEBOOK_BYTES if is_notebook(path) else MAX_BYTES


def too_large(size: int, most: int = MAX_BYTES) -> UnreadableFile:
    """The error for a file of so many bytes, where `most` are analysed."""
    return UnreadableFile(
        f"is too large to analyse ({size // 1_000_000} MB, the limit is {most // 1_000_000} MB); exclude it"
    )


def _decode(data: bytes, encoding: str) -> str:
    if len(data) > MAX_BYTES:
        raise too_large(len(data))
    if b"\0" in data:
        raise UnreadableFile("contains null bytes, so it is no Python source; exclude it")
    try:
        return data.removeprefix(_BOM).decode(encoding)
    except LookupError:
        raise UnreadableFile(f"declares the unknown encoding {encoding!r}") from None
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            f"is not valid {encoding} (byte {data[error.start]:#04x} in line {row}); "
            "save it as UTF-8 or declare its encoding in the first line",
            Position(row, 1),
        ) from None
