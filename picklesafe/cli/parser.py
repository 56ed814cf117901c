"""argparse with errors on one line, and a guess at what was meant."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

EXIT_ERROR = 2


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Knows the width of the terminal without importing shutil, as argparse does for every single option."""

    def __init__(self, prog: str, **options: Any) -> None:
        options.setdefault("width", _columns())
        # Wide enough for our own options to stand on one line with what they do.
        options.setdefault("max_help_position", 29)
        super().__init__(prog, **options)

    def add_argument(self, action: argparse.Action) -> None:
        """Make room for an option; argparse forgets that a command stands further in."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction) and action.choices:
            longest = max(map(len, action.choices)) + 2 * self._indent_increment
            self._action_max_length = max(self._action_max_length, longest)


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line and name the nearest thing that exists."""

    def __init__(self, **options: Any) -> None:
        # Abbreviated options break whenever a new one begins alike.
        options.setdefault("formatter_class", HelpFormatter)
        super().__init__(allow_abbrev=False, **options)
        self._given: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does, whose errors don't say what was given."""
        self._given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """End with exit status 2, as argparse does, without printing the usage."""
        sys.stderr.write(f"error: {self._improve(message)}\nFor more information, try '{self.prog} --help'.\n")
        sys.exit(EXIT_ERROR)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = list(action.choices or ())
        if choices and value not in choices:
            from picklesafe.lint.suggest import suggestion

            guess = suggestion(str(value), map(str, choices)) or f"; choose from {', '.join(map(str, choices))}"
            what = "unknown command" if action.dest == "command" else "invalid choice"
            raise argparse.ArgumentError(None if action.dest == "command" else action, f"{what} {value!r}{guess}")

    def _improve(self, message: str) -> str:
        kind, _, rest = message.partition("unrecognized arguments: ")
        if not kind and rest.startswith("-"):
            return self._unknown(rest.split()[0])
        # Whoever mistypes --all is told of that, not that a CODE is missing.
        wrong = [word for word in self._given if word.startswith("--") and not self._knows(word)]
        return self._unknown(wrong[0]) if wrong and "required" in message else message

    def _knows(self, word: str) -> bool:
        return word == "--" or word.partition("=")[0] in self._option_string_actions

    def _unknown(self, word: str) -> str:
        from picklesafe.lint.suggest import suggestion

        option = word.partition("=")[0]
        return f"unknown option {option!r}{suggestion(option, self._option_string_actions)}"


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given):
        return min(int(given) - 2, 100)
    try:
        return min(os.get_terminal_size(sys.__stdout__.fileno()).columns - 2, 100)  # type: ignore[union-attr]
    except (OSError, AttributeError, ValueError):
        return 100


def comma_separated(text: str) -> list[str]:
    """The parts of `A,B`."""
    return [part.strip() for part in text.split(",")]


def existing_file(text: str) -> str:
    """A path that must name a file."""
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return text


def checked(read: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A configuration key's reader for the command line: its ValueError says what the value must be."""

    def read_option(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            wanted = str(error).replace(" in quotes", "").replace('"', "")
            raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}") from None

    return read_option


def count(text: str) -> int:
    """A number of processes: 1 or more, 0 for as many as pay."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, not {text!r}")
    return int(text)
