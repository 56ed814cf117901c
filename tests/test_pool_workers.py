"""HandlePool in workers and forked children: each opens its own handles, and leaves alone what it inherits."""

from __future__ import annotations

import copy
import functools
import gc
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandlePool, UnsafeHandleError, open_handles
from tests.forked import in_child
from tests.handles.holding import open_on
from tests.shards import (
    ROWS,
    SHARDS,
    Handle,
    Labelled,
    SafeShards,
    Shards,
    all_rows,
    returns_nothing,
    shard_paths,
    write_shards,
)
from tests.workers import START_METHODS, in_worker, in_workers


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """A handle that couldn't be closed is warned about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shards(tmp_path)


class TestWorkers:
    @pytest.mark.parametrize("method", START_METHODS)
    @pytest.mark.parametrize("cls", [Shards, SafeShards])
    def test_shards_touched_in_the_parent_read_the_same_in_every_worker(
        self, cls: Any, method: str, folder: Path
    ) -> None:
        dataset = cls(folder)
        expected = all_rows(dataset)
        assert expected == list(range(SHARDS * ROWS))
        with dataset.pool[dataset.paths[0]] as held:
            assert in_workers(method, 2, all_rows, dataset) == [expected, expected]
            assert held.row(1) == SHARDS
        assert all_rows(dataset) == expected

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_worker_starts_with_none_open(self, method: str, folder: Path) -> None:
        dataset = Shards(folder)
        all_rows(dataset)
        assert len(dataset.pool) == 3
        assert in_worker(method, _open_now, dataset) == (0, [], 3)
        assert len(dataset.pool) == 3

    @pytest.mark.parametrize("method", START_METHODS)
    def test_every_loader_reads_the_same(self, method: str, folder: Path) -> None:
        data = pytest.importorskip("torch.utils.data")
        dataset = Shards(folder)
        expected = all_rows(dataset)
        loader = data.DataLoader(
            dataset, num_workers=2, batch_size=None, multiprocessing_context=method, persistent_workers=True
        )
        assert list(loader) == expected
        assert list(loader) == expected
        assert all_rows(dataset) == expected

    def test_it_is_small_on_its_way_however_much_is_open(self, folder: Path) -> None:
        pool: HandlePool[Handle] = HandlePool(Handle)
        before = len(pickle.dumps(pool))
        for path in shard_paths(folder):
            with pool[path]:
                pass
        assert len(pickle.dumps(pool)) == before <= 200

    def test_its_settings_and_a_subclass_travel(self) -> None:
        opener = functools.partial(open, mode="rb")
        pool = pickle.loads(pickle.dumps(HandlePool(opener, maxsize=7, close=returns_nothing)))
        assert (pool.maxsize, pool.closer, pool.opener.keywords) == (7, returns_nothing, {"mode": "rb"})
        labelled = pickle.loads(pickle.dumps(Labelled("train")))
        assert (type(labelled), labelled.label, labelled.maxsize) == (Labelled, "train", 2)

    def test_a_copy_opens_handles_of_its_own(self, folder: Path) -> None:
        pool: HandlePool[Handle] = HandlePool(Handle)
        path = shard_paths(folder)[0]
        for copied in (copy.copy(pool), copy.deepcopy(pool), pickle.loads(pickle.dumps(pool))):
            with pool[path] as ours, copied[path] as theirs:
                assert ours is not theirs


def _open_now(dataset: Shards) -> tuple[int, list[str], int]:
    before = len(dataset.pool)
    there = [path for path in dataset.paths if path in dataset.pool]
    all_rows(dataset)
    return before, there, len(dataset.pool)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestFork:
    def test_a_child_leaves_alone_what_it_inherits_also_at_its_end(self, folder: Path) -> None:
        # sys.exit, not os._exit: the interpreter's whole end is run through.
        script = """
            import os, sys
            from picklesafe import HandlePool
            class Handle:
                def __init__(self, path): self.process = os.getpid()
                def close(self): print("closed here" if self.process == os.getpid() else "CLOSED INHERITED", flush=True)
                def __del__(self): print("freed here" if self.process == os.getpid() else "FREED INHERITED", flush=True)
            pool = HandlePool(Handle)
            with pool["a"]: pass
            if os.fork() == 0:
                with pool["a"]: pass
                pool.clear()
                with pool["a"]: pass
                sys.exit()
            os.wait()
            print("parent", flush=True)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
        )
        assert done.stderr == ""
        assert done.stdout.split("\n") == [
            *["closed here", "freed here"] * 2,
            "parent",
            "closed here",
            "freed here",
            "",
        ]

    def test_a_block_that_was_begun_before_the_fork_may_end_in_the_child(self, folder: Path) -> None:
        dataset = Shards(folder, maxsize=1)
        with dataset.pool[dataset.paths[0]] as handle:
            handle.row(0)
            child = os.fork()
            if child == 0:
                try:
                    right = all_rows(dataset) == list(range(SHARDS * ROWS))
                except BaseException:
                    right = False
            else:
                _, status = os.waitpid(child, 0)
        if child == 0:
            os._exit(0 if right and len(dataset.pool) == 1 else 1)
        assert status == 0
        assert handle.row(1) == SHARDS

    def test_a_lock_that_another_thread_holds_at_the_fork_does_not_hang_the_child(self, folder: Path) -> None:
        dataset = Shards(folder)
        all_rows(dataset)
        # A pool of another test, collected during the fork, would wait for the lock as well.
        gc.collect()
        held, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with open_handles.here.lock:
                held.set()
                leave.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(10)
        try:
            assert in_worker("fork", all_rows, dataset) == list(range(SHARDS * ROWS))
        finally:
            leave.set()
            holder.join()

    def test_a_fork_while_another_thread_opens_leaves_the_child_free_to_open_it(self, folder: Path) -> None:
        opening, leave = threading.Event(), threading.Event()
        parent = os.getpid()

        def slow(path: str) -> Handle:
            if os.getpid() == parent:
                opening.set()
                leave.wait(30)
            return Handle(path)

        dataset = Shards(folder, maxsize=1)
        dataset.pool = HandlePool(slow, maxsize=1)
        opener = threading.Thread(target=lambda: dataset[0])
        opener.start()
        opening.wait(10)
        try:
            assert in_worker("fork", all_rows, dataset) == list(range(SHARDS * ROWS))
        finally:
            leave.set()
            opener.join()
        assert len(dataset.pool) == 1

    def test_a_fork_in_a_fork(self, folder: Path) -> None:
        dataset = Shards(folder)
        expected = all_rows(dataset)
        assert in_worker("fork", _in_grandchild, dataset) == expected
        assert all_rows(dataset) == expected

    def test_a_database_that_opens_once_a_process_opens_in_the_child(self, tmp_path: Path) -> None:
        lmdb = pytest.importorskip("lmdb")
        path = str(tmp_path / "data.lmdb")
        with lmdb.open(path) as environment, environment.begin(write=True) as transaction:
            transaction.put(b"key", b"value")
        pool: HandlePool[Any] = HandlePool(_open_lmdb)
        with pool[path] as environment, environment.begin() as transaction:
            # The parent's reader stays in the table that the children share, whatever they close.
            assert in_workers("fork", 2, _look_up_often, pool, path) == [b"value", b"value"]
            assert in_worker("fork", _look_up_in_grandchild, pool, path) == b"value"
            assert transaction.get(b"key") == b"value"
        assert _look_up(pool, path) == b"value"

    def test_a_database_in_a_transaction_at_the_fork_is_refused_in_the_child(self, tmp_path: Path) -> None:
        sqlite3 = pytest.importorskip("sqlite3")
        pool: HandlePool[Any] = HandlePool(sqlite3.connect)
        with pool[tmp_path / "data.sqlite"] as connection:
            connection.execute("CREATE TABLE numbers (number)")
            connection.commit()
            connection.execute("INSERT INTO numbers VALUES (1)")
            with pytest.raises(UnsafeHandleError, match="transaction"):
                in_worker("fork", _count, pool, tmp_path / "data.sqlite")
            connection.commit()
            assert in_worker("fork", _count, pool, tmp_path / "data.sqlite") == 1

    def test_a_pool_that_is_collected_during_a_fork_closes_nothing_that_is_being_looked_at(
        self, tmp_path: Path
    ) -> None:
        sqlite3 = pytest.importorskip("sqlite3")
        done: list[str] = []

        def close(connection: Any) -> None:
            done.append("closed")
            connection.close()

        def collect(statement: str) -> None:
            # Called by SQLite in the middle of a statement; to close the connection then crashes the process.
            done.append(statement)
            gc.collect(0)

        gc.disable()  # so that the pool stays young until the callback collects it
        try:
            pool: Any = HandlePool(sqlite3.connect, close=close)
            with pool[tmp_path / "data.sqlite"] as connection:
                connection.set_trace_callback(collect)
            cycle = [pool]
            cycle.append(cycle)
            del pool, connection, cycle
            assert in_child(int) == 0
        finally:
            gc.enable()
        gc.collect()
        assert len(done) > 10
        assert done.index("closed") == len(done) - 1

    def test_a_handle_that_another_thread_closes_during_a_fork_is_closed_after_the_look_at_it(
        self, tmp_path: Path
    ) -> None:
        sqlite3 = pytest.importorskip("sqlite3")
        pool: HandlePool[Any] = HandlePool(sqlite3.connect)
        open_meanwhile: list[int] = []

        def clear(statement: str) -> None:
            thread = threading.Thread(target=pool.clear)
            thread.start()
            thread.join()
            open_meanwhile.append(len(pool))

        with pool[tmp_path / "data.sqlite"] as connection:
            connection.set_trace_callback(clear)
        del connection
        assert in_child(int) == 0
        assert set(open_meanwhile) == {1}
        assert len(pool) == 0

    def test_a_child_opens_an_hdf5_file_with_a_descriptor_of_its_own(self, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py")
        path = str(tmp_path / "data.h5")
        with h5py.File(path, "w") as file:
            file["x"] = [1, 2, 3]
        pool: HandlePool[Any] = HandlePool(h5py.File)
        assert _sum(pool, path) == 6
        assert in_workers("fork", 2, _sum_and_close, pool, path) == [(6, []), (6, [])]
        assert _sum(pool, path) == 6


def _in_grandchild(dataset: Shards) -> list[int]:
    # Not another process of multiprocessing: workers may not have children.
    all_rows(dataset)
    child = os.fork()
    if child == 0:
        os._exit(0 if all_rows(dataset) == list(range(SHARDS * ROWS)) else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    return all_rows(dataset)


def test_a_child_forked_inside_a_block_uses_the_handle_of_the_block_and_the_pool(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = str(tmp_path / "data.h5")
    with h5py.File(path, "w") as file:
        file["x"] = list(range(10))
    pool: HandlePool[Any] = HandlePool(h5py.File)

    def read(outer: Any) -> tuple[int, int]:
        with pool[path] as inner:
            found = int(inner["x"][3])
        pool.clear()
        return found, int(outer["x"][4])

    with pool[path] as outer:
        assert in_child(read, outer) == (3, 4)
        assert outer["x"][5] == 5


def _open_lmdb(path: str) -> Any:
    import lmdb

    return lmdb.open(path, readonly=True)


def _look_up(pool: Any, path: str) -> bytes:
    with pool[path] as environment, environment.begin() as transaction:
        return bytes(transaction.get(b"key"))


def _look_up_often(pool: Any, path: str) -> bytes:
    _look_up(pool, path)
    pool.clear()
    return _look_up(pool, path)


def _look_up_in_grandchild(pool: Any, path: str) -> bytes:
    # The child between hasn't touched it.
    child = os.fork()
    if child == 0:
        os._exit(0 if _look_up_often(pool, path) == b"value" else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    return _look_up(pool, path)


def _sum_and_close(pool: Any, path: str) -> tuple[int, list[int]]:
    total = _sum(pool, path)
    pool.clear()
    # What is still open on the file would be the parent's, which the library had given back.
    return total, open_on(path)


def _count(pool: Any, path: Path) -> int:
    with pool[path] as connection:
        return int(connection.execute("SELECT count(*) FROM numbers").fetchone()[0])


def _sum(pool: Any, path: str) -> int:
    with pool[path] as file:
        return int(file["x"][:].sum())
