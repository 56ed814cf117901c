"""The file that the cache lies in: its place, its validity, and how it is written."""

from __future__ import annotations

import os
import sys
import time
from binascii import crc32
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import picklesafe
from picklesafe.lint.registry import Rule
from picklesafe.lint.settings import Settings

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"
_ABANDONED = 600
"""Nobody takes so many seconds to write it."""

_SHAPE = {"misses": dict, "outcomes": dict, "digests": dict, "scans": list}


def place(settings: Settings, folder: str) -> str:
    """The path of the file for these settings, in the cache folder."""
    name = f"{crc32(_choices(settings).encode(errors='surrogateescape')):08x}.cache"
    return os.path.join(folder, picklesafe.__version__, name)


def stamp(settings: Settings, rules: Sequence[Rule]) -> str:
    """All that results depend on apart from the checked files; a file with another stamp is not used."""
    return repr((picklesafe.__version__, sys.version, _choices(settings), _code(rules)))


def _choices(settings: Settings) -> str:
    chosen = (
        os.getcwd(),  # findings name files as the user did
        settings.root,
        sorted(settings.codes),
        settings.rules,
        settings.config_dir,
        settings.per_file_ignores,
        settings.src,
        settings.target_torch,
        settings.target_python,
        settings.platforms,
    )
    return repr(chosen)


def _code(rules: Sequence[Rule]) -> list[tuple[str, int, int]]:
    """The state of the source files of the linter and the rules: a rule under development changes."""
    state = set(_sources(os.path.dirname(os.path.abspath(__file__)), deep=True))
    # What a rule imports may stand beside it; below there may be a whole environment.
    for folder in {os.path.dirname(os.path.abspath(rule.module.__file__ or "")) for rule in rules}:
        state.update(_sources(folder, deep=False))
    return sorted(state)


def _sources(folder: str, deep: bool) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_mtime_ns, status.st_size
            elif deep and not entry.name.startswith("__") and entry.is_dir():
                yield from _sources(entry.path, deep)


def load(path: str, expected: str) -> dict[str, Any]:
    """What the file holds; of a file that is absent, damaged or of another stamp, nothing."""
    import json

    try:
        with open(path, "rb") as file:
            checksum, _, content = file.read().partition(b"\n")
        if checksum == b"%08x" % crc32(content):
            body = json.loads(content)
            if body.pop("stamp") == expected and all(type(body[key]) is kind for key, kind in _SHAPE.items()):
                return body  # type: ignore[no-any-return]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return {key: kind() for key, kind in _SHAPE.items()}


def save(path: str, written: str, body: dict[str, Any]) -> None:
    """Replace the file as a whole, so that another run finds the old one or the new one.

    Raises:
        OSError: if that isn't possible; the old one is as it was.
    """
    import json

    content = json.dumps({"stamp": written, **body}, separators=(",", ":")).encode()
    temporary = f"{path}.{os.getpid()}-{time.time_ns():x}"
    _make_folder(os.path.dirname(path))
    try:
        with open(temporary, "xb") as file:
            file.write(b"%08x\n" % crc32(content) + content)
        os.replace(temporary, path)
    except BaseException:  # an interrupt as well: nothing may be left behind
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sweep(os.path.dirname(path))


def _make_folder(folder: str) -> None:
    if os.path.isdir(folder):
        return
    top = os.path.dirname(folder)
    os.makedirs(top, exist_ok=True)
    if not os.listdir(top):
        # Neither version control nor backups shall take it up. A folder that holds something else has a
        # .gitignore of its own, or wants none.
        for name, content in ((".gitignore", "# Written by picklesafe.\n*\n"), ("CACHEDIR.TAG", _TAG)):
            with suppress(FileExistsError), open(os.path.join(top, name), "x", encoding="utf-8") as file:
                file.write(content)
    os.makedirs(folder, exist_ok=True)


def _sweep(folder: str) -> None:
    """Remove what runs that were killed have left half written."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if ".cache." in entry.name and entry.stat().st_mtime < time.time() - _ABANDONED:
                os.unlink(entry.path)
