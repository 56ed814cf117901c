"""What the pools of this process have open: which handle is used by whom, waits for its end, or gives way to another.

One lock serves all pools, and is held for bookkeeping alone: handles are opened and closed outside of it, in places
that are marked as being worked on. After a fork the child begins with none, and with a lock that nobody holds.
"""

from __future__ import annotations

import atexit
import os
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any, NoReturn, Protocol

from picklesafe import descriptor_limit
from picklesafe.errors import HandleMissingError, NotWorkerSafeError, PickleSafeError
from picklesafe.handles import recipe, registry


class Pool(Protocol):
    """What a HandlePool was made with."""

    opener: Callable[[Any], Any] | str
    maxsize: int | None
    closer: Callable[[Any], object] | None


class Entry:
    """A handle, or the place that is kept for it while a thread opens or closes it.

    Attributes:
        handle: once it is open.
        worker: the thread that opens or closes it; None while it is open.
        users: the threads that are in a block with it, each as often as it is.
        unwanted: it is to be closed as soon as nobody uses it.
        in_child: what a forked child does about it before its opener is called, if anything.
    """

    __slots__ = ("handle", "in_child", "unwanted", "users", "worker")

    def __init__(self, worker: int) -> None:
        self.handle: Any = None
        self.worker: int | None = worker
        self.users: list[int] = []
        self.unwanted = False
        self.in_child: Callable[[], Any] | None = None

    @property
    def is_idle(self) -> bool:
        return self.worker is None and not self.users

    def held_by(self) -> set[int]:
        """The threads without which it won't become idle."""
        return {*self.users, *(() if self.worker is None else (self.worker,))}


class Shelf:
    """What one pool has open in this process, the least recently used first."""

    __slots__ = ("entries", "pool")

    def __init__(self, pool: Pool) -> None:
        self.entries: OrderedDict[Hashable, Entry] = OrderedDict()
        # Weak: the shelves are reached from the module, and would keep every pool alive.
        self.pool = weakref.ref(pool)

    def idle(self) -> Iterator[Idle]:
        """What nobody uses, the least recently used first."""
        return ((self, key, entry) for key, entry in self.entries.items() if entry.is_idle)


Idle = tuple[Shelf, Hashable, Entry]


