"""Run the examples of rules, which are their tests: every BAD one is found and mended as it says, no GOOD one is found.

On the command line, `python -m picklesafe.lint.testing my_rules`; in pytest:

    import pytest
    from picklesafe.lint.testing import examples, problem_with

    @pytest.mark.parametrize("example", examples("tools/loader_rules.py"), ids=str)
    def test_an_example_does_as_it_says(example):
        assert problem_with(example) is None
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from picklesafe.errors import ConfigurationError, PickleSafeError
from picklesafe.lint.analysis import analyze
from picklesafe.lint.edits import apply
from picklesafe.lint.finding import Finding
from picklesafe.lint.plugins import RuleError, is_path
from picklesafe.lint.project import Project
from picklesafe.lint.registry import Rule, load_rules
from picklesafe.lint.source import Source, SourceError

_EXAMPLES = """\
examples:
  python -m picklesafe.lint.testing tools/loader_rules.py  the rules of a file
  python -m picklesafe.lint.testing my_rules our.rules     those of a folder
                                                 and of an installed package

exit status: 0 all examples do as they say, 1 some don't, 2 an error (no such
rules, a rule without examples, …)
"""
_EXIT_FAILED, _EXIT_ERROR = 1, 2
_HEAD = """\
from functools import partial
from torch.utils.data import DataLoader


def load(ds, n, cfg, debug, kwargs):
"""


class Example(NamedTuple):
    """One of a rule's examples.

    Args:
        rule: whose it is.
        text: the code.
        bad: whether the rule should find something in it.
        after: what the fix makes of a bad one, None if there is no fix.
    """

    rule: Rule
    text: str
    bad: bool
    after: str | None = None

    def __str__(self) -> str:
        return f"{self.rule.code} {'BAD' if self.bad else 'GOOD'}: {self.text}"


def examples(*names: str, base: str | None = None) -> list[Example]:
    """The examples of rules.

    Args:
        names: of the rules, as in the configuration: modules, packages, files or folders. None for picklesafe's own.
        base: the folder that paths are relative to; by default the working directory.

    Raises:
        ConfigurationError: there are no such rules, or one of them has no examples.
    """
    return [example for rule in _named(names, base) for example in examples_of(rule)]


def examples_of(rule: Rule) -> list[Example]:
    """The examples of one rule.

    Raises:
        ConfigurationError: it lacks those that are wrong (BAD) or those that are right (GOOD), or they are none.
    """
    bad, good = getattr(rule.module, "BAD", None), getattr(rule.module, "GOOD", None)
    if not isinstance(bad, dict) or not bad:
        raise ConfigurationError(
            f"{_file(rule)}: {rule.code} needs BAD = {{code: what the fix makes of it, or None}}, with an example"
        )
    if not isinstance(good, (list, tuple)) or not good:
        raise ConfigurationError(f"{_file(rule)}: {rule.code} needs GOOD = [code], with an example")
    wrong = [Example(rule, text, True, after) for text, after in bad.items()]
    return [*wrong, *(Example(rule, text, False) for text in good)]


def problem_with(example: Example) -> str | None:
    """What an example does that it shouldn't, in one or more lines; None if it does as it says.

    Whatever else would be found in it doesn't count: the rule is alone.
    """
    try:
        found = _findings(example.text, example.rule)
    except SourceError as error:
        return f"is no Python: {error}"
    except RuleError as error:
        return f"can't be judged: {error}"
    if not example.bad:
        return None if not found else f"is found: {found[0].message}"
    if not found:
        return "isn't found"
    made = _mended(example.text, found)
    if example.after is None:
        return None if made is None else f"has a fix, which makes of it\n{_indented(_body(made))}"
    if made != program(example.after):
        shown = "there is no fix" if made is None else f"the fix makes of it\n{_indented(_body(made))}"
        return f"{shown}\nand not\n{_indented(example.after)}"
    left = _findings(example.after, example.rule)
    return f"is found again when it is mended: {left[0].message}" if left else None


def program(text: str) -> str:
    """An example as a file: one that imports something is one; else it stands in a function with all that it names.

    That function's parameters are `ds`, `n`, `cfg`, `debug` and `kwargs`; `DataLoader` and `partial` are imported.
    """
    try:
        body = ast.parse(text).body
    except SyntaxError:
        body = []
    if any(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in body):
        return text + "\n"
    return _HEAD + textwrap.indent(text + "\n", "    ")


def _findings(text: str, rule: Rule) -> Sequence[Finding]:
    return analyze(_source(text), Project(os.devnull), [rule]).findings


def _source(text: str) -> Source:
    return Source(os.path.join(os.devnull, "example.py"), program(text).encode())


def _mended(text: str, found: Sequence[Finding]) -> str | None:
    fixable = [finding for finding in found if finding.fix is not None]
    return apply(_source(text), fixable)[0] if fixable else None


def _body(made: str) -> str:
    return textwrap.dedent(made.removeprefix(_HEAD)).rstrip("\n")


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")


def _named(names: Iterable[str], base: str | None) -> list[Rule]:
    names = list(names)
    if not names:
        return load_rules()
    return [rule for rule in load_rules([_path(name, base) for name in names], base) if not rule.ours]


def _path(name: str, base: str | None) -> str:
    # On the command line `my_rules` is what stands there, as it is for every other program.
    stands_there = not is_path(name) and os.path.exists(os.path.join(base or ".", name))
    return os.path.join(".", name) if stands_there else name


def _file(rule: Rule) -> str:
    return str(rule.module.__file__)


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m picklesafe.lint.testing`; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m picklesafe.lint.testing",
        description="Run the examples of rules, which are their tests.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "rules", nargs="*", metavar="RULES", help="a module, package, file or folder; by default picklesafe's own rules"
    )
    arguments = parser.parse_args(argv)
    # As with python -m pytest: the working directory's own packages are found.
    sys.path.insert(0, os.getcwd())
    try:
        rules = {rule: examples_of(rule) for rule in _named(arguments.rules, None)}
        failed = sum(_report(rule, found) for rule, found in rules.items())
    except PickleSafeError as error:
        sys.stderr.write(f"error: {error}\n")
        return _EXIT_ERROR
    total = sum(map(len, rules.values()))
    sys.stdout.write(f"{total - failed} passed, {failed} failed\n")
    return _EXIT_FAILED if failed else 0


def _report(rule: Rule, found: Sequence[Example]) -> int:
    """Print what the examples of a rule do; how many don't do as they say."""
    problems = [(example, problem) for example in found if (problem := problem_with(example)) is not None]
    sys.stdout.write(f"{rule.code} {rule.name}: {len(found) - len(problems)} of {len(found)} examples pass\n")
    for example, problem in problems:
        sys.stdout.write(f"  {'BAD' if example.bad else 'GOOD'}\n{_indented(example.text)}\n")
        sys.stdout.write(textwrap.indent(f"{problem}\n", "  "))
    return len(problems)


if __name__ == "__main__":
    sys.exit(main())
