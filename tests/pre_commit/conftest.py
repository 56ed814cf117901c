"""A git repository whose commits are checked by the real pre-commit, with the hooks of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
_PACKAGED = ("picklesafe", "lint_rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
_MINUTES = 5


class Repository:
    """A git repository with one of our hooks.

    Args:
        folder: where it lies.
        environment: the variables that git and pre-commit run with.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def git(self, *arguments: str) -> str:
        """What git prints."""
        return self._run("git", *arguments, check=True).stdout

    def stage(self, **files: str) -> None:
        """Write Python files, by the names of their modules, and stage them."""
        for name, content in files.items():
            (self.folder / f"{name}.py").write_text(content)
            self.git("add", f"{name}.py")

    def read(self, name: str) -> str:
        return (self.folder / f"{name}.py").read_text()

    def pre_commit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A run of the hook, as `git commit` does it."""
        return self._run(sys.executable, "-m", "pre_commit", "run", "--color=never", *arguments)

    def _run(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            check=check,
            capture_output=True,
            text=True,
            timeout=60 * _MINUTES,
        )


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables for git and pre-commit: nothing of this machine's settings, and a home of their own."""
    if shutil.which("git") is None:
        pytest.skip("git isn't installed")
    pytest.importorskip("pre_commit")
    # xdist's processes share what lies above their own folders, and with it the environment of the hooks.
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
    return {
        **inherited,
        "PRE_COMMIT_HOME": str(shared / "pre-commit"),
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": "tests@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }


@pytest.fixture(scope="session")
def hooks(environment: dict[str, str]) -> Path:
    """A repository with our hooks in it; they are installed by pre-commit once, whoever comes first."""
    from filelock import FileLock

    home = Path(environment["PRE_COMMIT_HOME"])
    home.mkdir(exist_ok=True)
    folder = home / "hooks"
    with FileLock(home / "made.lock"):
        if not folder.exists():
            _make(folder, environment)
            project = Repository(_new(home / "first", environment), environment)
            _configure(project.folder, folder, "picklesafe")
            project._run(sys.executable, "-m", "pre_commit", "install-hooks", check=True)
    return folder


def _make(folder: Path, environment: dict[str, str]) -> None:
    _new(folder, environment)
    for name in _PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    repository = Repository(folder, environment)
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "hooks")
    repository.git("tag", "v0.1.0")


def _new(folder: Path, environment: dict[str, str]) -> Path:
    folder.mkdir()
    Repository(folder, environment).git("init", "-q")
    return folder


def _configure(folder: Path, hooks: Path, hook: str) -> None:
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: '{hooks.as_posix()}'\n    rev: v0.1.0\n    hooks:\n      - id: {hook}\n"
    )


@pytest.fixture
def new_repository(hooks: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], Repository]]:
    """Makes a repository with the hook of that name, and a first commit."""

    def make(hook: str) -> Repository:
        repository = Repository(_new(tmp_path / "project", environment), environment)
        _configure(repository.folder, hooks, hook)
        repository.git("add", ".")
        repository.git("commit", "-q", "-m", "configuration")
        return repository

    yield make
