"""`picklesafe check -`: standard input checked as if a file held it, as editors ask for; no file is written."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TextIO

from picklesafe.cli.check import finish, warn
from picklesafe.cli.mend import Mending
from picklesafe.cli.options import options_from
from picklesafe.errors import PickleSafeError
from picklesafe.lint.config import settings_for
from picklesafe.lint.content import NAMELESS, check_content
from picklesafe.lint.report.style import printable
from picklesafe.lint.source import standing_in

_IMPOSSIBLE = ("add_ignore", "write_baseline", "show_files", "since", "watch")


def refuse_contradictions(arguments: argparse.Namespace) -> None:
    """End with an error if standard input is asked for beside what needs files."""
    error = arguments.parser.error
    if set(arguments.paths) - {"-"}:
        path = next(path for path in arguments.paths if path != "-")
        error(f"standard input can't be checked together with paths ({path})")
    for option in _IMPOSSIBLE:
        if getattr(arguments, option):
            error(f"--{option.replace('_', '-')} can't be combined with standard input")
    name = arguments.stdin_filename
    if name == "-":
        error("--stdin-filename must be the name of a file; leave it out for an input without a name")
    if name is not None and os.path.isdir(name):
        error(f"--stdin-filename must be the name of a file, and {name} is a folder")


def run(arguments: argparse.Namespace, out: TextIO) -> int:
    """Check standard input; returns the exit status.

    With `--fix` the mended source goes to standard output, as it came where nothing is to be
    mended, and the report to standard error (or to `--output-file`).

    Args:
        arguments: of the command line.
        out: where the report goes.
    """
    name = arguments.stdin_filename
    settings = settings_for([] if name is None else [name], options_from(arguments))._replace(cache_dir=None)
    path, data = name or NAMELESS, _read()
    found = check_content(path, data, settings)
    # That there is nothing to check is no surprise where the one file is excluded.
    if found.checked or found.warnings:
        warn(found, arguments)
    elif arguments.verbose:
        sys.stderr.writelines(f"note: {printable(note)}\n" for note in found.notes)
    with standing_in(path, data):
        mending = Mending(found, settings, arguments)
        if arguments.diff:
            return mending.show_diff(out)
        if arguments.fix:
            data = mending.mended(data)
            _write(data)
            out = sys.stderr if out is sys.stdout else out
    with standing_in(path, data):
        found = check_content(path, data, settings) if mending.fixed else found
        return finish(found, settings, mending.fixed, mending.failed, arguments, out)


def _read() -> bytes:
    if sys.stdin is None:
        raise PickleSafeError("standard input is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise PickleSafeError(f"standard input can't be read: {error.strerror or error}") from None


def _write(data: bytes) -> None:
    # The bytes as they are: line ends and encoding are the source's own.
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
