"""What a forked child makes of inherited handles that several names lead to, or that a resource holds."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandlePool, PickleSafeMixin
from tests.forked import Box, Closed, Dropped, Holder, in_child
from tests.workers import START_METHODS, in_worker

pytestmark = pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
ROOT = Path(__file__).parent.parent


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "data.db")
    connection = sqlite3.connect(path)
    connection.executescript("create table t(a); insert into t values(7);")
    connection.close()
    return path


class TestADormantView:
    """As where `spawn` sent the dataset, its length was asked for, and a loader forks."""

    def test_of_a_connection_that_is_awake(self, database: str) -> None:
        connection = sqlite3.connect(database)
        dataset = pickle.loads(pickle.dumps(Holder(connection=connection, cursor=connection.cursor())))
        parents = dataset.connection

        def use() -> tuple[Any, ...]:
            found = dataset.cursor.execute("select a from t").fetchall()
            return found, dataset.cursor.connection is parents, dataset.cursor.connection is dataset.connection

        assert in_child(use) == ([(7,)], False, True)
        assert dataset.cursor.connection is parents

    def test_of_a_file_that_is_awake(self, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["x"] = range(10)
        file = h5py.File(tmp_path / "data.h5")
        dataset = pickle.loads(pickle.dumps(Holder(file=file, x=file["x"])))
        assert list(dataset.file) == ["x"]
        assert in_worker("fork", read_view, dataset) == 5
        assert dataset.x[5] == 5


def read_view(dataset: Any) -> int:
    return int(dataset.x[5])


class Inner(PickleSafeMixin):
    def __init__(self) -> None:
        self.it = Dropped("x")


class TestAChildOfAChild:
    def test_has_its_own_under_a_name_that_nobody_used_before(self) -> None:
        box = Box(Dropped("x"))
        dataset = Holder(a=box, b=[box])

        def fork_again() -> bool:
            ours = dataset.a.content
            return bool(in_child(lambda: dataset.b[0].content is not ours and dataset.b[0].content.pid == os.getpid()))

        assert in_child(fork_again)

    def test_has_its_own_in_an_object_that_is_looked_after_itself(self) -> None:
        inner = Inner()
        outer = Holder(inner=inner)

        def fork_again() -> bool:
            ours = inner.it
            return bool(in_child(lambda: outer.inner.it is inner.it is not ours))

        assert in_child(fork_again)


LOG = """
import os, sys
from picklesafe import PickleSafeMixin, per_worker

class Log:
    def __init__(self):
        self.file = open(sys.argv[1], "w")

class Dataset(PickleSafeMixin):
    @per_worker
    def log(self):
        return {made}

dataset = Dataset()
{file}.write("the parent's\\n")
if os.fork() == 0:
    sys.exit(0)
os.wait()
{file}.close()
"""


@pytest.mark.parametrize(
    ("made", "file"),
    [("Log()", "dataset.log.file"), ("(Log().file, 1)", "dataset.log[0]"), ("Log().file", "dataset.log")],
)
def test_what_a_resource_holds_is_not_written_by_a_child_that_ends(made: str, file: str, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    script = LOG.format(made=made, file=file)
    subprocess.run([sys.executable, "-c", script, str(log)], check=True, cwd=ROOT)
    assert log.read_text() == "the parent's\n"


class Staged(Closed):
    """Works on a copy, which is removed when it is closed."""

    def close(self) -> None:
        super().close()
        os.unlink(self.name)


class TestAChildClosesWhatItInherits:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        (tmp_path / "copy").write_text("it")
        return tmp_path / "copy"

    def test_as_its_library_does_and_no_subclass(self, copy: Path) -> None:
        dataset = Holder(it=Staged(str(copy)))
        inherited = dataset.it
        assert in_child(lambda: (dataset.it is not inherited, len(inherited.closed_by))) == (True, 1)
        assert copy.exists()

    def test_of_a_pool_too(self, copy: Path) -> None:
        pool: HandlePool[Any] = HandlePool(Staged)
        with pool[str(copy)] as inherited:
            pass

        def use() -> int:
            with pool[str(copy)]:
                return len(inherited.closed_by)

        assert in_child(use) == 1
        assert copy.exists()


class TestWhatLooksAfterItself:
    def test_the_handlers_of_a_logger_stay_in_place(self, tmp_path: Path) -> None:
        stream = open(tmp_path / "log.txt", "w")
        handler = logging.StreamHandler(stream)
        logger = logging.getLogger("picklesafe.test_inherited")
        logger.addHandler(handler)
        try:
            dataset = Holder(logger=logger)
            assert in_child(lambda: dataset.logger.handlers == [handler] and handler.stream is stream)
        finally:
            logger.removeHandler(handler)

    def test_a_queue_of_multiprocessing_stays_in_place(self) -> None:
        context = multiprocessing.get_context("fork")
        dataset, queue = Holder(queue=context.Queue()), context.Queue()
        dataset.queue.put("from the parent")

        def put(dataset: Any, answers: Any) -> None:
            answers.put("begun")
            inner = vars(dataset)["queue"]
            before = inner._notempty
            answers.put(dataset.queue._notempty is before)

        process = context.Process(target=put, args=(dataset, queue))
        process.start()
        assert [queue.get(timeout=30), queue.get(timeout=30)] == ["begun", True]
        process.join()

    def test_a_lock_that_nobody_holds_stays_what_others_know(self) -> None:
        lock, event = threading.Lock(), threading.Event()
        dataset = Holder(box=Box([lock, event]), lock=lock)

        def same() -> bool:
            event.set()
            return dataset.lock is lock and dataset.box.content[0] is lock and dataset.box.content[1].is_set()

        assert in_child(same)
