"""The wheel that users get, built and installed for real: what it holds, what it needs, what it imports."""

from __future__ import annotations

import email
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
BUG = "from torch.utils.data import DataLoader\n\nloader = DataLoader([], num_workers=0, prefetch_factor=2)\n"
FINE = "from torch.utils.data import DataLoader\n\nloader = DataLoader([], num_workers=2, prefetch_factor=2)\n"
HARMLESS = "def add(one, other):\n    return one + other\n"


class Environment(NamedTuple):
    """A virtual environment that holds the wheel and what it declares to need."""

    python: Path
    script: Path

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command; nothing of this process's Python settings reaches it."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            command,
            cwd=cwd,
            env={**variables, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    suffix = ".exe" if os.name == "nt" else ""
    python = programs / f"python{suffix}"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    copy_requirements(requirements(wheel), Path(packages.stdout.strip()))
    return Environment(python, programs / f"picklesafe{suffix}")


def requirements(wheel: Path) -> list[Requirement]:
    """What the wheel declares to need, extras included."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    return [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]


def copy_requirements(requirements: list[Requirement], packages: Path) -> None:
    """Copy what is required, and what that requires, from the running environment: needs no network."""
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = importlib.metadata.distribution(requirement.name)
        for file in found.files or ():
            target = packages / file
            if ".." not in file.parts and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), target)
        copy_requirements([Requirement(line) for line in found.requires or ()], packages)


def imported(environment: Environment, python: str | Path, folder: Path, text: str) -> set[str]:
    """The top-level modules that checking a file with `text` imports."""
    (folder / "code.py").write_text(text, encoding="utf-8")
    run = environment.run(
        *(python, "-X", "importtime", "-m", "picklesafe", "check", "--isolated", "--no-cache", "code.py"), cwd=folder
    )
    assert run.returncode == (1 if text == BUG else 0), run.stdout
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in run.stderr.splitlines()}


def test_the_wheel_holds_both_packages_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {
        "picklesafe/py.typed",
        "lint_rules/py.typed",
        "picklesafe/__main__.py",
        "picklesafe/cli/completions/zsh.txt",
    } <= set(names)
    assert {name for name in names if name.startswith("lint_rules/pks")} == {
        f"lint_rules/{path.name}" for path in (ROOT / "lint_rules").glob("pks*.py")
    }
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"picklesafe", "lint_rules"}


def test_the_wheel_requires_neither_torch_nor_numpy_unless_asked(wheel: Path) -> None:
    always = {one.name for one in requirements(wheel) if one.marker is None or "extra" not in str(one.marker)}
    assert always == {"libcst", "pyyaml", "tomli"}


def test_an_installed_picklesafe_finds_and_mends_a_bug(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BUG, encoding="utf-8")
    found = environment.run(environment.script, "check", "train.py", "--output-format", "concise", cwd=tmp_path)
    assert (found.returncode, found.stderr) == (1, "")
    assert "train.py:3:40: PKS101" in found.stdout
    mended = environment.run(environment.script, "check", "--fix", "train.py", cwd=tmp_path)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "prefetch_factor=None" in (tmp_path / "train.py").read_text(encoding="utf-8")


def test_an_installed_picklesafe_shows_the_page_of_every_rule(environment: Environment, tmp_path: Path) -> None:
    run = environment.run(environment.script, "rule", "--all", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    for code in ("PKS101", "PKS105", "PKS111", "PKS114"):
        assert code in run.stdout


def test_neither_torch_nor_numpy_is_there_when_the_installed_picklesafe_runs(
    environment: Environment, tmp_path: Path
) -> None:
    code = "from importlib.util import find_spec; print(*filter(find_spec, ['torch', 'numpy', 'libcst']))"
    assert environment.run(environment.python, "-c", code, cwd=tmp_path).stdout.strip() == "libcst"


@pytest.mark.parametrize("module", ["script", "-m"])
def test_nothing_that_lies_in_the_checked_folder_is_run(environment: Environment, tmp_path: Path, module: str) -> None:
    trap = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\nraise SystemExit('trapped')\n"
    (tmp_path / "lint_rules").mkdir()
    names = [
        "lint_rules/__init__",
        "lint_rules/pks111_trap",
        "ast",
        "argparse",
        "libcst",
        "tokenize",
        "json",
        "tomllib",
    ]
    for name in names:
        (tmp_path / f"{name}.py").write_text(trap, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.picklesafe]\n", encoding="utf-8")
    (tmp_path / "train.py").write_text(BUG, encoding="utf-8")
    command = [environment.script] if module == "script" else [environment.python, "-m", "picklesafe"]
    run = environment.run(*command, "check", "--output-format", "json", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (1, "")
    assert '"PKS101"' in run.stdout
    assert list(tmp_path.rglob("*.ran")) == []


@pytest.mark.parametrize("text", [HARMLESS, FINE])
def test_a_file_without_findings_costs_no_heavy_import(environment: Environment, tmp_path: Path, text: str) -> None:
    modules = imported(environment, environment.python, tmp_path, text)
    assert "picklesafe" in modules
    assert modules & {"libcst", "yaml", "torch", "numpy", "multiprocessing", "dataclasses", "inspect", "json"} == set()


def test_neither_torch_nor_numpy_is_imported_where_they_are_installed(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    modules = imported(environment, sys.executable, tmp_path, BUG)
    assert "picklesafe" in modules
    assert modules & {"torch", "numpy"} == set()


@pytest.mark.parametrize("hook", ["picklesafe", "picklesafe-fix"])
def test_a_hook_takes_every_kind_of_file_that_it_asks_for(environment: Environment, tmp_path: Path, hook: str) -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    block = hooks.split(f"- id: {hook}\n", 1)[1].split("- id:", 1)[0]
    entry = re.search(r"entry: picklesafe (.*)", block)
    assert entry is not None
    assert {"types_or: [python, pyi, jupyter, yaml, json, toml]", "require_serial: true", "language: python"} <= {
        line.strip() for line in block.splitlines()
    }
    (tmp_path / "fine.py").write_text(FINE, encoding="utf-8")
    (tmp_path / "stub.pyi").write_text("x: int\n", encoding="utf-8")
    (tmp_path / "book.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    run = environment.run(environment.script, *entry[1].split(), "fine.py", "stub.pyi", "book.ipynb", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
