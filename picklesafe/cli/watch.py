"""`picklesafe check --watch`: the report, again and again, whenever a file changes that it depends on."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from picklesafe.errors import PickleSafeError
from picklesafe.lint.config import configuration_files
from picklesafe.lint.discover import SUFFIXES

if TYPE_CHECKING:
    from watchfiles import Change

_WAKE = 250
"""How often to look at the configuration files, in ms: those above what is watched have no watcher."""

_CLEAR = "\x1b[2J\x1b[H"


def run(arguments: argparse.Namespace, out: TextIO, check: Callable[[argparse.Namespace, TextIO], int]) -> int:
    """Check now and after every change, until it is interrupted; returns the exit status of a run that can't begin.

    Args:
        arguments: of the command line.
        out: where the reports go.
        check: one run.

    Raises:
        PickleSafeError: watchfiles isn't installed.
        KeyboardInterrupt: at the end.
    """
    paths = [os.path.abspath(path) for path in arguments.paths or ["."]]
    if not all(map(os.path.exists, paths)):
        return check(arguments, out)  # which says what is missing
    # Watching takes threads, and a process with threads can't safely be forked.
    arguments.jobs = 1
    # Before the first run, so that no change made meanwhile is missed.
    changes = _changes(paths)
    next(changes)
    _begin("Starting linter in watch mode...", out)
    while True:
        _check_once(arguments, out, check)
        out.write("Watching for file changes.\n")
        out.flush()
        next(changes)
        _begin("File change detected...", out)


def _check_once(arguments: argparse.Namespace, out: TextIO, check: Callable[[argparse.Namespace, TextIO], int]) -> None:
    try:
        check(arguments, out)
    except PickleSafeError as error:
        # A configuration in the middle of being changed, say.
        sys.stderr.write(f"error: {error}\n")
        sys.stderr.flush()


def _begin(what: str, out: TextIO) -> None:
    if out.isatty():
        out.write(_CLEAR)
    out.write(f"[{time.strftime('%H:%M:%S')}] {what}\n\n")
    out.flush()


def _changes(paths: list[str]) -> Iterator[None]:
    """Once when watching has begun, and from then on after every change."""
    try:
        from watchfiles import DefaultFilter, watch
    except ImportError:
        raise PickleSafeError(
            "--watch needs watchfiles, which isn't installed", remedy="pip install 'picklesafe[watch]'"
        ) from None
    # A file that is replaced is another one: its folder is watched.
    folders = sorted({path if os.path.isdir(path) else os.path.dirname(path) for path in paths})
    named, usual = frozenset([*paths, *folders]), DefaultFilter()

    def counts(change: Change, path: str) -> bool:
        return path in named or (path.endswith(SUFFIXES) and usual(change, path))

    while True:
        there = _present(folders)
        watching = watch(*there, watch_filter=counts, yield_on_timeout=True, rust_timeout=_WAKE, debounce=400, step=50)
        before: dict[str, Any] = {}
        for changed in watching if there else _waiting():
            # A folder that was deleted, and maybe made again, as by `git checkout`, is no longer watched.
            if _present(folders) != there or (before and any(path in there for _, path in changed)):
                break
            now = _configuration(paths)
            if changed or now != before:
                before = now
                yield


def _waiting() -> Iterator[frozenset[Any]]:
    """Nothing, again and again: no folder is there to be watched."""
    while True:
        time.sleep(_WAKE / 1000)
        yield frozenset()


def _present(folders: list[str]) -> dict[str, int]:
    """Those of the folders that exist, and which these are."""
    states = {folder: _state(folder) for folder in folders}
    return {folder: state[-1] for folder, state in states.items() if state is not None}


def _configuration(paths: list[str]) -> dict[str, Any]:
    """The state of each file that may hold the configuration, present or not."""
    return {file: _state(file) for path in [*paths, os.getcwd()] for file in configuration_files(path)}


def _state(file: str) -> Any:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
