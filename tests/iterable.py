"""An IterableDataset for the tests; apart from the other datasets, since it needs torch."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import IterableDataset


class Counting(IterableDataset[int]):
    def __init__(self, stop: int) -> None:
        self.stop = stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.stop))
