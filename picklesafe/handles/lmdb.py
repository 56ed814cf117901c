"""LMDB: environments, and the read transactions and named databases in them, which follow their environment.

Neither a transaction nor a database knows its environment, and a database doesn't know its name; both are found by
trying: LMDB refuses a database of another environment, and tells the size and the ends of one that fits.
"""

from __future__ import annotations

import gc
import struct
from collections.abc import Iterator
from typing import Any

from picklesafe.errors import NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles import lmdb_inherited
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.places import meant_by
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle

BESIDE = f"Keep the Environment itself in an attribute beside it. {PER_WORKER}"

SPARE_DATABASES = 16
"""Databases that a worker may add to those that there are; room for one costs 2 ns per transaction."""

MANY = 10_000
"""Items of a main database in which names are looked for."""


# The C types leave it out that they are lmdb's.


@register_handle(
    "builtins.Environment", in_child="close", close=lmdb_inherited.close_in_child, found="lmdb.Environment"
)
@register_handle("lmdb.cffi.Environment", in_child="close", close=lmdb_inherited.close_in_child)
def environment(handle: Any) -> Recipe:
    """Restores path, flags, map_size and max_readers, and opens every named database, since a transaction only knows
    those that were open before it. Where the files are open already, it is the environment that is open.

    Not restored: max_spare_txns, and max_dbs, for which the databases that there are and 16 more count; databases whose
    names are among more than 10,000 items. A child that was forked during a write transaction gets an error.
    """
    _refuse_a_namesake(handle, "Environment")
    flags, info = handle.flags(), handle.info()
    path = meant_by(handle.path(), "data.mdb" if flags["subdir"] else "")
    lmdb_inherited.remember(handle, path, subdir=flags["subdir"])
    settings = {name: value for name, value in flags.items() if name != "path"}
    settings["map_size"], settings["max_readers"] = info["map_size"], info["max_readers"]
    return Recipe(open_environment, path, _databases(handle), **settings).unwatched()


@register_handle("builtins.Transaction", in_child="keep", found="lmdb.Transaction")
@register_handle("lmdb.cffi.Transaction", in_child="keep")
def transaction(handle: Any) -> Recipe:
    """Restores a read transaction of its environment, its database and buffers=; a write transaction is refused.

    Not restored: its snapshot; the new one sees what has been committed since.
    """
    _refuse_a_namesake(handle, "Transaction")
    owner = _environment_of(lambda environment, probe: handle.stat(environment.open_db(txn=probe)))
    if handle.id() > owner.info()["last_txnid"]:
        raise UnsafeHandleError(
            f"this is a write transaction of {owner.path()!r}, and only one process can be in it",
            remedy="Commit or abort it before the workers start",
        )
    buffers = isinstance(handle.cursor().key(), memoryview)
    with owner.begin() as probe:
        name = _name(owner, probe, handle.stat(), lambda: _ends(handle.cursor()))
    return Recipe(begin, owner, name, buffers)


@register_handle("builtins._Database", in_child="keep", found="lmdb._Database")
@register_handle("lmdb.cffi._Database", in_child="keep")
def database(handle: Any) -> Recipe:
    """Restores the database by its name in its environment, which is found by size and by first and last item.

    Two databases that are alike in all of these are an error.
    """
    _refuse_a_namesake(handle, "_Database")
    owner = _environment_of(lambda environment, probe: probe.stat(handle))
    with owner.begin() as probe:
        name = _name(owner, probe, probe.stat(handle), lambda: _ends(probe.cursor(handle)))
    return Recipe(open_database, owner, name)


@register_handle("builtins.Cursor", in_child="keep", found="lmdb.Cursor")
@register_handle("lmdb.cffi.Cursor", in_child="keep")
def cursor(handle: Any) -> Recipe:
    """Restores nothing: a cursor knows neither its transaction nor its database, so it is an error."""
    _refuse_a_namesake(handle, "Cursor")
    raise NotWorkerSafeError(
        "an lmdb.Cursor doesn't reveal its transaction and its database",
        remedy="Make it where it is used: env.begin().cursor(db)",
    )


# What the recipes call.


def open_environment(path: str, databases: list[bytes], **settings: Any) -> Any:
    import lmdb

    subdir = settings["subdir"]
    with lmdb_inherited.one_at_a_time():
        found = lmdb_inherited.find(path, subdir=subdir)
        if found is None:
            lmdb_inherited.close_inherited(path, subdir=subdir)
            spare = 0 if settings["readonly"] else SPARE_DATABASES
            # create=False: an environment that is gone isn't to be made anew.
            found = lmdb.open(path, create=False, max_dbs=len(databases) + spare, **settings)
            lmdb_inherited.remember(found, path, subdir=subdir)
            for name in databases:
                open_database(found, name)
    return found


