"""libcst, the judge of what is Python in whatever version, kept from taking the process down.

Its parser is native code that recurses: on deep nesting it overflows the stack and kills the
process. So what is nested deeper than Python itself allows never reaches it, and it runs on a
stack of its own that is large enough for the rest.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst

MAX_BRACKETS = 200
"""As many as CPython's parser allows."""

MAX_OPERATORS = 2_000
"""In one line between two commas: chains of them are nested one level each."""

_STACK = 512 * 1024 * 1024
_OPERATOR = re.compile(r"[])][\[(]|['\"] +['\"]|[-+*/%&|^~.<>=]|\b(?:not|and|or|if|else|lambda|await)\b")


class TooDeep(Exception):
    """Text that is nested too deeply to be parsed safely."""


def parse(text: str) -> libcst.Module:
    """The concrete syntax tree of `text`.

    Raises:
        libcst.ParserSyntaxError: if it is no Python.
        TooDeep: if it is nested too deeply.
    """
    import libcst

    if _is_deep(text):
        raise TooDeep
    result: list[libcst.Module | Exception] = []

    def work() -> None:
        try:
            result.append(libcst.parse_module(text))
        except (libcst.ParserSyntaxError, RecursionError, MemoryError) as error:
            result.append(error)

    before = threading.stack_size(_STACK)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    outcome = result[0]
    if isinstance(outcome, libcst.ParserSyntaxError):
        raise outcome
    if isinstance(outcome, Exception):
        raise TooDeep from outcome
    return outcome


def _is_deep(text: str) -> bool:
    """Whether `text` may be nested too deeply; brackets in strings and comments count as well."""
    depth = deepest = 0
    for bracket in re.findall(r"[][(){}]", text):
        depth = depth + 1 if bracket in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    if deepest > MAX_BRACKETS:
        return True
    lines = re.sub(r"\\\r?\n", "", text).splitlines()
    if sum(line.lstrip().startswith("elif") for line in lines) > MAX_OPERATORS:
        return True
    long = (line for line in lines if len(line) > MAX_OPERATORS)
    return any(len(_OPERATOR.findall(part)) > MAX_OPERATORS for line in long for part in line.split(","))
