"""What the methods of containers do to what these hold: lists, dictionaries, exit stacks, an object's `__dict__`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from picklesafe.lint.datasets.expressions import item
from picklesafe.lint.datasets.run import Run
from picklesafe.lint.datasets.values import ANY, NONE, SOURCES, UNKNOWN, Box, Const, Value


class Call(NamedTuple):
    """A call of a container's method."""

    box: Box
    name: str
    arguments: Sequence[Value]
    keywords: Mapping[str, Value]
    node: ast.Call

    @property
    def text(self) -> str:
        """The container, as it is written."""
        function = self.node.func
        return ast.unparse(function.value if isinstance(function, ast.Attribute) else function)

    @property
    def first(self) -> Value:
        """Its first argument."""
        return self.arguments[0] if self.arguments else UNKNOWN


def call_on_box(
    run: Run, box: Box, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], node: ast.Call
) -> Value:
    """What a method of a container gives."""
    handlers = _OF_STACKS if box.kind == "stack" else _METHODS
    handler = handlers.get(name)
    return handler(run, Call(box, name, arguments, keywords, node)) if handler is not None else UNKNOWN


def _enter(run: Run, call: Call) -> Value:
    given = frozenset().union(*call.arguments)
    run.add(call.box, given)
    return given


def _close(run: Run, call: Call) -> Value:
    run.close(frozenset({call.box}))
    return NONE


def _pop_all(run: Run, call: Call) -> Value:
    made = run.boxed(call.node, run.contents(call.box), "stack")
    run.state.fields[call.box.key] = {}
    return made


def _add(run: Run, call: Call) -> Value:
    value = call.arguments[-1] if call.arguments else UNKNOWN
    run.add(call.box, value)
    run.note(value, call.text, firm=False)
    return value if call.name == "setdefault" else NONE


def _update(run: Run, call: Call) -> Value:
    for value in call.arguments:
        merge(run, call.box, value)
        run.note(value, call.text, firm=False)
    for name, value in call.keywords.items():
        run.state.put(call.box.key, name, value)
    return NONE


def _pop(run: Run, call: Call) -> Value:
    found = item(run, call.box, call.first)
    for key in call.first if len(call.first) == 1 else ():
        if isinstance(key, Const) and isinstance(key.value, str):
            run.state.remove(call.box.key, key.value)
    return found


def _clear(run: Run, call: Call) -> Value:
    run.state.fields[call.box.key] = {}
    return NONE


def _get(run: Run, call: Call) -> Value:
    return item(run, call.box, call.first) | (call.arguments[1] if len(call.arguments) > 1 else NONE)


def _copy(run: Run, call: Call) -> Value:
    return merged(run, call.node, [frozenset({call.box})], call.box.kind)


def _view(run: Run, call: Call) -> Value:
    return run.boxed(call.node, frozenset() if call.name == "keys" else run.contents(call.box), f"dict_{call.name}")


_OF_STACKS: Final[dict[str, Callable[[Run, Call], Value]]] = {
    "enter_context": _enter,
    "push": _enter,
    "close": _close,
    "pop_all": _pop_all,
}
_METHODS: Final[dict[str, Callable[[Run, Call], Value]]] = {
    **dict.fromkeys(("append", "appendleft", "add", "put", "insert", "setdefault"), _add),
    **dict.fromkeys(("extend", "extendleft", "update"), _update),
    **dict.fromkeys(("keys", "values", "items"), _view),
    "pop": _pop,
    "clear": _clear,
    "get": _get,
    "copy": _copy,
}


def merge(run: Run, box: Box, value: Value) -> None:
    """Put all that some containers hold into another one, under the same keys."""
    for thing in value:
        if isinstance(thing, Box) and thing.key != box.key:
            for name, held in run.state.held(thing.key).items():
                if name == ANY:
                    run.add(box, held)
                elif name != SOURCES:
                    run.state.put(box.key, name, held)


def merged(run: Run, node: ast.AST, values: Sequence[Value], kind: str = "list") -> Value:
    """A new container of what others hold."""
    (box,) = made = run.boxed(node, frozenset(), kind)
    assert isinstance(box, Box)
    for value in values:
        merge(run, box, value)
    return made
