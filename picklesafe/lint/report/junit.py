"""For CI servers that show tests: JUnit's XML, a suite for each file and a failed case for each finding.

There is no standard for it. This keeps to what Jenkins' xUnit plugin takes (its junit-10.xsd), the strictest of all
that is in use.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding
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
    yield f'<testsuites name="picklesafe" tests="{tests}" failures="{failures}" errors="0">\n'
    if not findings:
        yield _CLEAN
    for path, group in groupby(findings, key=lambda finding: finding.path):
        yield from _suite(os.path.abspath(path), list(group))
    yield "</testsuites>\n"


def _suite(path: str, findings: Sequence[Finding]) -> Iterator[str]:
    count = len(findings)
    counts = f'tests="{count}" skipped="0" errors="0" failures="{count}"'
    yield f'    <testsuite name={_attribute(path)} {counts} package="org.picklesafe">\n'
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.code] += 1
        yield _case(finding, os.path.splitext(path)[0], seen[finding.code])
    yield "    </testsuite>\n"


def _case(finding: Finding, stem: str, number: int) -> str:
    row, column = finding.start
    cell = "" if finding.cell is None else f"cell {finding.cell}, "
    # Of cases with one name GitLab shows one.
    name = f"org.picklesafe.{finding.code}" + (f" ({number})" if number > 1 else "")
    text = _ascii(escape(_valid(f"{cell}line {row}, col {column}, {finding.message}")))
    return (
        f"        <testcase name={_attribute(name)} classname={_attribute(stem)}>\n"
        f"            <failure type={_attribute(finding.certainty)} message={_attribute(finding.message)}>"
        f"{text}</failure>\n"
        f"        </testcase>\n"
    )


def _attribute(text: str) -> str:
    return _ascii(quoteattr(_valid(text)))


def _valid(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()
