"""What rules for loaders ask of a file's bytes before anybody parses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picklesafe.lint.registry import Trigger

_WORKERS = re.compile(rb"num_workers[\"']?\]?\s*[=:]\s*([\w.]+|-|[\"'])")
_INVALID = re.compile(rb"(?!\w)[ \t]*(?::[^=\n]*)?=[ \t]*(?:-[ \t]*\d|None\b|['\"]|\d*\.\d)")


def given(argument: str, *beside: str) -> Trigger:
    """The trigger of an argument that is given by name: `x=…`, `"x": …`, `kwargs["x"] = …`.

    Args:
        beside: words that must occur as well.
    """
    return (argument, *beside, re.compile(rb"%s(?:\s*=(?!=)|[\"'])" % argument.encode()))


def positional(count: int) -> Trigger:
    """The trigger of a loader call whose first `count` arguments and more are positional."""
    return ("DataLoader(", re.compile(rb"DataLoader\((?:[^=,]{0,99},){%d}" % count))


def invalid_workers(data: bytes) -> bool:
    """Whether some number of workers in a file may be one that torch never takes (PKS105).

    Told from the bytes: most files give a whole number, or a name that nothing invalid is
    assigned to.
    """
    for given in dict.fromkeys(_WORKERS.findall(data)):
        if given[:1] in b"-'\"" or given == b"None" or (b"." in given and given[:1].isdigit()):
            return True
        name = given.rpartition(b".")[2]
        if not name[:1].isdigit() and _is_given_something_invalid(name, data):
            return True
    return False


def _is_given_something_invalid(name: bytes, data: bytes) -> bool:
    # To compile a pattern for each name takes longer than to search for it.
    start = data.find(name)
    while start >= 0:
        end = start + len(name)
        before = data[start - 1 : start] if start else b""
        if _INVALID.match(data, end) and not (before.isalnum() or before == b"_"):
            return True
        start = data.find(name, end)
    return False


DATASET_CLASS = ("Dataset", re.compile(rb"^[ \t]*class \w+\([^)]*Dataset", re.MULTILINE))
"""The trigger of rules for datasets: a class with one among its bases. What it keeps may be opened in another file."""
