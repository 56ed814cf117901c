"""From text to a syntax tree; libcst decides what is Python where the running Python is too old."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from picklesafe.lint.finding import Position
from picklesafe.lint.source import InvalidSyntax, UnreadableFile

if TYPE_CHECKING:
    from types import ModuleType

    from picklesafe.lint.source import Source

TOO_DEEP = "is nested too deeply to be analysed; exclude it"


def parse(source: Source, newer: bool = True) -> ast.Module:
    """The tree of a file.

    Args:
        newer: whether to take what only a newer Python than the running one takes; to find out costs
            several times what parsing costs.

    Raises:
        InvalidSyntax: if it is no Python of any version that libcst knows.
        UnreadableFile: if it is nested too deeply.
    """
    try:
        return parse_text(source.text)
    except (SyntaxError, ValueError) as error:
        if "too many" in str(error):  # nested parentheses, statically nested blocks
            raise UnreadableFile(TOO_DEEP) from None
        if not newer:
            raise invalid(source, error) from None
        return _parse_newer(source, error)
    except (RecursionError, MemoryError):
        raise UnreadableFile(TOO_DEEP) from None


def parse_text(text: str) -> ast.Module:
    """The tree of a text that the running Python takes; raises what `ast.parse` raises."""
    with warnings.catch_warnings():  # an invalid escape in somebody's string is not our business
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _parse_newer(source: Source, refused: SyntaxError | ValueError) -> ast.Module:
    """The tree of code that this Python refuses, if a newer one takes it."""
    from libcst import ParserSyntaxError

    from picklesafe.lint import grammar
    from picklesafe.lint.downlevel import downlevel

    try:
        tree = grammar.parse(source.text)
    except ParserSyntaxError as error:
        row = getattr(refused, "lineno", None) or 1
        if row < error.raw_line and _is_python(grammar, "".join(source.lines[:row])):
            # Python stopped at something newer than itself; the mistake is further down.
            raise InvalidSyntax("is not valid Python: invalid syntax", Position(error.raw_line, 1)) from None
        raise invalid(source, refused) from None  # both refuse it, and Python says better why
    except grammar.TooDeep:
        raise UnreadableFile(TOO_DEEP) from None
    try:
        return parse_text(downlevel(source, tree))
    except (SyntaxError, ValueError) as error:
        raise invalid(source, error) from None


def _is_python(grammar: ModuleType, text: str) -> bool:
    try:
        grammar.parse(text)
    except Exception:
        return False
    return True


def invalid(source: Source, error: SyntaxError | ValueError) -> InvalidSyntax:
    """What Python's refusal is reported as."""
    row = min(getattr(error, "lineno", None) or 1, len(source.lines))
    column = max(getattr(error, "offset", None) or 1, 1)
    reason = getattr(error, "msg", str(error))
    return InvalidSyntax(f"is not valid Python: {reason}", Position(row, column))
