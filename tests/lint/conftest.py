"""What the tests of the analysis share."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from picklesafe.lint.engine import check
from picklesafe.lint.finding import Finding

from .project import settings

Write = Callable[[dict[str, "str | bytes"]], Path]


@pytest.fixture
def lint(write: Write) -> Callable[[dict[str, str]], dict[str, list[Finding]]]:
    """Writes a project and checks all of it; gives the findings by file."""

    def lint_all(files: dict[str, str]) -> dict[str, list[Finding]]:
        root = write({name: textwrap.dedent(text) for name, text in files.items()})
        report = check([root], settings(root))
        assert not report.warnings and not report.errors
        found: dict[str, list[Finding]] = {}
        for finding in report.findings:
            found.setdefault(os.path.relpath(finding.path, root).replace(os.sep, "/"), []).append(finding)
        return found

    return lint_all
