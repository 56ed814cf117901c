"""What holds at one point of a run: variables, objects, and the conditions that led there."""

from __future__ import annotations

from typing import Final

from picklesafe.lint.interpret.values import ABSENT, TRUE, Expr, Leaf, all_of, choose, negate

Condition = tuple[Expr, bool]


class Object:
    """A mutable object: a dictionary, or an instance.

    Args:
        kind: `dict`, or `instance`.
        entries: items of a dictionary, attributes of an instance.
        rest: where entries that nobody has written come from; None if there are none.
        cls: of an instance.
    """

    __slots__ = ("cls", "entries", "kind", "rest")

    def __init__(
        self, kind: str, entries: dict[str, Expr] | None = None, rest: Expr | None = None, cls: Expr | None = None
    ) -> None:
        self.kind = kind
        self.entries = entries or {}
        self.rest = rest
        self.cls = cls

    def copy(self) -> Object:
        return Object(self.kind, self.entries.copy(), self.rest, self.cls)


class State:
    """One point of a run.

    `names` are the variables of the running function, `heap` the objects by number (`owned` those
    that no other state shares), `paths` what was stored at attributes and items of things
    unknown, `reach` the conditions that hold.
    """

    __slots__ = ("heap", "names", "owned", "paths", "reach")

    def __init__(self) -> None:
        self.names: dict[str, Expr] = {}
        self.heap: dict[int, Object] = {}
        self.owned: set[int] = set()
        self.paths: dict[Expr, Expr] = {}
        self.reach: tuple[Condition, ...] = ()

    def copy(self) -> State:
        new = State()
        new.names = self.names.copy()
        # Objects are shared until one of the two writes to them.
        new.heap = self.heap.copy()
        self.owned.clear()
        new.paths = self.paths.copy()
        new.reach = self.reach
        return new

    def narrow(self, test: Expr, outcome: bool) -> State | None:
        """Let it be a point where `test` holds (or doesn't): this very state, or None if there is no such point."""
        if test.op == "const":
            return self if bool(test.args[0]) is outcome else None
        self.reach = (*self.reach, (test, outcome))
        return self


UNBOUND: Final = Leaf(("unbound",), "an unbound name")


def merge(test: Expr, yes: State | None, no: State | None, base: int) -> State | None:
    """The state after a choice: `yes` where `test` held, else `no`.

    Args:
        base: how many of the conditions held before the choice.
    """
    if yes is None or no is None:
        return yes or no
    merged = State()
    merged.names = _merge(test, yes.names, no.names, UNBOUND)
    merged.paths = _merge_paths(test, yes.paths, no.paths)
    for number in yes.heap.keys() | no.heap.keys():
        one, other = yes.heap.get(number), no.heap.get(number)
        merged.heap[number] = (one or other) if one is other else _merge_objects(test, one, other)  # type: ignore[assignment]
    merged.reach = yes.reach[:base]
    kept = choose(test, _conditions(yes, base, test), _conditions(no, base, test))
    if kept != TRUE:
        merged.reach = (*merged.reach, (kept, True))
    return merged


def _conditions(state: State, base: int, test: Expr) -> Expr:
    """What holds in `state` beyond the first `base` conditions, apart from `test` itself."""
    extra = state.reach[base:]
    if extra and extra[0][0] == test:
        extra = extra[1:]
    return all_of(condition if outcome else negate(condition) for condition, outcome in extra)


def _merge(test: Expr, yes: dict[str, Expr], no: dict[str, Expr], missing: Expr) -> dict[str, Expr]:
    if yes == no:
        return yes
    return {name: choose(test, yes.get(name, missing), no.get(name, missing)) for name in dict.fromkeys((*yes, *no))}


def _merge_paths(test: Expr, yes: dict[Expr, Expr], no: dict[Expr, Expr]) -> dict[Expr, Expr]:
    if yes == no:
        return yes
    return {path: choose(test, yes.get(path, path), no.get(path, path)) for path in dict.fromkeys((*yes, *no))}


def _merge_objects(test: Expr, yes: Object | None, no: Object | None) -> Object:
    if yes is None or no is None:
        obj = yes or no
        assert obj is not None
        return obj
    merged = Object(yes.kind, None, yes.rest if yes.rest is not None else no.rest, yes.cls)
    for key in dict.fromkeys((*yes.entries, *no.entries)):
        merged.entries[key] = choose(test, _entry(yes, key), _entry(no, key))
    return merged


def _entry(obj: Object, key: str) -> Expr:
    """An entry as it reads when nobody has written it."""
    if key in obj.entries:
        return obj.entries[key]
    return ABSENT if obj.rest is None else item_of(obj.rest, key)


def item_of(base: Expr, key: object, default: Expr | None = None) -> Leaf:
    """The symbol for `base[key]`."""
    text = f"{getattr(base, 'text', '…')}[{key!r}]"
    return Leaf(("item", base, key), text, default=default)
