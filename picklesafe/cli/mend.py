"""`--fix` and `--diff`: files are mended one by one, and one that can't be written stops no other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from picklesafe.cli.parser import EXIT_ERROR
from picklesafe.errors import PickleSafeError
from picklesafe.lint import edits
from picklesafe.lint.report.style import Style, printable
from picklesafe.lint.report.summary import diff_summary

if TYPE_CHECKING:
    from picklesafe.lint.edits import FixResult
    from picklesafe.lint.engine import Report
    from picklesafe.lint.settings import Settings


class Mending:
    """The fixes of one run.

    Args:
        found: what was found.
        settings: of the run.
        arguments: of the command line.
    """

    def __init__(self, found: Report, settings: Settings, arguments: argparse.Namespace) -> None:
        self._found = found
        self._settings = settings
        self._arguments = arguments
        self._style = Style(unsafe_fixes=arguments.unsafe_fixes)
        self.fixed = 0
        self.failed = bool(found.errors)

    def write(self) -> None:
        """Write the mended files; counts the findings that are gone."""
        for result in self._results():
            try:
                edits.write(result)
            except PickleSafeError as error:
                self._fail(error)
            else:
                self.fixed += result.applied

    def show_diff(self, out: TextIO) -> int:
        """Print what `write` would change; returns the exit status."""
        for result in self._results():
            out.flush()
            out.buffer.write(edits.diff(result))
            self.fixed += result.applied
        hidden = sum(f.fix is not None and not f.fix.safe for f in self._found.findings)
        if not self._arguments.quiet:
            sys.stderr.write(diff_summary(self.fixed, 0 if self._arguments.unsafe_fixes else hidden))
        if self.failed:
            return EXIT_ERROR
        return int(self.fixed > 0 and not self._arguments.exit_zero)

    def _results(self) -> Iterator[FixResult]:
        """The mended files, one at a time: all of them at once are too much to hold."""
        for path in dict.fromkeys(f.path for f in self._found.findings if self._style.fixable(f)):
            try:
                result = edits.fix_file(path, self._settings, self._arguments.unsafe_fixes, self._found.watched)
            except PickleSafeError as error:
                self._fail(error)
                continue
            if self._arguments.verbose:
                sys.stderr.writelines(f"note: {printable(reason)}\n" for reason in result.left)
            if result.applied:
                yield result

    def _fail(self, error: PickleSafeError) -> None:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        self.failed = True
