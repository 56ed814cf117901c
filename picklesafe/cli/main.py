"""`picklesafe`: find the command, run it, and end as a command line program should."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import picklesafe
from picklesafe.cli.parser import EXIT_ERROR, Parser
from picklesafe.errors import PickleSafeError

_COMMANDS = {
    "check": "find loader arguments that raise without workers, and fix them",
    "rule": "explain a rule",
    "server": "serve editors over the language server protocol",
    "completion": "print what makes a shell complete options on TAB",
}

_EXAMPLES = """\
examples:
  picklesafe check                 check the working directory
  picklesafe check --fix src       mend what can be mended safely
  picklesafe rule PKS111           explain a rule
  picklesafe check --help          the options of a command

exit status: 0 nothing found, 1 something found, 2 an error
"""

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names (by default, the process's arguments); returns the exit status."""
    if argv is not None:
        return _run(argv)
    # Syntax trees are many objects without cycles: to search them for garbage again and again, and once
    # more when Python ends, costs a tenth of a run.
    gc.set_threshold(1_000_000)
    try:
        return _run(sys.argv[1:])
    finally:
        gc.freeze()


def program() -> NoReturn:
    """What the installed script calls: `main`, and an end without tidying up.

    Python would free all trees node by node, which takes as long as reading a small project. Handlers of
    `atexit` don't run; they do with `python -m picklesafe`.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


def _run(argv: Sequence[str]) -> int:
    _survive_any_text()
    try:
        arguments = _parse(argv)
        status: int = import_module(f"picklesafe.cli.{arguments.command}").run(arguments)
        sys.stdout.flush()
        return status
    except PickleSafeError as error:
        return _fail(error)
    except BrokenPipeError:
        # The reader has seen enough, as with `| head -1`.
        _give_up_output()
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        _give_up_output()
        return _fail(error)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    arguments, unknown = _parser(argv).parse_known_args(argv)
    if unknown:
        # The command's parser knows which of its options was meant.
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def every_command() -> Parser:
    """The parser with the options of all commands, for what describes them."""
    return _parser_of(frozenset(_COMMANDS))


def _parser(argv: Sequence[str]) -> Parser:
    # The others' modules aren't imported.
    return _parser_of(frozenset([next((word for word in argv if not word.startswith("-")), "")]))


def _parser_of(chosen: frozenset[str]) -> Parser:
    parser = Parser(
        prog="picklesafe",
        description="Finds PyTorch DataLoader arguments that raise without workers.\nReads code, never runs it.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"picklesafe {picklesafe.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in _COMMANDS.items():
        module = import_module(f"picklesafe.cli.{name}") if name in chosen else None
        command = commands.add_parser(name, help=summary, description=module.__doc__ if module else None)
        command.set_defaults(parser=command)
        if module:
            module.configure(command)
    return parser


def _survive_any_text() -> None:
    """Names of files may hold bytes that are no text, a terminal may know no Unicode, and nobody may listen."""
    for name in ("stdout", "stderr"):
        # None if it is closed, as with `>&-`.
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115  # open for as long as we run
        setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _give_up_output() -> None:
    """What is still to be written goes nowhere: Python writes it when it ends, and would fail then."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: Exception) -> int:
    if os.environ.get("PICKLESAFE_DEBUG"):
        raise error
    sys.stderr.write(f"error: {error}\n")
    return EXIT_ERROR
