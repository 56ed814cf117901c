"""What pickling a small object costs, with the mixin and without."""

from __future__ import annotations

import pickle
import tempfile
import timeit
from functools import partial
from typing import Any

from runtime_timing import fastest, heading, row

from picklesafe import PickleSafeMixin

LOOPS = 2_000


class Settings:
    """A few plain attributes, no handle."""

    def __init__(self) -> None:
        self.path = "/data/genome.fa"
        self.window = 20_000
        self.names = ["chr1", "chr2", "chrX"]


class SafeSettings(PickleSafeMixin, Settings): ...


class OpenSettings(SafeSettings):
    """The same and an open file, which can't be pickled without the mixin."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = open(path, "rb")  # noqa: SIM115


def measure(repeats: int) -> None:
    """Print the table."""
    with tempfile.NamedTemporaryFile("rb") as file:
        objects = {
            "without the mixin": Settings(),
            "with the mixin": SafeSettings(),
            "with the mixin and an open file": OpenSettings(file.name),
        }
        variants = {}
        for name, instance in objects.items():
            variants[f"{name}, dumps"] = partial(seconds, pickle.dumps, instance)
            variants[f"{name}, loads"] = partial(seconds, pickle.loads, pickle.dumps(instance))
        best = fastest(variants, 3 * repeats)
        heading("small object", "dumps µs", "loads µs", "bytes")
        for name, instance in objects.items():
            dumps, loads = (f"{best[f'{name}, {way}'] * 1e6:.1f}" for way in ("dumps", "loads"))
            row(name, dumps, loads, f"{len(pickle.dumps(instance))}")


def seconds(function: Any, argument: Any) -> float:
    """For one call."""
    return timeit.timeit(lambda: function(argument), number=LOOPS) / LOOPS
