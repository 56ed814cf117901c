"""How programs keep the argument and the number of workers together, or fail to.

`VALUES` are guards within the value's expression, `STATEMENTS` those around the call. `fine` says
whether the guard keeps every argument from raising (None: it depends on the argument); it is used
to check the oracle, which asks torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .parts import OFF, Site, indented


class Guard(NamedTuple):
    name: str
    lines: Callable[[Site], list[str]]
    fine: bool | None
    head: str = ""
    needs_function: bool = False
    only: tuple[str, ...] = tuple(OFF)


GUARDS: list[Guard] = []

# Exceptions of the constructor are caught by the program; a timeout raises later.
CONSTRUCTOR = ("prefetch_factor", "persistent_workers", "multiprocessing_context")
NUMBERS = ("prefetch_factor", "persistent_workers", "timeout")

HELPERS = """
def is_parallel(workers):
    return workers > 0
"""
WRONG_HELPER = """
def is_parallel(workers):
    return workers >= 0
"""
CHECKER = """
def check(workers):
    if workers == 0:
        raise ValueError("at least one worker is needed")
"""


def value(
    name: str, text: str, fine: bool | None, *, local: str = "", head: str = "", only: tuple[str, ...] = tuple(OFF)
) -> None:
    """Register a guard that is an expression: `{w}` workers, `{v}` the value, `{off}` none."""

    def lines(site: Site) -> list[str]:
        given = text.format(w=site.workers, v=site.on, off=site.off)
        return [*local.format(w=site.workers, v=site.on, off=site.off).splitlines(), *site.call(given)]

    GUARDS.append(Guard(name, lines, fine, head, only=only))


def statements(
    name: str,
    text: str,
    fine: bool | None,
    *,
    head: str = "",
    needs_function: bool = False,
    only: tuple[str, ...] = tuple(OFF),
) -> None:
    """Register a guard of several lines.

    `{w}`, `{v}`, `{off}` and `{key}` (the argument's name as a string) are filled in; a line
    `CALL value` or `CALL value, workers` makes the loader (`-` leaves the argument out), `WITH
    kwargs` makes it from dicts; `DICT value` is a dict display and `INLINE value` a call.
    """

    def lines(site: Site) -> list[str]:
        return [line for written in text.strip("\n").splitlines() for line in _written(site, written)]

    GUARDS.append(Guard(name, lines, fine, head, needs_function, only))


def _written(site: Site, line: str) -> list[str]:
    fill = {"w": site.workers, "v": site.on, "off": site.off, "key": f'"{site.keyword}"', "name": site.keyword}
    fill |= {"workers_key": f'"{site.key("num_workers")}"', "workers_name": site.key("num_workers")}
    indent = line[: len(line) - len(line.lstrip())]
    head, _, rest = line.strip().partition(" ")
    if head == "CALL":
        given, _, workers = rest.format(**fill).partition(" @ ")
        made = site.call(None if given == "-" else given, workers or None)
    elif head == "WITH":
        made = site.call_with(*rest.format(**fill).split())
    else:
        displays = {
            "dict_on": site.dictionary(site.on),
            "dict_off": site.dictionary(site.off),
            "dict_without": site.dictionary(None),
            "dict_guarded": site.dictionary(f"{site.on} if {site.workers} > 0 else None"),
            "inline_on": site.inline(site.on),
            "inline_guarded": site.inline(f"{site.on} if {site.workers} > 0 else {site.off}"),
            "inline_off": site.inline(site.off),
            "inline_without": site.inline(None),
            "inline_named": site.inline(site.on, "workers"),
            "callee": site.callee.expression,
        }
        return [line.format(**fill, **displays)]
    return [indent + one for one in made]


def _half(site: Site, guarded: str, plain: str) -> list[str]:
    """One argument depends on the workers, its neighbour does not."""
    other = "persistent_workers" if site.argument.keyword != "persistent_workers" else "prefetch_factor"
    return site.call(guarded, None, **{other: plain})


def _other(site: Site) -> tuple[str, str]:
    return ("2", "None") if site.argument.keyword == "persistent_workers" else ("True", "False")


GUARDS += [
    Guard(
        "half-guard-on-neighbour",
        lambda site: _half(site, site.on, f"{_other(site)[0]} if {site.workers} > 0 else {_other(site)[1]}"),
        False,
    ),
    Guard(
        "half-guard-here",
        lambda site: _half(site, f"{site.on} if {site.workers} > 0 else {site.off}", _other(site)[0]),
        False,
    ),
    Guard(
        "both-guarded",
        lambda site: _half(
            site,
            f"{site.on} if {site.workers} > 0 else {site.off}",
            f"{_other(site)[0]} if {site.workers} else {_other(site)[1]}",
        ),
        True,
    ),
    Guard(
        "block-within-block",
        lambda site: [
            f"if {site.workers} >= 0:",
            *indented([f"if {site.workers} > 0:", *indented(site.call(site.on)), "else:", *indented(site.call(None))]),
            "else:",
            *indented(site.call(None)),
        ],
        True,
    ),
]
