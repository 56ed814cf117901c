"""`python -m picklesafe.lint.testing`, with rules that somebody else wrote: those of docs/writing-rules.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "writing-rules.md").read_text(encoding="utf-8")
RULE, PYTEST = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WRONG = "from torch.utils.data import DataLoader\n\nloader = DataLoader([1], num_workers=0, timeout=60)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "loader_rules.py").write_text(RULE)
    return tmp_path


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # pytest's own plugins, of whatever is installed, take seconds to be imported. Without byte code: a rule that is
    # changed to one of the same length within a second would be taken for the one before.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert "Traceback" not in done.stderr
    return done


def run(project: Path, *rules: str) -> subprocess.CompletedProcess[str]:
    return python(project, "-m", "picklesafe.lint.testing", *rules)


def change(project: Path, old: str, new: str) -> None:
    assert old in RULE
    (project / "tools" / "loader_rules.py").write_text(RULE.replace(old, new))


def test_the_docs_show_what_is_printed(project: Path) -> None:
    (shown,) = re.findall(r"^```console\n\$ python -m (.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    command, _, output = shown.partition("\n")
    done = python(project, "-m", *command.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")


def test_the_test_of_the_docs_passes_and_can_fail(project: Path) -> None:
    (project / "test_rules.py").write_text(PYTEST)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_rules.py")
    assert "2 passed" in python(project, *command).stdout
    change(project, "num_workers=4, timeout=60", "num_workers=0, timeout=60")
    assert "1 failed, 1 passed" in python(project, *command).stdout


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("num_workers=4, timeout=60", "num_workers=0, timeout=60", "  is found: with num_workers=0"),
        ('num_workers=n, timeout=60)":', 'num_workers=2, timeout=60)":', "  isn't found"),
        ("if n > 0 else 0", "if n else 0", "and not\n"),
        ('"DataLoader(ds, num_workers=n, timeout=60 if n > 0 else 0)"', "None", "  has a fix, which makes of it\n"),
        (', fix=call.guarded(case, "0")', "", "  there is no fix\n"),
        ("num_workers=4, timeout=60)", "num_workers=4, timeout=60", "  is no Python: "),
    ],
)
def test_an_example_that_does_something_else_is_told(project: Path, old: str, new: str, problem: str) -> None:
    change(project, old, new)
    done = run(project, "tools/loader_rules.py")
    assert done.returncode == 1
    assert problem in done.stdout
    assert done.stdout.endswith("1 passed, 1 failed\n")


def test_a_fix_that_is_found_again_is_told(project: Path) -> None:
    change(project, 'case, "0"', 'case, "1"')
    text = (project / "tools" / "loader_rules.py").read_text().replace("else 0)", "else 1)")
    (project / "tools" / "loader_rules.py").write_text(text)
    assert "  is found again when it is mended: " in run(project, "tools/loader_rules.py").stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("BAD = {", "BETTER = {", "loader_rules.py: TEAM001 needs BAD = {code: "),
        ("GOOD = [", "GREAT = [", "loader_rules.py: TEAM001 needs GOOD = [code], "),
        ("TEAM001 timeout-in", "timeout in", "a rule's docstring begins with its code and name"),
        ("@rule(", "@list(", "TypeError"),
        ('@rule(triggers=["timeout"])\n', "", "'tools/loader_rules.py'] has no rule: "),
        ("TEAM001", "PKS104", "loader_rules.py: PKS104: codes that begin with PKS are picklesafe's own"),
        ("TEAM001", "PKS777", "loader_rules.py: PKS777: codes that begin with PKS are picklesafe's own"),
        ("from picklesafe.lint import rule", "import nothing_of_that_name", "ModuleNotFoundError"),
        ("from picklesafe.lint import rule", "import nothing_of_that_name", "loader_rules.py, line 6)"),
        ("def check(call):", "def check(call:", "loader_rules.py, line 10)"),
        ("\nBAD", "\n@rule(triggers=['x'])\ndef other(call): ...\nBAD", "loader_rules.py: two functions are marked"),
    ],
)
def test_what_is_no_rule_is_one_line(project: Path, old: str, new: str, said: str) -> None:
    change(project, old, new)
    done = run(project, "tools/loader_rules.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_one_code_in_two_files_is_one_line_with_both(project: Path) -> None:
    (project / "tools" / "other.py").write_text(RULE)
    done = run(project, "tools")
    assert done.returncode == 2
    assert re.fullmatch("error: rule TEAM001 is defined twice: .*loader_rules.py and .*other.py\n", done.stderr)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    case = call", "    1 / 0\n    case = call", "raises ZeroDivisionError: division by zero ("),
        ("return call.finding", "return 'oh', call.finding", "gives 'oh', which is no Finding"),
    ],
)
def test_a_rule_that_fails_is_told_with_its_place(project: Path, old: str, new: str, problem: str) -> None:
    change(project, old, new)
    done = run(project, "tools")
    assert done.returncode == 1
    assert f"  can't be judged: rule TEAM001 {problem}" in done.stdout
    (project / "picklesafe.toml").write_text('rules = ["./tools"]\n')
    (project / "train.py").write_text(WRONG)
    done = python(project, "-m", "picklesafe", "check", "--no-cache", "train.py")
    assert done.returncode == 2
    assert f"error: train.py: rule TEAM001 {problem}" in done.stderr
    assert "report" not in done.stderr


@pytest.mark.parametrize(("source", "file"), [("._common", "_common.py"), (".", "__init__.py")])
def test_rules_of_a_folder_import_what_stands_beside_them(project: Path, source: str, file: str) -> None:
    change(project, "import rule", f"import rule\nfrom {source} import WHO")
    (project / "tools" / file).write_text("WHO = 'our notebooks'\n")
    assert run(project, "tools").stdout.endswith("2 passed, 0 failed\n")
    (project / "picklesafe.toml").write_text('rules = ["./tools"]\n')
    assert python(project, "-m", "picklesafe", "rule", "TEAM001").returncode == 0


def test_a_folder_that_is_named_as_a_module_gets_its_path_suggested(project: Path) -> None:
    (project / "picklesafe.toml").write_text('rules = ["tools"]\n')
    done = python(project, "-m", "picklesafe", "check")
    assert done.returncode == 2
    assert done.stderr.endswith("; a file or folder of the project is written as './tools'\n")


def test_folders_and_packages_are_tested_together(project: Path) -> None:
    (project / "package").mkdir()
    (project / "package" / "__init__.py").touch()
    (project / "package" / "other.py").write_text(RULE.replace("TEAM001", "TEAM002"))
    done = run(project, "./tools", "package")
    assert done.stdout == (
        "TEAM001 timeout-in-a-notebook: 2 of 2 examples pass\n"
        "TEAM002 timeout-in-a-notebook: 2 of 2 examples pass\n"
        "4 passed, 0 failed\n"
    )


def test_without_a_name_they_are_picklesafes_own(project: Path) -> None:
    done = run(project)
    assert done.returncode == 0
    assert "PKS111 unguarded-prefetch-factor: " in done.stdout


def test_the_rule_works_wherever_picklesafes_own_do(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.picklesafe]\nrules = ["tools/loader_rules.py"]\n')
    (project / "train.py").write_text(WRONG)
    check = ("-m", "picklesafe", "check", "--no-cache", "train.py")
    found = json.loads(python(project, *check, "--select", "TEAM", "--output-format", "json").stdout)
    assert [(one["code"], one["name"]) for one in found] == [("TEAM001", "timeout-in-a-notebook")]
    sarif = json.loads(python(project, *check, "--output-format", "sarif").stdout)
    assert "TEAM001" in [rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]]
    assert python(project, "-m", "picklesafe", "rule", "TEAM001").stdout.startswith("TEAM001 timeout-in-a-notebook")
    python(project, *check, "--select", "TEAM", "--write-baseline", "known.json")
    assert python(project, *check, "--select", "TEAM", "--baseline", "known.json").returncode == 0
    (project / "train.py").write_text(WRONG.replace("60)", "60)  # picklesafe: ignore[TEAM001, PKS104]"))
    assert python(project, *check).returncode == 0
