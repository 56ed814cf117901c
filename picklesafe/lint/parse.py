"""From text to a syntax tree; libcst decides what is Python where the running Python is too old."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from picklesafe.lint.finding import Position
from picklesafe.lint.source import InvalidSyntax, UnreadableFile

if TYPE_CHECKING:
    from picklesafe.lint.source import Source

TOO_DEEP = "is nested too deeply to be analysed; exclude it"


def parse(source: Source) -> ast.Module:
    """The tree of a file.

    Raises:
        InvalidSyntax: if it is no Python of any version that libcst knows.
        UnreadableFile: if it is nested too deeply.
    """
    try:
        return _parse(source.text)
    except (SyntaxError, ValueError):
        return _parse_newer(source)
    except (RecursionError, MemoryError):
        raise UnreadableFile(TOO_DEEP) from None


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():  # an invalid escape in somebody's string is not our business
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _parse_newer(source: Source) -> ast.Module:
    """The tree of code that this Python refuses, if a newer one takes it."""
    import libcst

    from picklesafe.lint.downlevel import downlevel

    try:
        tree = libcst.parse_module(source.text)
    except libcst.ParserSyntaxError as error:
        reason = error.message.partition(":")[0] if "Internal" in error.message else error.message
        raise InvalidSyntax(f"is not valid Python: {reason}", Position(error.raw_line, error.raw_column + 1)) from None
    except (RecursionError, MemoryError):
        raise UnreadableFile(TOO_DEEP) from None
    try:
        return _parse(downlevel(source, tree))
    except (SyntaxError, ValueError) as error:
        row, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        raise InvalidSyntax(
            f"is not valid Python: {getattr(error, 'msg', error)} (as far as the running Python can tell)",
            Position(row, max(column, 1)),
        ) from None
