"""Python programs without a suffix."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from picklesafe.lint.config import Options, settings_for
from picklesafe.lint.discover import discover
from picklesafe.lint.engine import check
from picklesafe.lint.shebang import is_script

from .project import settings

PROGRAM = "#!/usr/bin/env python3\n"
WRONG = PROGRAM + "from torch.utils.data import DataLoader\nDataLoader([1], num_workers=0, prefetch_factor=2)\n"


def found(root: Path, scripts: bool = True) -> list[str]:
    wanted = settings(root)._replace(scripts=scripts)
    return [os.path.relpath(path, root) for path in discover([str(root)], wanted)]


@pytest.fixture(params=["a repository", "a folder"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "a repository":
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "train").write_text(PROGRAM)
    (tmp_path / "bin" / "deploy").write_text("#!/bin/sh\necho python\n")
    (tmp_path / "LICENSE").write_text("python\n")
    (tmp_path / "notes.txt").write_text(PROGRAM)
    (tmp_path / "a.py").touch()
    return tmp_path


def test_scripts_are_found_if_they_are_asked_for(root):
    assert found(root) == ["a.py", "bin/train"]


def test_scripts_are_passed_over_by_default(root):
    assert found(root, scripts=False) == ["a.py"]


def test_the_configuration_asks_for_them(root):
    (root / "picklesafe.toml").write_text("scripts = true\n")
    assert settings_for([str(root)], Options()).scripts is True


def test_an_excluded_script_is_passed_over(root):
    for pattern in ("train", "bin/tr*"):
        wanted = settings(root)._replace(scripts=True, exclude=(pattern,))
        assert [Path(path).name for path in discover([str(root)], wanted)] == ["a.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_not_waited_for(root):
    os.mkfifo(root / "pipe")
    assert found(root) == ["a.py", "bin/train"]


def test_a_named_script_is_checked_whatever_the_settings(root):
    (root / "bin" / "train").write_text(WRONG)
    report = check([str(root / "bin" / "train")], settings(root))
    assert [finding.code for finding in report.findings] == ["PKS101"]


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("#!/usr/bin/python", True),
        ("#! /usr/bin/python3.12 -u", True),
        ("#!/usr/bin/env pypy3", True),
        ("#!/usr/bin/env -S PYTHONPATH=src python3 -u", True),
        ("#!/usr/bin/env -S uv run --script", True),
        ("#!/opt/python/bin/bash", False),
        ("#!/usr/bin/env bash python", False),
        ("#!/usr/bin/pythonic", False),
        ("#!", False),
        ("#!/usr/bin/env", False),
        ("# /usr/bin/python", False),
        ("", False),
    ],
)
def test_the_first_line_tells(tmp_path, line, python):
    (tmp_path / "program").write_text(f"{line}\nprint()\n")
    assert is_script(str(tmp_path / "program")) is python
