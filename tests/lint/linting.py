"""Texts linted, and mended by the rules' own fixes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from picklesafe.lint.analysis import analyze
from picklesafe.lint.edits import apply
from picklesafe.lint.finding import Finding
from picklesafe.lint.project import Project
from picklesafe.lint.registry import Rule, load_rules
from picklesafe.lint.source import Source

NOWHERE = Path("no such folder")
"""Nothing is read from there: the text has no project around it."""


@cache
def rules() -> tuple[Rule, ...]:
    return tuple(load_rules())


def source(text: str | bytes) -> Source:
    """A file of that content."""
    return Source(NOWHERE / "program.py", text if isinstance(text, bytes) else text.encode())


def lint(text: str | bytes, target_torch: tuple[int, int] = (2, 0)) -> tuple[Finding, ...]:
    """What all the rules say of a text."""
    return analyze(source(text), Project(NOWHERE), rules(), target_torch=target_torch).findings


def said(text: str | bytes, target_torch: tuple[int, int] = (2, 0)) -> list[str]:
    """The same in short: `PKS111 possible`."""
    return [f"{finding.code} {finding.certainty}" for finding in lint(text, target_torch)]


class Mended(NamedTuple):
    """A text with its fixes, and whether all of them are safe (None if there are none)."""

    text: str
    safe: bool | None


def mend(text: str, target_torch: tuple[int, int] = (2, 0)) -> Mended:
    """What becomes of a text when all fixes are applied once, with no second look."""
    fixable = [finding for finding in lint(text, target_torch) if finding.fix is not None]
    after, taken = apply(source(text), fixable)
    assert taken == fixable, "two fixes overlap"
    return Mended(after, all(finding.fix.safe for finding in fixable) if fixable else None)


TORCH = "from torch.utils.data import DataLoader\n\n\n"
MAKE = TORCH + "def make(data, num_workers):\n    return DataLoader(data, num_workers=num_workers, prefetch_factor=2)\n"
"""A wrapper that refuses num_workers=0; its loader is made in line 5."""


def loads(workers: str = "WORKERS", head: str = "") -> str:
    """A file with a loader on line 4 that has so many workers."""
    torch = "from torch.utils.data import DataLoader"
    return f"{head}\n{torch}\n\nloader = DataLoader([1], num_workers={workers}, timeout=30)\n"


def short(found: dict[str, list[Finding]]) -> dict[str, list[str]]:
    """Findings by file, each as `row code certainty`."""
    return {name: [f"{f.start.row} {f.code} {f.certainty}" for f in findings] for name, findings in found.items()}
