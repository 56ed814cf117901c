"""What an object takes along to a worker: what pickle would come to, from its attributes down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

from picklesafe.lint.datasets.calls import ends
from picklesafe.lint.datasets.openers import REFUSED, STUCK, Opener
from picklesafe.lint.datasets.reducing import is_unclear
from picklesafe.lint.datasets.run import Run, certain, key_of
from picklesafe.lint.datasets.values import Box, Class, Function, Handle, Imported, Key, Obj, Thing, Value

_REDUCING: Final = ("__reduce_ex__", "__reduce__", "__getstate__")
_ITERATORS: Final = {
    "generator": "a generator",
    **dict.fromkeys(("dict_keys", "dict_values", "dict_items"), "a view of a dict"),
}


class Carried(NamedTuple):
    """A thing that workers can't be handed, and how it is there.

    Args:
        key: tells it from others.
        opener: what it is.
        certain: whether it is there whatever happened before.
        closed: whether it was closed.
        mended: whether the mixin is on the way to it.
        holder: the object of which it is an attribute, or in one.
    """

    key: Key
    thing: Thing
    opener: Opener
    certain: bool
    closed: bool
    mended: bool
    holder: Obj


def carried(run: Run, obj: Obj) -> list[Carried]:
    """All that goes along with an object."""
    return list(_Walk(run).of(obj, True, False, obj))


class _Walk:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: set[tuple[type, Key]] = set()

    def of(self, thing: Thing, sure: bool, mended: bool, holder: Obj) -> Iterator[Carried]:
        """What goes along with a thing."""
        if isinstance(thing, (Obj, Box)):
            if (type(thing), thing.key) in self._seen:
                return
            self._seen.add((type(thing), thing.key))
        if isinstance(thing, Obj):
            yield from self._of_object(thing, sure, mended)
        elif isinstance(thing, Box):
            if thing.kind in _ITERATORS:
                yield self._carried(
                    thing, Opener(_ITERATORS[thing.kind], STUCK, restored=REFUSED), sure, mended, holder
                )
            for inner in self._run.contents(thing):
                yield from self.of(inner, sure, mended, holder)
        elif isinstance(thing, Handle):
            yield self._carried(thing, thing.opener, sure, mended, holder)
        else:
            stuck = _stuck(thing)
            if stuck:
                yield self._carried(thing, Opener(stuck, STUCK, restored=REFUSED), sure, mended, holder)

    def _carried(self, thing: Thing, opener: Opener, sure: bool, mended: bool, holder: Obj) -> Carried:
        closed = isinstance(thing, Handle) and self._run.is_closed(thing)
        return Carried(key_of(thing), thing, opener, sure, closed, mended, holder)

    def _of_object(self, obj: Obj, sure: bool, mended: bool) -> Iterator[Carried]:
        found = self._run.lineage(obj.cls)
        mended = mended or found.is_safe
        if any(b"copyreg" in cls.module.source.code for cls in found.classes):
            return
        reducing = next(filter(None, map(found.find, _REDUCING)), None)
        if reducing is None:
            for value in list(self._run.state.held(obj.key).values()):
                yield from self._of_value(value, sure, mended, obj)
        else:
            yield from self._reduced(reducing._replace(receiver=obj), sure, mended, obj)

    def _reduced(self, reducing: Function, sure: bool, mended: bool, obj: Obj) -> Iterator[Carried]:
        """What is left by a method that says what is pickled."""
        before = self._run.state
        self._run.state = before.copy()
        seen = set(self._seen)
        first = len(self._run.entered)
        ways = ends(self._run, reducing, [], {}, reducing.node)
        if any(map(is_unclear, self._run.entered[first:])):
            ways = []
        # What one way out leaves in the object is nothing that another one returns.
        for state, value in ways:
            self._run.state = state
            self._seen = set(seen)
            yield from self._of_value(value, sure, mended, obj)
        self._run.state = before

    def _of_value(self, value: Value, sure: bool, mended: bool, holder: Obj) -> Iterator[Carried]:
        sure = sure and certain(value)
        for thing in value:
            yield from self.of(thing, sure, mended, holder)


def _stuck(thing: Thing) -> str:
    """What a thing is that pickle refuses; "" if it doesn't."""
    if isinstance(thing, Function) and thing.local:
        return f"the local function `{thing.node.name}`" if not isinstance(thing.node, ast.Lambda) else "a lambda"
    if isinstance(thing, Imported) and thing.whole:
        return f"the module `{thing.name}`"
    if isinstance(thing, Class) and thing.local:
        return f"the local class `{thing.node.name}`"
    return ""
