"""Whether a connection, or this process, is in the middle of something with a SQLite database."""

from __future__ import annotations

import os
import sqlite3

PROBE = "picklesafe_probe"

_SHARED_BYTES = 1_073_741_826
"""Where in the file of a database its locks lie."""

_WAL_TRANSACTIONS = range(120, 128)
"""Where they lie in `-shm`, once the database has a write-ahead log; 128 is held as long as it is open."""


def has_rows_left(connection: sqlite3.Connection) -> bool:
    """Whether some cursor of the connection hasn't come to the end of its rows.

    SQLite lets no function be replaced while a statement runs, and Python has no other way to ask.
    """
    try:
        for _ in range(2):
            connection.create_function(PROBE, 0, int)
        connection.create_function(PROBE, 0, None)  # takes it away
    except sqlite3.OperationalError:
        return True
    return False


def is_locked_by_us(path: str) -> bool:
    """Whether this process, by whatever connection, is reading from a database or writing to it at the moment.

    Only Linux tells what a process has locked; elsewhere False.
    """
    held = _locks(path)
    in_shm = _locks(f"{path}-shm")
    if 128 not in in_shm:
        return bool(held)
    return any(start in _WAL_TRANSACTIONS for start in in_shm) or "WRITE" in held.values()


def _locks(path: str) -> dict[int, str]:
    """Start and kind of the locks that this process holds on a file."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks") as table:
            fields = [line.split() for line in table]
    except OSError:
        return {}
    # As "1: POSIX ADVISORY READ 4177 fe:00:3090028 1073741826 1073742335".
    ours = [found for found in fields if found[1:2] == ["POSIX"] and found[4] == str(os.getpid())]
    return {int(found[6]): found[3] for found in ours if found[5].rpartition(":")[2] == str(inode)}
