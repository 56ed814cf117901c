"""A bounded look into an object: what can be reached from it, and by which path.

Long containers are sampled and the whole look has a budget, since it runs before every fork and every pickling: a
list of five million strings costs what a list of two hundred does, once it is known what it is.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from picklesafe import hollow, instance_dict
from picklesafe.dormant import slot
from picklesafe.hollow import ATOMS

BUDGET = 2000
"""Objects that one look visits at most."""

SAMPLE = 1000
"""Elements of a container that are visited at most, spread evenly over a list."""

GLANCES = 6000
"""Elements of long containers that one look asks for what they hold, at most; each costs a microsecond or two."""

_SMALL_SAMPLE = 64


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
    def is_attribute(self) -> bool:
        return self._form is _ATTRIBUTE

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


class Bounds:
    """How far a look goes.

    Args:
        into: whether to go on into an object that has attributes of its own.
        wanted: types of which no element of a container is left out, however long it is; with any, what holds atoms
            alone is passed over.
        budget: objects to visit at most.
        sample: elements of a container that are looked at at most, spread evenly over a list.
        glances: elements that are looked at at most, in all long containers together, before samples become small.

    Attributes:
        complete: False once something was left out.
    """

    __slots__ = ("budget", "complete", "glances", "into", "sample", "wanted")

    def __init__(
        self,
        into: Callable[[Any], bool] = lambda value: True,
        *,
        wanted: Set[type] = frozenset(),
        budget: int = BUDGET,
        sample: int = SAMPLE,
        glances: int = GLANCES,
    ) -> None:
        self.into = into
        self.wanted = wanted
        self.budget = budget
        self.sample = sample
        self.glances = glances
        self.complete = True


def look(root: Any, bounds: Bounds | None = None) -> Iterator[Node]:
    """Everything within reach of `root`, nearest first, under every path; what an object holds is given once."""
    return look_below(Node(root), bounds or Bounds())


def look_below(start: Node, bounds: Bounds) -> Iterator[Node]:
    """The same from a node on; takes what it visits off the budget."""
    queue = deque([start])
    seen = {id(start.value)}
    while queue:
        parent = queue.popleft()
        for child in children(parent, bounds):
            if bounds.budget <= 0:
                bounds.complete = False
                return
            yield child
            bounds.budget -= 1
            # What can't be changed in place has to be replaced under each of its paths.
            if id(child.value) not in seen or issubclass(type(child.value), (tuple, frozenset)):
                seen.add(id(child.value))
                queue.append(child)


def path_to(root: Any, target: Any) -> str | None:
    """How `target` is reached from `root`; None if the look doesn't come upon it."""
    if root is target:
        return type(root).__name__
    return next((node.path for node in look(root) if node.value is target), None)


def is_sampled(node: Node, bounds: Bounds) -> bool:
    """Whether there may be more of its kind: it was reached by way of a container of which only a sample is visited."""
    above = [step.value for step in node.chain[:-2]]
    return any(issubclass(type(value), _ANY_CONTAINER) and _length(value) > _SMALL_SAMPLE for value in above)


def children(node: Node, bounds: Bounds) -> Iterator[Node]:
    """What the node's value holds directly, but for atoms."""
    value = node.value
    cls = type(value)
    # Not isinstance, here and below, which asks an object that stands for another one for its __class__.
    if issubclass(cls, functools.partial):
        yield Node(value.func, node, ".func")
        yield from (Node(held, node, f".args[{i}]") for i, held in enumerate(value.args))
        yield from (Node(held, node, f".keywords[{key!r}]") for key, held in value.keywords.items())
    elif cls is MethodType or (issubclass(cls, BuiltinFunctionType) and type(value.__self__) is not ModuleType):
        yield Node(value.__self__, node, ".__self__")
    elif cls in _CONTAINERS:
        yield from _elements(node, value, cls, bounds)
    elif cls not in _CLOSED and not issubclass(cls, type) and (node.parent is None or bounds.into(value)):
        yield from _elements(node, value, cls, bounds)
        yield from _attributes(node, value, bounds)


def _elements(node: Node, value: Any, cls: type, bounds: Bounds) -> Iterator[Node]:
    if issubclass(cls, dict):
        for key, held in _worth_visiting(value, dict.values, dict.items, bounds):
            yield Node(held, node, _ITEM, key)
    elif issubclass(cls, (list, deque, tuple)):
        fields = getattr(cls, "_fields", None) if issubclass(cls, tuple) else None
        for place, held in _worth_visiting(value, _iterate, _enumerate, bounds):
            yield Node(held, node, f".{fields[place]}" if fields else _ITEM, place)
    elif issubclass(cls, (set, frozenset)):
        for _, held in _worth_visiting(value, _iterate, _enumerate, bounds):
            yield Node(held, node, "{…}")


def _iterate(value: Any) -> Iterator[Any]:
    """Through the elements themselves, whatever a subclass makes of iteration."""
    base: Any = next(base for base in type(value).__mro__ if base in _CONTAINERS)
    elements: Iterator[Any] = base.__iter__(value)
    return elements


