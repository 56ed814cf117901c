"""Which files are configuration, and which of them can matter, told from name and bytes."""

from __future__ import annotations

from typing import Final

YAML: Final = (".yaml", ".yml")
JSON: Final = (".json",)
TOML: Final = (".toml",)
SUFFIXES: Final = (*YAML, *JSON, *TOML)
MAX_BYTES: Final = 1_000_000
"""Larger ones hold data: nobody writes a megabyte of settings."""

OTHERS: Final = frozenset({"pyproject.toml", "picklesafe.toml", "package.json", "package-lock.json", "tsconfig.json"})
"""Files of tools: never looked for below folders."""

_HAZARDS: Final = (b"prefetch_factor", b"persistent_workers", b"multiprocessing_context", b"timeout")


def may_matter(data: bytes) -> bool:
    """Whether a loader's number of workers stands in a file, and an argument that needs workers."""
    return b"num_workers" in data and any(word in data for word in _HAZARDS)
