"""A bounded look into an object: what can be reached from it, and by which path.

Long containers are sampled and the whole look has a budget, since it runs before every fork and every pickling: a
list of five million strings costs what a list of two hundred does.
"""

from __future__ import annotations

import copyreg
import functools
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from picklesafe.dormant import slot

BUDGET = 4000
"""Objects that one look visits at most."""

SAMPLE = 192
"""Elements of a container that are visited at most, spread evenly over a list."""

ATOMS = frozenset({str, bytes, int, float, bool, complex, type(None), bytearray, range, slice, BuiltinFunctionType})
"""Types that hold nothing worth visiting."""


class Node:
    """An object that was reached, and how.

    Attributes:
        value: the object.
        parent: the node that holds it; None for where the look began.
        key: what `value` is held under: a name, an index, a key; None where it can't be replaced.
    """

    __slots__ = ("_form", "key", "parent", "value")

    def __init__(self, value: Any, parent: Node | None = None, form: str = "", key: Any = None) -> None:
        self.value = value
        self.parent = parent
        self._form = form
        self.key = key

    @property
    def step(self) -> str:
        """How it is written after its parent: ".genome", "[3]", "['train']". Only made when it is asked for."""
        if self._form is _ITEM:
            return f"[{_short(self.key)}]"
        return f".{self.key}" if self._form is _ATTRIBUTE else self._form

    @property
    def chain(self) -> list[Node]:
        """From where the look began to here."""
        nodes: list[Node] = []
        node: Node | None = self
        while node is not None:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]

    @property
    def path(self) -> str:
        """As `GenomeDataset.readers[3].file`."""
        root, *rest = self.chain
        return type(root.value).__name__ + "".join(node.step for node in rest)


def look(root: Any, *, into: Callable[[Any], bool] = lambda value: True, budget: int = BUDGET) -> Iterator[Node]:
    """Everything within reach of `root`, nearest first, under every path; what an object holds is given once.

    Args:
        into: whether to go on into an object that has attributes of its own.
        budget: objects to visit at most.
    """
    return look_below(Node(root), into, budget)


def look_below(start: Node, into: Callable[[Any], bool], budget: int) -> Iterator[Node]:
    """The same from a node on."""
    queue = deque([start])
    seen = {id(start.value)}
    while queue:
        parent = queue.popleft()
        for child in children(parent, into, min(budget, SAMPLE)):
            yield child
            budget -= 1
            if budget <= 0:
                return
            if id(child.value) not in seen:
                seen.add(id(child.value))
                queue.append(child)


def path_to(root: Any, target: Any) -> str | None:
    """How `target` is reached from `root`; None if the look doesn't come upon it."""
    if root is target:
        return type(root).__name__
    return next((node.path for node in look(root) if node.value is target), None)


def children(node: Node, into: Callable[[Any], bool] = lambda value: True, sample: int = SAMPLE) -> Iterator[Node]:
    """What the node's value holds directly, but for atoms."""
    value = node.value
    cls = type(value)
    if cls in _MAPPINGS:
        # A list first, here and below: it is made in one step, whatever other threads do to the dictionary.
        for key, held in list(islice(value.items(), sample)):
            if type(held) not in ATOMS:
                yield Node(held, node, _ITEM, key)
    elif cls in _SEQUENCES or (isinstance(value, tuple) and into(value)):
        yield from _elements(node, value, sample)
    elif cls is set or cls is frozenset:
        yield from (Node(held, node, "{…}") for held in list(islice(value, sample)) if type(held) not in ATOMS)
    elif isinstance(value, functools.partial):
        yield Node(value.func, node, ".func")
        yield from (Node(held, node, f".args[{i}]") for i, held in enumerate(value.args))
        yield from (Node(held, node, f".keywords[{key!r}]") for key, held in value.keywords.items())
    elif cls is MethodType:
        yield Node(value.__self__, node, ".__self__")
    elif cls not in _CLOSED and not isinstance(value, type) and (node.parent is None or into(value)):
        yield from _attributes(node, value)


def _attributes(node: Node, value: Any) -> Iterator[Node]:
    items = [item for item in list(getattr(value, "__dict__", _NOTHING).items()) if type(item[1]) not in ATOMS]
    # All that the object itself holds, a sample of what those below it do.
    for name, held in items if node.parent is None else items[:SAMPLE]:
        yield Node(held, node, _ATTRIBUTE, name)
    for name in _slot_names(type(value)):
        try:
            held = slot(type(value), name).__get__(value, type(value))
        except AttributeError:  # not set, or dormant
            continue
        if type(held) not in ATOMS:
            yield Node(held, node, _ATTRIBUTE, name)


def _elements(node: Node, value: Any, sample: int) -> Iterator[Node]:
    step = -(-len(value) // sample) or 1
    sampled = list(islice(value, sample)) if isinstance(value, deque) else value[::step]
    # Most long lists hold nothing but atoms, which is seen soonest without looking at them one by one.
    if ATOMS.issuperset(map(type, sampled)):
        return
    fields = getattr(type(value), "_fields", None) if isinstance(value, tuple) else None
    for place, held in enumerate(sampled):
        if type(held) not in ATOMS:
            yield Node(held, node, f".{fields[place]}" if fields else _ITEM, place * step)


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _slot_names(cls: type) -> list[str]:
    # What pickling itself takes for the slots of a class; it keeps the answer on the class.
    names: list[str] = copyreg._slotnames(cls) if cls.__flags__ & _HEAP_TYPE else []  # type: ignore[attr-defined]
    return names


_ATTRIBUTE = ".name"
_ITEM = "[key]"
_NOTHING: dict[str, Any] = {}
_HEAP_TYPE = 1 << 9
_MAPPINGS = frozenset({dict, OrderedDict, defaultdict})
_SEQUENCES = frozenset({list, tuple, deque})
_CLOSED = frozenset({FunctionType, ModuleType}) | ATOMS
