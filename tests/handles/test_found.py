"""What the operating system tells of open files. Needs no library."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError
from picklesafe.handles import found

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
BEGINNING = (b"picklesafe",)


def write(path: Path, content: bytes = b"picklesafe 1\n") -> Path:
    path.write_bytes(content)
    return path


def is_first(path: str) -> bool:
    return Path(path).read_bytes().endswith(b"1\n")


def test_the_one_open_file_that_matches_is_found(tmp_path: Path) -> None:
    with (
        open(write(tmp_path / "one"), "rb") as one,
        open(write(tmp_path / "other", b"picklesafe 2\n"), "rb"),
        open(write(tmp_path / "alien", b"something 1\n"), "rb"),
    ):
        assert found.only_descriptor(BEGINNING, is_first) == one.fileno()


def test_two_descriptors_on_one_file_are_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "one")
    with open(path, "rb") as one, open(path, "rb") as again:
        assert found.only_descriptor(BEGINNING, is_first) in (one.fileno(), again.fileno())


def test_two_files_that_match_are_none(tmp_path: Path) -> None:
    with open(write(tmp_path / "one"), "rb"), open(write(tmp_path / "copy"), "rb"):
        assert found.only_descriptor(BEGINNING, is_first) is None


def test_a_file_that_is_open_for_writing_or_closed_is_none(tmp_path: Path) -> None:
    with open(write(tmp_path / "one"), "r+b"):
        assert found.only_descriptor(BEGINNING, is_first) is None
    assert found.only_descriptor(BEGINNING, is_first) is None


def test_a_deleted_file_counts_so_that_no_copy_is_taken_for_it(tmp_path: Path) -> None:
    with open(write(tmp_path / "one"), "rb") as one, open(write(tmp_path / "copy"), "rb"):
        os.unlink(tmp_path / "one")
        assert found.only_descriptor(BEGINNING, is_first) is None
        assert one.read() == b"picklesafe 1\n"


def test_looking_moves_no_offset(tmp_path: Path) -> None:
    with open(write(tmp_path / "one"), "rb", buffering=0) as one:
        one.seek(5)
        found.only_descriptor(BEGINNING, is_first)
        assert one.tell() == 5


def test_the_descriptor_that_follows_a_file_is_found_and_the_file_put_back(tmp_path: Path) -> None:
    path = write(tmp_path / "one")
    with open(path, "rb", buffering=0) as one, open(path, "rb", buffering=0) as again:
        again.seek(3)
        assert found.descriptor_that_moves(one.seek, 7) == one.fileno()
        assert (one.tell(), again.tell()) == (7, 3)


def test_what_moves_no_offset_or_two_is_on_no_descriptor(tmp_path: Path) -> None:
    with open(write(tmp_path / "one"), "rb", buffering=0) as one:
        assert found.descriptor_that_moves(lambda place: None, 0) is None
        twin = os.dup(one.fileno())
        assert found.descriptor_that_moves(one.seek, 0) is None
        os.close(twin)


class Reader:
    """A library's, which keeps its file open somewhere."""

    def __init__(self, file: Any) -> None:
        self.file = file


def test_a_file_that_took_the_place_of_an_open_one_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "one")
    with open(path, "rb") as one:
        found.refuse_replaced(Reader(one), str(path))
        path.unlink()
        found.refuse_replaced(Reader(one), str(path))  # to open it again will say so
        write(path)
        with pytest.raises(HandleChangedError, match="this Reader has open: it was replaced"):
            found.refuse_replaced(Reader(one), str(path))
