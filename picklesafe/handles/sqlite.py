"""SQLite: a connection is opened again on the same files, with everything that can be asked of the old one.

Writing is SQLite's own affair: its locks keep processes apart. But a lock belongs to the process that took it, while
what the library remembers of it is inherited by a forked child. To close an inherited connection there deletes the
journal of the parent's transaction, whose COMMIT then fails; and one opened there while the parent holds a lock takes
none. So an inherited connection is never closed or freed, and a child forked inside a transaction gets an error.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from picklesafe.errors import HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.lineage import Origin, here
from picklesafe.handles.recipe import Recipe, chooses_class
from picklesafe.handles.registry import register_handle
from picklesafe.handles.sqlite_locks import PROBE, has_rows_left, is_locked_by_us

FINISH = "Commit or roll back, and read every cursor to its end or close it, before the workers start"


class Schema(NamedTuple):
    """A database of a connection.

    Attributes:
        name: "main", or what it was attached as.
        path: absolute.
        mode: "ro" or "rw". Never "rwc": a database that is gone isn't to be made anew.
    """

    name: str
    path: str
    mode: str

    @property
    def uri(self) -> str:
        return f"{Path(self.path).as_uri()}?mode={self.mode}"


class ByName:
    """A function or class of the connection's, which reaches another process only if it can be imported there."""

    __slots__ = ("role", "value")

    def __init__(self, role: str, value: Any) -> None:
        self.role = role
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByName) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        if "<" in getattr(self.value, "__qualname__", ""):
            raise NotWorkerSafeError(
                f"the {self.role} of a sqlite3.Connection, {self.value.__qualname__}, can't be imported by name",
                remedy="Write it with def at the top of a module",
            )
        return ByName, (self.role, self.value)


@register_handle("sqlite3.Connection", in_child="keep")
def connection(handle: sqlite3.Connection) -> Recipe:
    """Restores the files, also attached ones and whether they are read-only, timeout, isolation_level, autocommit,
    detect_types, row_factory, text_factory and PRAGMA settings.

    Not restored: authorizer, trace and progress callbacks, other URI parameters, journal_mode but for WAL, and
    check_same_thread, which is off. Databases in memory, functions, collations and modules of your own, temporary
    tables and an open transaction are errors.
    """
    try:
        in_transaction = handle.in_transaction
    except sqlite3.ProgrammingError:
        return Recipe(closed)
    schemas = _schemas(handle)
    if in_transaction or has_rows_left(handle):
        raise UnsafeHandleError(
            f"the connection to {schemas[0].path!r} is in a transaction, or in the middle of a SELECT",
            remedy=FINISH + (" (autocommit=False is always in one)" if _autocommit(handle) else ""),
        )
    _refuse_what_would_be_lost(handle)
    locked = any(is_locked_by_us(schema.path) for schema in schemas)
    return Recipe(
        reopen,
        schemas,
        _arguments(handle),
        _pragmas(handle, schemas),
        ByName("row_factory", handle.row_factory),
        ByName("text_factory", handle.text_factory),
        ByName("class", type(handle)),
        dict(getattr(handle, "__dict__", {})),
        here() if locked else None,
    )


@register_handle("sqlite3.Cursor", in_child="keep")
def cursor(handle: sqlite3.Cursor) -> Recipe:
    """Restores a new cursor of the connection, with arraysize and row_factory; rows that are left to read are an error.

    Not restored: description, lastrowid and rowcount.
    """
    return Recipe(
        cursor_of,
        handle.connection,
        handle.arraysize,
        ByName("row_factory", handle.row_factory),
        ByName("class", type(handle)),
    )


# What the recipes call.


