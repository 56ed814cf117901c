"""fsspec files, local, in memory, compressed and over HTTP, in workers."""

from __future__ import annotations

import copy
import gzip
import http.server
import pickle
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_workers

fsspec = pytest.importorskip("fsspec")

DATA = bytes(range(256)) * 1000
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}


class Ranges(http.server.BaseHTTPRequestHandler):
    """A server of one file that gives parts of it."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2] or len(DATA) - 1)) if asked else (0, len(DATA) - 1)
        part = DATA[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(DATA)}")
        self.end_headers()
        if with_body:
            self.wfile.write(part)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args: Any) -> None:
        """A worker that ends leaves its connection open; that is no error."""


@pytest.fixture
def url() -> Iterator[str]:
    pytest.importorskip("aiohttp")
    with Server(("127.0.0.1", 0), Ranges) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/data.bin"
        server.shutdown()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "größe.bin"
    where.write_bytes(DATA)
    return where


def opened(kind: str, path: Path) -> Any:
    if kind == "memory":
        fsspec.filesystem("memory").pipe("/größe.bin", DATA)
        return fsspec.open("memory://größe.bin").open()
    if kind == "gzip":
        with gzip.open(path.with_suffix(".gz"), "wb") as file:
            file.write(DATA)
        return fsspec.open(f"file://{path.with_suffix('.gz')}", compression="gzip").open()
    if kind == "text":
        return fsspec.open(str(path), "rt", encoding="latin-1", newline="").open()
    if kind == "zip":
        with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("member", DATA)
        later = fsspec.open(f"zip://member::file://{path.with_suffix('.zip')}")
        KEPT.append(later)
        return later.open()
    return fsspec.open(f"file://{path}").open()


KEPT: list[Any] = []
"""fsspec closes an archive with the last that knows of it, though members of it are open."""


def read_all_over(dataset: Any) -> list[Any]:
    found = []
    for place in (200_000, 0, 77, 100_001, 255_990):
        dataset.file.seek(place)
        found.append(dataset.file.read(20))
    return found


def read_the_rest(dataset: Any) -> Any:
    return dataset.file.read()


KINDS = ["file", "memory", "gzip", "text", "zip"]


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_read_in_the_parent_reads_the_same_in_every_worker(kind: str, method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_all_over, Holding(file=opened(kind, path)))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_workers_go_on_where_the_parent_stands_and_leave_it_there(kind: str, method: str, path: Path) -> None:
    dataset = Holding(file=opened(kind, path))
    dataset.file.read(1234)
    rest = in_workers(method, 2, read_the_rest, dataset)
    expected = read_the_rest(dataset)
    assert rest == [expected, expected] and len(expected) == len(DATA) - 1234


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_over_http_reads_the_same_in_every_worker(method: str, url: str) -> None:
    file = fsspec.open(url, block_size=1000).open()
    file.read(1234)
    dataset = Holding(file=file)
    assert in_workers(method, 2, read_the_rest, dataset) == [DATA[1234:], DATA[1234:]]
    reads_the_same_in_workers(method, read_all_over, dataset)
    arrived = pickle.loads(pickle.dumps(dataset)).file
    assert (arrived.blocksize, arrived.cache.name) == (file.blocksize, file.cache.name)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_system_over_http_works_in_every_worker(method: str, url: str) -> None:
    system = fsspec.filesystem("http", block_size=5_000)
    dataset = Holding(system=system, url=url, later=fsspec.open(url), mapper=system.get_mapper(url[:-9]))
    reads_the_same_in_workers(method, read_by_system, dataset)


def read_by_system(dataset: Any) -> Any:
    with dataset.later as file:
        return dataset.system.cat_file(dataset.url, 10, 20), file.read(100), dataset.mapper["data.bin"][:10]


def test_a_cached_file_is_a_local_one(url: str) -> None:
    file = fsspec.open(f"simplecache::{url}").open()
    file.read(10)
    assert pickle.loads(pickle.dumps(Holding(file=file))).file.read() == DATA[10:]


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_has_a_position_of_its_own(way: str, path: Path) -> None:
    dataset = Holding(file=opened("file", path))
    dataset.file.read(1000)
    arrived = WAYS[way](dataset)
    assert arrived.file.tell() == 1000
    assert read_the_rest(arrived) == read_the_rest(dataset) == DATA[1000:]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_that_is_not_open_yet_travels_as_ever(method: str, path: Path) -> None:
    later = fsspec.open(f"file://{path}")
    reads_the_same_in_workers(method, read_later, Holding(later=later))


def read_later(dataset: Any) -> Any:
    with dataset.later as file:
        return file.read()


def test_an_opened_file_keeps_what_fsspec_knows_of_it(path: Path) -> None:
    file = opened("file", path)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    for name in ("path", "mode", "size", "blocksize", "compression", "fs", "name"):
        assert getattr(arrived, name) == getattr(file, name)
    assert arrived.f.size == len(DATA)


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("mode", ["wb", "ab", "r+b", "wt"])
def test_a_file_that_can_write_is_refused_and_keeps_its_content(mode: str, method: str, tmp_path: Path) -> None:
    where = tmp_path / "out"
    where.write_bytes(b"before ")
    file = fsspec.open(str(where), mode).open()
    file.write("written" if mode == "wt" else b"written")
    with pytest.raises(UnsafeHandleError, match=r"Holding.file: '.*out' is open for writing \(mode '.*'\)"):
        in_workers(method, 1, read_the_rest, Holding(file=file))
    file.close()
    assert where.read_bytes().endswith(b"written")


@pytest.mark.parametrize("kind", ["file", "http"])
def test_a_closed_file_arrives_closed(kind: str, path: Path, url: str) -> None:
    file = opened("file", path) if kind == "file" else fsspec.open(url).open()
    file.close()
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert arrived.closed and arrived.path == file.path
    with pytest.raises(ValueError, match="closed file"):
        arrived.read()


def test_a_file_that_changed_is_noticed(path: Path) -> None:
    dataset = Holding(file=opened("file", path))
    path.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding.file: '.*größe.bin' was deleted"):
        pickle.dumps(dataset)
    path.write_bytes(DATA)
    with pytest.raises(HandleChangedError, match=r"Holding.file: .*größe.bin"):
        pickle.loads(pickle.dumps(dataset)).file  # noqa: B018


def test_a_server_that_is_gone_is_said_so(url: str) -> None:
    packed = pickle.dumps(Holding(file=fsspec.open(url).open()))
    gone = packed.replace(url.encode(), url.replace("data", "date").replace("127.0.0.1", "127.0.0.2").encode())
    with pytest.raises(HandleMissingError, match=r"Holding.file: can't be opened again"):
        pickle.loads(gone).file  # noqa: B018
