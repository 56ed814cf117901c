"""Python programs whose names don't say so."""

from __future__ import annotations

import os
import re

_FIRST_LINE = 256
"""Linux reads no more of it either."""

_PYTHON = re.compile(rb"(?:python|pypy)[\d.]*w?(?:\.exe)?")


def is_script(path: str) -> bool:
    """Whether `path` is a file that begins with `#!` and the name of a Python; not so if it can't be read."""
    # Not opened before it is known to be a file: a pipe would wait for somebody to write.
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_FIRST_LINE)
    except OSError:
        return False
    return head.startswith(b"#!") and _calls_python(head[2:].partition(b"\n")[0].split())


def _calls_python(words: list[bytes]) -> bool:
    names = [word.rpartition(b"/")[2] for word in words]
    if names[:1] == [b"env"]:
        # `env -S VAR=1 python3 -u`: the first word that is no option and sets no variable.
        names = [name for word, name in zip(words[1:], names[1:], strict=True) if not _prepares(word)]
    if names[:2] == [b"uv", b"run"]:
        return True
    return bool(names) and _PYTHON.fullmatch(names[0]) is not None


def _prepares(word: bytes) -> bool:
    return word.startswith(b"-") or b"=" in word
