"""Open files in workers."""

from __future__ import annotations

import codecs
import copy
import gc
import io
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.registry import describe
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker, in_workers

LINES = "".join(f"zeile {number:4} größe\r\nund\rmehr\n" for number in range(2000))
LENGTH = len(LINES.encode()) // 2000
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}
OPENERS = {
    "raw": lambda path: open(path, "rb", buffering=0),
    "buffered": lambda path: open(path, "rb"),
    "text": lambda path: open(path, encoding="utf-8", newline=""),
    "codecs": lambda path: codecs.open(path, encoding="utf-8"),
    "temporary": lambda path: tempfile._TemporaryFileWrapper(open(path, "rb"), str(path), False),
    "reader": lambda path: codecs.getreader("utf-8")(open(path, "rb")),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "größe.txt"
    where.write_bytes(LINES.encode())
    return where


class Lowercase(io.TextIOWrapper):
    """A user's own class."""

    def readline(self, size: int = -1, /) -> str:
        return super().readline(size).lower()


class Unchecked(Holding):
    check_unchanged = False


def read_all_over(dataset: Any) -> list[Any]:
    found = []
    for line in range(0, 2000, 71):
        dataset.file.seek(line * LENGTH)
        found.append(dataset.file.read(line % 97 + 1))
    return found


def read_the_rest(dataset: Any) -> Any:
    return dataset.file.read()


def read_line(dataset: Any) -> Any:
    return dataset.file.readline()


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", OPENERS)
def test_a_file_read_in_the_parent_reads_the_same_in_every_worker(kind: str, method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_all_over, Holding(file=OPENERS[kind](path)))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", OPENERS)
def test_workers_go_on_where_the_parent_stands_and_leave_it_there(kind: str, method: str, path: Path) -> None:
    dataset = Holding(file=OPENERS[kind](path))
    for _ in range(7):
        dataset.file.readline()
    descriptor = dataset.file.fileno()
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    rest = in_workers(method, 2, read_the_rest, dataset)
    # What a shared offset would have moved.
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == before
    expected = read_the_rest(dataset)
    assert rest == [expected, expected] and expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", OPENERS)
def test_a_copy_has_a_position_of_its_own(kind: str, way: str, path: Path) -> None:
    dataset = Holding(file=OPENERS[kind](path))
    dataset.file.readline()
    arrived = WAYS[way](dataset)
    assert arrived.file is not dataset.file
    first = read_the_rest(arrived)
    assert first and read_the_rest(dataset) == first


@pytest.mark.parametrize("newline", [None, "", "\n", "\r", "\r\n"], ids=repr)
@pytest.mark.parametrize("lines", [0, 1, 500, "all"])
def test_newline_is_restored_wherever_the_file_stands(newline: str | None, lines: Any, path: Path) -> None:
    file = open(path, encoding="utf-8", newline=newline)
    if lines == "all":
        file.read()
    else:
        for _ in range(lines):
            file.readline()
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.tell() == file.tell()
    assert arrived.readlines() == file.readlines()
    again = pickle.loads(pickle.dumps(Holding(file=arrived))).file
    again.seek(0)
    file.seek(0)
    assert again.readlines() == file.readlines()


@pytest.mark.parametrize("newline", [None, "", "\r"], ids=repr)
def test_newline_is_restored_in_an_empty_file_that_was_read(newline: str | None, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    file = open(tmp_path / "empty", newline=newline)
    assert file.read(1) == file.readline() == ""
    dataset = Holding(file=file)
    arrived = pickle.loads(pickle.dumps(dataset)).file
    (tmp_path / "empty").write_bytes(b"a\rb\r\n")
    assert list(arrived) == list(open(tmp_path / "empty", newline=newline))


def test_the_settings_of_a_file_are_restored(path: Path) -> None:
    file = open(path, encoding="latin-1", errors="backslashreplace", buffering=333)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    for name in ("name", "mode", "encoding", "errors", "line_buffering", "write_through"):
        assert getattr(arrived, name) == getattr(file, name)
    # Which holds the buffer, whose size nothing else tells.
    assert arrived.buffer.__sizeof__() == file.buffer.__sizeof__()
    file = io.TextIOWrapper(open(path, "rb"), "utf-8", line_buffering=True, write_through=True)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.line_buffering and arrived.write_through and not hasattr(arrived, "mode")


def test_a_derived_class_stays_what_it_is(path: Path) -> None:
    file = Lowercase(open(path, "rb"), "utf-8")
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert type(arrived) is Lowercase
    assert arrived.read() == file.read()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "shift_jis", "utf-32", "gb18030", "iso2022_jp"])
