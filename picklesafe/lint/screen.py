"""Which files can matter at all, told from their bytes: most of a project is never parsed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from picklesafe.lint.configuration import kinds
from picklesafe.lint.registry import ByteTest, Rule, Word
from picklesafe.lint.source import MAX_BYTES, is_notebook, limit

_SHORTEST_SHARED = 8
"""A part that several words share is searched in place of them if it is at least this long:
shorter ones occur in too many files, and are slower to search for."""

UNSCREENED = bool(os.environ.get("PICKLESAFE_NO_SCREEN"))
"""Look into every file, as the benchmark does to prove that the screen loses nothing."""

SUPPRESSING = (b"PKS", b"picklesafe:")
"""One of them occurs wherever a comment speaks to picklesafe alone (PKS902 asks for such files)."""

_BINARY: int = getattr(os, "O_BINARY", 0)


def triggered(data: bytes, rules: Sequence[Rule]) -> list[Rule]:
    """The rules of which a trigger occurs in `data`; each distinct word is searched at most once."""
    occurs: dict[Word, bool] = {}

    def found(word: Word) -> bool:
        known = occurs.get(word)
        if known is None:
            known = occurs[word] = _occurs(word, data)
        return known

    return [rule for rule in rules if any(all(map(found, words)) for words in rule.triggers)]


def gate(rules: Iterable[Rule]) -> tuple[bytes, ...]:
    """As few words as possible, of which one occurs in every file that triggers one of `rules`."""
    return shared_parts({_longest(trigger) for rule in rules for trigger in rule.triggers})


Forms = dict[bytes, tuple[ByteTest, ...]]


def forms(rules: Iterable[Rule]) -> Forms:
    """What has to occur beside a word of `gate`, in one of several forms, for a file to trigger one of `rules`.

    Only for words in every trigger of which they are the one word.
    """
    found: dict[bytes, list[ByteTest]] = {}
    without: set[bytes] = set()
    for trigger in (trigger for rule in rules for trigger in rule.triggers):
        word = _longest(trigger)
        tests = [part for part in trigger if not isinstance(part, bytes)]
        if len(tests) == 1 and len(trigger) == 2:
            found.setdefault(word, []).append(tests[0])
        else:
            without.add(word)
    return {word: tuple(dict.fromkeys(tests)) for word, tests in found.items() if word not in without}


def shared_parts(words: Iterable[bytes]) -> tuple[bytes, ...]:
    """Words of which one occurs wherever one of `words` occurs: similar ones are merged."""
    parts: list[bytes] = []
    for word in sorted(words):
        for index, part in enumerate(parts):
            common = _common(part, word)
            if len(common) >= min(_SHORTEST_SHARED, len(part), len(word)):
                parts[index] = common
                break
        else:
            parts.append(word)
    return tuple(dict.fromkeys(parts))


FileState = str
"""Modification time, change time, size: equal as long as a file isn't written. As text, which is small where there are
very many.

The change time is there because the modification time can be set back, by `cp -p` or an archive.
"""


def state_of(status: os.stat_result) -> FileState:
    return f"{status.st_mtime_ns:x} {status.st_ctime_ns:x} {status.st_size:x}"


def last_change(state: FileState) -> int:
    """The later one of the times in a state."""
    return max(int(time, 16) for time in state.split(" ")[:2])


Look = tuple[int | str, FileState | None]
"""What a look at a file's bytes has shown: HIT, MISS or why it can't be read, and its state then."""

MISS, HIT = 0, 1


def scan(
    paths: Sequence[str],
    words: Sequence[bytes],
    calls: re.Pattern[bytes] | None = None,
    beside: Forms | None = None,
) -> list[Look]:
    """Read `paths` and tell which to look into.

    Args:
        paths: the files.
        words: one of them must occur.
        calls: must match as well, if it is given. If it isn't, bytes that are no plain text are a hit
            too (plain is UTF-8 without null bytes and no longer than MAX_BYTES): whether they are a
            valid source is for Source to say.
        beside: what has to occur with some of the words.
    """
    looks: list[Look] = []
    for path in paths:
        try:
            status, data = read(path)
        except OSError as error:
            looks.append((error.strerror or str(error), None))
            continue
        state = state_of(status)
        if path.endswith(kinds.SUFFIXES):
            looks.append((HIT if calls is None and kinds.may_matter(data) else MISS, state))
            continue
        for word in words:
            if word in data and (not beside or word not in beside or _any(beside[word], data, path)):
                # A notebook's code is escaped: `\nmake(` is no word for a pattern.
                hit = calls is None or calls.search(data) or is_notebook(path)
                looks.append((HIT if hit else MISS, state))
                break
        else:
            hit = calls is None and not _is_plain(data, status.st_size, path)
            looks.append((HIT if hit or (is_notebook(path) and _may_hide(data, words)) else MISS, state))
    return looks


def _any(tests: Iterable[ByteTest], data: bytes, path: str) -> bool:
    return is_notebook(path) or any(_occurs(test, data) for test in tests)


def call_pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    """What a call of one of `names` looks like, and its definition doesn't."""
    return re.compile(
        rb"(?<!def )(?<!class )\b(?:%s)(?:[ \t]*\(|[ \t]+as[ \t])"
        % b"|".join(sorted(re.escape(n.encode()) for n in names))
    )


def read(path: str) -> tuple[os.stat_result, bytes]:
    """The metadata and the bytes of a file; of one that is too large to analyse, no bytes."""
    # The descriptor rather than a file object: its buffer and its decoder's set-up cost half of a
    # cold run's reading, and one fstat serves the size, the limit and the cache.
    descriptor = os.open(path, os.O_RDONLY | _BINARY)
    try:
        status = os.fstat(descriptor)
        if status.st_size > kinds.MAX_BYTES and _is_too_large(path, status.st_size):
            return status, b""
        data = os.read(descriptor, status.st_size + 1)
        while len(data) < status.st_size:  # a file system may hand out less than was asked for
            more = os.read(descriptor, status.st_size + 1 - len(data))
            if not more:
                break
            data += more
    finally:
        os.close(descriptor)
    return status, data


def _is_too_large(path: str, size: int) -> bool:
    return path.endswith(kinds.SUFFIXES) or size > limit(path)


def _may_hide(data: bytes, words: Sequence[bytes]) -> bool:
    # Most projects have few notebooks, or none.
    from picklesafe.lint.notebook.escapes import may_hide

    return may_hide(data, words)


def _is_plain(data: bytes, size: int, path: str) -> bool:
    if b"\0" in data or (size > MAX_BYTES and size > limit(path)):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _occurs(word: Word, data: bytes) -> bool:
    if isinstance(word, bytes):
        return word in data
    return word.search(data) is not None if isinstance(word, re.Pattern) else word(data)


def _longest(trigger: Sequence[Word]) -> bytes:
    return max((word for word in trigger if isinstance(word, bytes)), key=len, default=b"")


def _common(one: bytes, other: bytes) -> bytes:
    """The longest part that two words share."""
    best = b""
    for start in range(len(one)):
        while start + len(best) < len(one) and one[start : start + len(best) + 1] in other:
            best = one[start : start + len(best) + 1]
    return best
