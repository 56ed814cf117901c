"""Locks, queues and executors: each process makes its own, with the same settings and contents."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from picklesafe import PickleSafeMixin, UnsafeHandleError
from tests.handles.holding import Holding
from tests.workers import START_METHODS, in_worker, in_workers

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")


def sent(**handles: Any) -> Any:
    return pickle.loads(pickle.dumps(Holding(**handles)))


class Named(threading.Semaphore):
    """A subclass with more to it, and another signature."""

    def __init__(self, name: str) -> None:
        super().__init__(3)
        self.name = name


class Inbox(queue.Queue):  # type: ignore[type-arg]  # not generic on 3.10
    """A queue that counts what was ever put in."""

    def __init__(self, owner: str) -> None:
        super().__init__(maxsize=9)
        self.owner = owner
        self.count = 0

    def _put(self, item: Any) -> None:
        self.count += 1
        super()._put(item)


class PerThread(threading.local):
    """Values that each thread begins with, made from arguments."""

    def __init__(self, start: int = 0, *, step: int = 1) -> None:
        self.value = start
        self.step = step


class Guarded(PickleSafeMixin):
    """The usual: a lock around a list, and a condition on the same lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.items: queue.Queue[int] = queue.Queue()

    def add(self, item: int) -> list[int]:
        with self.lock, self.changed:
            self.items.put(item)
            self.changed.notify_all()
            return list(self.items.queue)


@pytest.mark.parametrize(
    "make", [threading.Lock, threading.RLock, threading.Condition], ids=["Lock", "RLock", "Condition"]
)
def test_a_lock_that_is_held_arrives_free(make: Callable[[], Any]) -> None:
    lock = make()
    with lock:
        arrived = sent(lock=lock).lock
    assert type(arrived) is type(lock)
    assert arrived.acquire(timeout=1)


def test_a_condition_and_its_lock_are_one_lock_again_wherever_they_are_named() -> None:
    lock = threading.Lock()
    arrived = sent(lock=lock, changed=threading.Condition(lock), nested=[{"lock": lock}])
    assert arrived.changed._lock is arrived.lock is arrived.nested[0]["lock"]
    assert arrived.lock is not lock


def test_a_condition_waits_and_is_notified_on_its_new_lock() -> None:
    changed = sent(changed=threading.Condition()).changed
    threading.Timer(0.05, lambda: notify(changed)).start()
    with changed:
        assert changed.wait(10)


def notify(changed: threading.Condition) -> None:
    with changed:
        changed.notify_all()


@pytest.mark.parametrize("is_set", [True, False])
def test_an_event_keeps_its_flag(is_set: bool) -> None:
    event = threading.Event()
    if is_set:
        event.set()
    assert sent(event=event).event.is_set() is is_set


def test_a_semaphore_keeps_its_count_and_a_bounded_one_its_bound() -> None:
    semaphore, bounded = threading.Semaphore(3), threading.BoundedSemaphore(2)
    semaphore.acquire()
    bounded.acquire()
    arrived = sent(semaphore=semaphore, bounded=bounded)
    assert [arrived.semaphore.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    assert [arrived.bounded.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    arrived.bounded.release(2)
    with pytest.raises(ValueError, match="released too many times"):
        arrived.bounded.release()


def test_a_barrier_keeps_parties_action_and_timeout_and_is_whole_again() -> None:
    barrier = threading.Barrier(2, action=done, timeout=5.0)
    barrier.abort()
    arrived = sent(barrier=barrier).barrier
    assert (arrived.parties, arrived._action, arrived._timeout, arrived.broken) == (2, done, 5.0, False)


def done() -> None:
    pass


def test_a_subclass_keeps_its_attributes_without_being_made_again() -> None:
    named = Named("training")
    named.acquire()
    arrived = sent(named=named).named
    assert (type(arrived), arrived.name, arrived._value) == (Named, "training", 2)
    with arrived:
        pass


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_a_queue_keeps_its_size_and_contents_in_their_order(kind: Any) -> None:
    full = kind(3)
    for item in [2, 3, 1]:
        full.put(item)
    arrived = sent(full=full).full
    assert (type(arrived), arrived.maxsize) == (kind, 3)
    with pytest.raises(queue.Full):
        arrived.put(4, timeout=0.01)
    assert [arrived.get() for _ in range(3)] == [full.get() for _ in range(3)]


def test_a_queue_can_be_joined_when_what_came_with_it_is_done() -> None:
    tasks: queue.Queue[int] = queue.Queue()
    for item in [1, 2]:
        tasks.put(item)
    tasks.get()  # somebody here works on it, and will never report it there
    arrived = sent(tasks=tasks).tasks
    arrived.get()
    arrived.task_done()
    arrived.join()


def test_a_queue_of_arrays_or_of_handles_travels() -> None:
    class Unequal:
        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous, as for arrays")

    tasks: queue.Queue[Any] = queue.Queue()
    lock = threading.Lock()
    tasks.put(lock)
    arrived = sent(tasks=tasks, again=tasks, lock=lock)
    assert arrived.tasks is arrived.again
    assert arrived.tasks.get() is arrived.lock
    tasks.put(Unequal())
    dataset = copy.deepcopy(Holding(tasks=tasks, again=tasks))
    assert dataset.tasks is dataset.again
    assert dataset.tasks.qsize() == 2


def test_a_subclass_of_queue_keeps_its_attributes() -> None:
    inbox = Inbox("reader")
    inbox.put("a")
    arrived = sent(inbox=inbox).inbox
    arrived.put("b")
    assert (type(arrived), arrived.owner, arrived.count, arrived.maxsize) == (Inbox, "reader", 2, 9)
    assert [arrived.get(), arrived.get()] == ["a", "b"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Queue.shutdown is from Python 3.13")
def test_a_queue_that_was_shut_down_stays_so() -> None:
    closed: queue.Queue[int] = queue.Queue()
    closed.put(1)
    closed.shutdown()  # type: ignore[attr-defined]
    arrived = sent(closed=closed).closed
    assert arrived.get() == 1
    with pytest.raises(queue.ShutDown):  # type: ignore[attr-defined]
        arrived.put(2)


def test_a_simple_queue_arrives_empty_and_one_with_contents_is_refused() -> None:
    simple: queue.SimpleQueue[int] = queue.SimpleQueue()
    assert sent(simple=simple).simple.empty()
    simple.put(1)
    with pytest.raises(UnsafeHandleError, match=r"Holding\.simple: this SimpleQueue holds 1 items.*Use queue\.Queue"):
        pickle.dumps(Holding(simple=simple))
    assert simple.get() == 1


def test_a_thread_local_arrives_empty() -> None:
    local = threading.local()
    local.connection = "of this thread"
    assert vars(sent(local=local).local) == {}


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (PerThread(), (0, 1)),
        (PerThread(5), (5, 1)),
        (PerThread(step=3), (0, 3)),
        (PerThread(5, step=3), (5, 3)),
    ],
)
def test_a_subclass_of_local_is_made_with_the_same_arguments(local: Any, expected: tuple[int, int]) -> None:
    local.value = 99
    arrived = sent(local=local).local
    assert (arrived.value, arrived.step) == expected
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append((arrived.value, arrived.step)))
    thread.start()
    thread.join()
    assert elsewhere == [expected]