def test_a_text_file_of_any_encoding_goes_on_where_it_stood(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("日本語 abc\n" * 3000, encoding=encoding)
    file = open(tmp_path / "text", encoding=encoding)
    file.readline()
    file.read(4)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.read() == file.read()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_a_file_of_codecs_open_keeps_what_it_read_ahead(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("größe abc\n" * 3000, encoding=encoding)
    file = codecs.open(tmp_path / "text", encoding=encoding)
    file.readline()
    file.read(4)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.encoding == encoding
    assert arrived.readline() == file.readline() and arrived.read() == file.read()


def test_a_reader_that_hides_what_it_read_ahead_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("日本語\n" * 300, encoding="shift_jis")
    file = codecs.open(tmp_path / "text", encoding="shift_jis")
    assert len(pickle.loads(pickle.dumps(Holding(file=file))).file.read()) == 1200
    file.readline()
    with pytest.raises(UnsafeHandleError, match=r"Holding.file: .*read ahead.*open\(path, encoding="):
        pickle.dumps(Holding(file=file))


def test_the_layers_of_one_file_stay_one_file(path: Path) -> None:
    file = open(path, encoding="utf-8")
    arrived = pickle.loads(pickle.dumps(Holding(file=file, buffer=file.buffer, raw=file.buffer.raw, same=[file])))
    assert arrived.file.buffer is arrived.buffer and arrived.buffer.raw is arrived.raw
    assert arrived.same[0] is arrived.file


def names(folder: Path) -> Iterator[Any]:
    (folder / "link").symlink_to("größe.txt")
    yield folder / "größe.txt"
    yield str(folder / "größe.txt")
    yield os.fsencode(folder / "größe.txt")
    yield folder / "link"
    yield os.fsencode(folder / "link")


def test_names_keep_their_type_and_symbolic_links_stay(path: Path) -> None:
    for name in names(path.parent):
        file = io.FileIO(name)
        arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
        assert type(arrived.name) is type(file.name) and arrived.name == file.name
        assert arrived.read() == file.read()


def test_a_file_opened_by_its_descriptor_is_found(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.lseek(descriptor, 100, os.SEEK_SET)
    file = os.fdopen(descriptor, "rb")
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert (arrived.name, arrived.tell()) == (str(path), 100)
    assert arrived.read() == file.read()


def change_directory_and_read(folder: str, dataset: Any) -> Any:
    os.chdir(folder)
    return read_the_rest(dataset)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_relative_path_leads_to_the_same_file_from_any_working_directory(
    method: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / path.name).write_text("not this one")
    monkeypatch.chdir(tmp_path)
    dataset = Holding(file=open(path.name, encoding="utf-8", newline=""))
    # The parent has gone elsewhere before the file is dropped, where another one has its name.
    monkeypatch.chdir(tmp_path / "other")
    assert in_worker(method, change_directory_and_read, "/", dataset) == LINES


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere these names are no links")
@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd", "/proc/{}/fd"])
def test_a_file_opened_by_the_name_of_a_descriptor_is_found_where_that_number_is_another(
    folder: str, path: Path
) -> None:
    with open(path, "rb") as first:
        dataset = Holding(file=open(f"{folder.format(os.getpid())}/{first.fileno()}", "rb"))
        assert in_worker("spawn", name_of_file, dataset) == str(path)


def name_of_file(dataset: Any) -> str:
    return str(dataset.file.name)


def test_a_file_that_was_moved_while_it_was_open_is_found(path: Path, tmp_path: Path) -> None:
    file = open(path, "rb")
    path.rename(tmp_path / "moved")
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.name == str(tmp_path / "moved")
    assert arrived.read() == file.read()


def replace(path: Path, content: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(content)
    other.replace(path)


def test_a_file_replaced_while_it_was_open_is_noticed(path: Path) -> None:
    dataset = Holding(file=open(path, "rb"))
    replace(path, b"x" * path.stat().st_size)
    arrived = pickle.loads(pickle.dumps(dataset))
    with pytest.raises(HandleChangedError, match=r"Holding.file: .*größe.txt.* inode .* now it is"):
        arrived.file  # noqa: B018
    unchecked = pickle.loads(pickle.dumps(Unchecked(file=dataset.file)))
    assert unchecked.file.read(3) == b"xxx"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda path: replace(path, b"x" * path.stat().st_size), HandleChangedError),
        (lambda path: path.write_bytes(b"y" * path.stat().st_size), HandleChangedError),
        (lambda path: os.truncate(path, 10), HandleMissingError),
        (lambda path: path.unlink(), HandleMissingError),
    ],
    ids=["replaced", "written to", "truncated", "deleted"],
)
def test_a_file_that_changed_on_the_way_is_noticed_in_the_worker(change: Any, expected: Any, path: Path) -> None:
    os.utime(path, ns=(1, 1))  # a clock too coarse would hide that it was written to
    packed = pickle.dumps(Holding(file=open(path, "rb")))
    change(path)
    with pytest.raises(expected, match=r"Holding.file"):
        in_worker("spawn", unpack_and_read, packed)


def unpack_and_read(packed: bytes) -> Any:
    return read_the_rest(pickle.loads(packed))


def test_a_deleted_file_is_an_error_and_a_forked_worker_still_reads_it(path: Path) -> None:
    dataset = Holding(file=open(path, "rb"))
    path.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding.file: '.*größe.txt' was deleted while it was open"):
        pickle.dumps(dataset)
    if "fork" in START_METHODS:
        assert in_worker("fork", read_the_rest, dataset) == LINES.encode()


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("mode", ["w", "a", "r+", "w+", "a+", "x", "wb", "ab", "r+b", "xb"])
def test_a_file_that_can_write_is_refused_and_keeps_its_content(mode: str, method: str, tmp_path: Path) -> None:
    where = tmp_path / "out"
    if "x" not in mode:
        where.write_text("before ")
    file = open(where, mode)
    file.write("written" if "b" not in mode else b"written")
    with pytest.raises(UnsafeHandleError, match=r"Holding.file: '.*out' is open for writing \(mode '.*'\).*per_worker"):
        in_worker(method, read_the_rest, Holding(file=file))
    file.close()
    assert "written" in where.read_text()


def test_a_pair_of_pipes_is_refused() -> None:
    reading, writing = os.pipe()
    both = io.BufferedRWPair(io.FileIO(reading), io.FileIO(writing, "w"))
    with both, pytest.raises(UnsafeHandleError, match=r"Holding.file: .*open for writing"):
        pickle.dumps(Holding(file=both))


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_pipe_cannot_travel(buffering: int) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=buffering) as file, pytest.raises(NotWorkerSafeError, match=r"pipe.*per_worker"):
        describe(file)
    os.close(writing)


