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
"""Elements of a container that are visited at most, spread evenly over a sequence."""

ATOMS = frozenset({str, bytes, int, float, bool, complex, type(None), bytearray, range, slice, BuiltinFunctionType})
"""Types that hold nothing worth visiting."""


class Node:
    """An object that was reached, and how.

    Attributes:
        value: the object.
        parent: the node that holds it; None for where the look began.
        step: how it is written after its parent: ".genome", "[3]", "['train']".
        key: what `value` is held under: a name, an index, a key; None where it can't be replaced.
    """

    __slots__ = ("key", "parent", "step", "value")

    def __init__(self, value: Any, parent: Node | None = None, step: str = "", key: Any = None) -> None:
        self.value = value
        self.parent = parent
        self.step = step
        self.key = key

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
    queue = deque([Node(root)])
    seen = {id(root)}
    while queue:
        parent = queue.popleft()
        for child in children(parent, into):
            value = child.value
            if type(value) in ATOMS:
                continue
            yield child
            budget -= 1
            if budget <= 0:
                return
            if id(value) not in seen:
                seen.add(id(value))
                queue.append(child)


def path_to(root: Any, target: Any) -> str | None:
    """How `target` is reached from `root`; None if the look doesn't come upon it."""
    if root is target:
        return type(root).__name__
    return next((node.path for node in look(root) if node.value is target), None)


def children(node: Node, into: Callable[[Any], bool] = lambda value: True) -> Iterator[Node]:
    """What the node's value holds directly."""
    value = node.value
    cls = type(value)
    if cls in _MAPPINGS:
        for key, held in islice(value.items(), SAMPLE):
            yield Node(held, node, f"[{_short(key)}]", key)
    elif cls in _SEQUENCES or (isinstance(value, tuple) and into(value)):
        yield from _elements(node, value)
    elif cls is set or cls is frozenset:
        for held in islice(value, SAMPLE):
            yield Node(held, node, "{…}")
    elif isinstance(value, functools.partial):
        yield Node(value.func, node, ".func")
        yield from (Node(held, node, f".args[{i}]") for i, held in enumerate(value.args))
        yield from (Node(held, node, f".keywords[{key!r}]") for key, held in value.keywords.items())
    elif cls is MethodType:
        yield Node(value.__self__, node, ".__self__")
    elif cls not in _CLOSED and not isinstance(value, type) and (node.parent is None or into(value)):
        yield from _attributes(node, value)


def _attributes(node: Node, value: Any) -> Iterator[Node]:
    for name, held in list(getattr(value, "__dict__", {}).items())[:SAMPLE]:
        yield Node(held, node, f".{name}", name)
    for name in _slot_names(type(value)):
        try:
            held = slot(type(value), name).__get__(value, type(value))
        except AttributeError:  # not set, or dormant
            continue
        yield Node(held, node, f".{name}", name)


def _elements(node: Node, value: Any) -> Iterator[Node]:
    length = len(value)
    fields = getattr(type(value), "_fields", None) if isinstance(value, tuple) else None
    step = 1 if length <= SAMPLE else length / SAMPLE
    for place in range(min(length, SAMPLE)):
        index = int(place * step)
        try:
            held = value[index]
        except IndexError:  # another thread made it shorter
            return
        yield Node(held, node, f".{fields[index]}" if fields else f"[{index}]", index)


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _slot_names(cls: type) -> list[str]:
    # What pickling itself takes for the slots of a class; it keeps the answer on the class.
    names: list[str] = copyreg._slotnames(cls) if cls.__flags__ & _HEAP_TYPE else []  # type: ignore[attr-defined]
    return names


_HEAP_TYPE = 1 << 9
_MAPPINGS = frozenset({dict, OrderedDict, defaultdict})
_SEQUENCES = frozenset({list, tuple, deque})
_CLOSED = frozenset({FunctionType, ModuleType}) | ATOMS
