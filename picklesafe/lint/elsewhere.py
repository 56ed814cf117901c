"""Findings that sit in another file than the one that was judged: a dataset keeps what its helper opens."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from picklesafe.lint.finding import Finding, Related


def same(one: str, other: str) -> bool:
    """Whether two paths name one file."""
    return one == other or os.path.abspath(one) == os.path.abspath(other)


def turned(finding: Finding, path: str) -> Finding:
    """The finding at its place in the file `path`, for those who ask about that one alone."""
    places = [place for place in finding.related if same(place.path, path)]
    if same(finding.path, path) or not places:
        return finding
    here = next((place for place in places if place.message.startswith("the dataset")), places[0])
    there = Related(finding.path, finding.start, finding.end, "it is kept here")
    others = tuple(place for place in finding.related if place is not here)
    rows = (here.start.row,)
    return finding._replace(
        path=path, start=here.start, end=here.end, fix=None, related=(there, *others), ignore_rows=rows
    )


def distinct(findings: Iterable[Finding], files: Sequence[str]) -> list[Finding]:
    """One finding for each place and code, under the name by which its file was checked, in order of these.

    A helper that opens something may be kept by the datasets of several files.
    """
    names = {os.path.abspath(path): path for path in files}
    first: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        # What one dataset opens at once, another one may open when it is used.
        code = "PKS201" if finding.code == "PKS203" else finding.code
        path = names.get(os.path.abspath(finding.path), finding.path) if code.startswith(_CARRIED) else finding.path
        key = (path, finding.cell, finding.start, finding.end, code)
        first.setdefault(key if code.startswith(_CARRIED) else (finding,), finding._replace(path=path))
    return sorted(first.values(), key=lambda f: (f.path, f.cell or 0, f.start, f.code, f.end, f.message))


_CARRIED = "PKS2"


def keepers(findings: Iterable[Finding], path: str) -> list[str]:
    """The files whose datasets keep what `path` opens."""
    found = (place.path for f in findings if f.path == path and f.code.startswith(_CARRIED) for place in f.related)
    return [keeper for keeper in dict.fromkeys(found) if not same(keeper, path)]
