"""Patterns of paths, as `exclude` and `per-file-ignores` are written: a name, or a path from the root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

_MAGIC = frozenset("*?[{")
_TOKEN = r"(?s)\*\*/|\*+|\?|\[!?\]?[^\]]*\]|\{[^{}]*\}|[^*?\[{]+|."


class Patterns:
    """Tells whether one of several patterns names a file or folder.

    A pattern without a slash is compared with the last component of a path, one with a slash with
    the whole path, counted from `root`. `*` also crosses slashes and `**/` may stand for nothing,
    as in ruff's settings, so that the same lists mean the same files.

    Args:
        patterns: such as `build`, `*_pb2.py`, `src/generated`, `{a,b}/*.py`.
        root: the folder that paths are counted from.
    """

    def __init__(self, patterns: Iterable[str], root: str) -> None:
        names, globs, paths = set(), [], []
        for pattern in patterns:
            pattern = os.path.expanduser(pattern).rstrip("/")
            if "/" in pattern:
                path = os.path.normpath(os.path.join(root, pattern))
                paths.append(translate(path, len(root) if path.startswith(root) else 0))
            elif _MAGIC.isdisjoint(pattern):
                names.add(pattern)
            else:
                globs.append(translate(pattern))
        self.names = frozenset(names)
        self.by_path = bool(paths)
        self._glob = re.compile("|".join(globs)).fullmatch if globs else None
        self._path = re.compile("|".join(paths)).fullmatch if paths else None

    def match_name(self, name: str) -> bool:
        """Whether a pattern without a slash matches `name`."""
        return name in self.names or (self._glob is not None and self._glob(name) is not None)

    def match(self, path: str) -> bool:
        """Whether a pattern matches the absolute `path` or its last component."""
        if self.match_name(os.path.basename(path)):
            return True
        return self._path is not None and self._path(path.replace(os.sep, "/")) is not None

    def match_within(self, path: str, root: str) -> bool:
        """Whether a pattern matches the absolute `path` or a folder above it, `root` excluded."""
        while path != root and os.path.dirname(path) != path:
            if self.match(path):
                return True
            path = os.path.dirname(path)
        return False


def translate(pattern: str, literal: int = 0) -> str:
    """A regular expression for a glob whose first `literal` characters mean themselves."""
    head, rest = pattern[:literal].replace(os.sep, "/"), pattern[literal:].replace(os.sep, "/")
    return re.escape(head) + "".join(_translate_token(token) for token in re.findall(_TOKEN, rest))


def _translate_token(token: str) -> str:
    if token == "**/":
        return "(?:.*/)?"
    if token[0] == "*":
        return ".*"
    if token == "?":
        return "[^/]"
    if token[0] == "[" and len(token) > 2:
        inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    if token[0] == "{" and len(token) > 2:
        return "(?:" + "|".join(translate(choice) for choice in token[1:-1].split(",")) + ")"
    return re.escape(token)
