"""What IPython understands and Python doesn't, blanked: every other character keeps its row and column.

https://ipython.readthedocs.io/en/stable/interactive/reference.html

A line that is no Python becomes `0` and spaces, so that a block which holds nothing else stays one.
`x = !ls` becomes `x = _ls`: a name that nobody has bound is as unknown as what a program prints.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from picklesafe.lint.spans import Span, splice

_RUNNING = frozenset(
    {"capture", "debug", "heat", "ipytest", "memit", "notify", "prun", "pyinstrument", "scalene", "snakeviz", "time"}
    | {"timeit", "wandb"}
)
"""Cell magics that run their cell as Python, with the notebook's variables. Whatever another one makes
of the cell, the cells below see none of it."""

_LANGUAGES = frozenset({"fs", "html", "md", "md-sandbox", "r", "scala", "sh"})
"""Databricks writes the language of a cell with one percent sign; IPython has no line magics of these names."""

_AUTOMAGIC = re.compile(
    r"\s*(?:pip|conda|mamba|uv|cd|ls|ll|pwd|cat|cp|mv|rm|mkdir|rmdir|env|run|load|load_ext|matplotlib)\b[^\r\n]*\s*"
)
"""Magics that are written without a percent sign: IPython takes them so where a cell is that line alone."""

_PROMPT = re.compile(r"^(?:(?:>>>|\.\.\.)(?: |$)|In \[\d+\]: | *\.{3,}: ?)", re.MULTILINE)
_PROMPTED = re.compile(r"(?:>>>|In \[\d+\]:)(?: |$)", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\r\n]*")
# A comment ends where its line does and nowhere before: else a page of comments is matched in endless ways.
_LANGUAGE = re.compile(r"\s*(?:#[^\r\n]*[\r\n]\s*)*%([\w-]+)[ \t]*([^\r\n]*)")
_RUNNING_LINE = re.compile(r"%(?:time|timeit|prun|memit)[ \t]+(?:-\S+[ \t]+(?:\d+[ \t]+)?)*(?=\S)")
_ESCAPES = ("!", "%", "?", ",", ";", "/")
_INDENT = re.compile(r"[ \t\f]*")
_COMMAND = re.compile(r"(?:\\(?:\r\n|\n|\r)|[^\r\n])*")
_NEWLINE = re.compile(r"\r\n|\n|\r|\Z")
_NAME = re.compile(r"[!%]+([A-Za-z]\w*)")
_TOKEN = re.compile(
    r"(?P<comment>\#[^\r\n]*)"
    r"|(?P<triple>\"{3}|'{3})"
    r"|(?P<string>\"(?:[^\"\\\r\n]|\\(?:\r\n|.))*\"?|'(?:[^'\\\r\n]|\\(?:\r\n|.))*'?)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<continued>\\(?:\r\n|\n|\r))"
    r"|(?P<assigned>=[ \t]*(?=!|%{1,2}[A-Za-z_]))"
    r"|(?P<newline>\r\n|\n|\r|\Z)",
    re.DOTALL,
)
_REST_OF_TRIPLE = {quotes: re.compile(rf"(?:[^\\]|\\.)*?{quotes}", re.DOTALL) for quotes in ('"' * 3, "'" * 3)}


class Program(NamedTuple):
    """The Python in a cell.

    Args:
        text: of the same length as the cell's, with the same line ends.
        complete: whether it ends outside of brackets and strings.
    """

    text: str
    complete: bool = True


def python_in(text: str, databricks: bool = False) -> Program | None:
    """The Python in the text of a code cell.

    Args:
        text: of the cell.
        databricks: whether the notebook was written there.

    Returns:
        None for a cell in another language, or one that another process runs.
    """
    if _PROMPTED.match(text):  # pasted from a session
        text = _PROMPT.sub(lambda prompt: " " * len(prompt[0]), text)
    start = 0
    while found := _CELL_MAGIC.match(text, start):
        if found[1] not in _RUNNING:
            return None
        start = found.end()
    language = _LANGUAGE.match(text)
    if language is not None:
        name, rest = language.groups()
        if name in _LANGUAGES or (name == "sql" and (databricks or not rest)):
            return None
    if _AUTOMAGIC.fullmatch(text) and not _is_python(text):
        return Program(_blanked(text))
    return _Scanner(text).scan(start)


class _Scanner:
    """Goes through a cell one logical line after another, as IPython does."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[Span] = []
        self._complete = True

    def scan(self, start: int) -> Program:
        self._blank(0, start)
        while start < len(self._text):
            start = self._line(start)
        return Program(splice(self._text, self._spans), self._complete)

    def _line(self, start: int) -> int:
        """Judge the line that begins at `start`; where the next one does."""
        first = _end(_INDENT, self._text, start)
        end = self._command(first) if self._text.startswith(_ESCAPES, first) else self._statement(first)
        return _end(_NEWLINE, self._text, end)

    def _command(self, first: int) -> int:
        end = _end(_COMMAND, self._text, first)
        running = _RUNNING_LINE.match(self._text, first, end)
        if running is not None and _is_python(f"0; {self._text[running.end() : end]}"):
            # `%time loader = DataLoader(…)` becomes `0;    loader = DataLoader(…)`.
            self._blank(first, running.end(), "0;")
        else:
            self._blank(first, end, "0")
        return end

    def _statement(self, first: int) -> int:
        """The end of a logical line, brackets and strings over several lines included, without its line end."""
        text, depth, at = self._text, 0, first
        while True:
            found = _TOKEN.search(text, at)
            assert found is not None  # the end is a token as well
            kind, before, at = found.lastgroup, text[at : found.start()], found.end()
            if depth == 0 and kind in ("comment", "newline") and before.rstrip().endswith("?"):
                self._blank(first, found.start(), "0")
            if kind == "assigned" and depth == 0:
                return self._assigned(at)
            if kind == "newline" and (depth == 0 or found.start() == len(text)):
                self._complete = self._complete and depth == 0
                return found.start()
            if kind == "triple":
                closing = _REST_OF_TRIPLE[found[0]].match(text, at)
                self._complete = self._complete and closing is not None
                at = len(text) if closing is None else closing.end()
            depth = max(depth + {"open": 1, "close": -1}.get(kind or "", 0), 0)

    def _assigned(self, start: int) -> int:
        """Put a name for what a command gives, which is written from `start` on."""
        end = _end(_COMMAND, self._text, start)
        name = _NAME.match(self._text, start)
        self._blank(start, end, "_" if name is None else f"_{name[1]}")
        return end

    def _blank(self, start: int, end: int, instead: str = "") -> None:
        self._spans.append(Span(start, end, instead + _blanked(self._text[start + len(instead) : end])))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None  # each of them matches nothing as well
    return found.end()


def _blanked(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


def _is_python(text: str) -> bool:
    try:
        ast.parse(text.strip())
    except (SyntaxError, ValueError):
        return False
    return True
