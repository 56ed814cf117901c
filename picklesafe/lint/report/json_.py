"""For programs: a JSON list with ruff's keys, and `certainty`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding, Fix, Position, Related
    from picklesafe.lint.report.style import Style


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """The whole list; escaped to ASCII, so that no encoding of the output can break it."""
    yield "["
    for at, finding in enumerate(findings):
        text = json.dumps(as_object(finding), indent=2)
        yield (",\n  " if at else "\n  ") + text.replace("\n", "\n  ")
    yield "\n]\n" if findings else "]\n"


def as_object(finding: Finding) -> dict[str, Any]:
    """One finding as JSON holds it."""
    return {
        "code": finding.code,
        "name": finding.name,
        # Standard input without a name is none.
        "filename": finding.path if finding.path == "-" else os.path.abspath(finding.path),
        "location": _position(finding.start),
        "end_location": _position(finding.end),
        "message": finding.message,
        "certainty": finding.certainty,
        "fix": None if finding.fix is None else _fix(finding.fix),
        "related": [_related(place) for place in finding.related],
        # The row whose comment silences the finding: the argument's last, where a comment has room.
        "noqa_row": finding.end.row,
        "cell": finding.cell,
        # There is no page on the web yet; `picklesafe rule CODE` prints the rule's.
        "url": None,
    }


def _related(place: Related) -> dict[str, Any]:
    return {
        "filename": os.path.abspath(place.path),
        "location": _position(place.start),
        "end_location": _position(place.end),
        "message": place.message,
        "cell": place.cell,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "applicability": fix.applicability,
        "message": fix.message,
        "edits": [
            {"content": edit.content, "location": _position(edit.start), "end_location": _position(edit.end)}
            for edit in fix.edits
        ],
    }


def _position(position: Position) -> dict[str, int]:
    return {"row": position.row, "column": position.column}
