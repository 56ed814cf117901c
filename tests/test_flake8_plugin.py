"""picklesafe in the real flake8: the same findings, in the same places."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from picklesafe.lint.engine import check
from picklesafe.lint.registry import load_rules
from tests.lint.project import CERTAIN, POSSIBLE, settings
from tests.lint_rules.test_examples import program

pytest.importorskip("flake8")
EXAMPLES = Path(__file__).parent.parent / "examples"


class Found(NamedTuple):
    """A finding, as flake8 prints it."""

    path: str
    row: int
    column: int
    code: str
    message: str


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flake8", "--isolated", "--select=PKS,E9", *arguments]
    for _ in range(_ATTEMPTS - 1):
        try:
            return _run(command, folder, stdin, timeout=20)
        except subprocess.TimeoutExpired:
            pass
    return _run(command, folder, stdin)


# flake8 ends its processes at an error by multiprocessing's Pool.terminate, which now and then waits for a lock that
# one of them held when it was killed.
_ATTEMPTS = 3


def _run(command: list[str], folder: Path, stdin: str, **options: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, encoding="utf-8", **options)


def flake8(folder: Path, *arguments: str, stdin: str = "") -> list[Found]:
    done = run(folder, *arguments, stdin=stdin)
    assert done.stderr == ""
    lines = [re.fullmatch(r"(.+?):(\d+):(\d+): (\w+) (.*)", line) for line in done.stdout.splitlines()]
    return [Found(m[1].removeprefix("./"), int(m[2]), int(m[3]), m[4], m[5]) for m in lines if m]


def ours(folder: Path, *names: str) -> list[Found]:
    """Each file by itself, as flake8 sees them."""
    found = [finding for name in names for finding in check([str(folder / name)], settings(folder)).findings]
    return [Found(Path(one.path).relative_to(folder).as_posix(), *one.start, one.code, one.message) for one in found]


def test_findings_and_places_are_those_of_check(tmp_path: Path) -> None:
    sources = {f"{path.stem}/{path.name}": path.read_text() for path in EXAMPLES.glob("*.py")}
    texts = [text for rule in load_rules() for text in (*rule.module.BAD, *rule.module.GOOD)]
    sources |= {f"rules/example{number}.py": program(text) for number, text in enumerate(texts)}
    sources["wide.py"] = POSSIBLE.replace("    return", "    é = '𝄞';  return")
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    found = flake8(tmp_path, "-j2", ".")
    assert len(found) > 20
    assert sorted(found) == sorted(ours(tmp_path, *sources))


def test_standard_input_goes_by_the_name_that_flake8_is_given(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.picklesafe]\nper-file-ignores = {"data.py" = ["PKS101"]}\n')
    (tmp_path / "train.py").write_text("what the disk holds is older\n")
    for name, codes in [("train.py", ["PKS101"]), ("data.py", [])]:
        assert [found.code for found in flake8(tmp_path, f"--stdin-display-name={name}", "-", stdin=CERTAIN)] == codes
    assert [found.path for found in flake8(tmp_path, "-", stdin=CERTAIN)] == ["stdin"]


def test_flake8s_own_options_and_comments_count(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CERTAIN)
    (tmp_path / "b.py").write_text(CERTAIN.replace("2)", "2)  # noqa: PKS101"))
    (tmp_path / "c.py").write_text(CERTAIN.replace("2)", "2)  # picklesafe: ignore[PKS101]"))
    assert [found.path for found in flake8(tmp_path, ".")] == ["a.py"]
    assert flake8(tmp_path, "--extend-ignore=PKS101", ".") == []
    assert flake8(tmp_path, "--per-file-ignores=a.py:PKS1", ".") == []


def test_an_unused_suppression_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1  # picklesafe: ignore[PKS101]\n")
    assert [found.code for found in flake8(tmp_path, ".")] == ["PKS902"]


def test_what_is_no_python_is_told_by_flake8_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CERTAIN + "x = (\n")
    assert [found.code for found in flake8(tmp_path, ".")] == ["E999"]


def test_a_declared_encoding_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\n" + CERTAIN.encode())
    assert [(found.row, found.code) for found in flake8(tmp_path, ".")] == [(5, "PKS101")]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_configuration_that_cannot_be_followed_is_one_line(tmp_path: Path, jobs: str) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.picklesafe]\nslect = ["PKS1"]\n')
    assert "unknown key 'slect' in its picklesafe settings; did you mean 'select'?" in failure(tmp_path, jobs)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_rule_that_fails_is_one_line(tmp_path: Path, jobs: str) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.picklesafe]\nrules = ["./team.py"]\n')
    rule = '"""TEAM001 a-name: a sentence."""\nfrom picklesafe.lint import rule\n'
    (tmp_path / "team.py").write_text(f"{rule}@rule(triggers=['DataLoader'])\ndef check(call):\n    return 1 / 0\n")
    assert "rule TEAM001 raises ZeroDivisionError: division by zero (" in failure(tmp_path, jobs)


def failure(tmp_path: Path, jobs: str) -> str:
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(CERTAIN)
    done = run(tmp_path, f"-j{jobs}", ".")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr
