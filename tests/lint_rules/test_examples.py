"""Every rule says what its page promises: its examples are run, and its codes are those of the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from picklesafe.lint.finding import Finding
from picklesafe.lint.registry import Rule, load_rules
from picklesafe.lint.testing import Example, examples, problem_with, program
from tests.lint.linting import lint, mend

RULES = load_rules()
TABLE = {
    "PKS101": ("prefetch-factor-without-workers", "certain"),
    "PKS102": ("persistent-workers-without-workers", "certain"),
    "PKS103": ("multiprocessing-context-without-workers", "certain"),
    "PKS104": ("timeout-without-workers", "certain"),
    "PKS105": ("invalid-loader-value", "certain"),
    "PKS111": ("unguarded-prefetch-factor", "possible"),
    "PKS112": ("unguarded-persistent-workers", "possible"),
    "PKS113": ("unguarded-multiprocessing-context", "possible"),
    "PKS114": ("unguarded-timeout", "possible"),
    "PKS201": ("open-handle-kept", "certain"),
    "PKS202": ("memmap-kept", "possible"),
    "PKS203": ("lazy-handle-not-dropped", "possible"),
    "PKS204": ("unpicklable-attribute", "possible"),
    "PKS205": ("process-wide-handle", "possible"),
    "PKS211": ("unpicklable-loader-callable", "possible"),
    "PKS301": ("missing-main-guard", "possible"),
    "PKS302": ("forced-fork", "certain"),
}
BESIDE = {"PKS302": "PKS201"}
BAD = [pytest.param(rule, text, id=f"{rule.code}: {text}") for rule in RULES for text in rule.module.BAD]
GOOD = [pytest.param(rule, text, id=f"{rule.code}: {text}") for rule in RULES for text in rule.module.GOOD]

each_rule = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.code) for rule in RULES])
ARGUMENTS = [param for param in BAD if param.values[0].of == "loader" and param.values[0].code < "PKS3"]
DATASETS = [param for param in BAD if param.values[0].of == "dataset"]
each_argument = pytest.mark.parametrize(("rule", "text"), ARGUMENTS)
each_bad = pytest.mark.parametrize(("rule", "text"), BAD)


def findings(text: str) -> tuple[Finding, ...]:
    return lint(program(text))


def own(rule: Rule, text: str) -> list[Finding]:
    """What is found in a rule's example, but for what its page says stands beside it."""
    return [finding for finding in findings(text) if finding.code != BESIDE.get(rule.code)]


@each_bad
def test_a_bad_example_is_reported_under_its_own_code_and_no_other(rule: Rule, text: str) -> None:
    assert [(f.code, f.name, f.certainty) for f in own(rule, text)] == [(rule.code, rule.name, TABLE[rule.code][1])]


@each_argument
def test_the_finding_sits_on_an_argument_of_the_example(rule: Rule, text: str) -> None:
    (found,) = findings(text)
    line = program(text).splitlines()[found.start.row - 1]
    assert found.start.row == found.end.row
    assert re.fullmatch(r"\w+=.+", line[found.start.column - 1 : found.end.column - 1])


@pytest.mark.parametrize(("rule", "text"), DATASETS)
def test_the_finding_sits_on_the_statement_that_stores_what_is_opened(rule: Rule, text: str) -> None:
    (found,) = findings(text)
    line = program(text).splitlines()[found.start.row - 1]
    assert found.start.row == found.end.row
    assert re.fullmatch(r"(self\.)?\w+ = .+|return .+", line[found.start.column - 1 : found.end.column - 1])


@each_bad
def test_the_fix_gives_exactly_what_the_page_shows(rule: Rule, text: str) -> None:
    after = rule.module.BAD[text]
    if after is None:
        assert [f.fix for f in own(rule, text)] == [None]
    else:
        assert mend(program(text)).text == program(after)


@each_bad
def test_the_fixed_example_is_silent(rule: Rule, text: str) -> None:
    after = rule.module.BAD[text]
    assert after is None or findings(after) == ()


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_good_example_is_silent_for_every_rule(rule: Rule, text: str) -> None:
    assert findings(text) == ()


@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_example_does_as_it_says_for_its_rule_alone(example: Example) -> None:
    assert problem_with(example) is None


def test_the_rules_are_those_of_the_table() -> None:
    assert {rule.code: rule.name for rule in RULES} == {code: name for code, (name, _) in TABLE.items()}


@each_rule
def test_a_rule_has_examples_of_both_kinds(rule: Rule) -> None:
    assert rule.module.BAD and rule.module.GOOD


@each_rule
def test_the_file_of_a_rule_is_named_after_it(rule: Rule) -> None:
    assert Path(str(rule.module.__file__)).stem == f"{rule.code}_{rule.name}".lower().replace("-", "_")


@each_rule
def test_the_page_says_what_is_wrong_why_it_fails_and_what_to_write_instead(rule: Rule) -> None:
    title, *paragraphs = rule.page.split("\n\n")
    assert re.fullmatch(rf"{rule.code} {rule.name}: .+\.", title)
    assert re.search(r"\w*Error|fails|raises", paragraphs[0])
    assert any(paragraph.startswith("Instead, ") for paragraph in paragraphs)


@each_rule
def test_the_page_fits_a_terminal(rule: Rule) -> None:
    assert all(len(line) <= 120 for line in rule.page.splitlines())


@pytest.mark.parametrize("rule", dict.fromkeys(param.values[0] for param in ARGUMENTS), ids=lambda rule: rule.code)
def test_the_page_speaks_of_arguments_that_the_rule_reports(rule: Rule) -> None:
    spoken = {argument for text in rule.module.BAD for f in findings(text) for argument in _named(f, text)}
    assert spoken and all(f"`{argument}" in rule.page for argument in spoken)


def _named(finding: Finding, text: str) -> list[str]:
    line = program(text).splitlines()[finding.start.row - 1]
    return [line[finding.start.column - 1 :].partition("=")[0]]
