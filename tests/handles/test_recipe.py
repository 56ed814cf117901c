"""Recipes: what opens a handle again, and what is compared before it does."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, Recipe


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "größe.txt"
    path.write_bytes(b"content")
    return path


def read(path: Any, count: int = -1) -> bytes:
    with open(path, "rb") as opened:
        return opened.read(count)


def test_a_dotted_name_is_imported_when_it_opens(file: Path) -> None:
    recipe = pickle.loads(pickle.dumps(Recipe("pathlib.Path.read_bytes", file)))
    assert recipe.open() == b"content"


def test_a_function_and_keywords(file: Path) -> None:
    assert pickle.loads(pickle.dumps(Recipe(read, file, count=3))).open() == b"con"


@pytest.mark.parametrize("convert", [str, Path, os.fsencode])
def test_a_path_becomes_absolute_and_keeps_its_type(convert: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    given = convert(Path(file.name))
    recipe = Recipe(read, given)
    monkeypatch.chdir("/")
    assert type(recipe.args[0]) is type(given)
    assert recipe.open() == b"content"


def test_what_is_no_file_stays_as_it_is() -> None:
    assert Recipe(read, "memory://x/y").args == ("memory://x/y",)
    assert Recipe(read, "memory://x/y").files == ()


def test_a_symbolic_link_that_points_elsewhere_now_is_noticed(file: Path) -> None:
    link, other = file.with_name("link"), file.with_name("other")
    other.write_bytes(b"another")
    link.symlink_to(file)
    recipe = Recipe(read, link)
    assert recipe.open() == b"content"
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(HandleChangedError, match="inode"):
        recipe.open()


def test_a_second_file_is_watched_too(file: Path) -> None:
    index = file.with_name("index")
    index.write_bytes(b"12")
    recipe = Recipe(read, file).reads(index)
    index.unlink()
    with pytest.raises(HandleMissingError, match="index is gone"):
        recipe.open()
    assert recipe.open(check=False) == b"content"
    assert recipe.unwatched().open() == b"content"


def test_a_shared_file_may_be_written_to_but_not_replaced(file: Path) -> None:
    recipe = Recipe(read, file).shares(file)
    file.write_bytes(b"CONTENT")
    os.utime(file, (1, 1))
    assert recipe.open() == b"CONTENT"
    new = file.with_name("new")
    new.write_bytes(b"another")
    new.replace(file)
    with pytest.raises(HandleChangedError):
        recipe.open()


def test_a_library_that_is_not_there_is_named() -> None:
    with pytest.raises(
        HandleMissingError, match=r"nolibrary\.File can't be imported.*Install nolibrary where the workers"
    ):
        Recipe("nolibrary.File", "x").open()


def test_a_name_that_the_library_does_not_have() -> None:
    with pytest.raises(HandleMissingError, match=r"os\.nothing"):
        Recipe("os.nothing").open()


def needs_a_library() -> None:
    import nolibrary  # noqa: F401


def raises_attribute_error() -> None:
    raise AttributeError("broken")


def test_a_library_that_an_opener_imports_is_named() -> None:
    with pytest.raises(HandleMissingError, match="Install nolibrary"):
        Recipe(needs_a_library).open()


def test_what_the_library_raises_is_kept_and_never_an_attribute_error() -> None:
    with pytest.raises(HandleMissingError, match=r"raises_attribute_error\(\) raised AttributeError: broken") as caught:
        Recipe(raises_attribute_error).open()
    assert isinstance(caught.value.__cause__, AttributeError)


def test_recipes_are_equal_when_they_open_the_same(file: Path) -> None:
    assert Recipe(read, file, 3) == Recipe(read, file, 3)
    assert Recipe(read, file, 3) != Recipe(read, file, 4)
    assert Recipe(read, file) != file


def test_it_reads_as_the_call_that_it_is(file: Path) -> None:
    assert repr(Recipe("h5py.File", "x" * 200, mode="r")).startswith("h5py.File('xxxx")
    assert len(repr(Recipe("h5py.File", "x" * 200))) < 120
