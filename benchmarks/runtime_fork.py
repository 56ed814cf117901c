"""What a fork costs in a process with datasets, beside a bare one: milliseconds, and memory that isn't shared."""

from __future__ import annotations

import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from runtime_timing import heading, in_fresh_process, judged, row

STRINGS = 5_000_000
OBJECTS, FILES = 10_000, 500
FORKS = 15


class Fork(NamedTuple):
    """What one fork took, seen from both sides."""

    child: float
    """Milliseconds until the child runs code of its own."""

    parent: float
    """Milliseconds until `os.fork` returns in the parent."""

    private: float
    """Megabytes that the child has for itself by then."""


class Plain:
    """A list and an open file, without picklesafe."""

    def __init__(self, names: list[str], path: str | None) -> None:
        self.names = names
        if path is not None:
            self.file = open(path, "rb")  # noqa: SIM115


def measure(repeats: int) -> None:
    """Print the tables."""
    if not hasattr(os, "fork"):
        print("skipped: this platform has no fork")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        Path(path).write_bytes(b"\n")
        columns = ("bare ms", "with the mixin ms", "more", "bare, private MB", "with the mixin MB", "more", "target")
        heading(f"fork with a list of {STRINGS:,} strings", *columns)
        rounds = [(in_fresh_process(strings, path, False), in_fresh_process(strings, path, True)) for _ in range(3)]
        _compare("first", [(bare[0], ours[0]) for bare, ours in rounds], None)
        _compare("later", [(least(bare[1:]), least(ours[1:])) for bare, ours in rounds], 5)
        heading(f"fork with {OBJECTS:,} objects alive", *columns)
        for files in (0, FILES):
            rounds = [
                tuple(least(in_fresh_process(objects, path, files, mixin)[1:]) for mixin in (False, True))  # type: ignore[misc]
                for _ in range(3)
            ]
            _compare(f"{files} open files" if files else "no handle", rounds, None)
    print("\nTime until the child runs code of its own; the least of three processes that do nothing but fork.")


def _compare(name: str, rounds: list[tuple[Fork, Fork]], limit: float | None) -> None:
    bare, ours = (least([one[side] for one in rounds]) for side in (0, 1))
    more = ours.child - bare.child
    row(
        name,
        f"{bare.child:.1f}",
        f"{ours.child:.1f}",
        f"{more:.1f}",
        f"{bare.private:.1f}",
        f"{ours.private:.1f}",
        f"{ours.private - bare.private:.1f}",
        "" if limit is None else judged(more, limit, f"≤ {limit:g} ms more"),
    )


def least(forks: list[Fork]) -> Fork:
    """The least of each figure."""
    return Fork(*(min(values) for values in zip(*forks, strict=True)))


def strings(path: str, mixin: bool) -> list[Fork]:
    """Forks with the long list on a dataset that has an open file. In a process of its own."""
    cls = dataset_class(mixin)
    dataset = cls([f"chr{number % 23}:{number}" for number in range(STRINGS)], path)
    return forks(lambda: dataset)


def objects(path: str, files: int, mixin: bool) -> list[Fork]:
    """Forks with many small datasets alive, some with a file. In a process of its own."""
    cls = dataset_class(mixin)
    datasets = [cls([], path if number < files else None) for number in range(OBJECTS)]
    return forks(lambda: datasets)


def dataset_class(mixin: bool) -> Any:
    """Plain, or the same with the mixin; the bare process doesn't import picklesafe."""
    if not mixin:
        return Plain
    from picklesafe import PickleSafeMixin

    return type("Safe", (PickleSafeMixin, Plain), {})


def forks(keep: Callable[[], Any]) -> list[Fork]:
    """One after the other, in the order in which they happened."""
    assert keep() is not None
    return [fork() for _ in range(FORKS)]


def fork() -> Fork:
    """Fork once; the child only says when it ran, and how much memory it has for itself."""
    reading, writing = os.pipe()
    began = time.perf_counter()
    process = os.fork()
    if process == 0:
        # perf_counter is one clock for all processes where there is fork.
        arrived = time.perf_counter()
        os.write(writing, struct.pack("2d", arrived, private()))
        os._exit(0)
    returned = time.perf_counter()
    os.close(writing)
    arrived, own = struct.unpack("2d", os.read(reading, 16))
    os.close(reading)
    os.waitpid(process, 0)
    return Fork((arrived - began) * 1000, (returned - began) * 1000, own)


def private() -> float:
    """Megabytes of this process's memory that no other process shares, by /proc."""
    try:
        with open("/proc/self/smaps_rollup", "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"Private_Dirty")) / 1024