@chooses_class
def reopen(
    schemas: list[Schema],
    arguments: dict[str, Any],
    pragmas: dict[str, Any],
    row_factory: ByName,
    text_factory: ByName,
    cls: ByName,
    attributes: dict[str, Any],
    locked_in: Origin | None,
) -> sqlite3.Connection:
    main, *attached = schemas
    if locked_in is not None and locked_in.is_inherited:
        raise UnsafeHandleError(
            f"this process was forked while its parent was in the middle of a transaction or SELECT on {main.path!r}; "
            f"SQLite would read here without a lock",
            remedy=FINISH,
        )
    # Not cls(…), whose arguments are whatever its author chose.
    opened: sqlite3.Connection = cls.value.__new__(cls.value)
    sqlite3.Connection.__init__(opened, main.uri, uri=True, **arguments)
    for schema in attached:
        _ask(opened, f"ATTACH ? AS {_quoted(schema.name)}", schema.uri)
    for name, value in pragmas.items():
        if _pragma(opened, name) != value:
            _ask(opened, f"PRAGMA {name} = {int(value)}")
    opened.row_factory = row_factory.value
    opened.text_factory = text_factory.value
    if attributes:
        vars(opened).update(attributes)
    return opened


def closed() -> sqlite3.Connection:
    """A connection that has been closed: every use raises what the original raises."""
    opened = sqlite3.connect(":memory:")
    opened.close()
    return opened


@chooses_class
def cursor_of(connection: sqlite3.Connection, arraysize: int, row_factory: ByName, cls: ByName) -> sqlite3.Cursor:
    made: sqlite3.Cursor = cls.value(connection)
    made.arraysize = arraysize
    made.row_factory = row_factory.value
    return made


# What is asked of a connection.


def _ask(connection: sqlite3.Connection, sql: str, *values: Any) -> list[Any]:
    cursor = sqlite3.Cursor(connection)
    cursor.row_factory = None
    return cursor.execute(sql, values).fetchall()


def _schemas(connection: sqlite3.Connection) -> list[Schema]:
    # As bytes, since text goes through text_factory.
    rows = _ask(connection, "SELECT CAST(name AS BLOB), CAST(file AS BLOB) FROM pragma_database_list ORDER BY seq")
    schemas = []
    for name, file in ((os.fsdecode(name), os.fsdecode(file)) for name, file in rows):
        if not file and name == "temp":
            continue
        if not file:
            raise NotWorkerSafeError(
                f"the database {name!r} of this connection is in memory or temporary: no other process can open it",
                remedy=f"Write it to a file: connection.backup(sqlite3.connect(path)). {PER_WORKER}",
            )
        if not os.path.exists(file):
            raise HandleMissingError(
                f"{file!r}, which this connection is open on, is gone", remedy="Keep it as long as there are workers"
            )
        schemas.append(Schema(name, file, _mode(file)))
    return schemas


def _mode(path: str) -> str:
    """Whether this process has the file open for reading alone. Python doesn't tell; the descriptors do."""
    try:
        import fcntl

        status = os.stat(path)
        modes = set()
        for number in map(int, os.listdir("/dev/fd")):
            try:
                if os.path.samestat(os.fstat(number), status):
                    modes.add(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE)
            except OSError:  # closed since it was listed
                continue
    except (ImportError, OSError):  # Windows
        return "rw"
    # Where there are both, other connections have one of them. A connection that can't write says so when it should;
    # one that shouldn't and can says nothing.
    return "ro" if os.O_RDONLY in modes else "rw"


def _autocommit(connection: sqlite3.Connection) -> bool:
    """Whether this is a connection of Python 3.12 or later with autocommit=False."""
    return getattr(connection, "autocommit", -1) is False


def _arguments(connection: sqlite3.Connection) -> dict[str, Any]:
    """Those of `sqlite3.connect`."""
    found: dict[str, Any] = {
        "timeout": _pragma(connection, "busy_timeout") / 1000,
        "isolation_level": connection.isolation_level,
        "detect_types": _detect_types(connection),
        # Only another thread could tell what it was, and one that was started before a fork may still be there in it.
        "check_same_thread": False,
    }
    if getattr(connection, "autocommit", -1) is True:
        found["autocommit"] = True
    return found


