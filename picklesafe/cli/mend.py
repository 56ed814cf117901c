"""`--fix`, `--diff` and `--add-ignore`: files are changed one by one, and one that can't be written stops no other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from picklesafe.cli.parser import EXIT_ERROR
from picklesafe.errors import PickleSafeError
from picklesafe.lint import edits
from picklesafe.lint.elsewhere import keepers
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

    def write(self) -> bool:
        """Write the mended files and count the findings that are gone; whether there were any."""
        self.fixed = self._write(self._results())
        return self.fixed > 0

    def mended(self, data: bytes) -> bytes:
        """What becomes of one file's content, without writing it; counts the findings that are gone."""
        for result in self._results():
            self.fixed += result.applied
            data = result.before.encode(result.after)
        return data

    def suppress(self) -> bool:
        """Add a comment to every finding; whether there were any that it could be added to."""
        from picklesafe.lint.add_ignore import add_ignores, suppressible

        findings = [finding for finding in self._found.findings if suppressible(finding)]

        def suppressed(path: str) -> FixResult:
            own = [finding for finding in findings if finding.path == path]
            return add_ignores(path, own, self._settings, self._found.watched)

        count = self._write(self._each(dict.fromkeys(finding.path for finding in findings), suppressed))
        if not self._arguments.quiet:
            sys.stderr.write(f"Suppressed {count} finding{'' if count == 1 else 's'}.\n")
        return count > 0

    def _write(self, results: Iterable[FixResult]) -> int:
        written = 0
        for result in results:
            try:
                edits.write(result)
            except PickleSafeError as error:
                self._fail(error)
            else:
                written += result.applied
        return written

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
        found, checked = self._found.findings, set(self._found.files)

        def fixed(path: str) -> FixResult:
            unsafe = self._arguments.unsafe_fixes
            return edits.fix_file(path, self._settings, unsafe, self._found.watched, keepers(found, path))

        return self._each(dict.fromkeys(f.path for f in found if self._style.fixable(f) and f.path in checked), fixed)

    def _each(self, paths: Iterable[str], change: Callable[[str], FixResult]) -> Iterator[FixResult]:
        """The changed files, one at a time: all of them at once are too much to hold."""
        for path in paths:
            try:
                result = change(path)
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
