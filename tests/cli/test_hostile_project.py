"""A project under check is read, never run: not even where it is called what we import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .samples import LIBRARY, UNGUARDED

TRAP = "import os\nopen(os.path.join({folder!r}, 'was-run'), 'a').close()\nraise SystemExit('run')\n"

NAMES = [
    *("ast.py", "json.py", "re.py", "argparse.py", "tokenize.py", "difflib.py", "tomllib.py", "hashlib.py"),
    *("libcst.py", "tomli.py", "typing.py", "sitecustomize.py", "conftest.py", "setup.py", "torch/__init__.py"),
    *("lint_rules/__init__.py", "lint_rules/pks111_unguarded_prefetch_factor.py"),
]


@pytest.fixture
def hostile(project: Path) -> Path:
    """A project full of files that would be imported, were it on the path."""
    for name in NAMES:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(TRAP.format(folder=str(project)))
    (project / "also_bad.py").write_text(UNGUARDED)
    # With TOML to read, so that its parser is imported.
    (project / "pyproject.toml").write_text("[tool.picklesafe]\nsrc = ['.']\n")
    return project


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check"], "Found 2 errors."),
        (["check", "--no-cache", "--diff"], "+++ also_bad.py"),
        (["check", "--fix"], "(2 fixed, 0 remaining)"),
        (["check", "--output-format", "json"], '"name": "unguarded-prefetch-factor"'),
        (["check", "--jobs", "2", "--color", "always"], "Found 2 errors."),
        (["rule", "PKS111"], "unguarded-prefetch-factor"),
    ],
)
def test_the_module_runs_nothing_of_the_project(run, hostile, arguments, said):
    result = run(*arguments)
    assert said in result.stdout
    assert not (hostile / "was-run").exists()


def test_the_script_runs_nothing_of_the_project_even_where_it_is_called_picklesafe(hostile, environment):
    # `python -m picklesafe` can't be helped there: Python itself looks into the working directory first.
    (hostile / "picklesafe.py").write_text(TRAP.format(folder=str(hostile)))
    # What an installer writes for `[project.scripts]`, in a folder of its own.
    script = hostile.parent / f"{hostile.name}-bin" / "picklesafe"
    script.parent.mkdir()
    script.write_text("import sys\nfrom picklesafe.cli.main import main\nsys.exit(main())\n")
    result = subprocess.run(
        [sys.executable, str(script), "check"], cwd=hostile, env=environment, capture_output=True, text=True
    )
    assert "Found 2 errors." in result.stdout
    assert not (hostile / "was-run").exists()


def test_the_files_themselves_are_checked(run, hostile):
    found = run("check", "--output-format", "concise").stdout
    assert "bad.py:5" in found and "also_bad.py:5" in found


def test_without_the_working_directory_on_the_path_nothing_else_is_taken_off(hostile, environment):
    if sys.version_info < (3, 11):
        pytest.skip("-P is new in Python 3.11")
    command = [sys.executable, "-P", "-m", "picklesafe", "check", "bad.py"]
    result = subprocess.run(command, cwd=hostile, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "")
    assert str(LIBRARY) in environment["PYTHONPATH"]
