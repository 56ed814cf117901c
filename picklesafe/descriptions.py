"""Which descriptors stand on one open file description, as those that `os.dup` makes do.

Linux keeps some settings with the description. The number of the signal for asynchronous input (`F_SETSIG`, fcntl(2))
is one that nothing else asks for and that means nothing to a regular file: what is set through one descriptor is read
through another only if they share their description.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SIGNALS = 64
"""Any signal's number will do, and 0."""

_lock = threading.Lock()
"""Two threads that fork at once would read what the other has set."""

_PATIENCE = 0.1
"""Seconds to wait for another thread."""

_CHECKS = 6


def shared_by(descriptors: Sequence[int]) -> dict[int, int]:
    """The description of each descriptor, named by one of those that stand on it.

    Args:
        descriptors: of regular files.

    Returns:
        For each descriptor one that shares its offset; itself if there is no other, or if the system doesn't tell.
    """
    alone = dict(zip(descriptors, descriptors, strict=True))
    # A signal's handler may fork in the middle of this, and would wait for itself.
    if len(descriptors) < 2 or not hasattr(fcntl, "F_SETSIG") or not _lock.acquire(timeout=_PATIENCE):
        return alone
    try:
        return _told_apart(descriptors)
    except OSError:  # closed meanwhile
        return alone
    finally:
        _lock.release()


def _told_apart(descriptors: Sequence[int]) -> dict[int, int]:
    kept = {descriptor: fcntl.fcntl(descriptor, fcntl.F_GETSIG) for descriptor in descriptors}
    try:
        found = {}
        for descriptor, place in zip(descriptors, _last_places(descriptors), strict=True):
            other = descriptors[place] if place < len(descriptors) else descriptor
            found[descriptor] = other if other == descriptor or _agree(descriptor, other) else descriptor
        return found
    finally:
        for descriptor, signal in kept.items():
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal)


def _agree(one: int, other: int) -> bool:
    """Whether what is set through either is read through the other, again and again.

    A process that has inherited the same descriptions may be in the middle of this too, and set other numbers.
    """
    for number in os.urandom(_CHECKS):
        signal = 1 + number % (_SIGNALS - 1)
        fcntl.fcntl(one, fcntl.F_SETSIG, signal)
        if fcntl.fcntl(other, fcntl.F_GETSIG) != signal:
            return False
        one, other = other, one
    return True


def _last_places(descriptors: Sequence[int]) -> list[int]:
    """For each descriptor the place of the last one on the same description.

    Each description is given the number of a place digit by digit. Whoever comes last sets every digit, so that its
    number is read through all the others: 64 times as many descriptors take one round more.
    """
    places = [0] * len(descriptors)
    unit = 1
    while unit < len(descriptors):
        for place, descriptor in enumerate(descriptors):
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, place // unit % _SIGNALS)
        for place, descriptor in enumerate(descriptors):
            places[place] += unit * fcntl.fcntl(descriptor, fcntl.F_GETSIG)
        unit *= _SIGNALS
    return places


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    # Another thread of the parent may have held it.
    os.register_at_fork(after_in_child=_renew_lock)
