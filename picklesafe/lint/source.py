"""One Python file: its bytes, its text, its tree, and the way between positions of the two."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from picklesafe.errors import PickleSafeError
from picklesafe.lint.finding import Position

if TYPE_CHECKING:
    import ast

MAX_BYTES = 10_000_000
"""Larger files are refused: their tree would take gigabytes (about 100 bytes a byte of source)."""

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

    @classmethod
    def read(cls, path: str) -> Source:
        """Read `path`; raises UnreadableFile where that fails."""
        return cls(path, read_bytes(path))

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


def too_large(size: int) -> UnreadableFile:
    """The error for a file of so many bytes."""
    return UnreadableFile(
        f"is too large to analyse ({size // 1_000_000} MB, the limit is {MAX_BYTES // 1_000_000} MB); exclude it"
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
