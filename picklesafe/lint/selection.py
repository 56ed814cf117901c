"""Which rules are on: codes chosen by prefix, the longer prefix winning over the shorter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from picklesafe.errors import ConfigurationError
from picklesafe.lint.suggest import suggestion

ALWAYS = ("PKS901", "PKS903")
"""Codes of the engine itself: a file that can't be analysed is reported whatever is selected."""

ELSEWHERE = "; picklesafe rule --all lists what there is"
"""Said of a code that is like none."""

UNUSED = "PKS902"
"""The code of a comment that suppresses nothing: the engine's own as well, selected like a rule."""


class Layer(NamedTuple):
    """One source of choices: the configuration file, or the command line.

    Args:
        origin: where it comes from, for messages.
        select: what to start from, or None to start from the layer before.
        extend: what to add.
        ignore: what to leave out.
    """

    origin: str
    select: Sequence[str] | None = None
    extend: Sequence[str] = ()
    ignore: Sequence[str] = ()


def enabled(layers: Iterable[Layer], codes: Collection[str]) -> frozenset[str]:
    """The enabled ones of `codes`; without any layer that selects, all of them.

    Raises:
        ConfigurationError: if a layer names a code or prefix that fits none.
    """
    on = set(codes)
    for layer in layers:
        if layer.select is not None:
            on = set()
        wanted = [(prefix, True) for prefix in (*(layer.select or ()), *layer.extend)]
        unwanted = [(prefix, False) for prefix in layer.ignore]
        # As in ruff, `select = ["PKS111"], ignore = ["PKS1"]` keeps PKS111; of equals, the ignored one goes.
        for prefix, keep in sorted([*wanted, *unwanted], key=lambda choice: (_length(choice[0]), choice[1] is False)):
            found = matching(prefix, codes, layer.origin)
            on = on | found if keep else on - found
    return frozenset(on)


def matching(prefix: str, codes: Collection[str], origin: str) -> frozenset[str]:
    """The codes that begin with `prefix`, `ALL` for every one.

    Raises:
        ConfigurationError: if there is none.
    """
    if prefix == "ALL":
        return frozenset(codes)
    found = frozenset(code for code in codes if prefix and code.startswith(prefix))
    if not found and not any(prefix and code.startswith(prefix) for code in ALWAYS):
        guess = suggestion(prefix, [*codes, "ALL"]) or ELSEWHERE
        raise ConfigurationError(f"unknown rule or prefix {prefix!r} in {origin}{guess}")
    return found


def _length(prefix: str) -> int:
    return 0 if prefix == "ALL" else len(prefix)
