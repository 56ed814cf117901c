"""How JSON writes a string: which words it may hide, and which character stands where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

_UNIT = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]",
    re.DOTALL,
)


def may_hide(data: bytes, words: Sequence[bytes]) -> bool:
    """Whether the JSON in `data` may hold one of `words` otherwise than as its bytes.

    No known program escapes the letters of a word, but some do so with `=`, `<` and `'`, and a rule of
    somebody else's may ask for a quote. So the words' own characters decide, and not each escape: the
    colours of an error message, in every second notebook, are escapes as well.
    """
    pattern = _escaped(tuple(words))
    return pattern is None or pattern.search(data) is not None


@lru_cache
def _escaped(words: tuple[bytes, ...]) -> re.Pattern[bytes] | None:
    """What an escaped character of `words` looks like; None if JSON has to escape one of them."""
    characters = {character for word in words for character in word.decode()}
    if any(character in '"\\' or character < " " for character in characters):
        return None
    codes = [b"\\\\u%04x" % code for character in characters for code in _units(character)]
    return re.compile(b"|".join([*codes, *([rb"\\/"] if "/" in characters else [])]) or b"(?!)", re.IGNORECASE)


def _units(character: str) -> Iterator[int]:
    data = character.encode("utf-16-be")
    yield from (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def escaped(text: str, ascii_only: bool) -> str:
    """`text` as it stands between the quotes of a JSON string."""
    import json  # to look for words, as in every notebook, takes none of it

    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def place(literal: str, index: int) -> int:
    """Where in a JSON string, the quotes included, its character number `index` begins, or the end if there is none."""
    at = 1
    for _ in range(index):
        unit = _UNIT.match(literal, at)
        if unit is None or at >= len(literal) - 1:
            raise IndexError(index)
        at = unit.end()
    return at
