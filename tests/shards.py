"""Datasets of many small files, and pools whose handles know what becomes of them: importable in a fresh process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from picklesafe import HandlePool, PickleSafeMixin

SHARDS = 40
ROWS = 5


class Handle:
    """A file that knows who closed it, and complains of being read afterwards."""

    def __init__(self, path: Any) -> None:
        self.path = str(path)
        self.file = open(path, "rb")
        self.process = os.getpid()

    def row(self, number: int) -> int:
        self.file.seek(number * 16)
        return int(self.file.read(16))

    def close(self) -> None:
        if os.getpid() != self.process:
            raise AssertionError("a forked child closed what it inherited")
        self.file.close()


class Counting:
    """An opener that counts what is open at once, and how often each path was opened."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.lock = threading.Lock()
        self.opened: dict[str, int] = {}
        self.open = 0
        self.most = 0

    def __call__(self, path: Any) -> Any:
        with self.lock:
            self.opened[path] = self.opened.get(path, 0) + 1
            self.open += 1
            self.most = max(self.most, self.open)
        time.sleep(self.pause)
        return [path]

    def close(self, handle: Any) -> None:
        with self.lock:
            self.open -= 1
        handle.clear()


class Shards:
    """A dataset without the mixin: the pool travels whatever holds it."""

    def __init__(self, folder: Path, maxsize: int | None = 3) -> None:
        self.paths = shard_paths(folder)
        self.pool: HandlePool[Handle] = HandlePool(Handle, maxsize=maxsize)

    def __len__(self) -> int:
        return SHARDS * ROWS

    def __getitem__(self, index: int) -> int:
        # Neighbouring indices lie in different shards, so that handles come and go.
        with self.pool[self.paths[index % SHARDS]] as handle:
            return handle.row(index // SHARDS)


class SafeShards(PickleSafeMixin, Shards):
    pass


class Labelled(HandlePool[Handle]):
    """A pool with more to it."""

    def __init__(self, label: str) -> None:
        super().__init__(Handle, maxsize=2)
        self.label = label


def write_shards(folder: Path) -> Path:
    for shard, path in enumerate(shard_paths(folder)):
        Path(path).write_bytes(b"".join(b"%015d\n" % (row * SHARDS + shard) for row in range(ROWS)))
    return folder


def shard_paths(folder: Path) -> list[str]:
    return [str(folder / f"{shard:03}.txt") for shard in range(SHARDS)]


def all_rows(dataset: Any) -> list[int]:
    return [dataset[index] for index in range(len(dataset))]


def in_threads(count: int, function: Callable[[int], Any]) -> list[Any]:
    """What `function(0)`, `function(1)`, … give, called at once."""
    together = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        together.wait()
        try:
            results[number] = function(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"
    return results


def returns_nothing(path: Any) -> None:
    pass
