"""For CI servers that show tests: JUnit's XML, a suite for each file and a failed case for each finding."""

from __future__ import annotations

import os
import re
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from picklesafe.lint.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding, Position
    from picklesafe.lint.report.style import Style

# XML has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CLEAN = """\
    <testsuite name="picklesafe" tests="1" skipped="0" errors="0" failures="0" package="org.picklesafe">
        <testcase name="No errors found" classname="picklesafe"/>
    </testsuite>
"""


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """The whole document, in ASCII: it reads the same whatever the output is encoded in."""
    # No tests at all would be taken for a job that didn't run.
    tests, failures = len(findings) or 1, len(findings)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="picklesafe" tests="{tests}" skipped="0" failures="{failures}" errors="0">\n'
    if not findings:
        yield _CLEAN
    lines = Lines()
    for path, group in groupby(findings, key=lambda finding: finding.path):
        yield from _suite(os.path.abspath(path), list(group), lines)
    yield "</testsuites>\n"


def _suite(path: str, findings: Sequence[Finding], lines: Lines) -> Iterator[str]:
    count = len(findings)
    counts = f'tests="{count}" skipped="0" errors="0" failures="{count}"'
    yield f'    <testsuite name={_attribute(path)} {counts} package="org.picklesafe">\n'
    for finding in findings:
        yield _case(finding, os.path.splitext(path)[0], lines.in_file(finding)[0])
    yield "    </testsuite>\n"


def _case(finding: Finding, stem: str, start: Position) -> str:
    row, column = finding.start
    cell = "" if finding.cell is None else f"cell {finding.cell}, "
    name, classname = _attribute(f"org.picklesafe.{finding.code}"), _attribute(stem)
    text = _ascii(escape(_valid(f"{cell}line {row}, col {column}, {finding.message}")))
    return (
        f'        <testcase name={name} classname={classname} line="{start.row}" column="{start.column}">\n'
        f"            <properties>\n"
        f'                <property name="certainty" value={_attribute(finding.certainty)}/>\n'
        f"            </properties>\n"
        f"            <failure message={_attribute(finding.message)}>{text}</failure>\n"
        f"        </testcase>\n"
    )


def _attribute(text: str) -> str:
    return _ascii(quoteattr(_valid(text)))


def _valid(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()
