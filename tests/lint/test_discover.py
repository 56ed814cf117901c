"""Which files `picklesafe check` takes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from picklesafe.lint.config import Options, settings_for
from picklesafe.lint.discover import PathError, discover, find
from picklesafe.lint.settings import Settings


def settings(root: Path, **changes: Any) -> Settings:
    return Settings(root=root, codes=frozenset())._replace(**changes)


def names(root: Path, *paths: Path, **changes: Any) -> list[str]:
    """What is found below `paths` (the root, if none are given), relative to the root."""
    return [Path(path).relative_to(root).as_posix() for path in discover(paths or [root], settings(root, **changes))]


def touch(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def git(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    return root


class TestFolders:
    def test_python_files_are_found_at_every_depth_in_order(self, tmp_path: Path) -> None:
        touch(tmp_path, "b.py", "a/z.py", "a/b/c.pyi", "readme.md", "a/data.txt", "noext", "c.PY", "d.pyc")
        assert names(tmp_path) == ["a/b/c.pyi", "a/z.py", "b.py"]

    def test_notebooks_are_found_and_their_checkpoints_are_not(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.py", "b.ipynb", ".ipynb_checkpoints/b-checkpoint.ipynb")
        assert names(tmp_path) == ["a.py", "b.ipynb"]

    def test_files_are_named_below_what_was_given(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        touch(tmp_path, "pkg/a.py")
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        for given, expected in [
            ("..", "../pkg/a.py"),
            ("../pkg/", "../pkg/a.py"),
            (str(tmp_path), f"{tmp_path}/pkg/a.py"),
        ]:
            assert [str(path) for path in discover([Path(given)], settings(tmp_path))] == [expected]
        monkeypatch.chdir(tmp_path)
        for given in (".", "pkg", "./pkg/"):
            assert [str(path) for path in discover([Path(given)], settings(tmp_path))] == ["pkg/a.py"]

    def test_a_folder_with_a_python_name_is_a_folder(self, tmp_path: Path) -> None:
        touch(tmp_path, "odd.py/inner.py")
        assert names(tmp_path) == ["odd.py/inner.py"]

    def test_an_empty_folder_holds_nothing(self, tmp_path: Path) -> None:
        assert names(tmp_path) == []

    def test_names_that_are_no_text_are_found(self, tmp_path: Path) -> None:
        path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.py")
        try:
            open(path, "w").close()
        except OSError:
            pytest.skip("this file system takes text only")
        assert [os.fsencode(found) for found in discover([tmp_path], settings(tmp_path))] == [path]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_with_a_python_name_does_not_hold_up_the_run(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.py")
        assert names(tmp_path) == []
        assert find([tmp_path / "pipe.py"], settings(tmp_path)).problems == [
            (str(tmp_path / "pipe.py"), "is no regular file")
        ]


class TestGivenPaths:
    def test_a_file_is_taken_whatever_its_name(self, tmp_path: Path) -> None:
        touch(tmp_path, "script", "build/x.py")
        assert names(tmp_path, tmp_path / "script", tmp_path / "build/x.py") == ["build/x.py", "script"]

    def test_a_path_that_does_not_exist_is_named(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.py")
        for path in (tmp_path / "missing.py", tmp_path / "a.py" / "below"):
            with pytest.raises(PathError, match=f"{path.name}: no such file or folder"):
                discover([tmp_path, path], settings(tmp_path))

    def test_each_file_is_taken_once_however_it_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        touch(tmp_path, "pkg/a.py", "pkg/b.py")
        monkeypatch.chdir(tmp_path)
        given = [Path(), Path("pkg"), Path("pkg/a.py"), tmp_path, Path("pkg/../pkg/b.py")]
        assert [str(path) for path in discover(given, settings(tmp_path))] == ["pkg/a.py", "pkg/b.py"]


class TestExcludes:
    def test_folders_of_others_code_are_passed_over(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.py", "venv/x.py", "lib/site-packages/x.py", "node_modules/x.py", "build/x.py", ".tox/x.py")
        assert names(tmp_path) == ["a.py"]

    def test_an_excluded_folder_that_is_given_is_searched(self, tmp_path: Path) -> None:
        touch(tmp_path, "build/x.py", "build/venv/y.py")
        assert names(tmp_path, tmp_path / "build") == ["build/x.py"]

    def test_force_exclude_means_given_paths_too(self, tmp_path: Path) -> None:
        touch(tmp_path, "build/x.py", "build/deep/y.py", "a.py")
        given = [tmp_path / "build/x.py", tmp_path / "build/deep", tmp_path / "a.py"]
        assert names(tmp_path, *given, force_exclude=True) == ["a.py"]

    def test_force_exclude_looks_no_higher_than_the_root(self, tmp_path: Path) -> None:
        root = touch(tmp_path / "build" / "project", "a.py")
        assert names(root, root / "a.py", force_exclude=True) == ["a.py"]

    @pytest.mark.parametrize(
        ("pattern", "left"),
        [
            ("*_pb2.py", ["gen/x.py", "src/gen/deep/y.py"]),
            ("gen", ["a_pb2.py"]),
            ("gen/", ["a_pb2.py"]),
            ("src/gen", ["a_pb2.py", "gen/x.py"]),
            ("./src/gen", ["a_pb2.py", "gen/x.py"]),
            ("src/*/y.py", ["a_pb2.py", "gen/x.py"]),
            ("src/**/y.py", ["a_pb2.py", "gen/x.py"]),
            ("**/y.py", ["a_pb2.py", "gen/x.py"]),
            ("?_pb2.[pq]y", ["gen/x.py", "src/gen/deep/y.py"]),
            ("{x,y}.py", ["a_pb2.py"]),
            ("[!a]_pb2.py", ["a_pb2.py", "gen/x.py", "src/gen/deep/y.py"]),
            ("nothing", ["a_pb2.py", "gen/x.py", "src/gen/deep/y.py"]),
        ],
    )
    @pytest.mark.parametrize("tracked", [False, True])
    def test_a_pattern_excludes(self, tmp_path: Path, pattern: str, left: list[str], tracked: bool) -> None:
        touch(tmp_path, "a_pb2.py", "gen/x.py", "src/gen/deep/y.py")
        if tracked:
            git(tmp_path, "init", "-q")
        assert names(tmp_path, exclude=(pattern,)) == left

    def test_an_absolute_pattern_excludes(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.py", "gen/x.py")
        assert names(tmp_path, exclude=(f"{tmp_path}/gen",)) == ["a.py"]

    def test_patterns_count_from_the_root_wherever_the_run_starts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        touch(tmp_path, "src/gen/x.py", "src/a.py")
        monkeypatch.chdir(tmp_path / "src")
        found = discover([Path()], settings(tmp_path, exclude=("src/gen",)))
        assert [str(path) for path in found] == ["a.py"]


class TestLinks:
    def test_a_loop_of_links_ends(self, tmp_path: Path) -> None:
        touch(tmp_path, "pkg/a.py")
        (tmp_path / "pkg/again").symlink_to(tmp_path)
        (tmp_path / "self.py").symlink_to(tmp_path / "self.py")
        found = find([tmp_path], settings(tmp_path))
        assert found.files == [str(tmp_path / "pkg/a.py")]
        assert [path for path, _ in found.problems] == [str(tmp_path / "self.py")]

    def test_a_link_beside_its_target_is_the_same_file(self, tmp_path: Path) -> None:
        touch(tmp_path, "z.py")
        (tmp_path / "a.py").symlink_to("z.py")
        assert names(tmp_path) == ["z.py"]

    def test_a_link_to_a_file_elsewhere_is_taken_under_its_own_name(self, tmp_path: Path) -> None:
        touch(tmp_path, "elsewhere/z.py", "root/x.py")
        (tmp_path / "root/a.py").symlink_to("../elsewhere/z.py")
        assert names(tmp_path, tmp_path / "root") == ["root/a.py", "root/x.py"]

    def test_a_link_to_a_folder_is_followed_only_if_it_is_given(self, tmp_path: Path) -> None:
        touch(tmp_path, "elsewhere/z.py", "root/x.py")
        (tmp_path / "root/link").symlink_to("../elsewhere")
        assert names(tmp_path, tmp_path / "root") == ["root/x.py"]
        assert names(tmp_path, tmp_path / "root/link") == ["root/link/z.py"]

    def test_a_broken_link_is_a_problem_if_it_is_given_or_has_a_python_name(self, tmp_path: Path) -> None:
        for name in ("broken.py", "broken"):
            (tmp_path / name).symlink_to("nowhere")
        assert find([tmp_path], settings(tmp_path)).problems == [(str(tmp_path / "broken.py"), "is a broken symlink")]
        given = find([tmp_path / "broken"], settings(tmp_path))
        assert given.problems == [(str(tmp_path / "broken"), "is a broken symlink")] and not given.missing


class TestGit:
    def test_what_git_ignores_is_left_out(self, repository: Path) -> None:
        touch(repository, "a.py", "out/b.py", "deep/c.py", "deep/d.py")
        (repository / ".gitignore").write_text("out\n")
        (repository / "deep/.gitignore").write_text("d.py\n")
        assert names(repository) == ["a.py", "deep/c.py"]
        assert names(repository, respect_gitignore=False) == ["a.py", "deep/c.py", "deep/d.py", "out/b.py"]

    def test_a_tracked_file_counts_even_if_it_is_ignored(self, repository: Path) -> None:
        touch(repository, "a.py", "b.py")
        (repository / ".gitignore").write_text("*.py\n")
        git(repository, "add", "-f", "a.py")
        assert names(repository) == ["a.py"]

    def test_a_given_file_that_is_ignored_is_taken(self, repository: Path) -> None:
        touch(repository, "a.py")
        (repository / ".gitignore").write_text("*.py\n")
        assert names(repository, repository / "a.py") == ["a.py"]

    def test_a_given_folder_that_is_ignored_is_walked(self, repository: Path) -> None:
        touch(repository, "out/pkg/a.py", "b.py")
        (repository / ".gitignore").write_text("out/\n")
        assert names(repository, repository / "out") == ["out/pkg/a.py"]
        assert names(repository, repository / "out/pkg") == ["out/pkg/a.py"]

    def test_a_folder_in_which_everything_is_ignored_holds_nothing(self, repository: Path) -> None:
        touch(repository, "pkg/a.py")
        (repository / ".gitignore").write_text("*.py\n")
        assert names(repository, repository / "pkg") == []

    def test_gitignore_means_nothing_outside_a_repository(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.py")
        (tmp_path / ".gitignore").write_text("*.py\n")
        assert names(tmp_path) == ["a.py"]

    def test_a_file_deleted_from_the_working_tree_is_no_error(self, repository: Path) -> None:
        touch(repository, "a.py", "b.py")
        git(repository, "add", ".")
        (repository / "a.py").unlink()
        found = find([repository], settings(repository))
        assert found.files == [str(repository / "b.py")] and not found.problems

    def test_a_conflicted_file_is_taken_once(self, repository: Path) -> None:
        (repository / "a.py").write_text("x = 1\n")
        git(repository, "add", "a.py")
        git(repository, "commit", "-qm", "one")
        git(repository, "checkout", "-qb", "other")
        (repository / "a.py").write_text("x = 2\n")
        git(repository, "commit", "-qam", "two")
        git(repository, "checkout", "-q", "-")
        (repository / "a.py").write_text("x = 3\n")
        git(repository, "commit", "-qam", "three")
        with pytest.raises(subprocess.CalledProcessError):
            git(repository, "merge", "other")
        assert names(repository) == ["a.py"]

    def test_submodules_and_nested_repositories_are_searched(self, tmp_path: Path, repository: Path) -> None:
        library = touch(tmp_path / "library", "lib.py", "sub/deep.py")
        git(library, "init", "-q")
        git(library, "add", ".")
        git(library, "commit", "-qm", "one")
        git(repository, "submodule", "add", "-q", str(library), "vendor/library")
        nested = touch(repository / "nested", "n.py", "ignored.py")
        git(nested, "init", "-q")
        (nested / ".gitignore").write_text("ignored.py\n")
        expected = ["nested/n.py", "vendor/library/lib.py", "vendor/library/sub/deep.py"]
        assert names(repository) == expected
        assert names(repository, repository / "vendor") == expected[1:]
        assert names(repository, repository / "vendor/library/sub") == expected[2:]

    def test_a_repository_below_a_plain_folder_is_asked_too(self, repository: Path) -> None:
        touch(repository, "a.py", "ignored.py")
        touch(repository.parent, "plain.py")
        (repository / ".gitignore").write_text("ignored.py\n")
        assert names(repository.parent) == ["plain.py", "repository/a.py"]

    def test_links_in_a_repository_are_treated_like_others(self, repository: Path) -> None:
        touch(repository, "pkg/a.py")
        (repository / "b.py").symlink_to("pkg/a.py")
        (repository / "again").symlink_to(".")
        (repository / "broken.py").symlink_to("nowhere")
        git(repository, "add", ".")
        found = find([repository], settings(repository))
        assert found.files == [str(repository / "pkg/a.py")]
        assert found.problems == [(str(repository / "broken.py"), "is a broken symlink")]

    def test_names_with_special_characters_survive(self, repository: Path) -> None:
        touch(repository, 'we"ird\nname.py', "ümlaut.py", " space .py")
        git(repository, "add", ".")
        assert names(repository) == [" space .py", 'we"ird\nname.py', "ümlaut.py"]

    def test_a_hooks_environment_does_not_mislead(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        touch(repository, "a.py")
        monkeypatch.setenv("GIT_DIR", "/nonexistent")
        monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
        assert names(repository) == ["a.py"]

    def test_a_repositorys_own_programs_are_not_run(self, repository: Path) -> None:
        touch(repository, "a.py")
        program = repository / "monitor.sh"
        program.write_text("#!/bin/sh\ntouch ran\n")
        program.chmod(0o755)
        git(repository, "config", "core.fsmonitor", str(program))
        assert names(repository) == ["a.py"]
        assert not (repository / "ran").exists()

    @pytest.mark.parametrize("why", ["no git", "damaged"])
    def test_without_gits_help_the_folder_is_walked_and_that_is_said(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch, why: str
    ) -> None:
        touch(repository, "a.py", "ignored.py")
        (repository / ".gitignore").write_text("ignored.py\n")
        if why == "no git":
            monkeypatch.setenv("PATH", "")
        else:
            (repository / ".git/HEAD").write_text("nonsense")
        found = find([repository], settings(repository))
        assert _relative(repository, found.files) == ["a.py", "ignored.py"]
        assert len(found.warnings) == 1 and ".gitignore is not respected" in found.warnings[0]


def test_a_folder_that_cannot_be_listed_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    touch(tmp_path, "closed/a.py", "open/b.py")
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("root may list every folder")
        found = find([tmp_path], settings(tmp_path))
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert _relative(tmp_path, found.files) == ["open/b.py"]
    assert found.problems == [(str(tmp_path / "closed"), "can't be listed: Permission denied")]


@pytest.mark.parametrize("name", ["closed", "closed/a.py"])
def test_a_given_path_without_permission_is_an_error_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "closed/a.py", "open/b.py")
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("root may list every folder")
        found = find([str(tmp_path / name), str(tmp_path / "open")], settings(tmp_path))
        with pytest.raises(PathError, match=f"{name}: can't be .*: Permission denied; ask for permission"):
            discover([str(tmp_path / name)], settings_for([str(tmp_path / name)], Options()))
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert _relative(tmp_path, found.files) == ["open/b.py"] and not found.problems
    (error,) = found.missing
    assert str(error).startswith(str(tmp_path / name))


def _relative(root: Path, files: Iterable[str]) -> list[str]:
    return [os.path.relpath(file, root) for file in files]