def test_in_the_middle_of_a_loop_over_lines_the_position_cannot_be_told(path: Path) -> None:
    file = open(path, encoding="utf-8")
    for _ in file:
        break
    with pytest.raises(UnsafeHandleError, match=r"Holding.file: .*größe.txt.*`for line in file`.*readline"):
        pickle.dumps(Holding(file=file))
    rest = "".join(file)
    # Once the loop is over, it can.
    assert pickle.loads(pickle.dumps(Holding(file=file))).file.read() == ""
    assert len(rest) > 1000


@pytest.mark.skipif("fork" not in START_METHODS, reason="needs fork")
def test_a_forked_worker_goes_on_in_the_middle_of_a_loop_over_lines(path: Path) -> None:
    file = open(path, encoding="utf-8", newline="\n")
    for _ in file:
        break
    dataset = Holding(file=file)
    in_child = in_workers("fork", 2, lines_left, dataset)
    assert in_child[0] == in_child[1] == lines_left(dataset)


def lines_left(dataset: Any) -> list[str]:
    return list(dataset.file)


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize(
    "opened",
    [
        lambda path: open(path, encoding="utf-8"),
        lambda path: open(path, "rb"),
        lambda path: open(path, "rb", buffering=0),
        lambda path: open(path, "a"),
        lambda path: open(path, "ab"),
        lambda path: open(path, "r+b"),
        lambda path: io.BufferedRWPair(io.FileIO(path), io.FileIO(path, "a")),
    ],
    ids=["text", "buffered", "raw", "writing text", "writing", "both", "pair"],
)
def test_a_closed_file_arrives_closed(opened: Any, method: str, path: Path) -> None:
    file = opened(path)
    file.close()
    kind, is_closed, error = in_worker(method, use_closed, Holding(file=file))
    assert (kind, is_closed, error) == use_closed(Holding(file=file))
    assert is_closed and error is ValueError
    assert path.read_bytes() == LINES.encode()


