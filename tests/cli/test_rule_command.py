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


@pytest.mark.parametrize("code", ["PKS901", "PKS902"])
def test_the_examples_of_the_engines_own_codes_hold(run, project, code):
    page = json.loads(run("rule", code, "--output-format", "json").stdout)
    assert page["fixable"] is (code == "PKS902")
    for example in page["bad"]:
        (project / "bad.py").write_text(f"{example['before']}\n")
        assert f" {code} " in run("check", "bad.py", "--output-format", "concise").stdout
        run("check", "--fix", "bad.py")
        assert (project / "bad.py").read_text() == f"{example['after'] or example['before']}\n"


def test_markdown_says_the_same_with_headings_and_code_blocks(run):
    rule = next(rule for rule in load_rules() if rule.code == "PKS111")
    text = run("rule", "PKS111", "--output-format", "markdown").stdout
    assert text.startswith("# unguarded-prefetch-factor (PKS111)\n\nFix is available.\n\n`prefetch_factor` is set")
    assert rule.page.partition(": ")[2].strip() in text
    for before, after in rule.module.BAD.items():
        fixed = "" if after is None else f"\n\nwith `--fix`:\n\n```python\n{after.strip()}\n```"
        assert f"```python\n{before.strip()}\n```{fixed}" in text
    right = text.partition("\n## Right\n")[2]
    assert all(f"```python\n{code.strip()}\n```" in right for code in rule.module.GOOD)


def test_markdown_of_all_rules_has_a_heading_each(run):
    names = [rule["name"] for rule in json.loads(run("rule", "--all", "--output-format", "json").stdout)]
    lines = run("rule", "--all", "--output-format", "markdown").stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("# ")] == names


def test_code_with_a_fence_of_its_own_stays_in_its_block(run, project):
    (project / "ours.py").write_text(
        '"""ABC101 our-own: a sentence."""\n'
        "from picklesafe.lint.registry import rule\n\n\n"
        "@rule(triggers=['x'])\ndef check(call):\n    return None\n\n\n"
        "BAD = {'x = \\'\\'\\'\\n```\\n\\'\\'\\'': None}\n"
    )
    (project / "picklesafe.toml").write_text("rules = ['./ours.py']\n")
    text = run("rule", "ABC101", "--output-format", "markdown").stdout
    assert text == "# our-own (ABC101)\n\na sentence.\n\n## Wrong\n\n````python\nx = '''\n```\n'''\n````\n"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("PKSS111", "PKS111"), ("pks9002", "PKS902"), ("unguarded-prefetch", "unguarded-prefetch-factor")],
)
def test_a_code_that_is_nearly_right_gets_the_nearest_one(run, wrong, meant):
    result = run("rule", wrong, "--output-format", "json")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: unknown rule {wrong!r}; did you mean {meant!r}?\n"
