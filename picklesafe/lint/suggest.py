"""What somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable

_ALIKE = str.maketrans("oil", "011")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest of `known`, or nothing if none is near."""
    # Imported here, as only mistakes need it.
    from difflib import get_close_matches

    by_look = {_look(name): name for name in known}
    near = get_close_matches(_look(word), by_look, n=1)
    return f"; did you mean {by_look[near[0]]!r}?" if near else ""


def _look(word: str) -> str:
    # Upper and lower case, or 1 and I, are told apart by no reader in a hurry.
    return word.casefold().translate(_ALIKE)
