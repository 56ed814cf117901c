"""DuckDB connections in workers."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

duckdb = pytest.importorskip("duckdb", minversion="2")

ARRIVE = {
    "pickled": lambda it: pickle.loads(pickle.dumps(it)),
    "copied": copy.copy,
    "deep": copy.deepcopy,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "grö ß'e.db")


def write(path: Path, first: int = 0) -> Path:
    with duckdb.connect(path) as db:
        # Large enough for the threads of the parent to be asked for help.
        db.execute(f"CREATE TABLE t AS SELECT range AS id, range + {first} AS x FROM range(500_000)")
    return path


def read(dataset: Any) -> Any:
    ids = list(range(0, 500_000, 70_000))
    rows = [dataset.db.execute("SELECT x FROM t WHERE id = ?", [number]).fetchall() for number in ids]
    total = dataset.db.execute("SELECT sum(x), max(hash(x)) FROM t GROUP BY x % 7 ORDER BY 1").fetchall()
    return rows, total, dataset.db.sql("SELECT current_database()").fetchall()


@pytest.mark.parametrize("method", START_METHODS)
def test_a_database_touched_in_the_parent_reads_the_same_in_every_worker(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read, Holding(db=duckdb.connect(path, read_only=True)))


@pytest.mark.parametrize("arrive", ARRIVE.values(), ids=ARRIVE)
def test_a_copy_has_a_connection_of_its_own(arrive: Callable[[Any], Any], path: Path) -> None:
    dataset = Holding(db=duckdb.connect(path, read_only=True))
    expected = read(dataset)
    arrived = arrive(dataset)
    assert read(arrived) == expected
    arrived.db.close()
    assert read(dataset) == expected


@pytest.mark.parametrize("method", START_METHODS)
def test_settings_and_attached_databases_are_restored(method: str, path: Path, tmp_path: Path) -> None:
    settings = {"threads": 3, "default_null_order": "nulls_first", "allow_community_extensions": "false"}
    db = duckdb.connect(path, read_only=True, config=settings)
    db.execute(f"ATTACH '{write(tmp_path / 'other.db', 7)}' (READ_ONLY)")
    db.execute("SET TimeZone = 'Asia/Tokyo'")
    db.execute("USE other")
    reads_the_same_in_workers(method, read_settings, Holding(db=db))


def read_settings(dataset: Any) -> Any:
    names = ("threads", "default_null_order", "allow_community_extensions", "TimeZone")
    settings = [dataset.db.sql(f"SELECT current_setting('{name}')").fetchall() for name in names]
    times = dataset.db.sql("SELECT CAST(TIMESTAMPTZ '2026-01-01 00:00:00+00' AS VARCHAR)").fetchall()
    return settings, times, dataset.db.execute("SELECT x FROM t WHERE id = 3").fetchall()


@pytest.mark.parametrize("method", START_METHODS)
def test_an_empty_database_in_memory_reads_files_in_every_worker(method: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n2\n")
    dataset = Holding(db=duckdb.connect(), file=str(tmp_path / "rows.csv"))
    reads_the_same_in_workers(method, read_file, dataset)


def read_file(dataset: Any) -> Any:
    return dataset.db.execute("SELECT sum(x) FROM read_csv(?)", [dataset.file]).fetchall()


def test_a_database_that_can_be_written_is_refused(path: Path) -> None:
    db = duckdb.connect(path)
    with pytest.raises(UnsafeHandleError, match=r"Holding\.db: .*e\.db.* open for writing.*read_only=True"):
        pickle.dumps(Holding(db=db))
    db.execute("INSERT INTO t VALUES (-1, -1)")


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("tables", "CREATE TEMP TABLE scratch AS SELECT 1"),
        ("views", "CREATE TEMP VIEW seen AS SELECT 1"),
        ("variables", "SET VARIABLE it = 3"),
    ],
)
def test_what_only_this_process_has_is_an_error(kind: str, statement: str, path: Path) -> None:
    db = duckdb.connect(path, read_only=True)
    db.execute(statement)
    with pytest.raises(NotWorkerSafeError, match=rf"Holding\.db: .*1 {kind}.*per_worker"):
        pickle.dumps(Holding(db=db))


def test_tables_in_memory_are_an_error() -> None:
    db = duckdb.connect()
    db.execute("CREATE TABLE t AS SELECT 1")
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.db: .*1 tables.*in memory"):
        pickle.dumps(Holding(db=db))


def test_a_result_that_is_not_read_to_its_end_is_refused_and_kept(path: Path) -> None:
    db = duckdb.connect(path, read_only=True)
    db.execute("SELECT x FROM t")
    db.fetchone()
    with pytest.raises(UnsafeHandleError, match=r"Holding\.db: .*read to its end.*complete\(\)"):
        pickle.dumps(Holding(db=db))
    assert len(db.fetchall()) == 499_999


def test_a_file_that_was_replaced_is_an_error(path: Path, tmp_path: Path) -> None:
    db = duckdb.connect(path, read_only=True)
    packed = pickle.dumps(Holding(db=db))
    db.close()
    path.rename(tmp_path / "moved.db")
    with pytest.raises(HandleMissingError, match=r"Holding\.db"):
        read(pickle.loads(packed))
    assert not path.exists()
    write(path, 5)
    with pytest.raises(HandleChangedError, match=r"Holding\.db"):
        read(pickle.loads(packed))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForked:
    def test_a_child_has_a_connection_of_its_own_and_the_parents_goes_on(self, path: Path) -> None:
        dataset = Holding(db=duckdb.connect(path, read_only=True))
        inherited["db"] = dataset.db
        expected = read(dataset)
        assert in_worker("fork", look_at_inherited, dataset) is False
        assert read(dataset) == expected

    @pytest.mark.parametrize("held", ["dataset", "list"])
    def test_a_child_never_frees_the_inherited_connection(self, held: str, path: Path) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", LET_GO_IN_A_CHILD, str(path), held],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        # A list without picklesafe: what this is about, so that it can fail.
        assert ended.stdout.split() == (["0"] if held == "dataset" else ["-11"]), ended.stderr


inherited: dict[str, Any] = {}


def look_at_inherited(dataset: Any) -> bool:
    read(dataset)
    return dataset.db is inherited["db"]


LET_GO_IN_A_CHILD = """
import gc, os, sys
import duckdb
from tests.handles.holding import Holding

db = duckdb.connect(sys.argv[1], read_only=True)
db.execute("SELECT sum(hash(x)) FROM t").fetchall()
holder = Holding(db=db) if sys.argv[2] == "dataset" else [db]
child = os.fork()
if child == 0:
    del db, holder
    gc.collect()
    sys.exit(0)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""
