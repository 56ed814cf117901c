"""Findings as an editor shows them."""

from __future__ import annotations

import os
from collections.abc import Callable

from lsprotocol import types
from pygls.uris import from_fs_path

from picklesafe.lint.finding import CERTAIN, Finding, Position, Related
from picklesafe.lint.selection import UNUSED
from picklesafe.lint.source import Source, SourceError
from picklesafe.server.positions import Places

SOURCE = "picklesafe"


def diagnostic(finding: Finding, places: Places, related: Callable[[Related], types.Location]) -> types.Diagnostic:
    """A finding as a diagnostic: an error where it is certain, else a warning.

    Args:
        places: of the file that it is in.
        related: tells where a second place is.
    """
    severity = types.DiagnosticSeverity.Error if finding.certainty == CERTAIN else types.DiagnosticSeverity.Warning
    tags = None
    if finding.code == UNUSED:
        severity, tags = types.DiagnosticSeverity.Warning, [types.DiagnosticTag.Unnecessary]
    return types.Diagnostic(
        range=places.range(finding.start, finding.end),
        message=finding.message,
        severity=severity,
        code=finding.code,
        source=SOURCE,
        tags=tags,
        related_information=[
            types.DiagnosticRelatedInformation(related(place), place.message) for place in finding.related
        ]
        or None,
        data={"code": finding.code, "name": finding.name, "fixable": finding.fix is not None},
    )


def location(place: Related, encoding: str) -> types.Location:
    """A second place, which may be in any file."""
    path = os.path.abspath(place.path)
    uri = from_fs_path(path) or ""
    try:
        return types.Location(uri, Places(Source.read(path), encoding).range(place.start, place.end))
    except SourceError:
        return types.Location(uri, types.Range(_plain(place.start), _plain(place.end)))


def _plain(place: Position) -> types.Position:
    return types.Position(place.row - 1, place.column - 1)
