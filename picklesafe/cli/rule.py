"""Explain a rule: what it finds, why that fails, what to write instead."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from picklesafe.cli.options import add_configuration
from picklesafe.errors import ConfigurationError
from picklesafe.lint.config import Options, settings_for
from picklesafe.lint.pages import Page, as_markdown, pages
from picklesafe.lint.registry import load_rules
from picklesafe.lint.selection import ELSEWHERE
from picklesafe.lint.suggest import suggestion

_EXAMPLES = """\
examples:
  picklesafe rule PKS111                          what it finds, and why
  picklesafe rule unguarded-prefetch-factor       the same by name
  picklesafe rule --all --output-format json      every rule, for programs
  picklesafe rule --all --output-format markdown  every rule, for a site

The rules that the configuration of the working directory names are among them.

exit status: 0, or 2 if there is no such rule
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = _EXAMPLES
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("code", nargs="?", metavar="CODE", help="a code or a name, such as PKS111")
    which.add_argument("--all", action="store_true", help="every rule")
    parser.add_argument(
        "--output-format",
        choices=["text", "json", "markdown"],
        default="text",
        metavar="FORMAT",
        help="text, json, markdown (text)",
    )
    add_configuration(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the page of one rule, or of all."""
    known = _pages(Options(config=arguments.config, isolated=arguments.isolated))
    chosen = known if arguments.all else [_find(arguments.code, known)]
    if arguments.output_format == "json":
        import json

        found = [_as_object(page) for page in chosen]
        sys.stdout.write(json.dumps(found if arguments.all else found[0], indent=2) + "\n")
    elif arguments.output_format == "markdown":
        sys.stdout.write("\n".join(map(as_markdown, chosen)))
    else:
        sys.stdout.write("\n\n".join(map(_as_text, chosen)))
    return 0


def _pages(options: Options) -> list[Page]:
    # The rules that a check in this folder would run, third parties' included.
    settings = settings_for([], options)
    return pages(load_rules(settings.rules, settings.config_dir))


def _find(wanted: str, pages: list[Page]) -> Page:
    for page in pages:
        if wanted.upper() == page.code or wanted.lower() == page.name:
            return page
    known = [word for page in pages for word in (page.code, page.name)]
    raise ConfigurationError(f"unknown rule {wanted!r}{suggestion(wanted, known) or ELSEWHERE}")


def _as_text(page: Page) -> str:
    parts = [page.text.strip()]
    if page.bad:
        parts.append("Wrong:")
    for before, after in page.bad.items():
        parts.append(_indent(before))
        if after is not None:
            parts += ["with `--fix`:", _indent(after)]
    if page.good:
        parts += ["Right:", *map(_indent, page.good)]
    return "\n\n".join(parts) + "\n"


def _indent(code: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in code.strip("\n").split("\n"))


def _as_object(page: Page) -> dict[str, Any]:
    return {
        "code": page.code,
        "name": page.name,
        "summary": page.summary,
        "explanation": page.text.strip(),
        "fixable": page.fixable,
        "bad": [{"before": before, "after": after} for before, after in page.bad.items()],
        "good": page.good,
    }
