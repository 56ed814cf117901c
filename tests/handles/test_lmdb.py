"""LMDB environments, transactions and databases in workers."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from picklesafe import (
    HandleMissingError,
    HandlePool,
    NotWorkerSafeError,
    PickleSafeMixin,
    UnsafeHandleError,
    per_worker,
)
from picklesafe.handles.lmdb import _search
from picklesafe.handles.registry import describe
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker, in_workers

lmdb = pytest.importorskip("lmdb")

LINUX_FORKS = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says what is mapped")
ARRIVE = {
    "pickled": lambda it: pickle.loads(pickle.dumps(it)),
    "copied": copy.copy,
    "deep": copy.deepcopy,
}


def write(path: Path, first: int = 0, **settings: Any) -> Path:
    with lmdb.open(str(path), map_size=10 << 20, max_dbs=4, **settings) as env:
        for name in (None, b"words", b"ages"):
            table = env.open_db(name)
            with env.begin(write=True) as txn:
                for number in range(1000):
                    txn.put(b"%05d" % number, b"%s %d" % (name or b"main", first + number), db=table)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "größe")


def keys() -> list[bytes]:
    return [b"%05d" % number for number in range(0, 1000, 7)]


def read(dataset: Any) -> list[bytes]:
    with dataset.env.begin() as txn:
        return [txn.get(key) for key in keys()]


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("settings", [{}, {"readonly": True}, {"lock": False, "readonly": True}], ids=str)
def test_an_environment_touched_in_the_parent_reads_the_same_in_every_worker(
    settings: dict[str, Any], method: str, path: Path
) -> None:
    reads_the_same_in_workers(method, read, Holding(env=lmdb.open(str(path), **settings)))


@pytest.mark.parametrize("method", START_METHODS)
def test_an_environment_in_one_file_reads_the_same_in_every_worker(method: str, tmp_path: Path) -> None:
    file = write(tmp_path / "data.lmdb", subdir=False)
    reads_the_same_in_workers(method, read, Holding(env=lmdb.open(str(file), subdir=False, readonly=True)))


def read_parts(dataset: Any) -> list[Any]:
    found: list[Any] = [type(dataset.viewing.get(b"00007")).__name__]
    for key in keys():
        found += [dataset.txn.get(key), dataset.txn.get(key, db=dataset.ages), bytes(dataset.viewing.get(key))]
    return found


@pytest.mark.parametrize("method", START_METHODS)
def test_transactions_and_databases_follow_their_environment(method: str, path: Path, tmp_path: Path) -> None:
    env = lmdb.open(str(path), readonly=True, max_dbs=2)
    other = lmdb.open(str(write(tmp_path / "other", 5000)), readonly=True)
    words, ages = env.open_db(b"words"), env.open_db(b"ages")
    dataset = Holding(txn=env.begin(), ages=ages, viewing=env.begin(db=words, buffers=True))
    # Described after what follows it, and found all the same.
    dataset.other, dataset.env = other, env
    reads_the_same_in_workers(method, read_parts, dataset)


def test_a_transaction_whose_environment_nobody_holds_is_an_error(path: Path) -> None:
    txn = lmdb.open(str(path), readonly=True).begin()
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.txn: .*attribute beside it"):
        pickle.dumps(Holding(txn=txn))


@pytest.mark.parametrize("arrive", ARRIVE.values(), ids=ARRIVE)
def test_a_copy_in_the_same_process_is_handed_the_environment_that_is_open(
    arrive: Callable[[Any], Any], path: Path
) -> None:
    dataset = Holding(env=lmdb.open(str(path)), path=path)
    arrived = arrive(dataset)
    assert arrived.env is dataset.env
    assert read(arrived) == read(dataset)


def test_after_the_original_is_closed_a_copy_opens_its_own(path: Path) -> None:
    dataset = Holding(env=lmdb.open(str(path)))
    packed = pickle.dumps(dataset)
    dataset.env.close()
    arrived = pickle.loads(packed)
    assert arrived.env is not dataset.env
    assert read(arrived)[1] == b"main 7"


def test_copies_that_threads_open_at_once_are_handed_one_environment(path: Path) -> None:
    packed = pickle.dumps(Holding(env=lmdb.open(str(path))))
    start = threading.Barrier(8)

    def arrive(_: int) -> Any:
        arrived = pickle.loads(packed)
        start.wait()
        return arrived.env

    with ThreadPoolExecutor(8) as threads:
        assert len({id(env) for env in threads.map(arrive, range(8))}) == 1


@pytest.mark.parametrize("method", START_METHODS)
def test_flags_and_sizes_are_restored(method: str, path: Path) -> None:
    settings = {"readahead": False, "meminit": False, "max_readers": 33, "map_size": 12 << 20, "sync": False}
    reads_the_same_in_workers(method, settings_of, Holding(env=lmdb.open(str(path), **settings)))


def settings_of(dataset: Any) -> Any:
    info = dataset.env.info()
    return dataset.env.flags(), info["map_size"], info["max_readers"]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_worker_writes_and_opens_new_databases(method: str, path: Path) -> None:
    dataset = Holding(env=lmdb.open(str(path), max_dbs=4))
    assert read(dataset)[1] == b"main 7"
    assert in_worker(method, add, dataset) == b"1"
    with dataset.env.begin() as txn:
        assert txn.get(b"added", db=dataset.env.open_db(b"new", txn=txn)) == b"1"


def add(dataset: Any) -> Any:
    table = dataset.env.open_db(b"new")
    with dataset.env.begin(write=True) as txn:
        txn.put(b"added", b"1", db=table)
    with dataset.env.begin() as txn:
        return txn.get(b"added", db=table)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_relative_path_means_the_environment_that_was_opened_by_it(
    method: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that no environment of another test has, which may still be open.
    path = path.rename(tmp_path / f"for {method}")
    monkeypatch.chdir(tmp_path)
    dataset = Holding(env=lmdb.open(path.name, readonly=True))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(Path(path.name), 5000)
    reads_the_same_in_workers(method, read, dataset)


def test_an_item_that_looks_like_a_database_is_none(tmp_path: Path) -> None:
    env = lmdb.open(str(tmp_path / "lookalike"), max_dbs=2)
    env.open_db(b"real")
    with env.begin(write=True) as txn:
        txn.put(b"lookalike", b"x" * 48)
    assert describe(env).args[1] == [b"real"]
    env.open_db(b"there is room still")


def test_an_environment_that_is_gone_is_not_made_anew(path: Path, tmp_path: Path) -> None:
    packed = pickle.dumps(Holding(env=lmdb.open(str(path))))
    path.rename(tmp_path / "moved")
    with pytest.raises(HandleMissingError, match=r"Holding\.env"):
        read(pickle.loads(packed))
    assert not path.exists()


def test_a_write_transaction_is_refused(path: Path) -> None:
    env = lmdb.open(str(path))
    with env.begin(write=True) as txn:
        with pytest.raises(UnsafeHandleError, match=r"Holding\.txn: .*write transaction.*Commit or abort"):
            pickle.dumps(Holding(env=env, txn=txn))
        txn.put(b"still", b"fine")
    assert env.begin().get(b"still") == b"fine"


def test_a_cursor_is_an_error_that_says_what_to_do(path: Path) -> None:
    env = lmdb.open(str(path))
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.cursor: .*env\.begin"):
        pickle.dumps(Holding(env=env, cursor=env.begin().cursor()))


def test_two_databases_that_are_alike_are_an_error(tmp_path: Path) -> None:
    env = lmdb.open(str(tmp_path / "alike"), max_dbs=3)
    one, _, large = env.open_db(b"one"), env.open_db(b"other"), env.open_db(b"large")
    with env.begin(write=True) as txn:
        txn.put(b"key", b"value", db=large)
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.one: .*as large: 'one', 'other'.*per_worker"):
        pickle.dumps(Holding(env=env, one=one))
    pickle.dumps(Holding(env=env, large=large))


def test_a_database_as_large_as_the_main_one_is_told_from_it(tmp_path: Path) -> None:
    env = lmdb.open(str(tmp_path / "small"), max_dbs=1)
    table = env.open_db(b"only")
    with env.begin(write=True) as txn:
        txn.put(b"key", b"value", db=table)
        assert txn.stat(table) == txn.stat()
    dataset = Holding(env=env, table=table, main=env.open_db(), txn=env.begin(db=table))
    assert in_worker("spawn", read_small, dataset) == (b"value", None, b"value")


def read_small(dataset: Any) -> Any:
    with dataset.env.begin() as txn:
        return txn.get(b"key", db=dataset.table), txn.get(b"key", db=dataset.main), dataset.txn.get(b"key")


@LINUX_FORKS
class TestForked:
    @pytest.mark.parametrize("readonly", [True, False])
    def test_a_child_leaves_the_parents_readers_in_their_table(self, readonly: bool, path: Path) -> None:
        env = lmdb.open(str(path), readonly=readonly, max_spare_txns=1)
        reading = env.begin()
        read(Holding(env=env))
        before = env.readers()
        assert str(os.getpid()) in before
        assert in_workers("fork", 2, read, Holding(env=env)) == [read(Holding(env=env))] * 2
        assert readers_of(env, os.getpid()) == readers_of(before, os.getpid())
        assert reading.get(b"00007") == b"main 7" and read(Holding(env=env))[1] == b"main 7"

    def test_without_picklesafe_closing_takes_the_parents_readers_out(self, path: Path) -> None:
        # What the test above is about, so that it can fail.
        env = lmdb.open(str(path), readonly=True)
        _reading = env.begin()
        assert readers_of(env, os.getpid())
        in_worker("fork", lmdb.Environment.close, env)
        assert not readers_of(env, os.getpid())

    def test_a_child_has_a_reader_of_its_own(self, path: Path) -> None:
        dataset = Holding(env=lmdb.open(str(path), readonly=True))
        inherited["env"] = dataset.env
        read(dataset)
        assert in_worker("fork", look_at_inherited, dataset) == (False, True)

    @pytest.mark.parametrize("by", ["this thread", "another thread"])
    def test_a_child_forked_in_a_write_transaction_gets_an_error_and_the_parent_commits(
        self, by: str, path: Path
    ) -> None:
        dataset = Holding(env=lmdb.open(str(path)))
        begun, end = threading.Event(), threading.Event()

        def write_slowly() -> None:
            with dataset.env.begin(write=True) as txn:
                txn.put(b"00007", b"changed")
                begun.set()
                end.wait(30)

        def fork() -> None:
            begun.wait(30)
            with pytest.raises(UnsafeHandleError, match=r"Holding\.env: .*forked while.*write transaction"):
                in_worker("fork", read, dataset)
            assert not can_write(path)

        if by == "this thread":
            with dataset.env.begin(write=True) as txn:
                txn.put(b"00007", b"changed")
                begun.set()
                fork()
        else:
            writing = threading.Thread(target=write_slowly)
            writing.start()
            fork()
            end.set()
            writing.join()
        assert read(dataset)[1] == b"changed"
        assert can_write(path)
        assert in_worker("fork", read, dataset)[1] == b"changed"

    def test_what_a_method_opened_in_the_parent_it_opens_again_in_a_child(self, path: Path) -> None:
        dataset = OpensByItself(path)
        reading = dataset.env.begin()
        expected = read(dataset)
        assert in_workers("fork", 2, read, dataset) == [expected, expected]
        assert readers_of(dataset.env, os.getpid()) and reading.get(b"00007") == b"main 7"

    def test_a_pool_leaves_the_parents_readers_in_their_table(self, path: Path) -> None:
        pool = HandlePool("lmdb.open", maxsize=2)
        with pool[str(path)] as env:
            reading = env.begin()
            assert in_worker("fork", read_from_pool, pool, str(path)) == b"main 7"
            assert readers_of(env, os.getpid()) and reading.get(b"00007") == b"main 7"

    def test_a_fork_in_a_fork_reads_the_same(self, path: Path) -> None:
        dataset = Holding(env=lmdb.open(str(path)))
        assert in_worker("fork", read_in_a_fork, dataset) == read(dataset)


inherited: dict[str, Any] = {}


class OpensByItself(PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.path = path

    @per_worker
    def env(self) -> Any:
        return lmdb.open(str(self.path), readonly=True)


def read_from_pool(pool: Any, path: str) -> Any:
    with pool[path] as env, env.begin() as txn:
        return txn.get(b"00007")


def readers_of(env: Any, process: int) -> list[str]:
    table = env if isinstance(env, str) else env.readers()
    return [line for line in table.splitlines() if line.split()[:1] == [str(process)]]


def look_at_inherited(dataset: Any) -> tuple[Any, ...]:
    txn = dataset.env.begin()
    assert txn.get(b"00007") == b"main 7"
    return dataset.env is inherited["env"], bool(readers_of(dataset.env, os.getpid()))


def read_in_a_fork(dataset: Any) -> Any:
    read(dataset)
    child, end = os.pipe()
    if os.fork() == 0:
        os.write(end, pickle.dumps(read(dataset)))
        os._exit(0)
    os.wait()
    return pickle.loads(os.read(child, 1 << 20))


def can_write(path: Path) -> bool:
    """Whether another process gets the lock of writers."""
    script = f"import lmdb, signal; signal.alarm(2); lmdb.open({str(path)!r}).begin(write=True)"
    return subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


class Deprecated:
    """As torch has some: it warns whenever somebody asks what it is."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        warnings.warn("it is deprecated", FutureWarning, stacklevel=2)
        return object


def test_looking_for_an_environment_asks_no_other_object_what_it_is(path: Path) -> None:
    environment = lmdb.open(str(path), readonly=True)
    held = [environment, Deprecated(), (Deprecated(),)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(_search())
    assert held[0] in found
