"""HandlePool: many files, a bounded number of them open, in each process its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar

from picklesafe import open_handles
from picklesafe.errors import PickleSafeError
from picklesafe.mixin import PickleSafeMixin

H = TypeVar("H")


class HandlePool(PickleSafeMixin, Generic[H]):
    """Open handles by path, for datasets of more files than can be open at once:

        class Shards(Dataset):
            def __init__(self, paths):
                self.paths = paths
                self.pool = HandlePool(h5py.File, maxsize=64)

            def __getitem__(self, i):
                with self.pool[self.paths[i // 1000]] as file:
                    return file["x"][i % 1000]

    A handle is opened when it is first asked for, stays open, and is closed when its place is needed and nobody uses
    it; the one that went unused for longest goes first. One that is in use, in a `with` block, is never closed.
    Threads that ask for one path at once get the same handle, opened once; where the library's handles don't bear
    several threads at once, that takes a lock of yours.

    A pool travels to a worker as what it opens handles with, whatever object holds it, and has none open there; so it
    does in a forked child, which leaves alone what it inherits, but for read-only handles whose library wouldn't open
    their file a second time (lmdb, h5py): those it closes before it opens its own.

    Args:
        open: called with the path, gives the handle: a function, a class, or its dotted name ("h5py.File").
        maxsize: handles open at most, at any moment. By default as many as the process's limit on open files allows,
            less a quarter for others; that bound holds in any case, for all pools of a process together. What a
            forked child inherits counts against its limit.
        close: called with the handle in order to close it; by default `handle.close()`, if it has that.
    """

    opener: Callable[[Any], H] | str
    maxsize: int | None
    closer: Callable[[H], object] | None

    def __init__(
        self,
        open: Callable[[Any], H] | str,
        *,
        maxsize: int | None = None,
        close: Callable[[H], object] | None = None,
    ) -> None:
        if not (callable(open) or isinstance(open, str)):
            raise TypeError(f"HandlePool(open): give a function, a class or a dotted name, not {open!r}")
        if not (close is None or callable(close)):
            raise TypeError(f"HandlePool(close=): give a function of a handle, not {close!r}")
        if maxsize is not None and maxsize < 1:
            raise ValueError(f"HandlePool(maxsize={maxsize}): one handle at least must be open to be used")
        self.opener = open
        self.maxsize = maxsize
        self.closer = close

    def __getitem__(self, path: Any) -> Lease[H]:
        """To be written as `with pool[path] as handle`.

        Args:
            path: what the opener is called with, as it is; anything hashable. A string and a pathlib path of the same
                text stand for one handle.

        Raises, when the block is entered:
            PickleSafeError: this thread has `maxsize` handles in use already, or threads that have them all wait for
                each other; or the opener gave None.
            TypeError: the path isn't hashable.
        """
        return Lease(self, path)

    def __contains__(self, path: Any) -> bool:
        """Whether the handle of a path is open in this process."""
        entry = open_handles.here.shelf(self).entries.get(open_handles.key_of(path))
        return entry is not None and entry.worker is None

    def __len__(self) -> int:
        """How many handles are open in this process."""
        return sum(entry.worker is None for entry in list(open_handles.here.shelf(self).entries.values()))

    def __bool__(self) -> bool:
        # Without it, `pool or HandlePool(…)` and `if self.pool:` would take a pool with none open for none at all.
        return True

    # Otherwise Python would go through pool[0], pool[1], … without end.
    __iter__ = None

    def clear(self) -> None:
        """Close every handle that is open in this process; one that is in use is closed when its block ends."""
        shelf = open_handles.here.shelf(self)
        errors = open_handles.here.close_all(shelf, self.closer)
        if errors:
            raise errors[0]

    def close(self) -> None:
        """The same. A pool that is used again opens its handles again."""
        self.clear()

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the end of the interpreter modules are emptied before their objects are freed; what was open is closed.
        if not _is_finalizing():
            open_handles.here.forget(self)

    def __repr__(self) -> str:
        limit = "" if self.maxsize is None else f" of at most {self.maxsize}"
        return f"<HandlePool of {open_handles.name_of(self.opener)}: {len(self)}{limit} open>"


class Lease(Generic[H]):
    """What `pool[path]` gives: the handle, for the length of a `with` block."""

    __slots__ = ("_entry", "_path", "_pool", "_process")

    def __init__(self, pool: HandlePool[H], path: Any) -> None:
        self._pool = pool
        self._path = path
        self._entry: open_handles.Entry | None = None
        self._process = open_handles.here

    def __enter__(self) -> H:
        if self._entry is not None:
            raise PickleSafeError("this block was entered before", remedy="Write pool[path] anew for each block")
        self._process = open_handles.here
        self._entry = open_handles.here.acquire(self._pool, self._path)
        handle: H = self._entry.handle
        return handle

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        entry, self._entry = self._entry, None
        # In a child that was forked inside the block, the handle is the parent's.
        if entry is not None and self._process is open_handles.here:
            open_handles.here.release(self._pool, open_handles.key_of(self._path), entry)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name}: a pool lends its handles to a block: with pool[path] as handle: handle.{name}")

    def __getitem__(self, index: Any) -> NoReturn:
        raise TypeError(f"a pool lends its handles to a block: with pool[path] as handle: handle[{index!r}]")
