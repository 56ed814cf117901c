"""What an editor holds of a file, and the source that the linter makes of it."""

from __future__ import annotations

import ast
import re
from functools import cached_property

from lsprotocol import types

from picklesafe.lint.parse import invalid, parse
from picklesafe.lint.source import InvalidSyntax, Source, encoding_of
from picklesafe.lint.splice import spliced
from picklesafe.server.positions import offset_in

# Where the protocol has lines end. `str.splitlines`, which pygls goes by, knows form feeds and others as well.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def encoded(text: str) -> bytes:
    """What a file that holds `text` would hold, in the encoding that it declares."""
    # A character that this encoding lacks can't be saved; until it is gone, one like it keeps its place.
    try:
        return text.encode(encoding_of(text[:4096].encode("utf-8", "replace")), "replace")
    except LookupError:
        return text.encode("utf-8", "replace")


class BufferSource(Source):
    """The source of a buffer, parsed in part where the one before it is known.

    Args:
        path: where the buffer is, or will be, saved.
        text: what it holds.
        before: the source of the text before the last change, if there is one.
        newer: whether to ask if a newer Python takes what the running one refuses: it takes too long
            for every keystroke.
    """

    def __init__(self, path: str, text: str, before: BufferSource | None = None, newer: bool = True) -> None:
        super().__init__(path, encoded(text))
        self._before = before
        self.newer = newer
        self.written_newer = False

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; raises InvalidSyntax, or UnreadableFile where Python can't hold it."""
        before = self._before
        if before is not None and before._parsed is not None and not self.newer:
            tree = self._parse_changed(before, before._parsed)
            if tree is not None:
                self._before = None
                return tree
        try:
            tree = parse(self, newer=False)
        except InvalidSyntax:
            if not self.newer:
                raise
            tree = parse(self)
            self.written_newer = True
        self._before = None
        return tree

    def _parse_changed(self, before: Source, parsed: ast.Module) -> ast.Module | None:
        try:
            return spliced(before, parsed, self)
        except (RecursionError, MemoryError):
            return None  # the whole is no better, and says so
        except (SyntaxError, ValueError) as error:
            if "too many" in str(error):
                return None
            raise invalid(self, error) from None

    @property
    def _parsed(self) -> ast.Module | None:
        return self.__dict__.get("tree")

    @property
    def latest_parsed(self) -> BufferSource | None:
        """This source if it has been parsed, else the one before it."""
        return self if self._parsed is not None else self._before


class Buffer:
    """An open document.

    Args:
        item: as the editor opened it.
        path: the file, or a name that stands for one.
        encoding: what the client counts columns in.
    """

    def __init__(self, item: types.TextDocumentItem, path: str, encoding: str) -> None:
        self.uri = item.uri
        self.path = path
        self.version: int | None = item.version
        self.text = item.text
        self._encoding = encoding
        self._source: BufferSource | None = None
        self._newer = False

    def change(self, changes: list[types.TextDocumentContentChangeEvent], version: int) -> None:
        """Apply what was typed."""
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                self._replace(change.range, change.text)
            else:
                self.text = change.text
        self.version = version

    def _replace(self, range_: types.Range, text: str) -> None:
        lines = _LINE.findall(self.text)
        start = offset_in(lines, range_.start, self._encoding)
        end = offset_in(lines, range_.end, self._encoding)
        self.text = self.text[:start] + text + self.text[end:]

    def source(self, thorough: bool = False) -> BufferSource:
        """The text as a source.

        Args:
            thorough: ask whether a newer Python takes what the running one refuses.

        Raises:
            UnreadableFile: if it is no text that Python reads.
        """
        known = self._source
        if known is None or known.text != self.text.removeprefix("\ufeff") or (thorough and not known.newer):
            before = known.latest_parsed if known is not None else None
            # What was written for a newer Python when it was opened stays so.
            self._newer = self._newer or (known is not None and known.written_newer)
            self._source = known = BufferSource(self.path, self.text, before, newer=thorough or self._newer)
        return known
