"""`--write-baseline` and `--baseline`: findings that are known already."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from picklesafe.errors import PickleSafeError
from picklesafe.lint import baseline, git
from picklesafe.lint.report.style import printable
from picklesafe.lint.selection import ALWAYS

if TYPE_CHECKING:
    from collections import Counter

    from picklesafe.lint.engine import Report
    from picklesafe.lint.fingerprint import Identity
    from picklesafe.lint.settings import Settings

_SHOWN = 10


def write(found: Report, settings: Settings, arguments: argparse.Namespace) -> None:
    """Write what is found into a baseline; raises PickleSafeError if that isn't possible."""
    if found.errors:
        raise PickleSafeError(f"{arguments.write_baseline} is not written, as not everything could be checked")
    baseline.write(arguments.write_baseline, found.findings, _root(settings))
    if not arguments.quiet:
        count = _findings(len(found.findings))
        sys.stderr.write(f"Wrote {count} to {printable(arguments.write_baseline)}.\n")


def without_known(found: Report, settings: Settings, arguments: argparse.Namespace) -> Report:
    """The report without what the baseline knows; says what the baseline could do without."""
    known = baseline.read(arguments.baseline)
    codes = settings.codes.union(ALWAYS)
    comparison = known.compare(found.findings, _root(settings), found.files, codes)
    if comparison.removable and not arguments.quiet:
        _say_removable(comparison.removable, arguments)
    if arguments.verbose:
        count = _findings(comparison.known)
        sys.stderr.write(f"note: {count} left out, as {printable(arguments.baseline)} has them\n")
    return found._replace(findings=comparison.new)


def _say_removable(removable: Counter[Identity], arguments: argparse.Namespace) -> None:
    name, total = printable(arguments.baseline), removable.total()
    gone = "isn't there any more and can" if total == 1 else "aren't there any more and can"
    sys.stderr.write(f"warning: {_findings(total)} of {name} {gone} be removed with --write-baseline\n")
    every = sorted(removable.elements())
    shown = every if arguments.verbose else every[:_SHOWN]
    for one in shown:
        scope = f" in {one.scope}" if one.scope else ""
        sys.stderr.write(printable(f"  {one.path}: {one.code} {one.text}{scope}") + "\n")
    if len(shown) < len(every):
        sys.stderr.write(f"  and {len(every) - len(shown)} more (-v shows all)\n")


def _root(settings: Settings) -> str:
    """What paths in a baseline are relative to: the same in whatever folder of the project one is."""
    return git.repository(os.path.realpath(os.getcwd())) or os.path.realpath(settings.root)


def _findings(number: int) -> str:
    return f"{number} finding{'' if number == 1 else 's'}"
