"""What orders threads: locks, conditions, queues, executors. Each process makes its own.

A lock that was held when its process forked would be held in the child for ever, since the thread that held it isn't
there; one that was free is as good as a new one. A lock in another process locks nothing here. So there is nothing to
open again: settings and contents are kept, and what threads are doing at the moment isn't.
"""

from __future__ import annotations

import functools
import gc
import threading
from typing import Any

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles.anew import Snapshot, attributes, made_anew, make, taken
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle


def is_free(lock: Any) -> bool:
    """Whether nobody holds it, or this thread does and may again."""
    if not lock.acquire(blocking=False):
        return False
    lock.release()
    return True


def is_idle(condition: Any) -> bool:
    """Whether nobody holds or waits for it: who waits in another process would take a notification for himself."""
    return is_free(condition) and not condition._waiters


def _has_idle_condition(handle: Any) -> bool:
    return is_idle(handle._cond)


def _is_unused(handle: Any) -> bool:
    """Of a bounded semaphore: what a thread of the parent has acquired, nobody would release here."""
    return is_idle(handle._cond) and handle._value == handle._initial_value


def _is_idle_queue(handle: Any) -> bool:
    nobody_waits = all(map(is_idle, (handle.not_empty, handle.not_full, handle.all_tasks_done)))
    return nobody_waits and handle.unfinished_tasks == len(handle.queue)


@register_handle("_thread.lock", found="_thread.LockType", survives=is_free, travels=False)
def lock(handle: Any) -> Recipe:
    """A new lock. Not restored: that somebody holds it."""
    return Recipe("threading.Lock")


@register_handle("_thread.RLock", survives=is_free, travels=False)
@register_handle("threading._RLock", survives=is_free, travels=False)
def reentrant_lock(handle: Any) -> Recipe:
    """A new lock. Not restored: that somebody holds it, and how often."""
    return Recipe("threading.RLock")


@register_handle("threading.Condition", survives=is_idle, travels=False)
def condition(handle: Any) -> Recipe:
    """A new condition on the lock that it stands on: one that `self.lock` names too is one lock again.

    Not restored: who waits for it.
    """
    return made_anew(threading.Condition, handle, _own(threading.Condition), handle._lock)


@register_handle("threading.Event", survives=_has_idle_condition, travels=False)
def event(handle: Any) -> Recipe:
    """Restores whether it is set. Not restored: who waits for it."""
    return Recipe(_event, type(handle), attributes(handle, _own(threading.Event)), handle.is_set())


def _event(cls: type, rest: Any, is_set: bool) -> Any:
    new = make(threading.Event, cls, rest)
    if is_set:
        threading.Event.set(new)
    return new


@register_handle("threading.Semaphore", survives=_has_idle_condition, travels=False)
def semaphore(handle: Any) -> Recipe:
    """Restores the count as it stands. Not restored: the count that it started with, which it doesn't know itself."""
    return made_anew(threading.Semaphore, handle, _own(threading.Semaphore), handle._value)


@register_handle("threading.BoundedSemaphore", survives=_is_unused, travels=False)
def bounded_semaphore(handle: Any) -> Recipe:
    """Restores the bound, and counts from it again. Not restored: how many have acquired it."""
    return made_anew(threading.BoundedSemaphore, handle, _own(threading.BoundedSemaphore), handle._initial_value)


@register_handle("threading.Barrier", travels=False)
def barrier(handle: Any) -> Recipe:
    """Restores the number of parties, the action and the timeout. Not restored: who waits, and that it is broken."""
    own = _own(threading.Barrier, 1)
    return made_anew(threading.Barrier, handle, own, handle.parties, handle._action, handle._timeout)


