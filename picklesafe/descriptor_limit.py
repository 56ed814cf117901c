"""The limit on open descriptors: whether it is near, and whether something failed because of it."""

from __future__ import annotations

import errno
import os

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]


def is_near() -> bool:
    """Whether so many descriptors are in use that the rest must be left to others."""
    if resource is None:
        return False
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return False
    # The system gives the lowest number that is free: all below it are in use, by whomever.
    free = _free(1)
    return not free or free[0] >= limit - min(max(limit // 4, 16), 256)


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
