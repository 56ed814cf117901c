"""What is kept, each thing once, at the statement that stores it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from picklesafe.lint.datasets.carried import Carried
from picklesafe.lint.datasets.openers import REFUSED, Opener
from picklesafe.lint.datasets.run import Run, Stored
from picklesafe.lint.datasets.values import Handle
from picklesafe.lint.project import Module

Place = tuple[ast.AST, Module]


class Kept(NamedTuple):
    """A thing that an instance holds.

    Args:
        opener: what it is.
        stored: the statement that gives it to an attribute.
        certain: whether it is there on every run.
        closed: whether it is closed again, though still there.
        mended: whether the mixin is there already.
        opened: the place where it is opened, if that is in another statement.
        made: the place where the object is made that holds it, if that isn't the dataset.
        method: after which it is there, "" for one that construction leaves.
    """

    opener: Opener
    stored: Stored
    certain: bool
    closed: bool
    mended: bool
    opened: Place | None = None
    made: Place | None = None
    method: str = ""


def kept(run: Run, found: Sequence[Carried]) -> list[Kept]:
    """The statements by which things come to be carried, in the order of their rows."""
    files = {one.key for one in found}
    best: dict[tuple[int, str], Kept] = {}
    for one in found:
        stored = run.stored.get(one.key)
        if stored is None or (one.mended and one.opener.restored != REFUSED):
            continue
        if isinstance(one.thing, Handle) and one.thing.is_view and one.thing.root in files:
            continue  # the file is found itself
        opened, made = opened_at(one.thing, stored), run.made.get(one.holder)
        this = Kept(one.opener, stored, one.certain, one.closed, one.mended, opened, made)
        key = (id(stored.statement), one.opener.kind)
        if key not in best or _weight(this) > _weight(best[key]):
            best[key] = this
    return sorted(best.values(), key=lambda this: this.stored.statement.lineno)


def _weight(this: Kept) -> tuple[bool, bool]:
    return this.certain, not this.closed


def opened_at(thing: object, stored: Stored) -> Place | None:
    """The place where a handle is opened, if that isn't in the statement that stores it."""
    if not isinstance(thing, Handle):
        return None
    first, last = stored.statement.lineno, stored.statement.end_lineno or stored.statement.lineno
    inside = thing.module is stored.module and first <= getattr(thing.node, "lineno", 0) <= last
    return None if inside else (thing.node, thing.module)
