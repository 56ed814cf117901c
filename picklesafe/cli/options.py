"""The options of `picklesafe check`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from picklesafe.cli.parser import checked, comma_separated, count, existing_file
from picklesafe.lint import report
from picklesafe.lint.config import Options
from picklesafe.lint.keys import python_version, version

EXAMPLES = """\
examples:
  picklesafe check                              the working directory
  picklesafe check src tests/test_data.py       a folder and a file
  picklesafe check --fix                        mend what can be mended safely
  picklesafe check --diff                       show that, and change nothing
  picklesafe check --select PKS1 --ignore PKS104
  picklesafe check --write-baseline known.json  take what there is as known
  picklesafe check --baseline known.json        report what is new
  picklesafe check --since origin/main          report what was changed since
  picklesafe check --watch                      again whenever a file changes
  picklesafe check --output-format github       annotate a pull request
  picklesafe check --output-format sarif --output-file picklesafe.sarif
  picklesafe check --fix --stdin-filename src/data.py -
                                                mend what an editor hands over

configuration: the nearest picklesafe.toml or pyproject.toml ([tool.picklesafe])
upwards; the README lists the keys. In the code, `# picklesafe: ignore[PKS111]`
or `# noqa: PKS111` suppresses a finding.

environment: NO_COLOR and FORCE_COLOR, as everywhere.

exit status: 0 nothing found, 1 something found, 2 an error (a bad option,
a path that doesn't exist, an invalid configuration)
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options and paths to the parser of the command."""
    parser.usage = "%(prog)s [OPTIONS] [PATH ...]"
    parser.epilog = EXAMPLES
    parser.add_argument(
        "paths",
        nargs="*",
        type=_path,
        metavar="PATH",
        help="files and folders, - for standard input; by default the working directory",
    )
    _add_rules(parser.add_argument_group("which rules"))
    _add_files(parser.add_argument_group("which files"))
    _add_fixing(parser.add_argument_group("fixing"))
    _add_baseline(parser.add_argument_group("baseline"))
    _add_output(parser.add_argument_group("output"))
    _add_running(parser.add_argument_group("configuration and cache"))


def add_configuration(group: argparse._ActionsContainer) -> None:
    """Add the options that say which configuration file counts."""
    one = group.add_mutually_exclusive_group()
    one.add_argument("--config", type=existing_file, metavar="FILE", help="the configuration file to go by")
    # Rules are code: this is how to check a project that one doesn't trust.
    one.add_argument("--isolated", action="store_true", help="go by no configuration file, and run no rules of its own")


def options_from(arguments: argparse.Namespace) -> Options:
    """What the command line says about the settings."""
    return Options(**{field: getattr(arguments, field) for field in Options._fields})


def _add_rules(group: argparse._ArgumentGroup) -> None:
    _add_list(group, "--select", "CODES", "the rules to run, by code or prefix (PKS101, PKS1, ALL)")
    _add_list(group, "--extend-select", "CODES", "rules to run besides the selected ones", ())
    _add_list(group, "--ignore", "CODES", "rules not to run", ())
    _add_version(group, "--target-torch", version, "the oldest torch that the code runs on (2.0)")
    _add_version(group, "--target-python", python_version, "the oldest Python that the code runs on")


def _add_files(group: argparse._ArgumentGroup) -> None:
    _add_list(group, "--exclude", "PATTERNS", "files and folders to pass over, in place of the default ones")
    _add_list(group, "--extend-exclude", "PATTERNS", "files and folders to pass over besides those", ())
    group.add_argument(
        "--force-exclude", action="store_true", help="pass over excluded files even if they are named explicitly"
    )
    group.add_argument(
        "--stdin-filename", type=_path, metavar="FILE", help="check standard input as if this file held it"
    )
    group.add_argument(
        "--since",
        metavar="REV",
        help="report what lies in files that differ from where REV and HEAD parted, untracked ones too",
    )
    group.add_argument("--show-files", action="store_true", help="print the files that would be checked, and end")


def _add_baseline(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--baseline", type=existing_file, metavar="FILE", help="report what is not in this baseline")
    group.add_argument(
        "--write-baseline", type=_path, metavar="FILE", help="write what is found into a baseline, and report nothing"
    )


def _add_fixing(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--fix", action="store_true", help="apply safe fixes")
    group.add_argument(
        "--unsafe-fixes", action="store_true", help="count fixes as applicable that may change what the code does"
    )
    group.add_argument("--diff", action="store_true", help="print what --fix would change, and change nothing")
    group.add_argument(
        "--add-ignore", action="store_true", help="add a comment to every finding that suppresses it from now on"
    )
    group.add_argument("--exit-non-zero-on-fix", action="store_true", help="exit 1 if something was fixed")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output-format",
        choices=list(report.FORMATS),
        default="full",
        metavar="FORMAT",
        help=f"{', '.join(report.FORMATS)} (full)",
    )
    group.add_argument("--output-file", type=_path, metavar="FILE", help="write the report there")
    group.add_argument("--statistics", action="store_true", help="print how often each rule spoke")
    group.add_argument("--exit-zero", action="store_true", help="exit 0 even if something was found")
    group.add_argument(
        "--color",
        choices=["auto", "always", "never"],
        default="auto",
        metavar="WHEN",
        help="auto, always, never",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="print findings only")
    group.add_argument("-v", "--verbose", action="store_true", help="say what is done")


def _add_running(group: argparse._ArgumentGroup) -> None:
    add_configuration(group)
    group.add_argument("--no-cache", action="store_true", help="neither read nor write results of earlier runs")
    group.add_argument("--cache-dir", metavar="FOLDER", help="where results are kept (.picklesafe_cache)")
    group.add_argument("-w", "--watch", action="store_true", help="check again whenever a file changes")
    group.add_argument("-j", "--jobs", type=count, default=0, metavar="N", help="how many processes (as many as pay)")


def _add_list(
    group: argparse._ArgumentGroup, name: str, metavar: str, text: str, default: tuple[str, ...] | None = None
) -> None:
    group.add_argument(
        name,
        type=comma_separated,
        action="extend",
        metavar=metavar,
        default=None if default is None else list(default),
        help=text,
    )


def _add_version(group: argparse._ArgumentGroup, name: str, read: Callable[[Any], Any], text: str) -> None:
    group.add_argument(name, type=checked(read), metavar="VERSION", help=text)


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a path can't be empty")
    if ".." not in text:
        path = os.path.normpath(text)
        # `-` is standard input, `./-` a file.
        return path if path != "-" or text == "-" else text
    # Not `b` for `a/../b`: the folder may be a link.
    from pathlib import Path

    return str(Path(text))
