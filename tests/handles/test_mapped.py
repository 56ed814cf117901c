"""Memory maps in workers."""

from __future__ import annotations

import copy
import mmap
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles import mapped
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker, in_workers

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a map tells its file on Linux alone")

CONTENT = bytes(range(256)) * 400
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}
ACCESS = {"read": mmap.ACCESS_READ, "write": mmap.ACCESS_WRITE, "copy-on-write": mmap.ACCESS_COPY}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "größe\nof two lines.bin"
    where.write_bytes(CONTENT)
    return where


def mapped_on(path: Path, access: int = mmap.ACCESS_READ, length: int = 0, offset: int = 0) -> mmap.mmap:
    with open(path, "rb" if access == mmap.ACCESS_READ else "r+b") as file:
        return mmap.mmap(file.fileno(), length, access=access, offset=offset)


def read_it(dataset: Any) -> tuple[Any, ...]:
    memory = dataset.memory
    return len(memory), memory.tell(), memory[100:110], memory.find(b"\xff\x00"), memory[:]


class Derived(mmap.mmap):
    """A user's own class."""


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("access", ACCESS)
@pytest.mark.parametrize("part", [(0, 0), (10_000, 0), (50_000, 8_192)], ids=str)
def test_a_map_reads_the_same_in_every_worker(part: tuple[int, int], access: str, method: str, path: Path) -> None:
    memory = mapped_on(path, ACCESS[access], *part)
    memory.seek(77)
    reads_the_same_in_workers(method, read_it, Holding(memory=memory))


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_has_a_position_of_its_own(way: str, path: Path) -> None:
    dataset = Holding(memory=mapped_on(path))
    dataset.memory.read(10)
    arrived = WAYS[way](dataset)
    assert arrived.memory.read(20) == CONTENT[10:30]
    assert dataset.memory.tell() == 10


@pytest.mark.parametrize("access", ACCESS)
def test_the_access_is_restored(access: str, path: Path) -> None:
    memory = pickle.loads(pickle.dumps(Holding(memory=mapped_on(path, ACCESS[access])))).memory
    if access == "read":
        with pytest.raises(TypeError, match=r"readonly|read-only"):
            memory[0] = 1
    else:
        memory[0] = 1
        memory.flush()
    assert path.read_bytes()[0] == (1 if access == "write" else 0)


@pytest.mark.parametrize("method", START_METHODS)
def test_what_a_worker_writes_through_a_shared_map_the_parent_sees(method: str, path: Path) -> None:
    memory = mapped_on(path, mmap.ACCESS_WRITE)
    in_worker(method, write_into, Holding(memory=memory))
    assert memory[5:8] == b"abc"


def write_into(dataset: Any) -> None:
    dataset.memory[5:8] = b"abc"


def test_a_copy_on_write_map_that_was_written_to_is_refused(path: Path) -> None:
    memory = mapped_on(path, mmap.ACCESS_COPY)
    memory[0] = 1
    with pytest.raises(UnsafeHandleError, match=r"Holding.memory: .*größe.*was written to.*per_worker"):
        pickle.dumps(Holding(memory=memory))
    if "fork" in START_METHODS:
        assert in_worker("fork", read_it, Holding(memory=memory)) == read_it(Holding(memory=memory))


@pytest.mark.parametrize("flags", [mmap.MAP_SHARED, mmap.MAP_PRIVATE])
def test_memory_that_is_no_files_cannot_travel(flags: int) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Holding.memory: .*no file lies behind.*shared_memory"):
        pickle.dumps(Holding(memory=mmap.mmap(-1, 100, flags=flags)))


def test_a_closed_map_arrives_closed(path: Path) -> None:
    memory = mapped_on(path)
    memory.close()
    arrived = pickle.loads(pickle.dumps(Holding(memory=memory))).memory
    assert arrived.closed
    with pytest.raises(ValueError, match="closed"):
        arrived.read()


def test_a_derived_class_stays_what_it_is(path: Path) -> None:
    with open(path, "rb") as file:
        memory = Derived(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrived = pickle.loads(pickle.dumps(Holding(memory=memory))).memory
    assert type(arrived) is Derived and arrived[:] == CONTENT


def test_a_moved_file_is_found(path: Path, tmp_path: Path) -> None:
    dataset = Holding(memory=mapped_on(path))
    for name in ("moved", "moved again (deleted)"):
        path = path.rename(tmp_path / name)
        assert pickle.loads(pickle.dumps(dataset)).memory[:] == CONTENT


@pytest.mark.parametrize("described_before", [False, True])
def test_a_file_replaced_while_it_was_mapped_is_noticed(described_before: bool, path: Path) -> None:
    dataset = Holding(memory=mapped_on(path))
    if described_before:
        pickle.dumps(dataset)
    path.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding.memory: '.*größe.*' was deleted while it was mapped"):
        pickle.dumps(dataset)
    path.write_bytes(CONTENT)
    with pytest.raises(HandleChangedError, match=r"Holding.memory: .*größe"):
        pickle.loads(pickle.dumps(dataset)).memory  # noqa: B018


def test_a_truncated_file_is_an_error_and_is_never_made_longer(path: Path) -> None:
    packed = pickle.dumps(Holding(memory=mapped_on(path, mmap.ACCESS_WRITE)))
    os.truncate(path, 10)
    with pytest.raises(HandleMissingError, match=r"Holding.memory: .*größe"):
        pickle.loads(packed).memory  # noqa: B018
    with pytest.raises(HandleMissingError, match="has 10 bytes, and the map ended at byte 20"):
        mapped.map_file(path, 20, 0, mmap.ACCESS_WRITE)
    assert path.stat().st_size == 10


def test_elsewhere_than_on_linux_a_map_is_to_be_opened_by_each_worker(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "_lines", lambda path: [])  # as where there is no /proc
    with pytest.raises(NotWorkerSafeError, match=r"Holding.memory: mmap.mmap doesn't reveal.*per_worker"):
        pickle.dumps(Holding(memory=mapped_on(path)))


def test_two_names_for_one_map_stay_one(path: Path) -> None:
    memory = mapped_on(path)
    arrived = pickle.loads(pickle.dumps(Holding(memory=memory, same=memory, nested={"a": [memory]})))
    assert arrived.memory is arrived.same is arrived.nested["a"][0]
    packed = pickle.dumps(Holding(memory=memory))
    assert len(packed) < 600
    assert in_workers("spawn", 1, read_it, Holding(memory=memory)) == [read_it(Holding(memory=memory))]