class Process:
    """The pools of one process; a forked child begins a new one, with a lock that nobody holds.

    Args:
        inherited: by pool and key, what is to be done about a handle that was open at the fork. It gives a handle that
            is open again, or None when the opener may be called.
    """

    def __init__(self, inherited: dict[tuple[int, Hashable], Callable[[], Any]]) -> None:
        # Re-entrant: a pool may be collected in the middle of what this thread does here.
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.shelves: dict[int, Shelf] = {}
        self.waiting: dict[int, list[Entry]] = {}
        self.inherited = inherited

    def shelf(self, pool: Pool) -> Shelf:
        """That of a pool."""
        found = self.shelves.get(id(pool))
        if found is None or found.pool() is not pool:
            found = self.shelves[id(pool)] = Shelf(pool)
        return found

    def acquire(self, pool: Pool, path: Any) -> Entry:
        """The open handle of a path, with this thread among its users."""
        shelf, key, me = self.shelf(pool), key_of(path), threading.get_ident()
        while True:
            victim = None
            with self.lock:
                entry = shelf.entries.get(key)
                if entry is not None and entry.worker is None:
                    entry.users.append(me)
                    shelf.entries.move_to_end(key)
                    return entry
                if entry is not None:
                    self._wait_or_refuse(pool, path, [entry])
                    continue
                full = pool.maxsize is not None and len(shelf.entries) >= pool.maxsize
                if full or descriptor_limit.is_near():
                    victim = next(shelf.idle() if full else self._all_idle(), None)
                if victim is not None:
                    victim[2].worker = me
                elif full:
                    self._wait_or_refuse(pool, path, list(shelf.entries.values()))
                    continue
                else:
                    entry = shelf.entries[key] = Entry(worker=me)
                    break
            _warn(victim[1], self._close(*victim))
        return self._open(pool, shelf, key, path, entry)

    def _open(self, pool: Pool, shelf: Shelf, key: Hashable, path: Any, entry: Entry) -> Entry:
        try:
            while entry.handle is None:
                try:
                    entry.handle = self._from_inherited(pool, key) or _opened(pool.opener, path)
                except Exception as error:
                    if not (descriptor_limit.was_met(error) and self._make_room(entry)):
                        raise
        except BaseException:
            self._remove(shelf, key, entry)
            raise
        with self.lock:
            entry.users.append(threading.get_ident())
            entry.worker = None
            self.changed.notify_all()
        return entry

    def _make_room(self, wanted: Entry) -> bool:
        """Close a handle of any pool, or wait until one has been let go; False if none will be."""
        with self.lock:
            victim = next(self._all_idle(), None)
            if victim is None:
                others = [entry for other in list(self.shelves.values()) for entry in list(other.entries.values())]
                return self._wait([entry for entry in others if entry is not wanted])
            victim[2].worker = threading.get_ident()
        _warn(victim[1], self._close(*victim))
        return True

    def _all_idle(self) -> Iterator[Idle]:
        """What nobody uses in any pool; the pool that has most open gives way first."""
        for shelf in sorted(self.shelves.values(), key=lambda shelf: -len(shelf.entries)):
            pool = shelf.pool()  # held, lest it be collected, and its shelf emptied, meanwhile
            if pool is not None:
                yield from shelf.idle()

    def _close(self, shelf: Shelf, key: Hashable, entry: Entry, closer: Any = None) -> Exception | None:
        """Close a handle that this thread has marked as its work."""
        pool = shelf.pool()
        if closer is None and pool is not None:
            closer = pool.closer
        try:
            return _error_of(closer or _close, entry.handle)
        finally:
            # Those without a close() close when they are freed: before the place is given to another.
            entry.handle = None
            self._remove(shelf, key, entry)

    def _remove(self, shelf: Shelf, key: Hashable, entry: Entry) -> None:
        with self.lock:
            if shelf.entries.get(key) is entry:
                del shelf.entries[key]
            entry.worker = None
            self.changed.notify_all()

    def release(self, pool: Pool, key: Hashable, entry: Entry) -> None:
        """The end of a block."""
        me = threading.get_ident()
        shelf = self.shelf(pool)
        with self.lock:
            # A block may end in another thread than it began in.
            entry.users.remove(me if me in entry.users else entry.users[-1])
            if entry.users:
                return
            if self.waiting:
                self.changed.notify_all()
            if not entry.unwanted:
                return
            entry.worker = me
        _warn(key, self._close(shelf, key, entry))

    def close_all(self, shelf: Shelf, closer: Any = None) -> list[Exception]:
        """Close what nobody uses, and the rest when it is let go; gives the errors."""
        with self.lock:
            for entry in shelf.entries.values():
                entry.unwanted = True
            idle = list(shelf.idle())
            for _, _, entry in idle:
                entry.worker = threading.get_ident()
        return [error for found in idle if (error := self._close(*found, closer)) is not None]

    def forget(self, pool: Pool) -> None:
        """A pool that is gone: another may come to lie where it lay."""
        shelf = self.shelves.pop(id(pool), None)
        if shelf is not None:
            self.close_all(shelf, pool.closer)
        for place in [place for place in self.inherited if place[0] == id(pool)]:
            del self.inherited[place]

    def _wait_or_refuse(self, pool: Pool, path: Any, candidates: list[Entry]) -> None:
        if not self._wait(candidates):
            raise _vain(pool, path, candidates)

    def _wait(self, candidates: list[Entry]) -> bool:
        """Wait until something has changed; False, at once, if none of these entries will ever be let go."""
        me = threading.get_ident()
        self.waiting[me] = candidates
        try:
            if self._stuck(me):
                return False
            self.changed.wait()
            return True
        finally:
            del self.waiting[me]

    def _stuck(self, me: int) -> bool:
        """Whether everything that this thread waits for is held by it, or by threads that wait as vainly."""
        blocked = set(self.waiting)
        while True:
            hopeful = {
                thread
                for thread in blocked
                if any(blocked.isdisjoint(entry.held_by()) for entry in self.waiting[thread])
            }
            if not hopeful:
                return me in blocked
            blocked -= hopeful

    def _from_inherited(self, pool: Pool, key: Hashable) -> Any:
        """The handle that takes the place of one that was open at the fork; None if the opener is to be called."""
        act = self.inherited.get((id(pool), key))
        handle = act() if act is not None else None
        self.inherited.pop((id(pool), key), None)
        return handle


def _vain(pool: Pool, path: Any, candidates: list[Entry]) -> PickleSafeError:
    me = threading.get_ident()
    remedy = "End other blocks first, or raise maxsize"
    if any(entry.worker == me for entry in candidates):
        problem, remedy = f"opening {path!r} asks the pool for {path!r}", "Open it without the pool there"
    elif all(me in entry.users for entry in candidates):
        problem = f"{path!r} can't be opened: this thread has all {pool.maxsize} handles in use that may be open"
    else:
        problem = f"{path!r} can't be opened: the threads that it would have to wait for wait in turn, for this one"
    return PickleSafeError(problem, remedy=remedy, attribute=repr(pool))


