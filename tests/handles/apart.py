"""Whether a forked child reads at an offset of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tests.handles.holding import open_on
from tests.workers import in_worker


def offsets(path: Any) -> dict[int, int]:
    """Where this process's descriptors on a file stand, as the kernel has it."""
    found = {}
    for descriptor in open_on(path):
        with open(f"/proc/self/fdinfo/{descriptor}") as lines:
            found[descriptor] = int(next(line for line in lines if line.startswith("pos:")).split()[1])
    return found


def reads_apart(dataset: Any, read: Callable[[Any], Any], path: Any) -> None:
    """A forked child starts where the parent stands, reads, and moves its offsets on the file, none of the parent's."""
    expected = read(dataset)
    here = offsets(path)
    assert here
    result, before, after = in_worker("fork", read_and_move, dataset, read, path)
    assert result == expected
    assert before == here
    assert after and not set(after.items()) & set(here.items())
    assert offsets(path) == here
    assert read(dataset) == expected


def read_and_move(dataset: Any, read: Callable[[Any], Any], path: Any) -> tuple[Any, dict[int, int], dict[int, int]]:
    """What is read, and the offsets before and after."""
    before = offsets(path)
    result = read(dataset)
    for descriptor in open_on(path):
        # Wherever reading ended, which may be where the parent ended too.
        os.lseek(descriptor, 7 + descriptor, os.SEEK_SET)
    return result, before, offsets(path)
