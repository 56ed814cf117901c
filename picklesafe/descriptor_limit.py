"""The limit on open descriptors: whether it is near, and whether something failed because of it."""

from __future__ import annotations

import errno
import os

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]


_reserve: tuple[int, int] | None = None
"""For which limit, and how many descriptors are left to others."""


def is_near() -> bool:
    """Whether so many descriptors are in use that the rest must be left to others.

    That is a quarter of what this process had free when it first asked. A forked child has its parent's descriptors
    open as well, and would be near the limit from the start.
    """
    global _reserve
    if resource is None:
        return False
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return False
    free = _free(1)
    if not free:
        return True
    # The system gives the lowest number that is free: all below it are in use, by whomever.
    lowest = free[0]
    if _reserve is None or _reserve[0] != limit:
        _reserve = limit, min(max((limit - lowest) // 4, 4), 256)
    return lowest >= limit - _reserve[1]


def forget() -> None:
    """This is another process now."""
    global _reserve
    _reserve = None


def was_met(error: BaseException) -> bool:
    """Whether an opener failed for want of a descriptor; libraries word it in many ways, or not at all."""
    reason: BaseException | None = error
    while reason is not None:
        if os.strerror(errno.EMFILE) in str(reason):
            return True
        if isinstance(reason, OSError) and reason.errno is not None:
            return reason.errno in (errno.EMFILE, errno.ENFILE)
        reason = reason.__cause__ or reason.__context__
    return len(_free(_SUSPICIOUS)) < _SUSPICIOUS


_SUSPICIOUS = 8
"""With fewer descriptors free, an opener that fails for no reason it names may have needed one more: some open an
index or two beside the file, and have closed all of them again by the time that they raise."""


def _free(count: int) -> list[int]:
    """Numbers that are free for descriptors, the lowest first, up to so many."""
    found: list[int] = []
    try:
        while len(found) < count:
            found.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for descriptor in found:
        os.close(descriptor)
    return found
