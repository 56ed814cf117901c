"""What a dataset opens when it is used, and goes on holding: there are no workers yet when somebody looks at it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from picklesafe.lint.datasets.calls import call_function, call_property
from picklesafe.lint.datasets.carried import Carried, carried
from picklesafe.lint.datasets.classes import PROPERTIES, decorators, methods
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import Box, Function, Key, Obj
from picklesafe.lint.trees import walk

_SKIPPED: Final = frozenset(
    {"__init__", "__new__", "__post_init__", "__del__", "__enter__", "__exit__", "__setstate__", "__getstate__"}
    | {"__reduce__", "__reduce_ex__", "__init_subclass__", "__copy__", "__deepcopy__"}
)
_FIRST: Final = ("__getitem__", "__len__", "__iter__", "__next__")
"""What is named as the use that opens it, if several do."""
_BY_HAND: Final = re.compile(
    r"_*(?:re)?(?:open|connect|init|setup|set_up|load|start|prepare|worker|attach)(?:_|[A-Z]|$)|\w*worker"
)
"""Methods that others call at a time of their own choice, as a worker_init_fn does."""
_IN_WORKERS: Final = "get_worker_info"


def touched(run: Run, obj: Obj, first: set[Key]) -> list[tuple[str, Carried]]:
    """What goes along with an object after one of its methods was called, with the method's name.

    Args:
        first: what went along before.
    """
    found: dict[Key, tuple[str, Carried]] = {}
    before = run.state
    for owner in [obj, *_parts(run, obj)]:
        for name, method in _candidates(run, owner) if owner == obj or run.lineage(owner.cls).may_open else ():
            run.state = before.without_names()
            with run.framed(method.module, None, None):
                bound = method._replace(receiver=owner)
                if _decorated(method) & PROPERTIES:
                    call_property(run, bound, method.node)
                else:
                    call_function(run, bound, [], {}, method.node, root=True)
                for one in carried(run, obj):
                    if one.key not in first:
                        found.setdefault(one.key, (name, one))
    run.state = before
    return list(found.values())


def _parts(run: Run, obj: Obj) -> list[Obj]:
    """The objects of the project that it holds."""
    found: dict[Obj, None] = {}
    todo, seen = [obj.key], {obj.key}
    while todo:
        key = todo.pop()
        for thing in frozenset().union(*run.state.held(key).values()):
            if isinstance(thing, (Obj, Box)) and thing.key not in seen:
                seen.add(thing.key)
                todo.append(thing.key)
                if isinstance(thing, Obj):
                    found[thing] = None
    return list(found)


def _candidates(run: Run, obj: Obj) -> Iterator[tuple[str, Function]]:
    """The methods by which the object is used, and those within decorators that it defines for itself."""
    known = methods(run.lineage(obj.cls))
    known = {**{name: known[name] for name in _FIRST if name in known}, **known}
    spoken = {node.attr for method in known.values() for node in walk(method.node) if isinstance(node, ast.Attribute)}
    for name, method in known.items():
        for inner in _inner(method):
            yield inner.node.name, inner  # type: ignore[union-attr]
        if name in _SKIPPED or {"staticmethod", "classmethod", "per_worker"} & _decorated(method):
            continue
        private = name.startswith("_") and not name.startswith("__")
        if (private and name in spoken) or _is_by_hand(name, method) or _waits_for_workers(method):
            continue
        yield name, method


def _is_by_hand(name: str, method: Function) -> bool:
    return not _decorated(method) & PROPERTIES and not name.startswith("_") and _BY_HAND.match(name) is not None


def _waits_for_workers(method: Function) -> bool:
    return any(getattr(node, "attr", getattr(node, "id", "")) == _IN_WORKERS for node in walk(method.node))


def _takes_self(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    return bool(node.args.args) and node.args.args[0].arg == "self"


def _inner(method: Function) -> Iterator[Function]:
    if _takes_self(method.node):
        return
    for node in walk(method.node):
        if isinstance(node, ast.FunctionDef) and node is not method.node and _takes_self(node):
            yield method._replace(node=node)


def _decorated(method: Function) -> set[str]:
    return decorators(method.node) if not isinstance(method.node, ast.Lambda) else set()
