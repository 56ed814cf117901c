"""What the methods of containers do to what these hold: lists, dictionaries, exit stacks, an object's `__dict__`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from picklesafe.lint.datasets.expressions import item
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import ANY, NONE, UNKNOWN, Box, Const, Value

_ADDING: Final = frozenset({"append", "appendleft", "add", "push", "put"})
_MERGING: Final = frozenset({"extend", "update", "extendleft"})


def call_on_box(
    run: Run, box: Box, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value:
    given: Value = frozenset().union(*arguments, *keywords.values())
    if box.kind == "stack" and name in ("enter_context", "push"):
        run.add(box, given)
        return given
    if box.kind == "stack" and name == "close":
        run.close(frozenset({box}))
    elif box.kind == "stack" and name == "pop_all":
        (moved,) = made = run.boxed(node, run.contents(box), "stack")
        run.state.fields[box.key, ANY] = frozenset()
        return made if isinstance(moved, Box) else UNKNOWN
    elif name in _ADDING or (name in ("insert", "setdefault") and len(arguments) > 1):
        value = arguments[-1] if arguments else given
        run.add(box, value)
        run.note(value, ast.unparse(node.func), firm=False)
        return value if name == "setdefault" else NONE
    elif name in _MERGING:
        for value in arguments:
            merge(run, box, value)
            run.note(value, ast.unparse(node.func), firm=False)
        for word, value in keywords.items():
            run.state.fields[box.key, word] = value
    elif name in ("pop", "__delitem__"):
        found = item(run, box, arguments[0] if arguments else UNKNOWN)
        if arguments and len(arguments[0]) == 1:
            (key,) = arguments[0]
            if isinstance(key, Const) and isinstance(key.value, str):
                run.state.fields.pop((box.key, key.value), None)
        return found
    elif name == "clear":
        for held in [held for held in run.state.fields if held[0] == box.key]:
            del run.state.fields[held]
    elif name == "get" and arguments:
        return item(run, box, arguments[0]) | (arguments[1] if len(arguments) > 1 else NONE)
    elif name == "copy":
        return merged(run, node, [frozenset({box})], box.kind)
    elif name in ("values", "items"):
        return run.boxed(node, run.contents(box), "dict_" + name)
    return UNKNOWN


def merge(run: Run, box: Box, value: Value) -> None:
    """Put all that some containers hold into another one, under the same keys."""
    for thing in value:
        if isinstance(thing, Box) and thing.key != box.key:
            for (owner, name), held in list(run.state.fields.items()):
                if owner == thing.key and name == ANY:
                    run.add(box, held)
                elif owner == thing.key:
                    run.state.fields[box.key, name] = held


def merged(run: Run, node: ast.AST, values: Sequence[Value], kind: str = "list") -> Value:
    """A new container of what others hold."""
    (box,) = made = run.boxed(node, frozenset(), kind)
    assert isinstance(box, Box)
    for value in values:
        merge(run, box, value)
    return made
