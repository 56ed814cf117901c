"""Open documents with their latest verdicts."""

from __future__ import annotations

import os
from typing import NamedTuple

from lsprotocol import types
from pygls.uris import to_fs_path, uri_scheme

from picklesafe.lint.finding import Finding, Position
from picklesafe.lint.outcome import Outcome
from picklesafe.lint.source import Source, SourceError
from picklesafe.server.buffers import Buffer
from picklesafe.server.checker import Checker

_FILES = ("file",)
_NAMELESS = ("untitled", "buffer")


class Verdict(NamedTuple):
    """What was found in one version of a document."""

    version: int | None
    source: Source | None
    findings: tuple[Finding, ...]
    fault: str = ""


def path_of(item: types.TextDocumentItem) -> str | None:
    """The path that a document is checked under; None for one that isn't checked.

    A document that was never saved gets a name in the working directory. Notebooks, their cells and
    other languages are left alone.
    """
    scheme = uri_scheme(item.uri)
    if item.language_id not in ("python", ""):
        return None
    if scheme in _FILES:
        path = to_fs_path(item.uri)
        return None if path is None or path.endswith(".ipynb") else os.path.abspath(path)
    if scheme in _NAMELESS:
        return os.path.join(os.getcwd(), f"{scheme}-{abs(hash(item.uri))}.py")
    return None


def judge(buffer: Buffer, checker: Checker, thorough: bool) -> Verdict:
    """What is found in a buffer as it is now."""
    version = buffer.version
    try:
        source = buffer.source(thorough)
    except SourceError as error:
        return Verdict(version, _blank(buffer.path), (_unreadable(buffer.path, error),))
    outcome: Outcome = checker.check(source)
    return Verdict(version, source, outcome.findings, outcome.fault)


def _unreadable(path: str, error: SourceError) -> Finding:
    row, column = error.position
    return Finding(error.code, error.name, path, error.position, Position(row, column + 1), error.message)


def _blank(path: str) -> Source:
    return Source(path, b"")
