"""Baselines: what was found before stays silent, what is new shows, what is gone can be removed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from picklesafe.errors import ConfigurationError, PickleSafeError
from picklesafe.lint.baseline import Comparison, read, write
from picklesafe.lint.engine import check
from picklesafe.lint.fingerprint import Identity

from .project import CERTAIN, POSSIBLE, settings

OTHER = POSSIBLE.replace("make", "other").split("\n\n\n")[1]
FACTOR = "prefetch_factor=2"
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


class Project:
    """A folder with a baseline of what was found in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.baseline = str(root / "known.json")
        self.write(**{"a.py": POSSIBLE, "b.py": CERTAIN})

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def take(self) -> None:
        write(self.baseline, check([str(self.root)], settings(self.root)).findings, str(self.root))

    def compare(self, *names: str) -> Comparison:
        chosen = settings(self.root)
        found = check([str(self.root / name) for name in names or [""]], chosen)
        return read(self.baseline).compare(found.findings, str(self.root), found.files, chosen.codes)

    def new(self, *names: str) -> list[str]:
        new = self.compare(*names).new
        return [f"{Path(f.path).relative_to(self.root).as_posix()}:{f.start.row} {f.code}" for f in new]

    def git(self, *arguments: str) -> None:
        subprocess.run([*GIT, *arguments], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-qm", "a")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_was_found_before_is_silent(project):
    project.take()
    assert project.compare() == ((), 2, Counter())


def test_it_stays_silent_when_lines_move(project):
    project.take()
    project.write(**{"a.py": "# a\n\n" + POSSIBLE.replace("    return", "    if data:\n        pass\n    return")})
    assert project.compare() == ((), 2, Counter())


def test_a_new_mistake_shows(project):
    project.take()
    project.write(**{"a.py": POSSIBLE + "\n\n" + OTHER, "c.py": CERTAIN})
    assert project.new() == ["a.py:9 PKS111", "c.py:3 PKS101"]


def test_one_more_of_the_same_shows(project):
    project.take()
    project.write(**{"b.py": CERTAIN + CERTAIN.splitlines()[-1] + "\n"})
    assert project.new() == ["b.py:4 PKS101"]


def test_what_was_mended_is_removable_once_for_each_time(project):
    project.write(**{"b.py": CERTAIN + CERTAIN.splitlines()[-1] + "\n"})
    project.take()
    project.write(**{"a.py": "", "b.py": CERTAIN})
    assert project.compare().removable == Counter(
        {Identity("a.py", "PKS111", "make", FACTOR): 1, Identity("b.py", "PKS101", "", FACTOR): 1}
    )


def test_what_was_in_a_deleted_file_is_removable(project):
    project.take()
    (project.root / "a.py").unlink()
    assert list(project.compare().removable) == [Identity("a.py", "PKS111", "make", FACTOR)]


def test_a_run_over_a_part_of_the_files_calls_nothing_removable(project):
    project.take()
    project.write(**{"a.py": ""})
    assert project.compare("a.py") == ((), 0, Counter())
    assert project.compare("b.py") == ((), 1, Counter())


def test_a_code_that_is_not_looked_for_is_not_removable(project):
    project.take()
    project.write(**{"a.py": "", "b.py": ""})
    found = check([str(project.root)], settings(project.root))
    removable = read(project.baseline).compare(found.findings, str(project.root), found.files, {"PKS101"}).removable
    assert [one.code for one in removable] == ["PKS101"]


class TestRenamedFiles:
    CHANGED = POSSIBLE.replace("def make", "# a comment\ndef make")

    def test_a_file_with_the_same_content_is_the_same_file_without_git(self, project):
        project.take()
        (project.root / "a.py").rename(project.root / "c.py")
        assert project.compare() == ((), 2, Counter())

    @pytest.mark.parametrize("committed", [False, True])
    def test_a_file_that_git_moved_is_the_same_though_changed(self, project, committed):
        project.commit()
        project.take()
        (project.root / "sub").mkdir()
        project.git("mv", "a.py", "sub/c.py")
        project.write(**{"sub/c.py": self.CHANGED})
        if committed:
            project.commit()
        assert project.compare() == ((), 2, Counter())

    def test_a_new_mistake_in_it_shows_and_a_mended_one_is_removable_by_its_new_name(self, project):
        project.commit()
        project.take()
        project.git("mv", "a.py", "c.py")
        project.write(**{"c.py": self.CHANGED.replace("make", "build")})
        assert project.new() == ["c.py:6 PKS111"]
        assert list(project.compare().removable) == [Identity("c.py", "PKS111", "make", FACTOR)]

    def test_a_copy_is_a_new_file(self, project):
        project.commit()
        project.take()
        shutil.copy(project.root / "a.py", project.root / "c.py")
        assert project.new() == ["c.py:5 PKS111"]

    def test_without_the_commit_a_changed_file_is_a_new_one(self, project):
        project.commit()
        project.take()
        shutil.rmtree(project.root / ".git")
        project.commit()
        project.git("mv", "a.py", "c.py")
        project.write(**{"c.py": self.CHANGED})
        body = json.loads((project.root / "known.json").read_text())
        (project.root / "known.json").write_text(json.dumps({**body, "commit": "0" * 40}))
        assert project.new() == ["c.py:6 PKS111"]

    def test_what_stands_for_a_commit_never_becomes_an_option_of_git(self, project):
        project.commit()
        project.take()
        body = json.loads((project.root / "known.json").read_text())
        (project.root / "known.json").write_text(json.dumps({**body, "commit": f"--output={project.root}/stolen"}))
        (project.root / "a.py").unlink()
        project.compare()
        assert not (project.root / "stolen").exists()


def test_the_same_findings_make_the_same_file(project):
    project.commit()
    project.take()
    first = (project.root / "known.json").read_bytes()
    project.take()
    assert (project.root / "known.json").read_bytes() == first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "known.json is no baseline: it is not valid JSON"),
        ("[]", "known.json is no baseline; --write-baseline writes one"),
        ('{"version": 1, "commit": "", "files": {"a.py": {}}}', "known.json is no baseline; --write-baseline"),
        ('{"version": 2}', "known.json was written by another version of picklesafe"),
        ("\xff", "known.json is no baseline"),
    ],
)
def test_a_file_that_is_no_baseline_is_one_clear_error(project, content, said):
    (project.root / "known.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=said):
        read(project.baseline)


def test_a_file_that_cannot_be_read_or_written_is_one_clear_error(project):
    with pytest.raises(ConfigurationError, match="can't be read"):
        read(str(project.root))
    with pytest.raises(PickleSafeError, match="it is a folder"):
        write(str(project.root), [], str(project.root))
