"""How much is tried where: on the Python that torch is installed on everything, on the others what may differ there."""

from __future__ import annotations

import importlib.util

import pytest

_EVERYTHING = importlib.util.find_spec("torch") is not None

on_one_python = pytest.mark.skipif(
    not _EVERYTHING, reason="isn't about Python: tested on the one that torch is installed on"
)


def share(count: int) -> int:
    """How many of `count` random examples to try."""
    return count if _EVERYTHING else max(1, count // 4)
