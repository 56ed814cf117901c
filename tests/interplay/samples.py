"""What the tests of the interplay send around: one dataset with a handle in every place where one may sit."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from picklesafe import PickleSafeMixin, per_worker
from tests import datasets

LENGTH = 1000


class Everywhere(PickleSafeMixin):
    """Its items are their own index, read through every handle that it holds."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self.path = folder / "records.txt"
        self.file = open(self.path, "rb")
        self.text = open(self.path)
        self.readers = [datasets.Reader(self.path), {"text": open(self.path)}]
        self.reader = datasets.Reader(self.path)
        # A slice against the file's order, in the middle of it, which keeps the whole map's filename and offset.
        self.numbers = np.memmap(folder / "numbers", "<i8", "r")[: LENGTH - 1 : -1]

    @per_worker
    def own(self) -> Any:
        return open(self.path, "rb")

    def __getitem__(self, index: int) -> list[int]:
        if not 0 <= index < LENGTH:
            raise IndexError(index)
        return [*(record(file, index) for file in self.files()), int(self.numbers[index])]

    def __len__(self) -> int:
        return LENGTH

    def files(self) -> list[Any]:
        return [self.file, self.text, self.readers[0].file, self.readers[1]["text"], self.reader.file, self.own]

    def offsets(self) -> list[int]:
        """Where the operating system has the files: what a worker that shares them would move."""
        return [os.lseek(file.fileno(), 0, os.SEEK_CUR) for file in self.files()]


WIDTH = 7
"""Numbers in an item of `Everywhere`."""


def record(file: Any, index: int) -> int:
    file.seek(index * datasets.RECORD)
    return int(file.read(datasets.RECORD))


def write(folder: Path) -> Path:
    """The files of `Everywhere`."""
    datasets.write_records(folder / "records.txt", LENGTH)
    numbers = [-1] * LENGTH + [*range(LENGTH - 1, -1, -1)]
    (folder / "numbers").write_bytes(b"".join(number.to_bytes(8, "little", signed=True) for number in numbers))
    return folder


def read(dataset: Any, indices: Iterable[int]) -> tuple[list[list[int]], int]:
    """These items and the process that read them."""
    return [dataset[index] for index in indices], os.getpid()


def expected(indices: Iterable[int]) -> list[list[int]]:
    return [[index] * WIDTH for index in indices]
