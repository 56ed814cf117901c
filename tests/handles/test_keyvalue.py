"""plyvel and rocksdict in workers."""

from __future__ import annotations

import contextlib
import copy
import dbm.dumb
import pickle
import shelve
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker, in_workers

ARRIVE = {
    "pickled": lambda it: pickle.loads(pickle.dumps(it)),
    "copied": copy.copy,
    "deep": copy.deepcopy,
}


class TestRocksdict:
    @pytest.fixture
    def rocksdict(self) -> Any:
        return pytest.importorskip("rocksdict")

    @pytest.fixture
    def path(self, rocksdict: Any, tmp_path: Path) -> Path:
        return write(rocksdict, tmp_path / "größe")

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_read_only_database_reads_the_same_in_every_worker(self, method: str, rocksdict: Any, path: Path) -> None:
        db = rocksdict.Rdict(str(path), access_type=rocksdict.AccessType.read_only())
        reads_the_same_in_workers(method, read, Holding(db=db, other=db.get_column_family("other")))

    @pytest.mark.parametrize("arrive", ARRIVE.values(), ids=ARRIVE)
    def test_a_copy_has_a_handle_of_its_own(self, arrive: Callable[[Any], Any], rocksdict: Any, path: Path) -> None:
        db = rocksdict.Rdict(str(path), access_type=rocksdict.AccessType.read_only())
        dataset = Holding(db=db, other=db.get_column_family("other"))
        arrived = arrive(dataset)
        assert read(arrived) == read(dataset)
        arrived.db.close()
        assert read(dataset)[0] == 0

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_relative_path_means_the_database_that_was_opened_by_it(
        self, method: str, rocksdict: Any, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A name that no database of another test has, which may still be open.
        path = path.rename(tmp_path / f"for {method}")
        monkeypatch.chdir(tmp_path)
        db = rocksdict.Rdict(path.name, access_type=rocksdict.AccessType.read_only())
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        write(rocksdict, Path(path.name), 5000)
        reads_the_same_in_workers(method, read, Holding(db=db, other=db.get_column_family("other")))

    def test_a_relative_path_that_may_mean_several_is_an_error(
        self, rocksdict: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = []
        for folder in ("one", "two", "three"):
            (tmp_path / folder).mkdir()
            monkeypatch.chdir(tmp_path / folder)
            if folder != "three":
                write(rocksdict, Path("several"))
                opened.append(rocksdict.Rdict("several", access_type=rocksdict.AccessType.read_only()))
        with pytest.raises(UnsafeHandleError, match=r"Holding\.db: .*'several'.* 2 files of that name.*absolute path"):
            pickle.dumps(Holding(db=opened[0]))

    def test_workers_that_open_it_at_once_all_find_its_configuration(self, rocksdict: Any, path: Path) -> None:
        # rocksdict empties the file of its configuration and writes it anew whenever it opens a database.
        db = rocksdict.Rdict(str(path), access_type=rocksdict.AccessType.read_only())
        assert in_workers("fork", 4, read_again_and_again, pickle.dumps(Holding(db=db))) == [0] * 4

    @pytest.mark.parametrize("held", ["db", "other"])
    def test_a_database_that_can_write_is_refused(self, held: str, rocksdict: Any, path: Path) -> None:
        db = rocksdict.Rdict(str(path))
        dataset = Holding(**{held: db if held == "db" else db.get_column_family("other")})
        try:
            with pytest.raises(UnsafeHandleError, match=rf"Holding\.{held}: '{path}' is open for writing"):
                pickle.dumps(dataset)
            with pytest.raises(UnsafeHandleError, match=rf"Holding\.{held}: '{path}' is open for writing"):
                in_worker("fork", getattr, dataset, held)
            db["still"] = "fine"
            assert db["still"] == "fine"
        finally:
            # Left to the garbage collector, it may be freed by the forked child of a later test, which then waits for
            # ever: RocksDB flushes what it frees, by threads that the child doesn't have.
            if held == "other":
                dataset.other.close()
            db.close()

    def test_a_secondary_instance_is_an_error(self, rocksdict: Any, path: Path, tmp_path: Path) -> None:
        access = rocksdict.AccessType.secondary(str(tmp_path / "secondary"))
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.db: .*secondary.*read_only"):
            pickle.dumps(Holding(db=rocksdict.Rdict(str(path), access_type=access)))

    def test_a_database_that_is_gone_is_an_error(self, rocksdict: Any, path: Path, tmp_path: Path) -> None:
        db = rocksdict.Rdict(str(path), access_type=rocksdict.AccessType.read_only())
        packed = pickle.dumps(Holding(db=db))
        db.close()
        path.rename(tmp_path / "moved")
        with pytest.raises(HandleMissingError, match=r"Holding\.db"):
            _ = pickle.loads(packed).db
        assert not path.exists()


def read_again_and_again(packed: bytes) -> int:
    return sum(pickle.loads(packed).db[0] for _ in range(50))


def write(rocksdict: Any, path: Path, first: int = 0) -> Path:
    db = rocksdict.Rdict(str(path))
    other = db.create_column_family("other")
    for number in range(1000):
        db[number], other[number] = first + number, f"word {number}"
    other.close()
    db.close()
    return path


def read(dataset: Any) -> list[Any]:
    return [dataset.db[0], *((dataset.db[number], dataset.other[number]) for number in range(0, 1000, 7))]


class TestPlyvel:
    @pytest.fixture
    def db(self, tmp_path: Path) -> Any:
        plyvel = pytest.importorskip("plyvel")
        db = plyvel.DB(str(tmp_path / "level"), create_if_missing=True)
        db.put(b"key", b"value")
        return db

    @pytest.mark.parametrize("kind", ["DB", "PrefixedDB", "Snapshot", "Iterator"])
    def test_leveldb_is_an_error_that_says_what_to_do(self, kind: str, db: Any) -> None:
        views = {"PrefixedDB": lambda: db.prefixed_db(b"k"), "Snapshot": db.snapshot, "Iterator": db.iterator}
        dataset = Holding(it=views.get(kind, lambda: db)())
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.it: a LevelDB.*LMDB"):
            pickle.dumps(dataset)
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.it: a LevelDB.*LMDB"):
            in_worker("fork", getattr, dataset, "it")
        db.put(b"still", b"fine")
        assert db.get(b"still") == b"fine"


class TestDumb:
    """Python's own format, which `shelve` takes where there is no other."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        with contextlib.closing(dbm.dumb.open(str(tmp_path / "größe"), "n")) as written:
            written[b"a"] = pickle.dumps(1)
        return str(tmp_path / "größe")

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_database_opened_with_r_reads_the_same_in_every_worker(self, method: str, path: str) -> None:
        database = dbm.dumb.open(path, "r")
        reads_the_same_in_workers(method, read_dumb, Holding(database=database, shelf=shelve.Shelf(database)))

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_shelf_that_can_write_is_refused(self, method: str, path: str) -> None:
        database = dbm.dumb.open(path, "w")
        for dataset in (Holding(database=database), Holding(database=shelve.Shelf(database))):
            with pytest.raises(UnsafeHandleError, match=r"Holding\.database.*größe\.dat.*open for writing"):
                in_worker(method, store_dumb, dataset)
        database[b"b"] = pickle.dumps(2)
        database.close()
        with contextlib.closing(dbm.dumb.open(path, "r")) as again:
            assert sorted(again.keys()) == [b"a", b"b"]

    def test_a_closed_one_stays_closed(self, path: str) -> None:
        database = dbm.dumb.open(path, "w")
        database.close()
        arrived = pickle.loads(pickle.dumps(Holding(database=database))).database
        with pytest.raises(dbm.dumb.error, match="closed"):
            arrived[b"a"]
        arrived.close()

    def test_one_that_was_written_to_meanwhile_is_an_error(self, path: str) -> None:
        pickled = pickle.dumps(Holding(database=dbm.dumb.open(path, "r")))
        with contextlib.closing(dbm.dumb.open(path, "w")) as written:
            written[b"bb"] = b"2"
        with pytest.raises(HandleChangedError):
            pickle.loads(pickled).database  # noqa: B018


def read_dumb(dataset: Any) -> tuple[bytes, int]:
    return dataset.database[b"a"], dataset.shelf["a"]


def store_dumb(dataset: Any) -> None:
    dataset.database["b"] = b"2"
