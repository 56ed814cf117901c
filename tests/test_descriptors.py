"""Offsets of their own in forked children: which descriptors are left as they are, and what becomes of their locks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import PickleSafeMixin, descriptions, descriptors
from tests import datasets

fcntl = pytest.importorskip("fcntl")
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who holds a lock")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


@pytest.fixture(autouse=True)
def alive() -> Iterator[object]:
    """Forks are looked after while an object of picklesafe lives."""
    yield PickleSafeMixin()
    descriptors._shared.clear()


def in_child(function: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> Any:
    """What `function` gives in a forked child, as text; the parent does something `before`."""
    ours, theirs = os.pipe()
    go, gone = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.read(go, 1)
            os.write(theirs, str(function()).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    before()
    os.write(gone, b"x")
    with open(ours) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    os.close(go)
    os.close(gone)
    return text


def is_locked(path: Path) -> bool:
    """Whether anybody else's lock keeps a writer out."""
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@ON_LINUX
@pytest.mark.parametrize("lock", ["LOCK_EX", "LOCK_SH"])
def test_a_lock_that_the_child_inherits_holds_when_the_parent_has_closed_its_file(lock: str, records: Path) -> None:
    file = open(records, "rb")
    fcntl.flock(file, getattr(fcntl, lock))
    assert in_child(lambda: is_locked(records), before=file.close) == "True"
    assert not is_locked(records)


@ON_LINUX
def test_a_file_with_a_shared_lock_has_an_offset_of_its_own(records: Path) -> None:
    # HDF5, for one, locks every file that it reads.
    file = open(records, "rb", buffering=0)
    fcntl.flock(file, fcntl.LOCK_SH)
    assert in_child(lambda: len(file.read(100))) == "100"
    assert file.tell() == 0


@ON_LINUX
def test_a_child_may_convert_and_release_the_exclusive_lock_that_it_inherited(records: Path) -> None:
    file = open(records, "rb")
    fcntl.flock(file, fcntl.LOCK_EX)

    def convert_and_release() -> bool:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_UN)
        return is_locked(records)

    assert in_child(convert_and_release) == "False"


@ON_LINUX
def test_anothers_lock_on_the_file_leaves_the_descriptor_to_be_made_private(records: Path) -> None:
    file, locked = open(records, "rb", buffering=0), open(records, "rb", buffering=0)
    fcntl.flock(locked, fcntl.LOCK_EX)
    assert in_child(lambda: len(file.read(100))) == "100"
    assert file.tell() == 0