def test_a_thread_pool_keeps_its_settings_and_works() -> None:
    pool = ThreadPoolExecutor(3, thread_name_prefix="reader", initializer=setattr, initargs=(threading.local(), "a", 1))
    pool.submit(done).result()
    arrived = sent(pool=pool).pool
    assert arrived.submit(name_of_thread).result().startswith("reader")
    assert arrived._max_workers == 3
    pool.shutdown()
    arrived.shutdown()


def name_of_thread() -> str:
    return threading.current_thread().name


@pytest.mark.parametrize("method", START_METHODS)
def test_a_process_pool_keeps_its_settings_and_works(method: str) -> None:
    pool = ProcessPoolExecutor(1, multiprocessing.get_context(method))
    arrived = sent(pool=pool).pool
    with arrived:
        assert arrived.submit(os.getpid).result() != os.getpid()
    assert arrived._mp_context.get_start_method() == method
    pool.shutdown()


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_that_was_shut_down_stays_so(kind: Any) -> None:
    pool = kind(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        sent(pool=pool).pool.submit(done)


def test_a_copy_in_the_same_process_shares_them_and_a_deep_one_has_its_own() -> None:
    dataset = Guarded()
    shared, own = copy.copy(dataset), copy.deepcopy(dataset)
    assert shared.lock is dataset.lock
    assert own.lock is not dataset.lock
    assert own.changed._lock is own.lock


@pytest.mark.parametrize("method", START_METHODS)
def test_a_lock_held_by_another_thread_when_workers_start_hangs_none_of_them(method: str) -> None:
    dataset = Guarded()
    dataset.add(1)
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with dataset.lock, dataset.items.mutex:
            held.set()
            leave.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        assert in_workers(method, 2, Guarded.add, dataset, 2) == [[1, 2], [1, 2]]
    finally:
        leave.set()
        holder.join()
    assert dataset.add(3) == [1, 3]


def use_everything(dataset: Any) -> list[Any]:
    with dataset.semaphore, dataset.lock, dataset.nested[0]:
        executor: Executor = dataset.pool
        return [
            executor.submit(len, "four").result(),
            dataset.event.is_set(),
            getattr(dataset.local, "value", None),
            dataset.queue.get(timeout=5),
            dataset.bounded.acquire(timeout=5),
        ]


@pytest.mark.parametrize("method", START_METHODS)
def test_everything_at_once_used_in_the_parent_first_works_in_workers(method: str) -> None:
    dataset = Holding(
        semaphore=threading.Semaphore(1),
        lock=threading.Lock(),
        nested=[threading.RLock()],
        pool=ThreadPoolExecutor(2),
        event=threading.Event(),
        local=threading.local(),
        queue=queue.Queue(),
        bounded=threading.BoundedSemaphore(1),
    )
    dataset.event.set()
    dataset.local.value = "the parent's"
    for item in "ab":
        dataset.queue.put(item)
    assert use_everything(dataset) == [4, True, "the parent's", "a", True]
    # In the child, the parent's threads aren't there, its bounded semaphore is free, its local empty.
    assert in_workers(method, 2, use_everything, dataset) == [[4, True, None, "b", True]] * 2
    assert dataset.queue.qsize() == 1
    dataset.pool.shutdown()


@needs_fork
def test_a_forked_child_has_what_a_simple_queue_held_also_while_a_thread_waits_for_it() -> None:
    simple: queue.SimpleQueue[int] = queue.SimpleQueue()
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    simple.put(1)
    thread = threading.Thread(target=waiting.get)
    thread.start()
    try:
        assert in_worker("fork", take_and_put, Holding(simple=simple, waiting=waiting)) == [1, 2]
    finally:
        waiting.put(0)
        thread.join()
    assert simple.get(timeout=5) == 1


def take_and_put(dataset: Any) -> list[int]:
    dataset.waiting.put(2)
    return [dataset.simple.get(timeout=5), dataset.waiting.get(timeout=5)]
