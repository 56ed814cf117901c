"""Real workers for the tests: the same reads in this process and in processes started in every way there is."""

from __future__ import annotations

import faulthandler
import multiprocessing
import pickle
import traceback
from collections.abc import Callable
from typing import Any

START_METHODS = multiprocessing.get_all_start_methods()
"""fork, spawn and forkserver, as far as this platform has them."""

TIMEOUT = 60
"""Seconds after which a worker counts as hanging; starting one takes about 1."""


def in_worker(method: str, function: Callable[..., Any], *args: Any) -> Any:
    """What `function(*args)` gives in a process of its own; what it raises is raised here.

    Args:
        method: "fork", "spawn" or "forkserver".
        function: at the top of a module, since it must pickle.
        args: handed over as multiprocessing does it: inherited by a fork, pickled otherwise.
    """
    return in_workers(method, 1, function, *args)[0]


def in_workers(method: str, count: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """As `in_worker`, in `count` processes that run at once."""
    context = multiprocessing.get_context(method)
    workers = []
    for _ in range(count):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(theirs, function, *args), daemon=True)
        process.start()
        theirs.close()
        workers.append((process, ours))
    return [_answer(process, pipe) for process, pipe in workers]


def _serve(pipe: Any, function: Callable[..., Any], *args: Any) -> None:
    faulthandler.dump_traceback_later(TIMEOUT - 5)
    try:
        answer = (True, function(*args))
    except BaseException as error:
        error.add_note(traceback.format_exc()) if hasattr(error, "add_note") else None
        answer = (False, error)
    pipe.send_bytes(pickle.dumps(answer))
    pipe.close()
    faulthandler.cancel_dump_traceback_later()


def _answer(process: Any, pipe: Any) -> Any:
    try:
        if not pipe.poll(TIMEOUT):
            raise AssertionError(f"the worker hangs after {TIMEOUT} s")
        well, answer = pickle.loads(pipe.recv_bytes())
    except EOFError:
        process.join(5)
        raise AssertionError(f"the worker died with exit code {process.exitcode}") from None
    finally:
        pipe.close()
        process.kill() if process.is_alive() and not process.join(5) and process.is_alive() else process.join(5)
    if not well:
        raise answer
    return answer
