"""`--since REV`, in repositories that git itself makes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .conftest import Git, Run
from .samples import GUARDED, UNGUARDED

CONCISE = ("--output-format", "concise", "-q")


def files(output: str) -> list[str]:
    return [line.partition(":")[0] for line in output.splitlines()]


def test_what_was_there_before_stays_silent(run: Run, git: Git) -> None:
    assert run("check").returncode == 1
    result = run("check", "--since", "HEAD")
    assert (result.returncode, result.stdout, result.stderr) == (0, "All checks passed!\n", "")


def test_changed_staged_and_untracked_files_are_reported(run: Run, git: Git, project: Path) -> None:
    (project / "good.py").write_text(UNGUARDED)
    (project / "staged.py").write_text(UNGUARDED)
    git("add", "staged.py")
    (project / "untracked é.py").write_text(UNGUARDED)
    (project / "ignored.py").write_text(UNGUARDED)
    result = run("check", "--since", "HEAD", *CONCISE)
    assert result.returncode == 1
    assert files(result.stdout) == ["good.py", "staged.py", "untracked é.py"]


def test_a_deleted_file_is_no_error(run: Run, git: Git, project: Path) -> None:
    (project / "good.py").unlink()
    assert run("check", "--since", "HEAD").returncode == 0


def test_what_the_other_branch_did_meanwhile_does_not_count(run: Run, git: Git, project: Path) -> None:
    git("checkout", "-q", "-b", "topic")
    (project / "topic.py").write_text(UNGUARDED)
    git("add", ".")
    git("commit", "-q", "-m", "topic")
    git("checkout", "-q", "main")
    (project / "bad.py").write_text(UNGUARDED + "\n\nx = 1\n")
    git("commit", "-q", "-a", "-m", "meanwhile")
    git("checkout", "-q", "topic")
    result = run("check", "--since", "main", *CONCISE)
    assert files(result.stdout) == ["topic.py"]


def test_it_holds_below_a_folder_of_the_repository(run: Run, git: Git, project: Path) -> None:
    (project / "package").mkdir()
    (project / "package" / "new.py").write_text(UNGUARDED)
    (project / "good.py").write_text(UNGUARDED)
    assert files(run("check", "package", "--since", "HEAD", *CONCISE).stdout) == [os.path.join("package", "new.py")]
    inside = run("check", "--since", "HEAD", *CONCISE, cwd=project / "package")
    assert files(inside.stdout) == ["new.py"]


def test_a_changed_caller_shows_what_is_wrong_with_a_loader_elsewhere(run: Run, git: Git, project: Path) -> None:
    (project / "main.py").write_text("from bad import loader\n\nloader([1], 0)\n")
    result = run("check", "--since", "HEAD", "--output-format", "json")
    assert {Path(finding["filename"]).name for finding in json.loads(result.stdout)} == {"main.py"}


def test_only_changed_files_are_fixed(run: Run, git: Git, project: Path) -> None:
    (project / "good.py").write_text(UNGUARDED)
    result = run("check", "--since", "HEAD", "--fix")
    assert (result.returncode, result.stdout) == (0, "Found 1 error (1 fixed, 0 remaining).\n")
    assert (project / "good.py").read_text() == GUARDED
    assert (project / "bad.py").read_text() == UNGUARDED


def test_the_files_are_shown(run: Run, git: Git, project: Path) -> None:
    (project / "good.py").write_text(UNGUARDED)
    assert run("check", "--since", "HEAD", "--show-files").stdout == f"{project / 'good.py'}\n"


@pytest.mark.parametrize("revision", ["nothing", "--output=stolen", "HEAD:bad.py", "", "HEAD~5"])
def test_what_is_no_commit_is_an_error_and_no_option_of_git(run: Run, git: Git, project: Path, revision: str) -> None:
    result = run("check", f"--since={revision}")
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: --since: git knows no commit {revision!r} in {project}.")
    assert not (project / "stolen").exists()


def test_without_git_that_is_what_is_said(run: Run, git: Git, project: Path, environment: dict[str, str]) -> None:
    environment["PATH"] = os.fspath(project / "nothing")
    result = run("check", "--since", "HEAD")
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: --since: git isn't installed, or refuses to read {project}.")


def test_branches_without_a_common_commit_are_an_error(run: Run, git: Git, project: Path) -> None:
    git("checkout", "-q", "--orphan", "other")
    git("commit", "-q", "-m", "unrelated")
    result = run("check", "--since", "main")
    assert result.returncode == 2
    assert "main and HEAD have no commit in common" in result.stderr


def test_outside_of_a_repository_it_is_an_error(run: Run) -> None:
    result = run("check", "--since", "HEAD")
    assert (result.returncode, result.stderr) == (2, "error: --since: . lies in no git repository. Leave --since out\n")


@pytest.mark.parametrize(
    ("other", "name"), [(("--write-baseline", "known.json"), "--write-baseline"), (("-",), "standard input")]
)
def test_it_contradicts_what_needs_all_files_or_none(run: Run, git: Git, other: tuple[str, ...], name: str) -> None:
    result = run("check", "--since", "HEAD", *other, input="")
    assert result.returncode == 2
    assert name in result.stderr


def test_a_worktree_is_compared_with_its_own_state(run: Run, git: Git, project: Path) -> None:
    git("worktree", "add", "-q", "tree")
    (project / "tree" / "good.py").write_text(UNGUARDED)
    assert files(run("check", "--since", "HEAD", *CONCISE, cwd=project / "tree").stdout) == ["good.py"]
