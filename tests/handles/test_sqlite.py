"""SQLite connections and cursors in workers. Needs nothing but the standard library."""

from __future__ import annotations

import copy
import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what is locked")
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
ARRIVE = {
    "pickled": lambda it: pickle.loads(pickle.dumps(it)),
    "copied": copy.copy,
    "deep": copy.deepcopy,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return fill(tmp_path / "größe ?#%.db")


def fill(path: Path, first: int = 0) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER, word TEXT, day kind)")
    rows = ((number, first + number, f"wört {number}", f"day {number}") for number in range(1000))
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


def first_column(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Any:
    return row[0]


def shout(raw: bytes) -> str:
    return raw.decode().upper()


class Own(sqlite3.Connection):
    """A user's class with arguments of its own."""

    def __init__(self, path: Path, factor: int) -> None:
        super().__init__(path)
        self.factor = factor

    def scaled(self, number: int) -> int:
        ((x,),) = self.execute("SELECT x FROM t WHERE id = ?", (number,)).fetchall()
        return int(x * self.factor)


def read(dataset: Any) -> list[Any]:
    query = "SELECT x, word FROM t WHERE id = ?"
    return [tuple(dataset.db.execute(query, (number,)).fetchone()) for number in range(0, 1000, 7)]


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_touched_in_the_parent_reads_the_same_in_every_worker(journal: str, method: str, path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {journal}")
    reads_the_same_in_workers(method, read, Holding(db=db))


@pytest.mark.parametrize("arrive", ARRIVE.values(), ids=ARRIVE)
def test_a_copy_has_a_connection_of_its_own(arrive: Callable[[Any], Any], path: Path) -> None:
    dataset = Holding(db=sqlite3.connect(path))
    dataset.same = dataset.db
    arrived = arrive(dataset)
    assert arrived.db is arrived.same is not dataset.db
    arrived.db.close()
    assert read(dataset)[1] == (7, "wört 7")


@pytest.mark.parametrize("method", START_METHODS)
def test_workers_write_as_sqlite_lets_them(method: str, path: Path) -> None:
    dataset = Holding(db=sqlite3.connect(path))
    in_worker(method, write_one, dataset)
    assert dataset.db.execute("SELECT x FROM t WHERE id = 5000").fetchone() == (1,)


def write_one(dataset: Any) -> None:
    with dataset.db:
        dataset.db.execute("INSERT INTO t VALUES (5000, 1, '', '')")


class TestSettings:
    @pytest.mark.parametrize(
        "settings",
        [
            {"timeout": 1.25},
            {"isolation_level": None},
            {"isolation_level": "IMMEDIATE"},
            {"detect_types": sqlite3.PARSE_DECLTYPES},
            {"detect_types": sqlite3.PARSE_COLNAMES},
            {"detect_types": sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES},
            {},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("method", START_METHODS)
    def test_the_arguments_of_connect_are_restored(self, method: str, settings: dict[str, Any], path: Path) -> None:
        reads_the_same_in_workers(method, arguments_of, Holding(db=sqlite3.connect(path, **settings)))

    @pytest.mark.parametrize("check", [True, False])
    def test_what_one_thread_reopened_others_can_use(self, check: bool, path: Path) -> None:
        arrived = pickle.loads(pickle.dumps(Holding(db=sqlite3.connect(path, check_same_thread=check))))
        with ThreadPoolExecutor(1) as other:
            assert other.submit(read, arrived).result() == read(arrived)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit came with Python 3.12")
    def test_autocommit_is_restored(self, path: Path) -> None:
        db = sqlite3.connect(path, autocommit=True)  # type: ignore[call-overload]
        assert pickle.loads(pickle.dumps(Holding(db=db))).db.autocommit is True

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit came with Python 3.12")
    def test_autocommit_false_is_always_in_a_transaction(self, path: Path) -> None:
        db = sqlite3.connect(path, autocommit=False)  # type: ignore[call-overload]
        with pytest.raises(UnsafeHandleError, match="autocommit=False is always in one"):
            pickle.dumps(Holding(db=db))

    @pytest.mark.parametrize("method", START_METHODS)
    def test_factories_are_restored(self, method: str, path: Path) -> None:
        db = sqlite3.connect(path)
        db.row_factory, db.text_factory = sqlite3.Row, shout
        reads_the_same_in_workers(method, read_word, Holding(db=db))
        db.row_factory, db.text_factory = first_column, bytes
        reads_the_same_in_workers(method, read_word, Holding(db=db))

    @pytest.mark.parametrize("method", START_METHODS)
    def test_pragmas_are_restored(self, method: str, path: Path, tmp_path: Path) -> None:
        db = sqlite3.connect(path)
        db.execute("ATTACH ? AS \"my 'other'\"", (str(fill(tmp_path / "other.db")),))
        for pragma in ("foreign_keys=on", "query_only=on", "cache_size=77", "case_sensitive_like=on", "temp_store=2"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("PRAGMA \"my 'other'\".cache_size=99")
        reads_the_same_in_workers(method, pragmas_of, Holding(db=db))

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_class_of_the_users_arrives_with_its_attributes(self, method: str, path: Path) -> None:
        reads_the_same_in_workers(method, read_scaled, Holding(db=Own(path, 3)))

    @FORKS
    def test_a_lambda_travels_by_fork_alone(self, path: Path) -> None:
        db = sqlite3.connect(path)
        db.row_factory = lambda cursor, row: row[0]
        dataset = Holding(db=db)
        assert in_worker("fork", read_word, dataset) == read_word(dataset)
        with pytest.raises(NotWorkerSafeError, match=r"row_factory of a sqlite3\.Connection.*def at the top"):
            pickle.dumps(dataset)


def arguments_of(dataset: Any) -> Any:
    db = dataset.db
    (timeout,) = db.execute("PRAGMA busy_timeout").fetchone()
    sqlite3.register_converter("kind", lambda raw: ("converted", raw))
    return timeout, db.isolation_level, db.execute('SELECT day, day AS "d [kind]" FROM t WHERE id < 3').fetchall()


def read_word(dataset: Any) -> Any:
    row = dataset.db.execute("SELECT word FROM t WHERE id = 7").fetchone()
    return row["word"] if isinstance(row, sqlite3.Row) else row


def pragmas_of(dataset: Any) -> Any:
    names = ("foreign_keys", "query_only", "cache_size", "temp_store", "\"my 'other'\".cache_size")
    settings = [dataset.db.execute(f"PRAGMA {name}").fetchone() for name in names]
    return settings, dataset.db.execute("SELECT count(*) FROM t WHERE word LIKE 'WÖRT %'").fetchone()


def read_scaled(dataset: Any) -> Any:
    return type(dataset.db).__name__, dataset.db.scaled(7)


class TestFiles:
    @pytest.mark.parametrize("method", START_METHODS)
    def test_attached_databases_are_attached_again(self, method: str, path: Path, tmp_path: Path) -> None:
        db = sqlite3.connect(path)
        db.execute("ATTACH ? AS other", (str(fill(tmp_path / "other.db", 5000)),))
        reads_the_same_in_workers(method, read_joined, Holding(db=db))

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_read_only_database_stays_read_only(self, method: str, path: Path) -> None:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        dataset = Holding(db=db)
        reads_the_same_in_workers(method, read, dataset)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            in_worker(method, write_one, dataset)

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_relative_path_leads_to_the_file_from_any_working_directory(
        self, method: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        dataset = Holding(db=sqlite3.connect(path.name))
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        reads_the_same_in_workers(method, read, dataset)

    def test_a_database_that_is_gone_is_not_made_anew(self, path: Path) -> None:
        dataset = Holding(db=sqlite3.connect(path))
        packed = pickle.dumps(dataset)
        path.unlink()
        with pytest.raises(HandleMissingError, match=r"Holding\.db: .*unable to open"):
            read(pickle.loads(packed))
        with pytest.raises(HandleMissingError, match=r"Holding\.db: .*is gone"):
            pickle.dumps(dataset)
        assert not path.exists()

    def test_a_closed_connection_arrives_closed(self, path: Path) -> None:
        db = sqlite3.connect(path)
        db.close()
        arrived = pickle.loads(pickle.dumps(Holding(db=db)))
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            arrived.db.execute("SELECT 1")


def read_joined(dataset: Any) -> Any:
    return dataset.db.execute("SELECT t.x, o.x FROM t JOIN other.t o USING (id) WHERE id % 100 = 7").fetchall()


class TestCursors:
    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_cursor_comes_with_its_connection(self, method: str, path: Path) -> None:
        db = sqlite3.connect(path)
        cursor = db.cursor()
        cursor.arraysize, cursor.row_factory = 13, first_column
        reads_the_same_in_workers(method, read_with_cursor, Holding(cursor=cursor, db=db))

    def test_a_cursor_with_rows_left_is_refused(self, path: Path) -> None:
        cursor = sqlite3.connect(path).execute("SELECT x FROM t")
        cursor.fetchone()
        with pytest.raises(UnsafeHandleError, match=r"Holding\.cursor: .*middle of a SELECT.*close it"):
            pickle.dumps(Holding(cursor=cursor))
        assert len(cursor.fetchall()) == 999
        pickle.dumps(Holding(cursor=cursor))


def read_with_cursor(dataset: Any) -> Any:
    cursor = dataset.cursor
    rows = cursor.execute("SELECT x FROM t WHERE id > 900").fetchmany() + cursor.fetchall()
    return rows, cursor.arraysize, cursor.connection is dataset.db


class TestRefused:
    @pytest.mark.parametrize("database", [":memory:", "", "file::memory:?cache=shared"])
    def test_a_database_in_memory_is_an_error_that_says_what_to_do(self, database: str) -> None:
        db = sqlite3.connect(database, uri=True)
        db.execute("CREATE TABLE t (x)")
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.db: .*in memory.*backup.*per_worker"):
            pickle.dumps(Holding(db=db))

    def test_an_attached_database_in_memory_is_an_error(self, path: Path) -> None:
        db = sqlite3.connect(path)
        db.execute("ATTACH ':memory:' AS scratch")
        with pytest.raises(NotWorkerSafeError, match="'scratch'"):
            pickle.dumps(Holding(db=db))

    def test_an_open_transaction_is_refused_until_it_ends(self, path: Path) -> None:
        db = sqlite3.connect(path)
        db.execute("UPDATE t SET x = 0 WHERE id = 7")
        with pytest.raises(UnsafeHandleError, match=r"Holding\.db: .*in a transaction.*Commit or roll back"):
            pickle.dumps(Holding(db=db))
        db.rollback()
        assert read(pickle.loads(pickle.dumps(Holding(db=db))))[1] == (7, "wört 7")

    @pytest.mark.parametrize(
        ("what", "add"),
        [
            ("functions of its own \\(half\\)", lambda db: db.create_function("half", 1, lambda x: x / 2)),
            ("functions of its own \\(lower\\)", lambda db: db.create_function("lower", 1, str.upper)),
            ("collations of its own", lambda db: db.create_collation("backwards", lambda a, b: (a < b) - (a > b))),
            ("temporary tables", lambda db: db.execute("CREATE TEMP TABLE scratch (x)")),
        ],
    )
    def test_what_cannot_be_read_back_is_an_error(self, what: str, add: Callable[[Any], None], path: Path) -> None:
        db = sqlite3.connect(path)
        add(db)
        with pytest.raises(UnsafeHandleError, match=rf"Holding\.db: .*{what}.*per_worker"):
            pickle.dumps(Holding(db=db))

    def test_looking_at_a_connection_changes_nothing_of_it(self, path: Path) -> None:
        db = sqlite3.connect(path)
        db.execute("INSERT INTO t VALUES (2000, 1, '', '')")
        db.commit()
        before = state_of(db)
        pickle.dumps(Holding(db=db))
        assert state_of(db) == before


def state_of(db: sqlite3.Connection) -> Any:
    asked = "SELECT last_insert_rowid(), changes(), total_changes()"
    return db.execute(asked).fetchall(), db.execute("PRAGMA database_list").fetchall(), db.in_transaction


@FORKS
class TestForked:
    def test_a_child_has_a_connection_of_its_own_and_leaves_the_inherited_one_alone(self, path: Path) -> None:
        dataset = Holding(db=sqlite3.connect(path))
        inherited["db"] = dataset.db
        assert in_worker("fork", look_at_inherited, dataset) == (True, False)
        assert read(dataset)[1] == (7, "wört 7")

    def test_a_child_forked_in_a_transaction_gets_an_error_and_the_parent_commits(self, path: Path) -> None:
        dataset = Holding(db=sqlite3.connect(path))
        begin_large_transaction(dataset.db)
        with pytest.raises(UnsafeHandleError, match=r"Holding\.db: .*in a transaction"):
            in_worker("fork", read, dataset)
        dataset.db.commit()
        assert count_of_changed(path) == 1000

    @pytest.mark.parametrize("end", ["gc", "exit"])
    def test_a_child_forked_in_a_transaction_may_end_as_it_likes(self, end: str, path: Path) -> None:
        assert commit_after_a_child(path, end, with_picklesafe=True) == "committed"
        assert count_of_changed(path) == 1000

    @pytest.mark.parametrize("end", ["gc", "exit"])
    def test_without_picklesafe_the_same_child_ruins_the_transaction(self, end: str, path: Path) -> None:
        # What the test above is about, so that it can fail.
        assert commit_after_a_child(path, end, with_picklesafe=False) == "disk I/O error"

    @ON_LINUX
    @pytest.mark.parametrize("journal", ["delete", "wal"])
    @pytest.mark.parametrize("statement", ["SELECT x FROM t", "BEGIN IMMEDIATE"])
    def test_a_child_forked_while_another_connection_is_busy_gets_an_error(
        self, statement: str, journal: str, path: Path
    ) -> None:
        dataset, other = Holding(db=sqlite3.connect(path)), sqlite3.connect(path, isolation_level=None)
        other.execute(f"PRAGMA journal_mode = {journal}")
        rows = other.execute(statement)
        rows.fetchone()
        with pytest.raises(UnsafeHandleError, match=r"Holding\.db: .*forked while.*without a lock"):
            in_worker("fork", read, dataset)
        # One that shares no memory with this process takes locks of its own.
        assert in_worker("spawn", read, dataset)[1] == (7, "wört 7")
        rows.close()
        if other.in_transaction:
            other.rollback()
        assert in_worker("fork", read, dataset)[1] == (7, "wört 7")

    def test_an_idle_fork_takes_its_own_lock(self, path: Path) -> None:
        dataset = Holding(db=sqlite3.connect(path, timeout=0))
        assert read(dataset)
        assert in_worker("fork", write_while_reading, dataset, path) == "database is locked"


inherited: dict[str, Any] = {}


def look_at_inherited(dataset: Any) -> tuple[Any, ...]:
    assert read(dataset)[1] == (7, "wört 7")
    return inherited["db"].total_changes == 0, inherited["db"] is dataset.db


def write_while_reading(dataset: Any, path: Path) -> str:
    rows = dataset.db.execute("SELECT x FROM t")
    rows.fetchone()
    # Another process tries to write: this one's lock must keep it out.
    script = f"import sqlite3; db = sqlite3.connect({str(path)!r}, timeout=0); db.execute('BEGIN EXCLUSIVE')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return ended.stderr.strip().rpartition("sqlite3.OperationalError: ")[2]


def begin_large_transaction(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA cache_size = 1")  # spills into the file at once, with the journal beside it
    db.execute("UPDATE t SET x = -1, word = word || ?", ("x" * 1000,))


def count_of_changed(path: Path) -> int:
    (count,) = sqlite3.connect(path).execute("SELECT count(*) FROM t WHERE x = -1").fetchone()
    return int(count)


COMMIT_AFTER_A_CHILD = """
import gc, os, sqlite3, sys
from tests.handles.holding import Holding
from tests.handles.test_sqlite import begin_large_transaction

path, end, with_picklesafe = sys.argv[1:]
db = sqlite3.connect(path)
begin_large_transaction(db)
holder = Holding(db=db) if with_picklesafe else [db]
if os.fork() == 0:
    del db, holder
    gc.collect()
    os._exit(0) if end == "gc" else sys.exit(0)
os.wait()
try:
    db.commit()
    print("committed")
except sqlite3.Error as error:
    print(error)
"""


def commit_after_a_child(path: Path, end: str, *, with_picklesafe: bool) -> str:
    """What comes of a COMMIT after a forked child let go of the connection, in a process with nothing else in it."""
    arguments = [sys.executable, "-c", COMMIT_AFTER_A_CHILD, str(path), end, "yes" if with_picklesafe else ""]
    ended = subprocess.run(arguments, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return ended.stdout.strip() or ended.stderr
