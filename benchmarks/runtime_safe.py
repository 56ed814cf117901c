"""Datasets with the mixin, in a file of their own: workers of the others needn't import picklesafe."""

from __future__ import annotations

from typing import Any

import numpy as np
from runtime_plain import ByHand
from runtime_sources import RECORDS
from torch.utils.data import Dataset

from picklesafe import PickleSafeMixin


class Mapped(PickleSafeMixin, Dataset[int]):
    """A memory map."""

    def __init__(self, path: str) -> None:
        self.array = np.memmap(path, dtype=np.uint8, mode="r")

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> int:
        return int(self.array[index])


class Safe(PickleSafeMixin, Dataset[Any]):
    """A handle that is opened where the dataset is made, and nowhere else by its own code.

    Args:
        source: one of `runtime_sources.py`.
    """

    def __init__(self, source: Any, path: str) -> None:
        self.source = source
        self.handle = source.open(path)

    def __len__(self) -> int:
        return self.source.samples

    def __getitem__(self, index: int) -> Any:
        return self.source.read(self.handle, index % RECORDS)


class InTurns(Dataset[Any]):
    """Both ways in one worker, which a busy machine and a place in memory slow down alike.

    Args:
        source: one of `runtime_sources.py`.
        path: of what is opened by hand.
        other: of what is opened with the mixin.
    """

    def __init__(self, source: Any, path: str, other: str) -> None:
        self.ways = {"by hand": ByHand(source, path), "mixin": Safe(source, other)}

    def __len__(self) -> int:
        return len(self.ways["by hand"])

    def __getitem__(self, sample: tuple[str, int]) -> Any:
        way, index = sample
        self.ways[way][index]
        return way
