"""What holds for every command: help, mistakes, and how little is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import picklesafe


@pytest.mark.parametrize("command", [[], ["check"], ["rule"], ["completion"], ["server"]])
def test_every_help_has_examples(run, command):
    result = run(*command, "--help")
    assert result.returncode == 0
    assert "examples:\n  picklesafe " in result.stdout


@pytest.mark.parametrize("command", [[], ["check"], ["rule"], ["completion"], ["server"]])
def test_every_help_fits_its_terminal(run, environment, command):
    environment["COLUMNS"] = "80"
    assert max(map(len, run(*command, "--help").stdout.splitlines())) <= 80


def test_every_example_of_the_help_is_accepted(run, project, git):
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    (project / "src").mkdir()
    (project / "tests").mkdir()
    (project / "tests/test_data.py").touch()
    lines = [line for command in ("check", "rule") for line in run(command, "--help").stdout.splitlines()]
    examples = [line.split("  ")[1].split() for line in lines if line.startswith("  picklesafe ")]
    assert len(examples) >= 8
    # That one ends by hand.
    for example in [example for example in examples if "--watch" not in example]:
        assert run(*example[1:], input="").returncode in (0, 1), example


def test_the_version_is_printed(run):
    assert run("--version").stdout == f"picklesafe {picklesafe.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["chek"], "unknown command 'chek'; did you mean 'check'?"),
        (["zzz"], "unknown command 'zzz'; choose from check, rule"),
        (["check", "--fixx"], "unknown option '--fixx'; did you mean '--fix'?"),
        (["check", "--outpt-format=json"], "unknown option '--outpt-format'; did you mean '--output-format'?"),
        (["check", "--output-format", "jsn"], "invalid choice 'jsn'; did you mean 'json'?"),
        (["check", "--output-format", "q"], "choose from full, concise, grouped, json, json-lines, github"),
        (
            ["check", "--select", "PKS1111"],
            "'PKS1111' in the command line; did you mean 'PKS111'?",
        ),
        (["check", "--select", "PKS11I"], "'PKS11I' in the command line; did you mean 'PKS111'?"),
        (["check", "--ignore", "PKS1O1"], "'PKS1O1' in the command line; did you mean 'PKS101'?"),
        (["check", "--ignore", "TEAM1"], "'TEAM1' in the command line; picklesafe rule --all lists what there is"),
        (["check", "--select", ""], "unknown rule or prefix ''"),
        (["check", "--target-torch", "two"], "must be a version such as 2.0, not 'two'"),
        (["check", "--target-python", "2.7"], "must be a version such as 3.10, not '2.7'"),
        (["check", "--jobs", "-1"], "must be a number from 0 on, not '-1'"),
        (["check", "--config", "nowhere.toml"], "there is no file 'nowhere.toml'"),
        (["check", "--config", "good.py", "--isolated"], "not allowed with"),
        (["check", ""], "a path can't be empty"),
        (["check", "--fi"], "unknown option '--fi'"),
        (["rule"], "one of the arguments CODE --all is required"),
        (["rule", "PKS111", "--all"], "not allowed with"),
        (["rule", "--al"], "unknown option '--al'; did you mean '--all'?"),
        (["--vesion"], "unknown option '--vesion'; did you mean '--version'?"),
        (["rule", "TEAM001"], "unknown rule 'TEAM001'; picklesafe rule --all lists what there is"),
        (["rule", "PKS1111"], "unknown rule 'PKS1111'; did you mean 'PKS111'?"),
    ],
)
def test_a_mistake_is_a_two_and_told_with_what_was_probably_meant(run, arguments, said):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert said in result.stderr.splitlines()[0]


def test_a_mistake_in_the_configuration_is_a_two(run, project):
    (project / "pyproject.toml").write_text("[tool.picklesafe]\nselct = []\n")
    for command in (["check"], ["rule", "--all"]):
        result = run(*command)
        assert result.returncode == 2
        assert result.stderr == (
            "error: pyproject.toml: unknown key 'selct' in its picklesafe settings; did you mean 'select'?\n"
        )


def test_a_working_directory_that_is_gone_is_a_two(run, project, environment):
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m picklesafe check"
    result = subprocess.run(["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full disk")
@pytest.mark.parametrize("arguments", ["check", "check --output-format json", "rule --all"])
def test_an_output_on_a_full_disk_is_a_two_told_in_one_line(project, environment, arguments):
    command = f"{sys.executable} -m picklesafe {arguments} > /dev/full"
    result = subprocess.run(["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_a_closed_output_changes_no_exit_status(project, environment):
    command = f"{sys.executable} -m picklesafe check >&- 2>&-"
    result = subprocess.run(["bash", "-c", command], cwd=project, env=environment)
    assert result.returncode == 1


HEAVY = [
    *("libcst", "torch", "numpy", "ast", "tokenize"),
    *("json", "tomllib", "tomli", "difflib", "subprocess", "inspect", "dataclasses", "logging"),
    *("concurrent.futures", "multiprocessing", "tempfile", "shutil", "unicodedata"),
]


def test_a_clean_run_imports_nothing_heavy(run, project, environment):
    (project / "good.py").write_text("import os\n\nprint(os.name)\n")
    code = (
        "import sys; from picklesafe.cli.main import main; "
        "status = main(['check', '--no-cache', 'good.py']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules]); sys.exit(status)"
    )
    result = subprocess.run(
        # -S: what the site's own packages import at start is none of our doing.
        [sys.executable, "-S", "-c", code],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "All checks passed!\n[]\n"