@ON_LINUX
class TestDuplicates:
    def test_descriptors_from_dup_share_one_offset_in_the_child_as_well(self, records: Path) -> None:
        file, other = open(records, "rb", buffering=0), open(records, "rb", buffering=0)
        again = os.dup(file.fileno())

        def read() -> list[int]:
            os.read(again, 100)
            return [os.lseek(number, 0, os.SEEK_CUR) for number in (file.fileno(), again, other.fileno())]

        assert in_child(read) == "[100, 100, 0]"
        assert (file.tell(), other.tell()) == (0, 0)
        os.close(again)

    def test_one_of_them_that_was_closed_before_the_fork_leaves_the_others_their_offset(self, records: Path) -> None:
        first = os.open(records, os.O_RDONLY)
        others = [os.dup(first), os.dup(first)]
        noted = descriptors.offsets()
        os.close(first)
        descriptors.make_private(noted)
        os.read(others[0], 100)
        assert os.lseek(others[1], 0, os.SEEK_CUR) == 100

    def test_hundreds_are_told_apart(self, records: Path) -> None:
        files = [open(records, "rb", buffering=0) for _ in range(150)]
        numbers = [file.fileno() for file in files]
        again = [os.dup(number) for number in numbers[::2]]
        found = descriptions.shared_by([*again, *numbers])
        assert [found[number] for number in again] == [found[number] for number in numbers[::2]]
        assert len(set(found.values())) == 150
        assert {fcntl.fcntl(number, fcntl.F_GETSIG) for number in numbers} == {0}
        for number in again:
            os.close(number)

    def test_a_number_that_somebody_else_has_set_meanwhile_joins_nothing(
        self, records: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a process may that has inherited the same descriptions."""
        files = [open(records, "rb", buffering=0) for _ in range(3)]
        monkeypatch.setattr(descriptions, "_last_places", lambda descriptors: [2, 63, 2])
        found = descriptions.shared_by([file.fileno() for file in files])
        assert all(one == other for one, other in found.items())

    def test_a_handler_that_forks_in_the_middle_does_not_wait_for_itself(
        self, records: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = [open(records, "rb", buffering=0) for _ in range(2)]
        numbers = [file.fileno() for file in files]
        inner: list[dict[int, int]] = []

        def fork_again(given: list[int]) -> list[int]:
            inner.append(descriptions.shared_by(given))
            return [0, 1]

        monkeypatch.setattr(descriptions, "_last_places", fork_again)
        assert descriptions.shared_by(numbers) == inner[0]


class TestShared:
    @pytest.fixture
    def shared(self, records: Path) -> Any:
        file = open(records, "rb", buffering=0)
        descriptors.share_offsets(file)
        return file

    def test_a_file_given_is_shared_by_whatever_number(self, shared: Any) -> None:
        again = os.dup(shared.fileno())
        in_child(lambda: os.read(again, 100))
        assert shared.tell() == 100

    def test_one_that_was_closed_is_over(self, shared: Any, records: Path) -> None:
        shared.close()
        file = open(records, "rb", buffering=0)
        assert in_child(lambda: len(file.read(100))) == "100"
        assert file.tell() == 0

    def test_one_that_was_freed_is_over(self, records: Path) -> None:
        descriptors.share_offsets(open(records, "rb", buffering=0))
        file = open(records, "rb", buffering=0)
        assert in_child(lambda: len(file.read(100))) == "100"
        assert file.tell() == 0

    @pytest.mark.parametrize("given", ["a file", "a descriptor"])
    def test_a_new_file_is_not_taken_for_one_that_was_deleted(self, given: str, tmp_path: Path) -> None:
        # File systems give the number of a deleted file to the next one.
        for _ in range(2):
            path = datasets.write_records(tmp_path / "some.txt")
            file = open(path, "rb", buffering=0)
            if given == "a file":
                descriptors.share_offsets(file)
                file.close()
            else:
                number = os.open(path, os.O_RDONLY)
                descriptors.share_offsets(number)
                file.close()
                os.close(number)
            path.unlink()
        file = open(datasets.write_records(tmp_path / "new.txt"), "rb", buffering=0)
        assert in_child(lambda: len(file.read(100))) == "100"
        assert file.tell() == 0

    @pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="no descriptors without an offset")
    def test_what_keeps_it_known_is_closed_when_it_is_over(self, records: Path) -> None:
        number = os.open(records, os.O_RDONLY)
        descriptors.share_offsets(number)
        shared = descriptors._shared[-1]
        assert shared.pin is not None and descriptors._is_pin(shared.pin, shared.file)
        os.close(number)
        in_child(lambda: None)
        assert shared not in descriptors._shared
        assert not descriptors._is_pin(shared.pin, shared.file)


def test_what_a_child_writes_to_a_descriptor_that_leads_nowhere_is_gone(tmp_path: Path) -> None:
    writes, reads = open(tmp_path / "out", "wb", buffering=0), open(tmp_path / "out", "rb", buffering=0)
    pipe = os.pipe()
    noted = descriptors.open_for_writing([writes.fileno(), reads.fileno(), pipe[1], 9999])
    assert [number for number, _ in noted] == [writes.fileno()]

    def write() -> int:
        descriptors.lead_nowhere(noted)
        os.ftruncate(writes.fileno(), 3)
        return os.write(writes.fileno(), b"lost")

    assert in_child(write, before=lambda: writes.write(b"kept")) == "4"
    assert reads.read() == b"kept"


def test_a_number_that_was_given_to_another_file_meanwhile_is_left_alone(tmp_path: Path) -> None:
    first = open(tmp_path / "first", "wb", buffering=0)
    noted = descriptors.open_for_writing([first.fileno()])
    with open(tmp_path / "second", "wb") as second:
        os.dup2(second.fileno(), first.fileno())

    def write() -> int:
        descriptors.lead_nowhere(noted)
        return os.write(first.fileno(), b"written")

    assert in_child(write) == "7"
    assert (tmp_path / "second").read_bytes() == b"written"
