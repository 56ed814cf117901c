"""Which file a library means by the relative path that it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from picklesafe import UnsafeHandleError
from picklesafe.handles.places import meant_by

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't tell what is open")
NAME = "places.txt"


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "one", tmp_path / "two"]
    for folder in found:
        folder.mkdir()
        (folder / NAME).write_text(folder.name)
    return found


def test_it_is_the_one_that_is_open_in_whatever_directory(folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders[0])
    with open(NAME):
        for folder in folders:
            monkeypatch.chdir(folder)
            assert meant_by(NAME) == str(folders[0] / NAME)


def test_of_two_that_are_open_none_is_taken_for_the_other(folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders[0])
    with open(NAME):
        monkeypatch.chdir(folders[1])
        with open(NAME), pytest.raises(UnsafeHandleError, match=r"'places.txt'.* 2 files of that name.*absolute path"):
            meant_by(NAME)
        assert meant_by(NAME) == str(folders[0] / NAME)
        # A library that may have closed the file could mean the one here as well.
        with pytest.raises(UnsafeHandleError, match="2 files of that name"):
            meant_by(NAME, kept_open=False)


def test_two_names_of_one_file_are_one(folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (folders[1] / NAME).unlink()
    (folders[1] / NAME).symlink_to(folders[0] / NAME)
    monkeypatch.chdir(folders[1])
    with open(NAME):
        assert meant_by(NAME) == str(folders[1] / NAME)


def test_while_the_directory_is_that_of_the_beginning_it_is_the_one_in_it(folders: list[Path]) -> None:
    code = (
        "import picklesafe.mixin\n"
        "files = open('../two/places.txt'), open('places.txt')\n"
        "from picklesafe.handles.places import meant_by\n"
        "print(meant_by('places.txt'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=folders[0], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str(folders[0] / NAME)
