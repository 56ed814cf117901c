"""Check Python files and folders for loader arguments that raise without workers."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TextIO

from picklesafe.cli.options import add_options as configure
from picklesafe.cli.options import options_from
from picklesafe.cli.parser import EXIT_ERROR
from picklesafe.cli.terminal import shows_colour, shows_links
from picklesafe.lint import report
from picklesafe.lint.config import settings_for
from picklesafe.lint.report.style import Style, printable

if TYPE_CHECKING:
    from picklesafe.lint.engine import Report
    from picklesafe.lint.settings import Settings

__all__ = ["configure", "run"]

EXIT_FOUND = 1

_CONTRADICTIONS = {
    "add_ignore": ("fix", "diff", "baseline", "write_baseline"),
    "write_baseline": ("baseline", "diff", "output_file", "since"),
    "watch": ("fix", "diff", "add_ignore", "write_baseline", "output_file", "show_files"),
}


def run(arguments: argparse.Namespace) -> int:
    """Check, and report or fix; returns the exit status."""
    _refuse_contradictions(arguments)
    work = _run
    if arguments.stdin_filename is not None or "-" in arguments.paths:
        from picklesafe.cli import stdin

        stdin.refuse_contradictions(arguments)
        work = stdin.run
    if arguments.watch:
        from picklesafe.cli import watch

        return watch.run(arguments, sys.stdout, work)
    if arguments.output_file is None:
        return work(arguments, sys.stdout)
    from picklesafe.lint.output import replacing

    with replacing(arguments.output_file) as out:
        return work(arguments, out)


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    for one, others in _CONTRADICTIONS.items():
        for other in others:
            if getattr(arguments, one) and getattr(arguments, other):
                name, second = (f"--{option.replace('_', '-')}" for option in (one, other))
                arguments.parser.error(f"{name} can't be combined with {second}")


def _run(arguments: argparse.Namespace, out: TextIO) -> int:
    paths: list[str] = arguments.paths or ["."]
    settings = settings_for(paths, options_from(arguments))
    if arguments.show_files:
        return _show_files(paths, settings, out, arguments)
    found = _check(paths, settings, arguments)
    warn(found, arguments)
    fixed, failed = 0, bool(found.errors)
    if arguments.fix or arguments.diff or arguments.add_ignore:
        from picklesafe.cli.mend import Mending

        mending = Mending(found, settings, arguments)
        if arguments.diff:
            return mending.show_diff(out)
        changed = mending.suppress() if arguments.add_ignore else mending.write()
        fixed, failed = mending.fixed, mending.failed
        # What is left is what another look finds: a fix in one file can settle a finding in the next.
        found = _check(paths, settings, arguments) if changed else found
    if arguments.write_baseline is not None:
        from picklesafe.cli import known

        known.write(found, settings, arguments)
        return EXIT_ERROR if failed else 0
    return finish(found, settings, fixed, failed, arguments, out)


def _check(paths: list[str], settings: Settings, arguments: argparse.Namespace) -> Report:
    from picklesafe.lint.engine import check

    if arguments.since is None:
        return check(paths, settings)
    from picklesafe.lint.since import changed_files, only_in

    # Everything is looked into, for what is wrong in one file may be due to another.
    changed = changed_files(paths, arguments.since)
    return only_in(check(paths, settings), changed)


def finish(
    found: Report, settings: Settings, fixed: int, failed: bool, arguments: argparse.Namespace, out: TextIO
) -> int:
    """Report what is left after fixing, but for what a baseline knows; returns the exit status.

    Args:
        fixed: how many findings were mended.
        failed: whether something could not be done.
        out: where the report goes.
    """
    if arguments.baseline is not None:
        from picklesafe.cli import known

        found = known.without_known(found, settings, arguments)
    _print(found, fixed, arguments, out)
    if failed:
        return EXIT_ERROR
    worth_a_one = bool(found.findings) or (bool(fixed) and arguments.exit_non_zero_on_fix)
    return EXIT_FOUND if worth_a_one and not arguments.exit_zero else 0


def _show_files(paths: list[str], settings: Settings, out: TextIO, arguments: argparse.Namespace) -> int:
    from picklesafe.lint.discover import discover

    files = discover(paths, settings)
    if arguments.since is not None:
        from picklesafe.lint.since import changed_files

        changed = changed_files(paths, arguments.since)
        files = [path for path in files if os.path.realpath(path) in changed]
    for path in files:
        out.write(f"{printable(os.path.abspath(path))}\n")
    return 0


def warn(found: Report, arguments: argparse.Namespace) -> None:
    """Say on standard error what kept the run from being complete, and what else the user should know."""
    said = [*(("error", text) for text in found.errors), *(("warning", text) for text in found.warnings)]
    if not found.checked and not found.findings and not said and arguments.since is None:
        said.append(("warning", "no Python files found under the given paths"))
    if arguments.verbose:
        said += [("note", text) for text in (*found.notes, f"{found.checked} files checked")]
    for kind, text in said:
        sys.stderr.write(f"{kind}: {printable(text)}\n")


def _print(found: Report, fixed: int, arguments: argparse.Namespace, out: TextIO) -> None:
    colour = shows_colour(arguments.color, out)
    # Who wants no colours wants no other escape sequences either.
    style = Style(colour, arguments.unsafe_fixes, found.rules, colour and shows_links(out))
    if arguments.statistics:
        _print_statistics(found, arguments, style, out)
    elif found.findings or arguments.output_format not in report.FOR_PEOPLE:
        for piece in report.render(arguments.output_format, found.findings, style):
            out.write(piece)
        if arguments.output_format == "github":
            _summarise(found)
    if arguments.quiet or arguments.output_format not in report.FOR_PEOPLE:
        return
    from picklesafe.lint.report.summary import summary

    if not found.errors or found.findings:
        out.write(summary(found.findings, fixed, style))


def _summarise(found: Report) -> None:
    from picklesafe.lint.report.step_summary import append

    problem = append(found.findings)
    if problem:
        sys.stderr.write(f"warning: {problem}\n")


def _print_statistics(found: Report, arguments: argparse.Namespace, style: Style, out: TextIO) -> None:
    from picklesafe.lint.report.statistics import json_statistics, statistics

    write = json_statistics if arguments.output_format == "json" else statistics
    out.write(write(found.findings, style))
