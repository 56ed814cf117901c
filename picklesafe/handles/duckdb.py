"""DuckDB: a connection to databases that are only read, with its settings.

A forked child has none of the threads that the inherited connection counts on: a query may hang, and closing or freeing
the connection is a segmentation fault. `duckdb.connect(path)` would give the inherited database again; one in memory to
which the files are attached is always a new one, so that is what a connection is opened as, everywhere.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from picklesafe.errors import HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.recipe import Recipe, undeclared
from picklesafe.handles.registry import register_handle


@register_handle("_duckdb.DuckDBPyConnection", in_child="keep")
@register_handle("duckdb.duckdb.DuckDBPyConnection", in_child="keep")
def connection(handle: Any) -> Recipe:
    """Restores the read-only databases, the one that is in use, and settings; there is one more database, in memory.

    Not restored: functions, prepared statements, secrets and objects registered, whose use raises. Databases that can
    be written, tables in memory or temporary, variables and an unfinished result are errors; so is DuckDB before 2.
    """
    import duckdb

    if int(duckdb.__version__.partition(".")[0]) < 2:
        # To ask an older one anything discards the rest of its result, without a word.
        raise undeclared(f"duckdb {duckdb.__version__}")
    try:
        content = _content(handle)
        files = _files(content["databases"])
        _refuse_what_would_be_lost(content, files)
        (current,) = handle.sql(
            "SELECT current_database(), current_schema(), current_setting('search_path')"
        ).fetchall()
        settings = _settings(handle)
    except duckdb.Error as error:
        if "unfinished" not in str(error):
            raise
        raise UnsafeHandleError(
            "this connection has a result that isn't read to its end",
            remedy="Use fetchall(), or call the connection's complete(), before the workers start",
        ) from error
    return Recipe(reopen, files, current, settings).reads(*files.values())


def reopen(files: dict[str, str], current: tuple[str, str, str], settings: dict[str, dict[str, Any]]) -> Any:
    import duckdb

    opened = duckdb.connect(":memory:", config=settings["GLOBAL"])
    for name, path in files.items():
        opened.execute(f"ATTACH {_literal(path)} AS {_quoted(name)} (READ_ONLY)")
    for name, value in settings["LOCAL"].items():
        opened.execute(f"SET {_quoted(name)} = {_literal(value)}")
    database, schema, search_path = current
    if search_path:
        opened.execute(f"SET search_path = {_literal(search_path)}")
    else:
        opened.execute(f"USE {_quoted(database)}.{_quoted(schema)}")
    lost = {name for scope in settings.values() for name, value in scope.items() if _setting(opened, name) != value}
    if lost:
        raise UnsafeHandleError(
            f"DuckDB doesn't take the settings of this connection again: {', '.join(sorted(lost))}", remedy=PER_WORKER
        )
    return opened


# What is asked of a connection.


def _content(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The databases, and how many tables, views, sequences and variables there are in which of them.

    By one query: each takes most of a millisecond, and this is asked before every fork.
    """
    found: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in ("databases", *_KINDS)}
    for kind, *row in connection.sql(_QUERY).fetchall():
        found[kind].append(tuple(row))
    return found


_KINDS = ("tables", "views", "sequences", "variables")
_QUERY = """
    SELECT 'databases', database_name, path, readonly, type, encrypted, 1
        FROM duckdb_databases() WHERE NOT internal
    UNION ALL SELECT 'tables', database_name, NULL, NULL, NULL, NULL, count(*)
        FROM duckdb_tables() WHERE NOT internal GROUP BY ALL
    UNION ALL SELECT 'views', database_name, NULL, NULL, NULL, NULL, count(*)
        FROM duckdb_views() WHERE NOT internal GROUP BY ALL
    UNION ALL SELECT 'sequences', database_name, NULL, NULL, NULL, NULL, count(*)
        FROM duckdb_sequences() GROUP BY ALL
    UNION ALL SELECT 'variables', NULL, NULL, NULL, NULL, NULL, count(*)
        FROM duckdb_variables()
"""


def _files(databases: list[tuple[Any, ...]]) -> dict[str, str]:
    """Name and path of the databases that lie in files."""
    files = {}
    for name, path, readonly, kind, encrypted, _ in databases:
        if kind != "duckdb" or encrypted:
            raise undeclared(f"duckdb with a database of another kind, or an encrypted one ({name!r}),")
        if path is None:
            continue
        if not readonly:
            raise UnsafeHandleError(
                f"{path!r} is open for writing, and DuckDB lets no other process open it then",
                remedy="Close it before the workers start, or open it with read_only=True",
            )
        if not os.path.exists(path):
            raise HandleMissingError(f"{path!r} is gone", remedy="Keep it as long as there are workers")
        files[name] = os.path.abspath(path)
    return files


def _refuse_what_would_be_lost(content: dict[str, list[tuple[Any, ...]]], files: dict[str, str]) -> None:
    """Raises:
    NotWorkerSafeError: there are tables in memory, or variables.
    """
    for kind in _KINDS:
        count = sum(number for name, *_, number in content[kind] if name not in files)
        if count:
            raise NotWorkerSafeError(
                f"this DuckDB connection has {count} {kind} that are temporary or in memory, in this process alone",
                remedy=f"Write them to a file and open that read-only. {PER_WORKER}",
            )


def _settings(connection: Any) -> dict[str, dict[str, Any]]:
    """Those that aren't what they are by default, by scope."""
    default = _defaults()
    found: dict[str, dict[str, Any]] = {"GLOBAL": {}, "LOCAL": {}}
    for name, value, scope in connection.sql("SELECT name, value, scope FROM duckdb_settings()").fetchall():
        if name not in _FOLLOWING and value != default.get(name):
            found[scope][name] = value
    return found


_FOLLOWING = frozenset(
    {
        "access_mode",
        "temp_directory",
        "schema",
        "search_path",
        "worker_threads",
        "max_memory",
        "null_order",
        "write_buffer_row_group_memory_limit",
    }
)
"""Settings that are other names of others, or follow from them or from the files."""


@functools.cache
def _defaults() -> dict[str, Any]:
    import duckdb

    with duckdb.connect(":memory:") as fresh:
        return dict(fresh.sql("SELECT name, value FROM duckdb_settings()").fetchall())


def _setting(connection: Any, name: str) -> Any:
    ((value,),) = connection.execute("SELECT value FROM duckdb_settings() WHERE name = ?", [name]).fetchall()
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