def use_closed(dataset: Any) -> tuple[Any, ...]:
    try:
        dataset.file.read()
    except (ValueError, io.UnsupportedOperation) as error:
        return type(dataset.file), dataset.file.closed, ValueError if isinstance(error, ValueError) else type(error)
    return ()


def test_closed_files_keep_name_mode_and_encoding(path: Path) -> None:
    for file in (open(path, encoding="latin-1", errors="ignore"), open(path, "rb"), open(path, "rb", buffering=0)):
        file.close()
        arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
        for name in ("name", "mode", "encoding", "errors"):
            assert getattr(arrived, name, None) == getattr(file, name, None)


@pytest.mark.parametrize("method", START_METHODS)
def test_standard_streams_are_those_of_the_process_they_arrive_in(method: str) -> None:
    dataset = Holding(out=sys.stdout, nested=[sys.__stderr__], below=sys.__stdout__.buffer)  # type: ignore[union-attr]
    assert in_worker(method, are_own_streams, dataset)


def are_own_streams(dataset: Any) -> bool:
    return dataset.out is sys.stdout and dataset.nested[0] is sys.__stderr__ and dataset.below is sys.__stdout__.buffer


@pytest.mark.parametrize("method", START_METHODS)
def test_the_null_device_may_be_written_to_in_every_worker(method: str) -> None:
    assert in_worker(method, write_to, Holding(file=open(os.devnull, "w"))) == 5


def write_to(dataset: Any) -> int:
    return int(dataset.file.write("hello"))


@pytest.mark.parametrize("method", START_METHODS)
def test_text_in_memory_travels_by_value(method: str) -> None:
    text = io.TextIOWrapper(io.BytesIO(b"first\nsecond\n"), "ascii")
    text.readline()
    dataset = Holding(file=text, memory=io.BytesIO(b"abc"), string=io.StringIO("abc"))
    assert in_worker(method, read_memory, dataset) == ("second\n", b"abc", "abc")


def read_memory(dataset: Any) -> tuple[Any, ...]:
    return dataset.file.read(), dataset.memory.read(), dataset.string.read()


@pytest.mark.parametrize("method", START_METHODS)
def test_a_temporary_file_outlives_the_workers_that_read_it(method: str) -> None:
    with tempfile.NamedTemporaryFile("rb") as file:
        Path(file.name).write_bytes(b"kept")
        assert in_worker(method, read_and_free, Holding(file=file)) == b"kept"
        assert Path(file.name).read_bytes() == b"kept"


def read_and_free(dataset: Any) -> Any:
    found = dataset.file.read()
    dataset.file.close()
    dataset.__dict__.clear()
    gc.collect()
    return found


def test_a_temporary_file_that_can_write_is_refused() -> None:
    with (
        tempfile.NamedTemporaryFile() as file,
        pytest.raises(UnsafeHandleError, match=r"Holding.file: '/.*' is open for"),
    ):
        pickle.dumps(Holding(file=file))


def test_a_file_takes_few_bytes(path: Path) -> None:
    with open(path, encoding="utf-8") as file:
        assert len(pickle.dumps(Holding(file=file))) < 1000


@pytest.mark.parametrize("way", WAYS)
def test_two_objects_on_one_descriptor_are_refused_by_both_names(way: str, path: Path) -> None:
    file = open(path, "rb")
    other = open(file.fileno(), "rb", closefd=False)
    with pytest.raises(UnsafeHandleError, match=r"Holding\.other: this file and Holding\.file are two .* descriptor"):
        WAYS[way](Holding(file=file, other=other))
    # One alone, and one under two names, may go; so may it once it has moved.
    for _ in range(2):
        arrived = WAYS[way](Holding(other=other, again=other))
        assert arrived.again is arrived.other and arrived.other.read() == file.read()
        file.seek(3)
        other.seek(3)