@register_handle("_thread._local", found="threading.local", travels=False)
def local(handle: Any) -> Recipe:
    """A new one; a subclass's `__init__` gets what it got here. Not restored: what threads have put into it."""
    # It keeps what it was made with, to call __init__ in each thread, and shows it to the garbage collector alone:
    # its class, the arguments, the keywords if there were any, then a dict whose keys are no names.
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    for held in gc.get_referents(handle):
        if type(held) is tuple:
            args = held
        elif type(held) is dict and held and all(type(key) is str for key in held):
            keywords = held
    return Recipe(type(handle), *args, **keywords)


@register_handle("queue.Queue", survives=_is_idle_queue, travels=False)
def blocking_queue(handle: Any) -> Recipe:
    """Restores size, contents and kind. Not restored: tasks taken out and not yet reported as done."""
    import queue

    rest = attributes(handle, _own(queue.Queue))
    # Its lock isn't needed: to copy a deque or a list is one step for other threads. At a fork it may be held for ever.
    is_shutdown = getattr(handle, "is_shutdown", False)  # Python 3.13
    return Recipe(_queue, type(handle), rest, handle.maxsize, Snapshot(handle.queue), is_shutdown)


def _queue(cls: type, rest: Any, maxsize: int, contents: Any, is_shutdown: bool) -> Any:
    import queue

    new = make(queue.Queue, cls, rest, maxsize)
    new.queue = taken(contents)
    new.unfinished_tasks = len(new.queue)
    if is_shutdown:
        new.shutdown()
    return new


# Shared with a forked child, contents and all: its lock is never left held.
@register_handle("_queue.SimpleQueue", in_child="share", travels=False)
def simple_queue(handle: Any) -> Recipe:
    """A new empty one. Not restored: its contents, which only taking them out would show; with any it is refused."""
    if not handle.empty():
        raise UnsafeHandleError(
            f"this SimpleQueue holds {handle.qsize()} items, which can't be read without taking them out",
            remedy="Use queue.Queue, whose contents travel, or empty it before the workers start",
        )
    return Recipe("queue.SimpleQueue")


@register_handle("concurrent.futures.thread.ThreadPoolExecutor", travels=False)
def thread_pool(handle: Any) -> Recipe:
    """Restores the number of threads, their names and the initializer. Not restored: tasks that wait or run."""
    from concurrent.futures import ThreadPoolExecutor

    given = (handle._max_workers, handle._thread_name_prefix, *_initializer(handle))
    rest = attributes(handle, _own(ThreadPoolExecutor, 1))
    return Recipe(_executor, ThreadPoolExecutor, type(handle), rest, handle._shutdown, *given)


@register_handle("concurrent.futures.process.ProcessPoolExecutor", travels=False)
def process_pool(handle: Any) -> Recipe:
    """Restores the number of processes, the start method, the initializer and max_tasks_per_child.

    Not restored: tasks that wait or run.
    """
    from concurrent.futures import ProcessPoolExecutor

    given = (handle._max_workers, handle._mp_context, *_initializer(handle))
    limit = getattr(handle, "_max_tasks_per_child", None)  # Python 3.11
    # What it sets itself is read off its code: to make one for that would open pipes and start a process.
    rest = attributes(handle, frozenset(ProcessPoolExecutor.__init__.__code__.co_names))
    return Recipe(
        _executor,
        ProcessPoolExecutor,
        type(handle),
        rest,
        handle._shutdown_thread,
        *given,
        **({} if limit is None else {"max_tasks_per_child": limit}),
    )


def _initializer(handle: Any) -> tuple[Any, Any]:
    if hasattr(handle, "_initializer"):
        return handle._initializer, handle._initargs
    # Python 3.14 keeps both in the function that makes a worker's context.
    worker = handle._create_worker_context()
    return worker.initializer, worker.initargs


def _executor(base: Any, cls: type, rest: Any, is_shutdown: bool, *given: Any, **limits: Any) -> Any:
    new = make(base, cls, rest, *given, **limits)
    if is_shutdown:
        base.shutdown(new, wait=False)
    return new


@functools.cache
def _own(base: type, *args: Any) -> frozenset[str]:
    """The attributes that a class sets itself."""
    return frozenset(vars(base(*args)))