def begin(environment: Any, name: bytes | None, buffers: bool) -> Any:
    database = None if name is None else open_database(environment, name)
    return environment.begin(db=database, buffers=buffers)


def open_database(environment: Any, name: bytes | None) -> Any:
    # Not in a transaction that reads, which wouldn't wait for whoever writes: the database is closed with it.
    return environment.open_db(name, create=False)


# What is asked of an environment.


def _refuse_a_namesake(handle: Any, name: str) -> None:
    import lmdb

    if not isinstance(handle, getattr(lmdb, name)):
        raise NotWorkerSafeError(f"this {type(handle).__qualname__} isn't lmdb's", remedy=PER_WORKER)


def _databases(environment: Any) -> list[bytes]:
    """The names of its databases. They are items of the main one, where they may be lost among a million others."""
    if environment.stat()["entries"] > MANY:
        return []
    with environment.begin() as probe:
        return [name for name, _ in _sizes(probe) if _is_database(environment, probe, name)]


def _is_database(environment: Any, probe: Any, name: bytes) -> bool:
    import lmdb

    try:
        # Closed with the transaction again, if it wasn't open before.
        environment.open_db(name, txn=probe, create=False)
    except lmdb.IncompatibleError:
        return False
    except lmdb.DbsFullError:
        pass
    return True


def _environment_of(belongs: Any) -> Any:
    """The environment for which `belongs(environment, transaction)` doesn't raise."""
    import lmdb

    for environments in (lmdb_inherited.all_known, _search):
        for environment in environments():
            try:
                with environment.begin() as probe:
                    belongs(environment, probe)
            except lmdb.Error:  # "Database handle belongs to another environment."
                continue
            return environment
    raise NotWorkerSafeError("lmdb doesn't reveal which Environment this belongs to", remedy=BESIDE)


def _search() -> Iterator[Any]:
    """The environments that some object holds. The garbage collector doesn't list them, but what holds them."""
    import lmdb

    for holder in gc.get_objects():
        # Not isinstance, which asks for an object's __class__: of some, torch warns that they are deprecated.
        if issubclass(type(holder), (list, tuple, set, frozenset, dict)) and len(holder) > 1000:
            continue
        for held in gc.get_referents(holder):
            if issubclass(type(held), lmdb.Environment) and lmdb_inherited.is_alive(held):
                yield held


def _name(environment: Any, probe: Any, size: dict[str, int], ends: Any) -> bytes | None:
    """The name of the database that has this size and these ends; None for the main one."""
    # The main one first, and by its ends too: it may be as large as another, or so large that looking for names in it
    # takes long.
    if size == environment.stat() and _has_ends(environment, probe, None, ends()):
        return None
    found = [name for name, its_size in _sizes(probe) if its_size == size]
    if len(found) > 1:
        found = [name for name in found if _has_ends(environment, probe, name, ends())]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(name.decode(errors="replace")) for name in found) or "none"
    raise NotWorkerSafeError(
        f"lmdb doesn't reveal the name of this database of {environment.path()!r} (as large: {names})",
        remedy="Keep the name instead, and call env.open_db(name) in a method decorated with @picklesafe.per_worker",
    )


_RECORD = struct.Struct("=IHHQQQQQ")
"""What the main database holds under the name of another."""


def _sizes(probe: Any) -> Iterator[tuple[bytes, dict[str, int]]]:
    """Name and size of every named database."""
    main = probe.cursor()
    for name, value in main:
        if len(value) == _RECORD.size:
            _, _, depth, branches, leaves, overflow, entries, _ = _RECORD.unpack(value)
            yield (
                bytes(name),
                {
                    "psize": probe.stat()["psize"],
                    "depth": depth,
                    "branch_pages": branches,
                    "leaf_pages": leaves,
                    "overflow_pages": overflow,
                    "entries": entries,
                },
            )


def _has_ends(environment: Any, probe: Any, name: bytes | None, ends: list[Any]) -> bool:
    import lmdb

    try:
        return _ends(probe.cursor(environment.open_db(name, txn=probe, create=False))) == ends
    except lmdb.Error:
        # No room for another open database: then this isn't the one that is open.
        return False


def _ends(cursor: Any) -> list[Any]:
    """The first and the last item."""
    return [tuple(map(bytes, cursor.item())) for move in (cursor.first, cursor.last) if move()]
