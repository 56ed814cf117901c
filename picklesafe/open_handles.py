"""What the pools of this process have open: which handle is used by whom, waits for its end, or gives way to another.

One lock serves all pools, and is held for bookkeeping alone: handles are opened and closed outside of it, in places
that are marked as being worked on. After a fork the child begins with none, and with a lock that nobody holds.
"""

from __future__ import annotations

import atexit
import errno
import os
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from itertools import chain
from typing import Any, Protocol

from picklesafe.errors import HandleMissingError, PickleSafeError
from picklesafe.handles import recipe, registry

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]


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
    """

    __slots__ = ("handle", "unwanted", "users", "worker")

    def __init__(self, worker: int) -> None:
        self.handle: Any = None
        self.worker: int | None = worker
        self.users: list[int] = []
        self.unwanted = False

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
        inherited: those of the processes that it descends from, where they had handles open.
    """

    def __init__(self, inherited: list[Process]) -> None:
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
        if self.inherited:
            self.close_inherited()
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
                if full or _crowded():
                    victim = next(shelf.idle() if full else self._all_idle(shelf), None)
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
                    entry.handle = _opened(pool.opener, path)
                except Exception as error:
                    if not (_lacks_descriptors(error) and self._make_room(shelf, entry)):
                        raise
        except BaseException:
            self._remove(shelf, key, entry)
            raise
        with self.lock:
            entry.users.append(threading.get_ident())
            entry.worker = None
            self.changed.notify_all()
        return entry

    def _make_room(self, shelf: Shelf, wanted: Entry) -> bool:
        """Close a handle of any pool, or wait until one has been let go; False if none will be."""
        with self.lock:
            victim = next(self._all_idle(shelf), None)
            if victim is None:
                others = [entry for other in list(self.shelves.values()) for entry in list(other.entries.values())]
                return self._wait([entry for entry in others if entry is not wanted])
            victim[2].worker = threading.get_ident()
        _warn(victim[1], self._close(*victim))
        return True

    def _all_idle(self, first: Shelf) -> Iterator[Idle]:
        yield from first.idle()
        for shelf in list(self.shelves.values()):
            pool = shelf.pool()  # held, lest it be collected, and its shelf emptied, meanwhile
            if shelf is not first and pool is not None:
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

    def close_inherited(self) -> None:
        """What the parent had open, where its library would give that back instead of opening the file here."""
        with self.lock:
            shelves = [shelf for process in self.inherited for shelf in process.shelves.values()]
            for _, key, entry in chain.from_iterable(shelf.idle() for shelf in shelves):
                known = registry.handle_type(type(entry.handle))
                if known is not None and known.in_child == "close" and not known.writes(entry.handle):
                    _warn(key, _error_of(_close, entry.handle))
            self.inherited = []


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


def _crowded() -> bool:
    """Whether so many descriptors are in use that the rest must be left to others."""
    if resource is None:
        return False
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return False
    # The system gives the lowest number that is free: all below it are in use, by whomever.
    free = _free_descriptors(1)
    return not free or free[0] >= limit - min(max(limit // 4, 16), 256)


def _lacks_descriptors(error: BaseException) -> bool:
    """Whether an opener failed for want of a descriptor; libraries word it in many ways, or not at all."""
    reason: BaseException | None = error
    while reason is not None:
        if os.strerror(errno.EMFILE) in str(reason):
            return True
        if isinstance(reason, OSError) and reason.errno is not None:
            return reason.errno in (errno.EMFILE, errno.ENFILE)
        reason = reason.__cause__ or reason.__context__
    return len(_free_descriptors(_SUSPICIOUS)) < _SUSPICIOUS


_SUSPICIOUS = 8
"""With fewer descriptors free, an opener that fails for no reason it names may have needed one more: some open an
index or two beside the file, and have closed all of them again by the time that they raise."""


def _free_descriptors(count: int) -> list[int]:
    """Numbers that are free for descriptors, the lowest first, up to so many."""
    found: list[int] = []
    try:
        while len(found) < count:
            found.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for descriptor in found:
        os.close(descriptor)
    return found


here = Process([])


def _before_fork() -> None:
    if any(shelf.entries for shelf in list(here.shelves.values())):
        import ctypes  # noqa: F401  # for the child, which should import nothing


def _in_child() -> None:
    global here
    parent = here
    held = [process for process in (*parent.inherited, parent) if any(s.entries for s in process.shelves.values())]
    here = Process(held)
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
