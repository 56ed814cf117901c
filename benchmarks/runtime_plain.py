"""What the others are compared with: datasets without picklesafe, which is imported by nothing in this file."""

from __future__ import annotations

from typing import Any

from runtime_sources import RECORDS
from torch.utils.data import Dataset


class Empty(Dataset[int]):
    """Nothing to send, nothing to open."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> int:
        return index


class ByHand(Dataset[Any]):
    """A handle that every worker opens for itself at its first item, as it is done by hand.

    Args:
        source: one of `runtime_sources.py`.
    """

    def __init__(self, source: Any, path: str) -> None:
        self.source = source
        self.path = path
        self.handle: Any = None

    def __len__(self) -> int:
        return self.source.samples

    def __getitem__(self, index: int) -> Any:
        if self.handle is None:
            self.handle = self.source.open(self.path)
        return self.source.read(self.handle, index % RECORDS)
