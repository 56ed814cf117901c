"""gzip, bz2 and lzma files in workers."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import os
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_workers

MODULES: dict[str, Any] = {"gzip": gzip, "bz2": bz2, "lzma": lzma}
CLASSES: dict[str, Any] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "lzma": lzma.LZMAFile,
}
DATA = random.Random(0).randbytes(100_000) + b"a line\r\n" * 20_000
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}

pytestmark = pytest.mark.parametrize("library", MODULES)


@pytest.fixture
def path(library: str, tmp_path: Path) -> Path:
    where = tmp_path / f"größe.{library}"
    # In two parts, as bgzip and parallel compressors write them.
    where.write_bytes(MODULES[library].compress(DATA[:70_000]) + MODULES[library].compress(DATA[70_000:]))
    return where


class Derived(gzip.GzipFile):
    """A user's own class."""


def read_all_over(dataset: Any) -> list[Any]:
    found = []
    for place in (0, 69_990, 200_000, 17, 99_999):
        dataset.file.seek(place)
        found.append(dataset.file.read(20))
    return found


def read_the_rest(dataset: Any) -> Any:
    return dataset.file.read()


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["binary", "text", "on a file object", "in memory"])
def test_a_file_read_in_the_parent_reads_the_same_in_every_worker(
    kind: str, method: str, library: str, path: Path
) -> None:
    reads_the_same_in_workers(method, read_all_over, Holding(file=opened(kind, library, path)))


def opened(kind: str, library: str, path: Path) -> Any:
    if kind == "binary":
        return MODULES[library].open(path)
    if kind == "text":
        return MODULES[library].open(path, "rt", encoding="latin-1", newline="")
    return CLASSES[library](open(path, "rb") if kind == "on a file object" else io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["binary", "text"])
def test_workers_go_on_where_the_parent_stands_and_leave_it_there(
    kind: str, method: str, library: str, path: Path
) -> None:
    dataset = Holding(file=opened(kind, library, path))
    dataset.file.read(150_001)
    descriptor = dataset.file.fileno()
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    rest = in_workers(method, 2, read_the_rest, dataset)
    # What a shared offset would have moved.
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == before
    expected = read_the_rest(dataset)
    assert rest == [expected, expected] and len(expected) == len(DATA) - 150_001


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_has_a_position_of_its_own(way: str, library: str, path: Path) -> None:
    dataset = Holding(file=MODULES[library].open(path))
    dataset.file.read(1000)
    arrived = WAYS[way](dataset)
    assert arrived.file.tell() == 1000
    first = read_the_rest(arrived)
    assert read_the_rest(dataset) == first == DATA[1000:]


@pytest.mark.parametrize("place", [0, 1, 70_000, len(DATA) - 1, len(DATA)])
def test_positions_count_uncompressed_bytes(place: int, library: str, path: Path) -> None:
    file = MODULES[library].open(path)
    file.read(place)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.tell() == place
    assert arrived.read() == DATA[place:]
    again = pickle.loads(pickle.dumps(Holding(file=arrived))).file
    assert again.read() == b""


def test_the_name_is_absolute_and_a_label_stays(library: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    file = MODULES[library].open(path.name)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    if hasattr(file, "name"):
        assert arrived.name == str(path)
    if library == "gzip":
        labelled = gzip.GzipFile("label", fileobj=open(path, "rb"))
        assert pickle.loads(pickle.dumps(Holding(file=labelled))).file.name == "label"


def test_closing_it_closes_the_file_below_only_if_it_is_its_own(library: str, path: Path) -> None:
    below = open(path, "rb")
    arrived = pickle.loads(pickle.dumps(Holding(file=CLASSES[library](below), below=below)))
    arrived.file.close()
    assert not arrived.below.closed
    own = pickle.loads(pickle.dumps(Holding(file=MODULES[library].open(path)))).file
    descriptor = own.fileno()
    own.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_data_that_begins_in_the_middle_of_a_file_travels_only_unread(library: str, path: Path) -> None:
    path.write_bytes(b"x" * 100 + path.read_bytes())
    below = open(path, "rb")
    below.seek(100)
    dataset = Holding(file=CLASSES[library](below))
    assert pickle.loads(pickle.dumps(dataset)).file.read() == DATA
    dataset.file.read(10)
    with pytest.raises(UnsafeHandleError, match=r"Holding.file: .*doesn't begin where the file object"):
        pickle.loads(pickle.dumps(dataset)).file  # noqa: B018


@pytest.mark.parametrize("method", START_METHODS)
def test_a_closed_file_arrives_closed(method: str, library: str, path: Path) -> None:
    file = MODULES[library].open(path)
    file.close()
    assert in_workers(method, 1, use_closed, Holding(file=file)) == [(True, "I/O operation on closed file")]


def use_closed(dataset: Any) -> tuple[Any, ...]:
    with pytest.raises(ValueError) as caught:
        dataset.file.read()
    return dataset.file.closed, str(caught.value)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_that_writes_is_refused_and_keeps_its_content(method: str, library: str, tmp_path: Path) -> None:
    where = tmp_path / "out"
    with MODULES[library].open(where, "wb") as file:
        file.write(DATA)
        with pytest.raises(UnsafeHandleError, match=r"Holding.file: '.*out' is open for writing \(mode 'wb'\)"):
            in_workers(method, 1, read_the_rest, Holding(file=file))
    assert MODULES[library].open(where).read() == DATA


def test_a_file_that_changed_is_noticed(library: str, path: Path) -> None:
    file = MODULES[library].open(path)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding.file: '.*größe.*' was deleted"):
        pickle.dumps(Holding(file=file))
    path.write_bytes(content)
    with pytest.raises(HandleChangedError, match=r"Holding.file: .*größe"):
        pickle.loads(pickle.dumps(Holding(file=file))).file  # noqa: B018


def test_a_derived_class_stays_what_it_is(library: str, path: Path) -> None:
    if library != "gzip":
        pytest.skip("one is enough")
    arrived = pickle.loads(pickle.dumps(Holding(file=Derived(path)))).file
    assert type(arrived) is Derived and arrived.read() == DATA


def test_raw_lzma_keeps_its_filters(library: str, tmp_path: Path) -> None:
    if library != "lzma":
        pytest.skip("lzma's alone")
    filters = [{"id": lzma.FILTER_DELTA, "dist": 5}, {"id": lzma.FILTER_LZMA2, "preset": 1}]
    settings: dict[str, Any] = {"format": lzma.FORMAT_RAW, "filters": filters}
    (tmp_path / "raw").write_bytes(lzma.compress(DATA, **settings))
    file = lzma.LZMAFile(tmp_path / "raw", **settings)
    file.read(10)
    assert pickle.loads(pickle.dumps(Holding(file=file))).file.read() == DATA[10:]
