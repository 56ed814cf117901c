"""What spawned workers wait for: the time to the first batch, and the bytes that each of them is sent."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any

from runtime_timing import fastest, heading, judged, missing, row

GIGABYTE = 1 << 30
SIZES = {"1 MB": 1 << 20, "1 GB": GIGABYTE, "1 TB": 1 << 40}


def measure(repeats: int) -> None:
    """Print the tables."""
    if missing("torch", "numpy"):
        return
    from runtime_plain import Empty
    from runtime_safe import Mapped

    with tempfile.TemporaryDirectory() as folder:
        datasets = {"empty": Empty(), "memory map of 1 GB": Mapped(sparse(folder, GIGABYTE))}
        best = fastest({name: partial(first_batch, dataset) for name, dataset in datasets.items()}, repeats)
        heading("2 spawned workers, dataset", "first batch s", "/ empty", "target")
        for name, seconds in best.items():
            ratio = seconds / best["empty"]
            row(name, f"{seconds:.2f}", f"{ratio:.2f}", "" if name == "empty" else judged(ratio, 1.15, "≤ 1.15"))
        heading("memory map of", "bytes sent to a worker", "target")
        for name, size in SIZES.items():
            sent = len(ForkingPickler.dumps(Mapped(sparse(folder, size))))
            row(name, f"{sent:,}", judged(sent, 2048, "≤ 2 KB"))


def sparse(folder: str, size: int) -> str:
    """A file that is as long as this and takes no place on the disk."""
    path = os.path.join(folder, f"{size}.bin")
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def first_batch(dataset: Any) -> float:
    """Seconds from making the loader to its first batch."""
    from torch.utils.data import DataLoader

    began = time.perf_counter()
    batches = iter(DataLoader(dataset, batch_size=8, num_workers=2, multiprocessing_context="spawn"))
    next(batches)
    seconds = time.perf_counter() - began
    for _ in batches:  # torch's workers don't always take it well to be ended in the middle
        pass
    return seconds
