"""Log handlers: each process its own, all lines in one file, none lost, none overwritten."""

from __future__ import annotations

import copy
import io
import logging
import logging.handlers
import multiprocessing
import os
import pickle
import queue
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from picklesafe import NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding
from tests.workers import START_METHODS, in_worker, in_workers

LINES = 200


def sent(handler: Any) -> Any:
    return pickle.loads(pickle.dumps(Holding(handler=handler))).handler


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("picklesafe", logging.WARNING, __file__, 1, message, (), None)


def write(dataset: Any, who: str, lines: int = LINES) -> None:
    for number in range(lines):
        dataset.handler.handle(record(f"{who} {number} {'x' * 60}"))


def dressed(handler: logging.Handler) -> logging.Handler:
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(Only("picklesafe"))
    return handler


class Only:
    """A filter that travels."""

    def __init__(self, name: str) -> None:
        self.name = name

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name == self.name


class Shouting(logging.FileHandler):
    """A subclass with another signature."""

    def __init__(self, path: Path, tail: str) -> None:
        super().__init__(path)
        self.tail = tail

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).upper() + self.tail


class Own(logging.handlers.RotatingFileHandler):
    """A subclass that rotates."""


class Collecting(logging.Handler):
    """A handler of another kind."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class TestEveryHandler:
    def test_level_format_filters_and_attributes_are_kept_on_a_new_lock(self) -> None:
        handler = dressed(Collecting())
        handler.set_name("collecting")
        with handler.lock:  # type: ignore[union-attr]
            arrived = sent(handler)
        assert (type(arrived), arrived.level, arrived.name) == (Collecting, logging.WARNING, "collecting")
        assert arrived.lock is not handler.lock
        arrived.handle(record("well"))
        other = record("not ours")
        other.name = "other"
        arrived.handle(other)
        assert arrived.lines == ["WARNING well"]

    def test_a_copy_leaves_the_name_to_the_original(self) -> None:
        handler = Collecting()
        handler.set_name("a name of its own")
        arrived = sent(handler)
        assert arrived.name == handler.name
        assert logging._handlers["a name of its own"] is handler  # type: ignore[attr-defined]

    def test_two_names_for_one_handler_are_one_handler_again(self) -> None:
        handler = logging.StreamHandler()
        arrived = pickle.loads(pickle.dumps(Holding(handler=handler, all=[handler])))
        assert arrived.handler is arrived.all[0]

    def test_a_null_handler_travels(self) -> None:
        sent(logging.NullHandler()).handle(record("nowhere"))

    def test_a_logger_is_the_one_of_that_name(self) -> None:
        logger = logging.getLogger("picklesafe.tests")
        assert sent(logger) is logger


class TestStreams:
    @pytest.mark.parametrize("name", ["stdout", "stderr"])
    def test_a_standard_stream_is_that_of_the_process(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        dumped = pickle.dumps(Holding(handler=dressed(logging.StreamHandler(getattr(sys, name)))))
        elsewhere = io.StringIO()
        monkeypatch.setattr(sys, name, elsewhere)
        pickle.loads(dumped).handler.handle(record("hello"))
        assert elsewhere.getvalue() == "WARNING hello\n"

    def test_a_stream_in_memory_travels_with_its_contents(self) -> None:
        handler = logging.StreamHandler(io.StringIO())
        handler.handle(record("here"))
        arrived = sent(handler)
        arrived.handle(record("there"))
        assert arrived.stream.getvalue() == "here\nthere\n"
        assert handler.stream.getvalue() == "here\n"

    def test_an_open_file_is_refused_with_the_handler_to_use(self, tmp_path: Path) -> None:
        with open(tmp_path / "log.txt", "a") as file:
            dataset = Holding(handler=logging.StreamHandler(file))
            with pytest.raises(UnsafeHandleError, match=r"Holding\.handler: .*log\.txt.*Use logging\.FileHandler"):
                pickle.dumps(dataset)

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_worker_writes_to_its_own_standard_error(self, method: str) -> None:
        assert in_worker(method, has_standard_error, Holding(handler=logging.StreamHandler(sys.__stderr__)))


def has_standard_error(dataset: Any) -> bool:
    return dataset.handler.stream is sys.stderr


class TestFiles:
    @pytest.mark.parametrize("method", START_METHODS)
    @pytest.mark.parametrize("mode", ["a", "w"])
    def test_lines_of_all_processes_stand_whole_in_one_file(self, mode: str, method: str, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        path.write_text("earlier\n")
        dataset = Holding(handler=logging.FileHandler(path, mode=mode))
        write(dataset, "before")
        # In the parent as well, at the same time: a handler that was opened with "w" writes where it stands.
        writing = threading.Thread(target=write, args=(dataset, "meanwhile"))
        writing.start()
        in_workers(method, 2, write, dataset, "worker")
        writing.join()
        write(dataset, "after")
        dataset.handler.close()
        lines = path.read_text().splitlines()
        assert lines[0] == "earlier" if mode == "a" else lines[0].startswith("before 0 ")
        words = [line.split() for line in lines if line != "earlier"]
        assert {len(word) for word in words} == {3}
        for who, times in ("before", 1), ("meanwhile", 1), ("worker", 2), ("after", 1):
            numbers = [int(number) for name, number, _ in words if name == who]
            assert sorted(numbers) == sorted([*range(LINES)] * times)

    def test_it_opens_at_its_first_line_and_appends(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        handler = logging.FileHandler(path, mode="w", encoding="utf-16", errors="replace")
        arrived = sent(handler)
        assert (arrived.mode, arrived.stream, arrived.encoding, arrived.errors) == ("a", None, "utf-16", "replace")
        handler.close()

    def test_one_that_would_empty_the_file_later_is_refused(self, tmp_path: Path) -> None:
        handler = logging.FileHandler(tmp_path / "log.txt", mode="w", delay=True)
        with pytest.raises(UnsafeHandleError, match=r"Holding\.handler: .*log\.txt is emptied.*mode='a'"):
            pickle.dumps(Holding(handler=handler))

    def test_a_subclass_keeps_what_it_does(self, tmp_path: Path) -> None:
        handler = Shouting(tmp_path / "log.txt", "!")
        arrived = sent(handler)
        arrived.handle(record("hello"))
        arrived.close()
        handler.close()
        assert (tmp_path / "log.txt").read_text() == "HELLO!\n"

    def test_a_path_relative_to_another_folder_stays_the_same_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        handler = logging.FileHandler("log.txt")
        dumped = pickle.dumps(Holding(handler=handler))
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        arrived = pickle.loads(dumped).handler
        arrived.handle(record("hello"))
        arrived.close()
        handler.close()
        assert (tmp_path / "log.txt").read_text() == "hello\n"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
    def test_a_forked_child_writes_nothing_that_the_parent_has_begun(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        handler = logging.FileHandler(path)
        handler.stream.write("begun by the parent, ")
        in_worker("fork", write, Holding(handler=handler), "child")
        handler.stream.write("ended by it\n")
        handler.close()
        text = path.read_text()
        assert text.count("begun by the parent, ended by it\n") == text.count("begun") == 1
        assert text.count("child") == LINES


class TestRotation:
    @pytest.mark.parametrize("method", START_METHODS)
    def test_only_the_process_that_opened_it_rotates_and_no_line_is_lost(self, method: str, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=4000, backupCount=100)
        dataset = Holding(handler=handler)
        write(dataset, "before")
        writing = threading.Thread(target=write, args=(dataset, "meanwhile"))
        writing.start()
        in_workers(method, 2, write, dataset, "worker")
        writing.join()
        handler.close()
        lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
        for who, times in ("before", 1), ("meanwhile", 1), ("worker", 2):
            numbers = [int(line.split()[1]) for line in lines if line.startswith(who)]
            assert sorted(numbers) == sorted([*range(LINES)] * times)

    def test_it_follows_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=4000, backupCount=3)
        dressed(handler)
        arrived = sent(handler)
        arrived.handle(record("one"))
        handler.doRollover()
        arrived.handle(record("two"))
        arrived.close()
        handler.close()
        assert [path.read_text(), (tmp_path / "log.txt.1").read_text()] == ["WARNING two\n", "WARNING one\n"]

    def test_by_time_too(self, tmp_path: Path) -> None:
        handler = logging.handlers.TimedRotatingFileHandler(tmp_path / "log.txt", when="s")
        arrived = sent(handler)
        assert type(arrived) is logging.handlers.WatchedFileHandler
        assert arrived.baseFilename == handler.baseFilename
        handler.close()

    def test_one_without_a_limit_never_rotates_and_stays_what_it_is(self, tmp_path: Path) -> None:
        handler = logging.handlers.RotatingFileHandler(tmp_path / "log.txt")
        assert type(sent(handler)) is logging.handlers.RotatingFileHandler
        handler.close()

    def test_a_subclass_is_refused(self, tmp_path: Path) -> None:
        handler = Own(tmp_path / "log.txt", maxBytes=100)
        with pytest.raises(
            UnsafeHandleError, match=r"Holding\.handler: two processes that rotate .*WatchedFileHandler"
        ):
            pickle.dumps(Holding(handler=handler))
        handler.close()


class TestOthers:
    def test_a_memory_handler_arrives_empty_and_writes_to_its_own_target(self, tmp_path: Path) -> None:
        target = logging.FileHandler(tmp_path / "log.txt")
        handler = logging.handlers.MemoryHandler(10, target=target)
        handler.handle(record("collected here"))
        arrived = sent(handler)
        arrived.handle(record("collected there"))
        assert len(arrived.buffer) == 1
        arrived.flush()
        arrived.target.close()
        assert (tmp_path / "log.txt").read_text() == "collected there\n"
        handler.close()
        target.close()

    def test_a_socket_handler_connects_again(self) -> None:
        import socketserver

        received: queue.Queue[bytes] = queue.Queue()

        class Receiver(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                received.put(self.rfile.read())

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver) as server:
            threading.Thread(target=server.serve_forever).start()
            handler = logging.handlers.SocketHandler(*server.server_address)  # type: ignore[arg-type]
            handler.handle(record("here"))
            arrived = sent(handler)
            arrived.handle(record("there"))
            handler.close()
            arrived.close()
            texts = [received.get(timeout=10), received.get(timeout=10)]
            server.shutdown()
        assert sorted(b"there" in text for text in texts) == [False, True]

    def test_a_syslog_handler_connects_again(self, tmp_path: Path) -> None:
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(str(tmp_path / "log"))
            handler = logging.handlers.SysLogHandler(str(tmp_path / "log"), facility="local1")
            arrived = sent(handler)
            arrived.handle(record("there"))
            assert b"there" in server.recv(1000)
            assert arrived.facility == "local1"
            arrived.close()
            handler.close()

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_queue_of_multiprocessing_brings_every_line_home(self, method: str) -> None:
        records = multiprocessing.get_context(method).Queue()
        handler = logging.handlers.QueueHandler(records)
        in_worker(method, write, Holding(handler=handler), "worker", 20, fresh=True)
        assert [records.get(timeout=10).getMessage().split()[1] for _ in range(20)] == [*map(str, range(20))]

    @pytest.mark.parametrize("make", [queue.Queue, queue.SimpleQueue])
    def test_a_queue_that_nobody_would_read_is_refused(self, make: Any) -> None:
        handler = logging.handlers.QueueHandler(make())
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.handler: .*never be read.*multiprocessing\.Queue"):
            pickle.dumps(Holding(handler=handler))

    def test_a_handler_with_thread_locals_and_locks_of_its_own(self) -> None:
        rich = pytest.importorskip("rich.logging")
        console = pytest.importorskip("rich.console").Console(width=100)
        arrived = sent(rich.RichHandler(console=console))
        with arrived.console.capture() as captured:
            arrived.handle(record("hello"))
        assert "hello" in captured.get()

    def test_a_deep_copy_writes_beside_the_original(self, tmp_path: Path) -> None:
        dataset = Holding(handler=logging.FileHandler(tmp_path / "log.txt"))
        copied = copy.deepcopy(dataset)
        for each in dataset, copied, dataset:
            each.handler.handle(record("line"))
        copied.handler.close()
        dataset.handler.close()
        assert (tmp_path / "log.txt").read_text() == "line\n" * 3


class TestLoguru:
    @pytest.fixture
    def logger(self) -> Any:
        loguru = pytest.importorskip("loguru")
        yield loguru.logger
        loguru.logger.remove()
        loguru.logger.add(sys.stderr)

    def test_it_is_the_logger_of_the_process_with_what_was_bound(self, logger: Any) -> None:
        arrived = sent(logger.bind(user="me"))
        assert arrived._core is logger._core
        lines: list[str] = []
        logger.add(lines.append, format="{extra[user]} {message}")
        arrived.info("hello")
        assert lines == ["me hello\n"]

    @pytest.mark.parametrize("method", START_METHODS)
    def test_workers_have_theirs(self, method: str, logger: Any) -> None:
        assert in_worker(method, log_with_loguru, Holding(logger=logger.bind(user="me"))) == ["me hello\n"]

    @pytest.mark.parametrize("method", START_METHODS)
    def test_sinks_that_queue_their_lines_travel_as_ever(self, method: str, logger: Any, tmp_path: Path) -> None:
        logger.remove()
        logger.add(tmp_path / "log.txt", enqueue=True, format="{message}", context=method)
        in_worker(method, log_as_it_is, Holding(logger=logger), fresh=True)
        logger.complete()
        assert (tmp_path / "log.txt").read_text() == "from the worker\n"


def log_with_loguru(dataset: Any) -> list[str]:
    from loguru import logger

    lines: list[str] = []
    logger.remove()
    logger.add(lines.append, format="{extra[user]} {message}")
    dataset.logger.info("hello")
    return [str(line) for line in lines]


def log_as_it_is(dataset: Any) -> None:
    dataset.logger.info("from the worker")
    dataset.logger.complete()
