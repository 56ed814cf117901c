"""The examples run as they stand, raise where picklesafe says so, and run after `--fix`."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

EXAMPLES = Path(__file__).parent.parent / "examples"
# What runs without workers: the option that asks for that.
WITHOUT_WORKERS = {
    "embed_genome.py": "--debug",
    "lightning_data.py": "--workers=0",
    "wrapped_loader.py": "--quick",
    "guarded.py": "--workers=0",
}


def run(script: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *options]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=script.parent, capture_output=True, text=True, timeout=300, env=environment)


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "picklesafe", "check", "--isolated", "--no-cache", *options, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize("name", WITHOUT_WORKERS)
def test_an_example_runs_with_workers(name: str) -> None:
    result = run(EXAMPLES / name)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [name for name in WITHOUT_WORKERS if name != "guarded.py"])
def test_an_example_raises_without_workers(name: str) -> None:
    assert re.search("^(Value|Assertion)Error: ", run(EXAMPLES / name, WITHOUT_WORKERS[name]).stderr, re.MULTILINE)


def test_what_is_wrong_in_the_examples_is_found_and_nothing_else(folder: Path) -> None:
    result = check(folder, "--output-format", "concise")
    assert (result.returncode, result.stderr) == (1, "")
    found = re.findall(r"^(\w+\.py):\d+:\d+: (PKS\d+)", result.stdout, re.MULTILINE)
    assert sorted(found) == [
        ("dna_embedder.py", "PKS111"),
        ("embed_genome.py", "PKS101"),
        ("finetune.py", "PKS111"),
        ("lightning_data.py", "PKS111"),
        ("lightning_data.py", "PKS112"),
        ("wrapped_loader.py", "PKS104"),
        ("wrapped_loader.py", "PKS114"),
    ]


def test_the_fixed_examples_run_with_and_without_workers(folder: Path) -> None:
    check(folder, "--fix")
    left = check(folder)
    assert left.returncode == 0, left.stdout
    for name, option in WITHOUT_WORKERS.items():
        # Nothing of guarded.py is changed, which has run with workers already.
        for options in ([option],) if name == "guarded.py" else ([], [option]):
            result = run(folder / name, *options)
            assert result.returncode == 0, result.stderr


def test_the_genome_is_right_under_every_start_method_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    pytest.importorskip("pyfaidx")
    result = run(EXAMPLES / "genome.py", TMPDIR=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    rows = re.findall(r"^(\w+) {2,}(\S.*?) {2,}(\S.*)$", result.stdout, re.MULTILINE)
    outcomes = {
        method: (naive, safe) for method, naive, safe in rows if method in multiprocessing.get_all_start_methods()
    }
    assert {safe for _, safe in outcomes.values()} == {"0 wrong"}
    assert list(outcomes) == multiprocessing.get_all_start_methods()
    # How many are wrong under fork is chance, and so is whether any is.
    for method in outcomes.keys() - {"fork"}:
        assert outcomes[method][0].startswith("TypeError: cannot pickle")
    assert list(tmp_path.iterdir()) == []


def test_the_genome_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "pyfaidx.py").write_text("raise ImportError('none here')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    result = run(EXAMPLES / "genome.py", PYTHONPATH=path)
    assert result.returncode == 1
    assert "this example needs pyfaidx and torch: pip install pyfaidx torch (none here)" in result.stderr
