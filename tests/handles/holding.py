"""A dataset that holds whatever handles a test gives it: importable in a fresh process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from picklesafe import PickleSafeMixin
from tests.workers import in_workers


class Holding(PickleSafeMixin):
    """Its attributes are the keyword arguments."""

    def __init__(self, **handles: Any) -> None:
        self.__dict__.update(handles)


def reads_the_same_in_workers(method: str, read: Callable[[Any], Any], dataset: Any) -> None:
    """Read here first, in two workers at once, and here again: the same every time."""
    expected = read(dataset)
    assert in_workers(method, 2, read, dataset) == [expected, expected]
    assert read(dataset) == expected


def open_on(path: Any) -> list[int]:
    """The descriptors of this process that are open on a file."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(name)), os.stat(path)):
                found.append(int(name))
        except OSError:
            continue
    return found
