"""What rules for loaders ask of a file's bytes before anybody parses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        # `num_workers=n.` ends a sentence, or is being typed.
        name = given.rstrip(b".").rpartition(b".")[2]
        if name and not name[:1].isdigit() and _is_given_something_invalid(name, data):
            return True
    return False


_CALLABLE = re.compile(rb"(?:collate_fn|worker_init_fn)[\"']?\]?[ \t]*[=:](?!=)\s*(?:self\.)?([^\n]*)")
_NESTED = re.compile(rb"^[ \t]+(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)\b(?![ \t]*\(\s*(?:self|cls)\b)", re.MULTILINE)
_CALL_OF_FUNCTION = re.compile(rb"\b(?!partial\()[a-z_]\w*\(")
_TOP_LEVEL = (b"\ndef ", b"\nclass ", b"import ")
_MADE = re.compile(rb"[ \t]*(?::[^=\n]*)?=(?!=)[^\n]*(?:lambda|partial\(|\w\()")


def unpicklable_callable(data: bytes) -> bool:
    """Whether a callable that a file gives to a loader may be one that can't be pickled (PKS211).

    Told from the bytes: a lambda, a partial, a call's result, or a name that a nested definition or
    one of those has; most files give a function of their top level.
    """
    if b"_fn" not in data:
        return False
    nested: set[bytes] | None = None
    for given in dict.fromkeys(_CALLABLE.findall(data)):
        if b"lambda" in given or given.rstrip().endswith(b"(") or _CALL_OF_FUNCTION.search(given):
            return True
        if nested is None:
            nested = set(_NESTED.findall(data))
        for name in re.findall(rb"\w+", given):
            if name in nested or _is_made(name, data):
                return True
            if b"lambda" in data and not any(start + name in data for start in _TOP_LEVEL):
                return True  # a parameter, perhaps, that somebody in this file gives a lambda
    return False


# A line end rather than `^`, which is looked for at every byte and not at those only.
_AT_ONCE = re.compile(
    rb"\n(?:for[ \t]|[\w.]+\(|\w[\w, ]*=[ \t]*(?:next\(|list\(|[\[{])|(?:with|while)\b"
    rb"|(?:try|if (?!__name__))[^\n]*\n[ \t]+for )"
)


def runs_at_once(data: bytes) -> bool:
    """Whether a file may iterate over a loader, or call a function, as soon as it is run or imported (PKS301)."""
    return _AT_ONCE.search(b"\n" + data) is not None


def _is_made(name: bytes, data: bytes) -> bool:
    """Whether a name is given a lambda or the result of a call, on one line."""
    start = data.find(name)
    while start >= 0:
        end = start + len(name)
        before = data[start - 1 : start] if start else b""
        if _MADE.match(data, end) and not (before.isalnum() or before == b"_"):
            return True
        start = data.find(name, end)
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


_FORK = re.compile(rb"[\"']fork[\"']")
FORCED_FORK: Sequence[Trigger] = (("Dataset", _FORK), ("DataLoader(", _FORK))
"""The triggers of rules for files that insist on forked workers."""
DATASET_CLASSES: Sequence[Trigger] = (
    ("Dataset", re.compile(rb"^[ \t]*class (?:\w*Dataset\b|\w+\([^)]*Dataset)", re.MULTILINE)),
)
"""The triggers of rules for datasets: one by its name, or among the bases. What it keeps may be opened elsewhere."""
