"""Run a language server on standard input and output, for editors."""

from __future__ import annotations

import argparse
import sys

from picklesafe.cli.parser import EXIT_ERROR

_EXAMPLES = """\
examples:
  picklesafe server   wait for an editor's messages on standard input

The editor starts it; docs/editors.md has VS Code, Neovim, Helix, Emacs, Zed
and Sublime Text.
It needs the extra lsp: pip install 'picklesafe[lsp]'

initialization options:
  trustProjectRules  run the rules that a configuration names: code (false)
  showSyntaxErrors   report files that are no Python (true)
  debounce           milliseconds to wait after a keystroke (50)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's help; it has no options of its own."""
    parser.epilog = _EXAMPLES
    # Some clients add it to every command that they start.
    parser.add_argument("--stdio", action="store_true", help="talk over standard input and output, as it does anyway")


def run(arguments: argparse.Namespace) -> int:
    """Serve until the editor says that it is enough; returns the exit status."""
    try:
        import pygls  # noqa: F401
    except ModuleNotFoundError:
        sys.stderr.write("error: the language server needs pygls: pip install 'picklesafe[lsp]'\n")
        return EXIT_ERROR
    from picklesafe.server.serve import serve

    return serve()
