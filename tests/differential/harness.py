"""Runs programs with real torch, and asks the linter about them.

A program is run for n = 0 on a machine of one core and for n = 2 on one of four. Every loader that
it makes is recorded; whether torch refuses an argument is asked of torch, with that argument alone
beside num_workers, so that one refusal can't hide another. No worker is ever started.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

from torch.utils.data import DataLoader
from torch.utils.data import dataloader as torch_dataloader

RUNS = (0, 2)
CORES = {-1: 1, 0: 1, 2: 4}
KEYWORDS = ("num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout")
SIGNATURE = inspect.signature(DataLoader.__init__)
CONSTRUCT = DataLoader.__init__


class Run(NamedTuple):
    """What one run did.

    Args:
        reached: whether a loader was asked for.
        refused: the arguments that torch refuses, of loaders whose refusal nobody caught.
        settings: what each loader that was made does, as torch sees it.
        error: the exception that ended the program, if any.
    """

    reached: bool
    refused: frozenset[str]
    settings: tuple[tuple[object, ...], ...]
    error: BaseException | None


class _Call:
    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.loader: DataLoader | None = None
        self.error: BaseException | None = None


def execute(source: str, n: int) -> Run:
    """Run a program for this n."""
    calls: list[_Call] = []
    error: BaseException | None = None
    with _machine(n):
        code = compile(source, "<program>", "exec")
        try:
            with _recording(calls):
                space: dict[str, Any] = {"__name__": "__main__"}
                exec(code, space)
                if "run" in space:
                    space["run"](n)
        except (Exception, SystemExit) as caught:
            error = caught
        return _judged(calls, error)


def _judged(calls: list[_Call], error: BaseException | None) -> Run:
    refused: set[str] = set()
    made = []
    for call in calls:
        found = refusals(call.arguments)
        if call.error is None or _led_to(call.error, error):
            refused |= found
        if call.loader is not None and not found:
            made.append(settings(call.loader))
    return Run(bool(calls), frozenset(refused), tuple(made), error)


def refusals(arguments: dict[str, Any]) -> frozenset[str]:
    """The arguments that torch refuses with this number of workers, each asked about alone."""
    workers = {"num_workers": arguments["num_workers"]} if "num_workers" in arguments else {}
    if _refused(workers):
        return frozenset({"num_workers"})
    others = (name for name in KEYWORDS[1:] if name in arguments)
    return frozenset(name for name in others if _refused({**workers, name: arguments[name]}))


def _refused(arguments: dict[str, Any]) -> bool:
    try:
        loader: DataLoader[int] = DataLoader([0, 1], **arguments)
        if not loader.num_workers or loader.prefetch_factor == 0:
            # Neither starts a worker: without workers there are none, and a factor of 0 is
            # refused before they are started.
            loader._get_iterator()
    except (ValueError, TypeError, AssertionError):
        return True
    return False


def settings(loader: DataLoader[Any]) -> tuple[object, ...]:
    """What the loader does, as far as workers go."""
    context = loader.multiprocessing_context
    return (
        loader.num_workers,
        loader.prefetch_factor,
        bool(loader.persistent_workers),
        loader.timeout,
        context and context.get_start_method(),
    )


def _led_to(cause: BaseException, error: BaseException | None) -> bool:
    """Whether `error`, which ended the program, is `cause` or was raised while it was handled."""
    while error is not None:
        if error is cause:
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def _machine(n: int) -> Iterator[None]:
    cores = CORES[n]
    with (
        mock.patch("os.cpu_count", lambda: cores),
        mock.patch("os.sched_getaffinity", lambda _: set(range(cores)), create=True),
        mock.patch.dict(os.environ, WORKERS=str(n)),
        # An iterator that was refused has not got this far, which its __del__ overlooks.
        mock.patch.object(torch_dataloader._MultiProcessingDataLoaderIter, "_shutdown", True, create=True),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # `0 is None` and torch's advice on workers
        yield


@contextlib.contextmanager
def _recording(calls: list[_Call]) -> Iterator[None]:
    def construct(self: DataLoader[Any], *args: Any, **kwargs: Any) -> None:
        call = _Call(dict(SIGNATURE.bind(self, *args, **kwargs).arguments))
        calls.append(call)
        try:
            CONSTRUCT(self, *args, **kwargs)
        except BaseException as error:
            call.error = error
            raise
        call.loader = self

    assert torch_dataloader.DataLoader is DataLoader
    with mock.patch.object(DataLoader, "__init__", construct):
        yield
