"""Print what makes a shell complete commands, options, formats and codes on TAB."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

_SHELLS = ("bash", "zsh", "fish")
_FOLDER = Path(__file__).parent / "completions"
_EXAMPLES = """\
examples:
  picklesafe completion fish > ~/.config/fish/completions/picklesafe.fish
  picklesafe completion zsh > ~/.zfunc/_picklesafe
      with fpath+=~/.zfunc before compinit in ~/.zshrc
  picklesafe completion bash > picklesafe.bash
      to be sourced in ~/.bashrc, or, as a file called picklesafe, put into
      ~/.local/share/bash-completion/completions

The shell starts nothing on TAB: all there is to complete stands in what is
printed. Print it anew after an update.
"""
_FILES = frozenset({"paths", "baseline", "write_baseline", "output_file", "config", "stdin_filename"})
_FOLDERS = frozenset({"cache_dir"})
_CODES = frozenset({"select", "extend_select", "ignore"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = _EXAMPLES
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=", ".join(_SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script; returns the exit status."""
    sys.stdout.write((_FOLDER / f"{arguments.shell}.txt").read_text(encoding="utf-8"))
    return 0


def scripts() -> dict[str, str]:
    """The script for each shell, made by shtab from the options as they are now."""
    import shtab

    from picklesafe.cli.main import every_command

    parser = every_command()
    _say_what_follows(parser)
    return {shell: shtab.complete(parser, shell=shell).rstrip() + "\n" for shell in _SHELLS}


def _say_what_follows(parser: argparse.ArgumentParser) -> None:
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _say_what_follows(command)
        elif action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.dest in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in _CODES:
            action.complete = _codes_in_a_list()  # type: ignore[attr-defined]
        elif action.dest == "code":
            action.choices = _codes()


def _codes() -> list[str]:
    from picklesafe.lint.registry import load_rules

    return [rule.code for rule in load_rules()]


def _codes_in_a_list() -> dict[str, Any]:
    """For options that take several, with commas between: only the last is completed."""
    words = " ".join(["ALL", *_codes()])
    bash = (
        "_picklesafe_codes() {\n"
        "  local before=\n"
        "  case $1 in *,*) before=${1%,*},;; esac\n"
        f'  compgen -P "$before" -W "{words}" -- "${{1##*,}}"\n'
        "}\n"
    )
    return {
        "bash": "_picklesafe_codes",
        "zsh": f"_values -s , codes {words}",
        "fish": f"(__fish_append , {words})",
        "preamble": {"bash": bash},
    }


if __name__ == "__main__":
    # For developers: `python -m picklesafe.cli.completion`, after a change of options or rules.
    for shell, script in scripts().items():
        (_FOLDER / f"{shell}.txt").write_text(script, encoding="utf-8", newline="\n")
