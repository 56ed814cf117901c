"""Samples per second in workers, beside a dataset that opens its file by hand: both in the same workers, in turns."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from runtime_sources import SOURCES
from runtime_timing import heading, judged, missing, row

BATCH = 500
METHODS = ("fork", "spawn")
WORKERS = 2
WAYS = ("by hand", "mixin")


def measure(repeats: int) -> None:
    """Print the table."""
    if missing("torch"):
        return
    sources = [source for source in SOURCES if not missing(source.library)]
    heading("2 workers", "by hand, samples/s of each", "with the mixin", "with it / by hand", "target")
    for source in sources:
        for method in METHODS:
            with tempfile.TemporaryDirectory() as folder:
                _compare(source, Path(folder), method, repeats)
    print("\nMedians of batches that a worker reads one after the other, in seconds of its processor.")


def _compare(source: Any, folder: Path, method: str, repeats: int) -> None:
    from runtime_safe import InTurns

    paths = [_made(source, folder / way) for way in (WAYS if source.alone else WAYS[:1])]
    dataset = InTurns(source, paths[0], paths[-1])
    # As datasets are: looked into before the workers start. The one by hand would be wrong then.
    dataset["mixin", 0]
    loader = in_turns(dataset, method)
    pairs = [pair for epoch in range(1 + repeats) for pair in seconds(loader) if epoch]
    rates = (f"{BATCH / median(times):,.0f}" for times in zip(*pairs, strict=True))
    ratio = median(by_hand / mixin for by_hand, mixin in pairs)
    row(f"{source.library}, {method}", *rates, f"{ratio:.2f}", judged(-ratio, -0.98, "≥ 0.98"))


def _made(source: Any, folder: Path) -> str:
    folder.mkdir()
    path: str = source.make(str(folder))
    return path


def in_turns(dataset: Any, method: str) -> Any:
    """Workers that read, and send back nothing but when: the pipes are not what is compared."""
    from torch.utils.data import DataLoader

    return DataLoader(
        dataset,
        batch_sampler=Batches(len(dataset)),
        num_workers=WORKERS,
        multiprocessing_context=method,
        persistent_workers=True,
        collate_fn=clock,
    )


class Batches:
    """The same records by hand and with the mixin, in batches that take turns in every worker."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[list[tuple[str, int]]]:
        for first in range(0, self.samples, BATCH):
            # Workers are given batches in turns themselves. What comes second may find the records in the cache.
            ways = WAYS if first // BATCH % 2 else WAYS[::-1]
            for way in ways:
                for worker in range(WORKERS):
                    yield [(way, first * WORKERS + worker * BATCH + place) for place in range(BATCH)]

    def __len__(self) -> int:
        return self.samples // BATCH * 2 * WORKERS


def clock(batch: list[str]) -> tuple[int, str, float]:
    """Which worker this is, how it has read, and how long its processor has been at work."""
    return os.getpid(), batch[0], time.process_time()


def seconds(batches: Any) -> Iterator[tuple[float, float]]:
    """What batches of the same records took: by hand, and with the mixin."""
    clocks: dict[int, list[tuple[str, float]]] = {}
    for process, way, now in batches:
        clocks.setdefault(process, []).append((way, now))
    for times in clocks.values():
        took = [(way, now - before) for (_, before), (way, now) in pairwise(times)]
        # The first batch has no beginning, and with it no pair.
        for pair in zip(took[1::2], took[2::2], strict=False):
            named = dict(pair)
            yield named["by hand"], named["mixin"]
