"""Real workers for the tests: the same reads in this process and in processes started in every way there is."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

START_METHODS = multiprocessing.get_all_start_methods()
"""fork, spawn and forkserver, as far as this platform has them."""

TIMEOUT = 60
"""Seconds after which a worker counts as hanging; starting one takes about 1."""


def in_worker(method: str, function: Callable[..., Any], *args: Any, fresh: bool = False) -> Any:
    """What `function(*args)` gives in a process of its own; what it raises is raised here.

    Args:
        method: "fork", "spawn" or "forkserver".
        function: at the top of a module, since it must pickle.
        args: handed over as multiprocessing does it: inherited by a fork, sent through its own pickler otherwise.
        fresh: start a process for this call and see it end. Otherwise a spawned one serves the next call as well, as
            a persistent worker does; what it was sent is forgotten. A fork is always fresh.
    """
    return in_workers(method, 1, function, *args, fresh=fresh)[0]


def in_workers(method: str, count: int, function: Callable[..., Any], *args: Any, fresh: bool = False) -> list[Any]:
    """As `in_worker`, in `count` processes that run at once."""
    if fresh or method == "fork":
        workers = [_Worker(method, function, *args) for _ in range(count)]
        return [worker.last_answer() for worker in workers]
    kept = _kept.setdefault(method, [])
    while len(kept) < count:
        kept.append(_Worker(method))
    try:
        for worker in kept[:count]:
            worker.send(function, args)
        answers = [worker.answer() for worker in kept[:count]]
    except BaseException:
        # One may be busy still.
        _kept.pop(method)
        raise
    return [_outcome(answer) for answer in answers]


class _Worker:
    """A process, and the pipe to it; with a function it runs that and ends, without one it waits for calls."""

    def __init__(self, method: str, *call: Any) -> None:
        context = multiprocessing.get_context(method)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve_once if call else _serve, args=(theirs, *call), daemon=True)
        self.process.start()
        theirs.close()

    def send(self, function: Callable[..., Any], args: Any) -> None:
        call = ForkingPickler.dumps((function, args))
        self.pipe.send_bytes(os.fsencode(os.getcwd()))
        self.pipe.send_bytes(call)

    def answer(self) -> tuple[bool, Any]:
        try:
            if not self.pipe.poll(TIMEOUT):
                self.process.kill()
                raise AssertionError(f"the worker hangs after {TIMEOUT} s")
            answer: tuple[bool, Any] = pickle.loads(self.pipe.recv_bytes())
            return answer
        except EOFError:
            self.process.join(5)
            raise AssertionError(f"the worker died with exit code {self.process.exitcode}") from None

    def last_answer(self) -> Any:
        try:
            answer = self.answer()
            self.process.join(5)
        finally:
            self.process.kill()
            self.process.join()
            self.pipe.close()
        return _outcome(answer)


_kept: dict[str, list[_Worker]] = {}


def _outcome(answer: tuple[bool, Any]) -> Any:
    well, value = answer
    if not well:
        raise value
    return value


def _serve_once(pipe: Any, function: Callable[..., Any], *args: Any) -> None:
    pipe.send_bytes(_run(function, args))
    pipe.close()


def _serve(pipe: Any) -> None:
    while True:
        try:
            # The parent's folder, in which a process started now would be.
            os.chdir(pipe.recv_bytes())
            function, args = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        except BaseException as error:
            pipe.send_bytes(pickle.dumps((False, error)))
            continue
        answer = _run(function, args)
        del function, args
        pipe.send_bytes(answer)


def _run(function: Callable[..., Any], args: Any) -> bytes:
    faulthandler.dump_traceback_later(TIMEOUT - 5)
    try:
        answer = (True, function(*args))
    except BaseException as error:
        error.add_note(traceback.format_exc()) if hasattr(error, "add_note") else None
        answer = (False, error)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return pickle.dumps(answer)
