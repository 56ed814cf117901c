"""Which process a recipe was written in, where opening a handle again depends on it."""

from __future__ import annotations

import os
from typing import NamedTuple

_token = os.urandom(8)
"""Made when this module is imported: forked children have it too, processes started anew have one of their own."""


class Origin(NamedTuple):
    """A process, and the line of forks that it belongs to."""

    token: bytes
    process: int

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked since, and so has the libraries' memory of that one."""
        return self.token == _token and self.process != os.getpid()


def here() -> Origin:
    """The process that asks."""
    return Origin(_token, os.getpid())
