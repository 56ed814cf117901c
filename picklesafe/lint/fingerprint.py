"""What a finding is known by when lines move: its file, its code, what is marked, and what that stands in."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.lines import Lines
from picklesafe.lint.places import relative

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from picklesafe.lint.finding import Finding, Position

_DEFINITION = re.compile(r"[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)")
_NO_BLOCK = "#)]}\"'"


class Identity(NamedTuple):
    """What stays of a finding when other code around it changes.

    Args:
        path: the file, relative to `root` and with slashes.
        code: of the rule.
        scope: names of the classes and functions around it, as `Trainer.loader`.
        text: what is marked, with each run of white space as one space.
    """

    path: str
    code: str
    scope: str
    text: str


def identities(findings: Iterable[Finding], root: str) -> list[Identity]:
    """The identity of each finding; equal mistakes in one function share theirs.

    Args:
        findings: sorted by file.
        root: what their paths are told from.
    """
    lines = Lines()
    return [
        Identity(
            relative(finding.path, root),
            finding.code,
            _scope(lines.of(finding.path, finding.cell), finding.start.row),
            _marked(lines.of(finding.path, finding.cell), finding.start, finding.end),
        )
        for finding in findings
    ]


def fingerprints(findings: Iterable[Finding], root: str) -> list[str]:
    """A digest of each finding's identity and of its number among those that share it."""
    from hashlib import sha256

    seen: Counter[Identity] = Counter()
    digests = []
    for identity in identities(findings, root):
        seen[identity] += 1
        text = "\0".join((*identity, str(seen[identity])))
        digests.append(sha256(text.encode(errors="surrogatepass")).hexdigest()[:32])
    return digests


def _marked(lines: Sequence[str], start: Position, end: Position) -> str:
    rows = list(lines[start.row - 1 : end.row])
    if len(rows) == end.row - start.row + 1:
        # The end first: in a single row, cutting the start would move it.
        rows[-1] = rows[-1][: end.column - 1]
        rows[0] = rows[0][start.column - 1 :]
    return " ".join("".join(rows).split())


def _scope(lines: Sequence[str], row: int) -> str:
    """Told by indentation, as a file that is no Python has a scope as well."""
    names: list[str] = []
    limit = _indentation(lines[row - 1]) if row <= len(lines) else 0
    for line in reversed(lines[: row - 1]):
        if not limit:
            break
        # A comment may stand anywhere, a closing bracket belongs to a line further up.
        if not line.strip() or line.lstrip()[0] in _NO_BLOCK or _indentation(line) >= limit:
            continue
        limit = _indentation(line)
        found = _DEFINITION.match(line)
        if found is not None:
            names.append(found[1])
    return ".".join(reversed(names))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
