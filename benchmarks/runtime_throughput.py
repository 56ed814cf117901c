"""Samples per second in workers, beside a dataset that opens its file by hand in each of them."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from runtime_sources import SOURCES
from runtime_timing import fastest, heading, judged, missing, row

BATCH = 500
METHODS = ("fork", "spawn")


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
    print("\nA worker's seconds are those of its processor: what others run on this machine doesn't count.")


def _compare(source: Any, folder: Path, method: str, repeats: int) -> None:
    from runtime_plain import ByHand
    from runtime_safe import Safe

    # A file each: LMDB doesn't let a forked worker open by hand what its parent has open.
    paths = {}
    for name in ("by hand", "mixin"):
        (folder / name).mkdir()
        paths[name] = source.make(str(folder / name))
    datasets: dict[str, Any] = {"by hand": ByHand(source, paths["by hand"]), "mixin": Safe(source, paths["mixin"])}
    # As datasets are: looked into before the workers start. The one by hand would be wrong then.
    datasets["mixin"][0]
    loaders = {name: loader(dataset, method) for name, dataset in datasets.items()}
    # The first epoch starts the workers, which stay.
    best = fastest({name: partial(seconds, one) for name, one in loaders.items()}, 1 + 2 * repeats)
    ratio = best["by hand"] / best["mixin"]
    rates = (f"{1 / best[name]:,.0f}" for name in ("by hand", "mixin"))
    row(f"{source.library}, {method}", *rates, f"{ratio:.2f}", judged(-ratio, -0.98, "≥ 0.98"))


def loader(dataset: Any, method: str) -> Any:
    """Workers that read, and send back nothing but when: the pipes are not what is compared."""
    from torch.utils.data import DataLoader

    return DataLoader(
        dataset,
        batch_size=BATCH,
        num_workers=2,
        multiprocessing_context=method,
        persistent_workers=True,
        collate_fn=clock,
    )


def clock(batch: list[Any]) -> tuple[int, float]:
    """Which worker this is, and how long its processor has been at work."""
    return os.getpid(), time.process_time()


def seconds(batches: Any) -> float:
    """For one sample, in the worker that was quicker."""
    clocks: dict[int, list[float]] = {}
    for process, now in batches:
        clocks.setdefault(process, []).append(now)
    return min((times[-1] - times[0]) / (BATCH * (len(times) - 1)) for times in clocks.values())
