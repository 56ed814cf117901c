"""For code scanning: SARIF 2.1.0, with the rules' pages, fixes and second places.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import picklesafe
from picklesafe.lint.builtin import PAGES
from picklesafe.lint.finding import CERTAIN
from picklesafe.lint.fingerprint import fingerprints
from picklesafe.lint.lines import Lines
from picklesafe.lint.places import plain, project_root, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from picklesafe.lint.finding import Edit, Finding, Fix, Position, Related
    from picklesafe.lint.report.style import Style

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_BRACKET, _ESCAPED = r"[\\\[\]]", r"\\\g<0>"
_FINGERPRINT = "picklesafe/v1"
"""A version of its own: readers compare only fingerprints of one name, so that another way to make
them won't open every alert anew under a changed value."""


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """One log with one run."""
    root = project_root()
    codes = sorted({finding.code for finding in findings})
    pages = {**PAGES, **{rule.code: rule.page for rule in style.rules}}
    names = {finding.code: finding.name for finding in findings}
    rules = [_rule(code, names[code], pages.get(code, "")) for code in codes]
    marks, lines = fingerprints(findings, root), Lines()
    run = {
        "tool": {"driver": {"name": "picklesafe", "version": picklesafe.__version__, "rules": rules}},
        # Ours count characters; the default counts UTF-16 units.
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": _file_uri(os.path.join(root, ""))}},
        "results": [
            _result(finding, codes.index(finding.code), mark, root, lines)
            for finding, mark in zip(findings, marks, strict=True)
        ],
    }
    yield json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, name: str, page: str) -> dict[str, Any]:
    title, _, body = page.strip().partition("\n")
    summary = title.partition(": ")[2] or name
    rule: dict[str, Any] = {
        "id": code,
        "name": name,
        "shortDescription": {"text": summary},
        "properties": {"tags": ["correctness"]},
    }
    if body.strip():
        # The pages are plain Markdown, which reads well as text.
        rule["fullDescription"] = {"text": body.strip().partition("\n\n")[0]}
        rule["help"] = {"text": page.strip(), "markdown": f"**{summary}**\n\n{body.strip()}"}
    return rule


def _result(finding: Finding, index: int, fingerprint: str, root: str, lines: Lines) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": "error" if finding.certainty == CERTAIN else "warning",
        "message": {"text": plain(_message(finding))},
        "locations": [{"physicalLocation": _place(finding, root, lines)}],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
        "properties": {"certainty": finding.certainty},
    }
    if finding.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "physicalLocation": _place(place, root, lines),
                "message": {"text": plain(place.message)},
            }
            for number, place in enumerate(finding.related)
        ]
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.fix, finding.path, lines.edits_in_file(finding), root)]
    return result


def _message(finding: Finding) -> str:
    cell = "" if finding.cell is None else f"cell {finding.cell}: "
    # What a message doesn't lead to, GitHub doesn't show. The number is that of the related location.
    links = (
        f"; [{re.sub(_BRACKET, _ESCAPED, place.message)}]({number})" for number, place in enumerate(finding.related)
    )
    return cell + finding.message + "".join(links)


def _fix(fix: Fix, path: str, edits: Sequence[Edit], root: str) -> dict[str, Any]:
    change = {"artifactLocation": _artifact(path, root), "replacements": [_replacement(edit) for edit in edits]}
    return {
        "description": {"text": fix.message},
        "artifactChanges": [change],
        "properties": {"applicability": fix.applicability},
    }


def _replacement(edit: Edit) -> dict[str, Any]:
    replacement: dict[str, Any] = {"deletedRegion": _region(edit.start, edit.end)}
    if edit.content:
        replacement["insertedContent"] = {"text": edit.content}
    return replacement


def _place(place: Finding | Related, root: str, lines: Lines) -> dict[str, Any]:
    return {"artifactLocation": _artifact(place.path, root), "region": _region(*lines.in_file(place))}


def _region(start: Position, end: Position) -> dict[str, int]:
    return {"startLine": start.row, "startColumn": start.column, "endLine": end.row, "endColumn": end.column}


def _artifact(path: str, root: str) -> Mapping[str, str]:
    name = relative(path, root)
    if os.path.isabs(name):
        return {"uri": _file_uri(name)}
    # GitHub shows a finding in the code only where its path is relative to the repository.
    return {"uri": _quote(name), "uriBaseId": _ROOT}


def _file_uri(path: str) -> str:
    path = path.replace(os.sep, "/")
    # A drive's letter takes the place of the root: `file:///C:/…`.
    return "file://" + _quote(path if path.startswith("/") else f"/{path}").replace("%3A", ":")


def _quote(path: str) -> str:
    return quote(os.fsencode(path))
