"""Findings as text: for people, for programs, and for what shows them beside the code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding
    from picklesafe.lint.report.style import Style

FORMATS = {
    "full": "picklesafe.lint.report.full",
    "concise": "picklesafe.lint.report.concise",
    "grouped": "picklesafe.lint.report.grouped",
    "json": "picklesafe.lint.report.json_",
    "json-lines": "picklesafe.lint.report.json_lines",
    "github": "picklesafe.lint.report.github",
    "gitlab": "picklesafe.lint.report.gitlab",
    "junit": "picklesafe.lint.report.junit",
    "sarif": "picklesafe.lint.report.sarif",
}
"""The output formats, each with the module whose `render` writes it."""

FOR_PEOPLE = frozenset({"full", "concise", "grouped"})
"""The formats that a summary follows; the others are read by programs."""


def render(output_format: str, findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """The findings in one of FORMATS, in pieces that end in a line end."""
    # Each format is imported when it is asked for: json alone costs a tenth of a clean run.
    pieces: Iterator[str] = import_module(FORMATS[output_format]).render(findings, style)
    return pieces
