"""picklesafe's findings in flake8, under the prefix PKS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import picklesafe
from picklesafe.errors import PickleSafeError
from picklesafe.lint.config import Options, settings_for
from picklesafe.lint.content import NAMELESS, check_content
from picklesafe.lint.report.style import printable
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import encoding_of

_STDIN = frozenset({"-", "stdin"})


class Checker:
    """What flake8 makes of each file. It goes by the file's `[tool.picklesafe]`, and then by flake8's own options.

    Args:
        tree: flake8's. Not used, but who asks for it is spared what is no Python, which flake8 reports itself.
        filename: of the file, or what flake8 was told that its standard input is called.
        lines: the source.

    Raises:
        ConfigurationError: the configuration can't be followed.
        PickleSafeError: a rule fails.
    """

    name = "picklesafe"
    version = picklesafe.__version__

    def __init__(self, tree: Any, filename: str, lines: Sequence[str]) -> None:
        path = NAMELESS if filename in _STDIN else filename
        # Here, for flake8 tells what is wrong in one line only if it is raised here.
        report = check_content(path, _data(lines), _settings(os.path.dirname(path)))
        if report.errors:
            raise PickleSafeError(report.errors[0])
        self._findings = report.findings

    def run(self) -> Iterator[tuple[int, int, str, type[Checker]]]:
        """(row from 1, column from 0, code and message, this class) of each finding."""
        for finding in self._findings:
            text = f"{finding.code} {printable(finding.message)}"
            yield finding.start.row, finding.start.column - 1, text, Checker


def _data(lines: Sequence[str]) -> bytes:
    text = "".join(lines)
    try:
        return text.encode(encoding_of(text.encode(errors="surrogateescape")))
    except (LookupError, UnicodeError):
        return text.encode(errors="surrogateescape")


@cache
def _settings(folder: str) -> Settings:
    return settings_for([folder or "."], Options(no_cache=True))