def _enumerate(value: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(_iterate(value))


def _attributes(node: Node, value: Any, bounds: Bounds) -> Iterator[Node]:
    values: Any = instance_dict.of(value)
    if values and values is not value:  # a dictionary that keeps its attributes in itself has shown its elements
        yield from attributes(node, values, bounds)
    for name in hollow.slot_names(type(value)):
        try:
            held = slot(type(value), name).__get__(value, type(value))
        except AttributeError:  # not set, or dormant
            continue
        if type(held) not in ATOMS:
            yield Node(held, node, _ATTRIBUTE, name)


def attributes(node: Node, values: Any, bounds: Bounds) -> Iterator[Node]:
    """The nodes of a dictionary of attributes: all that the object itself holds, a sample of what those below it do."""
    most = len(values) if node.parent is None else bounds.sample
    for name, held in _worth_visiting(values, dict.values, dict.items, bounds, most):
        yield Node(held, node, _ATTRIBUTE, name)


Pairs = Iterable[tuple[Any, Any]]


def _worth_visiting(
    container: Any,
    values: Callable[[Any], Iterable[Any]],
    pairs: Callable[[Any], Pairs],
    bounds: Bounds,
    most: int | None = None,
) -> Pairs:
    """(key, value) of what a container holds that is no atom: all, or a sample and whatever is of a wanted type.

    Args:
        values, pairs: give the values of a container, and its keys with them.
        most: how many to visit; by default what the bounds say.
    """
    length = _length(container)
    if most is None:
        most = bounds.sample if bounds.glances > 0 else _SMALL_SAMPLE
    if length <= most:
        bounds.glances -= length // _AT_A_GLANCE
        if ATOMS.issuperset(map(type, values(container))):
            return ()
        bounds.glances -= length
        # A list first, here and below: it is made in one step, whatever other threads do to the container.
        return [pair for pair in list(pairs(container)) if _counts(pair[1], bounds)]
    bounds.glances -= most
    sampled = _sample(container, pairs, most)
    seen = {type(value) for _, value in sampled}
    kinds = _kinds(container, values, seen, tuple(id(value) for _, value in sampled[::16]))
    if not kinds:
        return ()
    # What the sample hasn't shown is rare.
    sought = (kinds & bounds.wanted) | (kinds - seen)
    found = [pair for pair in list(pairs(container)) if type(pair[1]) in sought] if sought else []
    found = [pair for pair in found if _counts(pair[1], bounds)]
    if kinds != sought:
        bounds.complete = False
        others = [pair for pair in sampled if type(pair[1]) not in sought and _counts(pair[1], bounds)]
        # Of what is alike and a sample anyway, a few tell as much as many.
        found += others[:: -(-len(others) // _SMALL_SAMPLE)] if bounds.wanted and most <= SAMPLE else others
    return found


def _counts(value: Any, bounds: Bounds) -> bool:
    """Whether an element is worth visiting."""
    cls = type(value)
    if cls in ATOMS:
        return False
    return not bounds.wanted or cls in bounds.wanted or not hollow.is_hollow(value, cls, bounds, 2)


_AT_A_GLANCE = 64
"""To pass over so many atoms takes as long as to look at one object."""


def _length(container: Any) -> int:
    """Of the container itself, whatever a subclass counts."""
    base: Any = next(base for base in type(container).__mro__ if base in _CONTAINERS)
    length: int = base.__len__(container)
    return length


def _sample(container: Any, pairs: Callable[[Any], Pairs], most: int) -> list[tuple[Any, Any]]:
    if isinstance(container, (list, tuple)):
        step = -(-_length(container) // most)
        base: Any = list if isinstance(container, list) else tuple
        return list(
            zip(range(0, _length(container), step), base.__getitem__(container, slice(None, None, step)), strict=True)
        )
    return list(islice(pairs(container), most))


_kinds_of_long: dict[int, tuple[int, tuple[int, ...], Set[type]]] = {}
_LONG = 300_000
"""To ask so many elements for their types takes 5 ms."""


_LONG_OF_OBJECTS = 20_000
"""Objects lie all over the memory, and to ask so many takes 2 ms."""


def _kinds(
    container: Any, values: Callable[[Any], Iterable[Any]], seen: Set[type], identities: tuple[int, ...]
) -> Set[type]:
    """The types of what a container holds, but for atoms: of all of it, however long.

    To ask five million elements takes a tenth of a second, so it is remembered for as long as the container has that
    length and a sample of its elements are the same objects.

    Args:
        seen, identities: of the sample, its types, and which objects they were.
    """
    known = _kinds_of_long.get(id(container))
    if known is not None and known[:2] == (_length(container), identities):
        return known[2]
    all_kinds = set(map(type, values(container))) | seen
    kinds = all_kinds - ATOMS
    # Not where places wait to be filled.
    if _length(container) > (_LONG_OF_OBJECTS if kinds else _LONG) and type(None) not in all_kinds:
        if len(_kinds_of_long) >= _MOST_REMEMBERED:
            _kinds_of_long.clear()
        _kinds_of_long[id(container)] = (_length(container), identities, kinds)
    return kinds


_MOST_REMEMBERED = 1000


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else f"{text[:37]}…"


_ATTRIBUTE = ".name"
_ITEM = "[key]"
_NOTHING: dict[str, Any] = {}
_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, tuple, deque, set, frozenset})
_ANY_CONTAINER = tuple(_CONTAINERS)
_CLOSED = frozenset({FunctionType, ModuleType}) | ATOMS