def key_of(path: Any) -> Hashable:
    key = os.fspath(path) if type(path) is not str and isinstance(path, os.PathLike) else path
    try:
        hash(key)
    except TypeError:
        raise TypeError(f"a pool keeps handles by their path, which must be hashable; {path!r} isn't") from None
    return key


def _opened(opener: Callable[[Any], Any] | str, path: Any) -> Any:
    try:
        function = recipe.resolve(opener) if isinstance(opener, str) else opener
    except (ImportError, AttributeError) as error:
        raise HandleMissingError(
            f"{path!r} can't be opened: {opener} can't be imported in this process ({error})",
            remedy="Give the full name, as in HandlePool('h5py.File'), and install its package where the workers run",
        ) from error
    handle = function(path)
    if handle is None:
        raise PickleSafeError(f"{name_of(opener)} gave None for {path!r}", remedy="Let it return the open handle")
    return handle


def _close(handle: Any) -> None:
    getattr(handle, "close", _nothing)()


def _nothing() -> None:
    """Some handles close when they are freed, and in no other way."""


def _error_of(function: Callable[[Any], object], handle: Any) -> Exception | None:
    try:
        function(handle)
    except Exception as error:
        return error
    return None


def _warn(key: Hashable, error: Exception | None) -> None:
    if error is not None:
        # Not raised: who asked for one handle has nothing to do with the end of another.
        problem = f"the handle of {key!r} couldn't be closed: {type(error).__name__}: {error}"
        warnings.warn(problem, RuntimeWarning, stacklevel=3)


def name_of(opener: Callable[[Any], Any] | str) -> str:
    if isinstance(opener, str):
        return opener
    name = getattr(opener, "__qualname__", None)
    return f"{opener.__module__}.{name}" if name else repr(opener)


here = Process({})


def _before_fork() -> None:
    for shelf in list(here.shelves.values()):
        pool = shelf.pool()  # held, lest the garbage collector close a handle in the middle of a look at it
        if pool is not None and shelf.entries:
            import ctypes  # noqa: F401  # for the child, which should import nothing

            for key, entry in list(shelf.entries.items()):
                known = registry.handle_type(type(entry.handle))
                if known is not None and known.in_child in ("close", "keep"):
                    _look_at(pool, key, entry, known)


def _look_at(pool: Pool, key: Hashable, entry: Entry, known: registry.HandleType) -> None:
    """Note what the child has to do about a handle; for so long it is in use, and no other thread closes it."""
    me = threading.get_ident()
    with here.lock:
        if entry.worker is not None:
            return  # another thread closes it
        in_block = me in entry.users
        entry.users.append(me)
    try:
        entry.in_child = _duty(entry.handle, known, in_block)
    finally:
        here.release(pool, key, entry)


def _duty(handle: Any, known: registry.HandleType, in_block: bool) -> Callable[[], Any] | None:
    """What a forked child has to do about a handle of the parent's before it opens the same file.

    Args:
        in_block: the thread that forks, and is the child's only one, is in a block with it.
    """
    if known.in_child == "close" and not known.writes(handle):
        if in_block and known.close is registry.close_it:
            # The block goes on in the child. What is opened there beside it is the same file of its library's.
            return None
        # Its library would give back the one that is open.
        return partial(known.close, handle)
    try:
        # The recipe knows how to leave the parent's alone.
        return partial(registry.describe(handle).open, check=False)
    except PickleSafeError as error:
        # Where it can't be told what it was opened with, the opener knows.
        return None if error.__cause__ is not None or isinstance(error, NotWorkerSafeError) else partial(_raise, error)


def _raise(error: PickleSafeError) -> NoReturn:
    raise error.with_traceback(None)


def _in_child() -> None:
    global here
    parent = here
    descriptor_limit.forget()
    here = Process(dict(parent.inherited))
    for pool, shelf in parent.shelves.items():
        for key, entry in shelf.entries.items():
            if entry.in_child is not None:
                here.inherited[pool, key] = entry.in_child
    if any(shelf.entries for shelf in parent.shelves.values()):
        import ctypes

        # Never freed either, not even at the end of the interpreter: that would close what is open, and some
        # libraries close in a way that hurts the parent.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(parent))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)


@atexit.register
def _at_exit() -> None:
    for shelf in list(here.shelves.values()):
        here.close_all(shelf)
