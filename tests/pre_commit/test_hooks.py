"""The hooks of `.pre-commit-hooks.yaml`, run by pre-commit in a git repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.thoroughness import on_one_python

from .conftest import Repository

pytestmark = on_one_python

IMPORT = "from torch.utils.data import DataLoader\n\n"
FINE = IMPORT + "loader = DataLoader([], num_workers=2, prefetch_factor=2)\n"
WRONG = IMPORT + "loader = DataLoader([], num_workers=0, prefetch_factor=2)\n"
MENDED = IMPORT + "loader = DataLoader([], num_workers=0, prefetch_factor=None)\n"

NewRepository = Callable[[str], Repository]


@pytest.fixture
def checked(new_repository: NewRepository) -> Repository:
    return new_repository("picklesafe")


@pytest.fixture
def fixed(new_repository: NewRepository) -> Repository:
    return new_repository("picklesafe-fix")


def test_a_clean_commit_passes(checked: Repository) -> None:
    checked.stage(train=FINE)
    done = checked.pre_commit()
    assert done.returncode == 0, done.stdout
    assert "Passed" in done.stdout


def test_a_finding_fails_and_changes_nothing(checked: Repository) -> None:
    checked.stage(train=WRONG)
    done = checked.pre_commit()
    assert done.returncode == 1
    assert "train.py:3:" in done.stdout
    assert "PKS101" in done.stdout
    assert checked.read("train") == WRONG


def test_a_file_that_is_no_python_fails(checked: Repository) -> None:
    checked.stage(train=IMPORT + "loader = DataLoader([], prefetch_factor=2\n")
    done = checked.pre_commit()
    assert done.returncode == 1
    assert "PKS901" in done.stdout


def test_a_fix_is_left_in_the_working_tree_to_be_staged(fixed: Repository) -> None:
    fixed.stage(train=WRONG)
    done = fixed.pre_commit()
    assert done.returncode == 1
    assert "files were modified by this hook" in done.stdout
    assert fixed.read("train") == MENDED
    fixed.git("add", "train.py")
    assert fixed.pre_commit().returncode == 0


@pytest.mark.parametrize("hook", ["picklesafe", "picklesafe-fix"])
def test_nothing_staged_is_fine(hook: str, new_repository: NewRepository) -> None:
    repository = new_repository(hook)
    (repository.folder / "train.py").write_text(WRONG)
    done = repository.pre_commit()
    assert done.returncode == 0, done.stdout
    assert "no files to check" in done.stdout
    assert repository.read("train") == WRONG


def test_what_isnt_staged_is_neither_judged_nor_lost(checked: Repository) -> None:
    checked.stage(train=FINE)
    (checked.folder / "train.py").write_text(WRONG)
    done = checked.pre_commit()
    assert done.returncode == 0, done.stdout
    assert checked.read("train") == WRONG
    assert checked.git("show", ":train.py") == FINE


def test_a_fix_beside_changes_that_arent_staged_keeps_both(fixed: Repository) -> None:
    fixed.stage(train=WRONG + "\n\n\n\n\nprint(1)\n")
    (fixed.folder / "train.py").write_text(WRONG + "\n\n\n\n\nprint(2)\n")
    done = fixed.pre_commit()
    assert done.returncode == 1
    assert fixed.read("train") == MENDED + "\n\n\n\n\nprint(2)\n"


def test_all_files_are_checked_together(checked: Repository) -> None:
    """A caller in one file, the loader in another."""
    checked.stage(
        loaders=IMPORT + "def make(workers):\n    return DataLoader([], num_workers=workers, prefetch_factor=2)\n",
        train="from loaders import make\n\nmake(0)\n",
    )
    checked.git("commit", "-q", "-m", "both")
    assert checked.pre_commit().returncode == 0
    done = checked.pre_commit("--all-files")
    assert done.returncode == 1
    assert "loaders.py:4:" in done.stdout
    assert "train.py:3:" in done.stdout


def test_files_that_the_project_excludes_are_passed_over(checked: Repository) -> None:
    (checked.folder / "pyproject.toml").write_text('[tool.picklesafe]\nextend-exclude = ["generated.py"]\n')
    checked.git("add", "pyproject.toml")
    checked.stage(generated=WRONG)
    done = checked.pre_commit()
    assert done.returncode == 0, done.stdout
    assert "Passed" in done.stdout


def test_the_environment_holds_neither_torch_nor_numpy(hooks: Path, environment: dict[str, str]) -> None:
    installed = Path(environment["PRE_COMMIT_HOME"]).glob("repo*/py_env-*/**/site-packages/*.dist-info")
    names = {path.name.partition("-")[0].lower() for path in installed}
    assert {"picklesafe", "libcst"} <= names
    assert names <= {
        "picklesafe",
        "libcst",
        "pyyaml",
        "pyyaml_ft",
        "tomli",
        "typing_extensions",
        "pip",
        "setuptools",
        "wheel",
    }
