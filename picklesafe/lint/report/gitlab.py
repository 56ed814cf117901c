"""For GitLab: a Code Quality report, which merge requests compare with the one of their target."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from picklesafe.lint.finding import CERTAIN
from picklesafe.lint.fingerprint import fingerprints
from picklesafe.lint.lines import Lines
from picklesafe.lint.places import plain, project_root, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding, Position
    from picklesafe.lint.report.style import Style


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """One list; paths are relative to the project, as GitLab wants them."""
    root, lines = _root(), Lines()
    issues = [
        _issue(finding, relative(finding.path, root), fingerprint, *lines.in_file(finding))
        for finding, fingerprint in zip(findings, fingerprints(findings, root), strict=True)
    ]
    yield json.dumps(issues, indent=2) + "\n"


def _root() -> str:
    """GitLab's runner says where the project lies."""
    folder = os.environ.get("CI_PROJECT_DIR")
    return os.path.realpath(folder) if folder else project_root()


def _issue(finding: Finding, path: str, fingerprint: str, start: Position, end: Position) -> dict[str, Any]:
    cell = "" if finding.cell is None else f"cell {finding.cell}: "
    return {
        "check_name": finding.code,
        "description": plain(f"{finding.code}: {cell}{finding.message}"),
        # GitLab knows info, minor, major, critical and blocker.
        "severity": "major" if finding.certainty == CERTAIN else "minor",
        "fingerprint": fingerprint,
        "location": {"path": plain(path), "positions": {"begin": _position(start), "end": _position(end)}},
    }


def _position(position: Position) -> dict[str, int]:
    return {"line": position.row, "column": position.column}
