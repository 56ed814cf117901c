"""Runs the command in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import forked
from .samples import GUARDED, LIBRARY, UNGUARDED

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Git = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a finding, and a file without."""
    (tmp_path / "bad.py").write_text(UNGUARDED)
    (tmp_path / "good.py").write_text(GUARDED)
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of the command: nothing that colours, everything importable."""
    kept = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    return {**kept, "PYTHONPATH": str(LIBRARY)}


@pytest.fixture
def run(project: Path, environment: dict[str, str]) -> Run:
    """`run("check", "--fix")`: `python -m picklesafe check --fix` in the project's folder, or what is like it."""
    before = _for_python(environment)

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        if hasattr(os, "fork") and options.keys() <= {"input", "cwd"} and _for_python(environment) == before:
            folder, given = options.get("cwd", project), options.get("input", "")
            assert isinstance(folder, Path) and isinstance(given, str)
            result = forked.run(arguments, folder, environment, given)
            assert "Traceback" not in result.stderr
            return result
        settings: dict[str, object] = {"cwd": project, "env": environment, "capture_output": True, "text": True}
        result = subprocess.run([sys.executable, "-m", "picklesafe", *arguments], **(settings | options))  # type: ignore[call-overload]
        assert "Traceback" not in (result.stderr or "")
        return result

    return run


def _for_python(environment: dict[str, str]) -> dict[str, str]:
    """The variables that a new interpreter reads, and no fork does."""
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG"))}


@pytest.fixture
def git(project: Path) -> Git:
    """Runs git in the project, all of which is committed."""
    if shutil.which("git") is None:
        pytest.skip("git isn't installed")
    who = {f"GIT_{who}_{what}": "tests@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=project, env=environment, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q", "-b", "main")
    (project / ".gitignore").write_text("ignored.py\n.picklesafe_cache\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return git
