"""What the parts of `runtime.py` share: variants in turns, processes of their own, and the lines that are printed."""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def fastest(variants: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The least that each variant ever takes; in turns, so that whatever else the machine does meets all of them."""
    best: dict[str, float] = {}
    with _without_collections():
        for _ in range(repeats):
            for name, variant in variants.items():
                best[name] = min(variant(), best.get(name, float("inf")))
    return best


@contextmanager
def _without_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def in_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns in a new interpreter: nothing imported, opened or forked before."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def missing(*libraries: str) -> bool:
    """Whether one of them isn't there; says so."""
    absent = [library for library in libraries if importlib.util.find_spec(library) is None]
    if absent:
        print(f"skipped: {', '.join(absent)} not installed")
    return bool(absent)


def heading(title: str, *columns: str) -> None:
    """The top of a table."""
    print(f"\n| {' | '.join((title, *columns))} |")
    print("|---" * (len(columns) + 1) + "|", flush=True)


def row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def judged(value: float, limit: float, text: str) -> str:
    """The target, and whether a figure that should be small meets it."""
    return f"{text}{'' if value <= limit else ', missed'}"
