"""`picklesafe rule`: the page of a rule, for people and for programs."""

from __future__ import annotations

import json

import pytest

from picklesafe.lint.registry import load_rules


def test_a_page_is_the_docstring_then_what_is_wrong_then_what_is_right(run):
    rule = next(rule for rule in load_rules() if rule.code == "PKS111")
    text = run("rule", "PKS111").stdout
    assert text.startswith(rule.page.strip())
    before, after = next(iter(rule.module.BAD.items()))
    parts = (f"Wrong:\n\n    {before}", f"    {after}", "Right:\n\n    ", rule.module.GOOD[0])
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.parametrize("word", ["pks111", "unguarded-prefetch-factor"])
def test_a_rule_is_found_by_its_code_or_its_name(run, word):
    assert run("rule", word).stdout == run("rule", "PKS111").stdout


@pytest.mark.parametrize("code", ["PKS901", "PKS903"])
def test_codes_of_the_engine_have_a_page_too(run, code):
    assert run("rule", code).stdout.startswith(f"{code} ")


def test_all_rules_are_printed_in_order(run):
    found = json.loads(run("rule", "--all", "--output-format", "json").stdout)
    codes = [rule["code"] for rule in found]
    assert codes == sorted(codes)
    assert {rule.code for rule in load_rules()} < set(codes)
    assert all(rule["explanation"].startswith(f"{rule['code']} {rule['name']}: {rule['summary']}") for rule in found)


def test_programs_get_the_examples_with_what_they_become(run):
    found = json.loads(run("rule", "PKS111", "--output-format", "json").stdout)
    rule = next(rule for rule in load_rules() if rule.code == "PKS111")
    assert {example["before"]: example["after"] for example in found["bad"]} == rule.module.BAD
    assert found["good"] == list(rule.module.GOOD)
    assert found["fixable"] is True


def test_a_rule_of_the_project_is_explained_as_well(run, project):
    (project / "ours.py").write_text(
        '"""ABC101 our-own: a sentence.\n\nMore of it.\n"""\n'
        "from picklesafe.lint.registry import rule\n\n\n"
        "@rule(triggers=['x'])\ndef check(call):\n    return None\n\n\n"
        "BAD = {'if x:\\n    f(1)': None}\n"
    )
    (project / "picklesafe.toml").write_text("rules = ['./ours.py']\n")
    assert run("rule", "ABC101", "--isolated").returncode == 2
    assert run("rule", "ABC101").stdout == (
        "ABC101 our-own: a sentence.\n\nMore of it.\n\nWrong:\n\n    if x:\n        f(1)\n"
    )