def _detect_types(connection: sqlite3.Connection) -> int:
    """Found out by reading a column that is declared, and one that is named, to be of a type of our own."""
    sqlite3.register_converter(PROBE, lambda raw: True)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "probe.db")
        maker = sqlite3.connect(path)
        maker.executescript(f"PRAGMA synchronous = off; CREATE TABLE probe (it {PROBE}); INSERT INTO probe VALUES (1)")
        maker.close()
        # Attached, as neither inserting nor a temporary table would leave the connection as it was.
        _ask(connection, f"ATTACH ? AS {PROBE}", path)
        try:
            ((declared, named),) = _ask(connection, f'SELECT it, 1 AS "it [{PROBE}]" FROM {PROBE}.probe')
        finally:
            _ask(connection, f"DETACH {PROBE}")
    return (sqlite3.PARSE_DECLTYPES if declared is True else 0) | (sqlite3.PARSE_COLNAMES if named is True else 0)


_PRAGMAS = (
    "foreign_keys",
    "query_only",
    "recursive_triggers",
    "read_uncommitted",
    "ignore_check_constraints",
    "automatic_index",
    "reverse_unordered_selects",
    "cell_size_check",
    "trusted_schema",
    "legacy_alter_table",
    "full_column_names",
    "short_column_names",
    "empty_result_callbacks",
    "wal_autocheckpoint",
    "analysis_limit",
    "threads",
    "temp_store",
)
_PRAGMAS_OF_A_DATABASE = ("cache_size", "mmap_size", "synchronous", "secure_delete", "journal_size_limit")


def _pragmas(connection: sqlite3.Connection, schemas: list[Schema]) -> dict[str, Any]:
    names = [*_PRAGMAS, *(f"{_quoted(schema.name)}.{name}" for schema in schemas for name in _PRAGMAS_OF_A_DATABASE)]
    found = {name: _pragma(connection, name) for name in (*names, "case_sensitive_like")}
    return {name: value for name, value in found.items() if value is not None}


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    if name == "case_sensitive_like":  # which can be set and not asked for
        return 1 - _ask(connection, "SELECT 'a' LIKE 'A'")[0][0]
    rows = _ask(connection, f"PRAGMA {name}")
    return rows[0][0] if rows else None


def _refuse_what_would_be_lost(connection: sqlite3.Connection) -> None:
    """Raises:
    UnsafeHandleError: the connection has what can't be read back from it.
    """
    # To ask for temporary tables where nobody asked before would attach the database that they are in.
    has_temp = _ask(connection, "SELECT count(*) FROM pragma_database_list WHERE name = 'temp'")[0][0]
    if has_temp and _ask(connection, "SELECT count(*) FROM sqlite_temp_master")[0][0]:
        lost = "temporary tables, views or triggers"
    else:
        own = [_own(connection, *kind) for kind in _KINDS]
        lost = ", ".join(part for part in own if part)
    if lost:
        raise UnsafeHandleError(
            f"this sqlite3.Connection has {lost}, which can't be read back from it",
            remedy=f"{PER_WORKER}, and add them there",
        )


# case_sensitive_like makes a function of its own, too.
_KINDS = (
    ("functions", "pragma_function_list", "WHERE NOT builtin AND name <> 'like'"),
    ("collations", "pragma_collation_list", ""),
    ("modules", "pragma_module_list", "WHERE name NOT LIKE 'pragma%'"),
)


def _own(connection: sqlite3.Connection, kind: str, table: str, where: str) -> str:
    """What a connection has of a kind that no connection has from the start, as "functions of its own (regexp)"."""
    query = f"SELECT CAST(name AS BLOB) FROM {table} {where}"
    fresh = sqlite3.connect(":memory:")
    try:
        names = {row[0] for row in _ask(connection, query)} - {row[0] for row in _ask(fresh, query)}
    except sqlite3.OperationalError:  # a SQLite that can't tell
        return ""
    finally:
        fresh.close()
    named = sorted(name.decode(errors="replace") for name in names - {PROBE.encode()})
    return f"{kind} of its own ({', '.join(named)})" if named else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
