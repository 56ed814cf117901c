"""One run of a function in the head: its frames, its state, and the loader calls it comes to."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.interpret.state import Object, State, merge
from picklesafe.lint.interpret.values import Expr, Leaf, bare, is_const, negate

if TYPE_CHECKING:
    from picklesafe.lint.contract import Contract
    from picklesafe.lint.project import Module, Project

MAX_DEPTH = 6
MAX_STEPS = 20_000
MAX_SMALL = 3
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Dead(Exception):
    """The running path ended here: everything that follows is unreachable."""


class OutOfSteps(Exception):
    """The function is too large to be run in the head."""


class Arguments(NamedTuple):
    """What a call is given.

    Args:
        positional: the positional ones.
        named: the named ones, each at its place.
        star: what more positional ones may come from, or None.
        rest: what more named ones may come from, or None.
    """

    positional: tuple[Expr, ...]
    named: dict[str, Expr]
    star: Expr | None = None
    rest: Expr | None = None


class LoaderEvent(NamedTuple):
    """A run comes to a call (or a dictionary) that makes a loader.

    Args:
        module, node: where.
        contract: what the loader does with its arguments.
        arguments: by the contract's own names.
        reach: the conditions that hold there.
        home: whether that is code under judgement, not code that it calls.
        caught: the exceptions that the program itself handles there.
        standalone: whether it is a dictionary that nobody was seen to give to a loader.
        function: the function that it stands in.
        travellers: the arguments that workers get, each as what `travels` makes of it.
    """

    module: Module
    node: ast.Call | ast.Dict
    contract: Contract
    arguments: dict[str, Expr]
    reach: tuple[tuple[Expr, bool], ...]
    home: bool
    caught: frozenset[str]
    standalone: bool
    function: FunctionNode | None
    travellers: dict[str, Expr] = {}  # noqa: RUF012 - replaced, never changed


class Frame:
    """A running function, class body or module."""

    def __init__(
        self,
        module: Module,
        node: FunctionNode | ast.Module,
        *,
        home: bool,
        closure: Frame | None = None,
        cls: Expr | None = None,
        relevant: frozenset[str] = frozenset(),
    ) -> None:
        self.module = module
        self.node = node
        self.home = home
        self.closure = closure
        self.cls = cls
        self.relevant = relevant
        self.receiver: Expr | None = None
        self.names: dict[str, Expr] = {}
        self.returns: list[tuple[State, Expr]] = []
        self.breaks: list[list[State]] = []
        self.continues: list[list[State]] = []
        self.local_functions: list[tuple[Expr, State]] = []

    @property
    def function(self) -> FunctionNode | None:
        return None if isinstance(self.node, ast.Module) else self.node


class Run:
    """Everything that one run has at hand.

    Args:
        project: where modules are found.
        words: what makes a function's text worth entering without need.
    """

    def __init__(self, project: Project, words: tuple[str, ...]) -> None:
        self.project = project
        self.words = words
        self.state: State = State()
        self.frames: list[Frame] = []
        self.receiver: Expr | None = None
        """The `self` of the method under judgement: of its class, or of any subclass."""
        self.events: list[LoaderEvent] = []
        self.shared: dict[int, Object] = {}
        self._latest: dict[int, Object] = {}
        self.globals: dict[tuple[Module, str], Expr] = {}
        self.partials: dict[int, tuple[Expr, Arguments, ast.Call]] = {}
        self.dictionaries: dict[int, tuple[ast.Call | ast.Dict, Frame]] = {}
        self.named: list[tuple[str, Expr, tuple[tuple[Expr, bool], ...]]] = []
        self.consumed: set[int] = set()
        self.entered: set[ast.AST] = set()
        self.parents: dict[Expr, list[Expr]] = {}
        self.types: dict[Expr, Expr] = {}
        self.caught: list[frozenset[str]] = []
        self.demand = 0
        self.steps = 0
        self._count = 0

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise OutOfSteps

    def number(self) -> int:
        self._count += 1
        return self._count

    def fresh(self, node: ast.AST, text: str) -> Leaf:
        """A symbol for what `node` gives, of which nothing is known."""
        return Leaf(("node", node), text)

    def allocate(self, obj: Object) -> Expr:
        number = self.number()
        self.state.heap[number] = self._latest[number] = obj
        self.state.owned.add(number)
        return Expr("ref", (number,))

    def object(self, ref: Expr) -> Object:
        """The object, to be read; as it was last, if it is from a path that ended."""
        number = ref.args[0]
        found = self.state.heap.get(number) or self.shared.get(number)
        return found if found is not None else self._latest[number]

    def writable(self, ref: Expr) -> Object:
        """The object, to be changed in this state only."""
        number = ref.args[0]
        if number not in self.state.owned:
            self.state.heap[number] = self.object(ref).copy()
            self.state.owned.add(number)
        self._latest[number] = self.state.heap[number]
        return self.state.heap[number]

    @contextmanager
    def aside(
        self,
        module: Module,
        closure: Frame | None = None,
        *,
        home: bool | None = None,
        relevant: frozenset[str] = frozenset(),
    ) -> Iterator[None]:
        """Within, code at a module's or a class's own level runs, in a state of its own.

        Args:
            home: whether that code is under judgement; by default, if it is in the file that is.
        """
        if home is None:
            home = bool(self.frames) and self.frames[0].module is module
        outer, self.state = self.state, State()
        self.frames.append(Frame(module, ast.Module([], []), home=home, closure=closure, relevant=relevant))
        try:
            yield
        finally:
            self.shared.update(self.state.heap)
            self.frames.pop()
            self.state = outer

    def remember(self, name: str, value: Expr) -> None:
        """Something is stored under a name; if that speaks of loaders, it may be a loader's arguments."""
        if "loader" in name.lower():
            self.named.append((name, bare(value), self.state.reach))

    @contextmanager
    def demanding(self, wanted: bool = True) -> Iterator[None]:
        """Within, results of the project's own functions are needed."""
        self.demand += wanted
        try:
            yield
        finally:
            self.demand -= wanted

    @contextmanager
    def catching(self, names: frozenset[str]) -> Iterator[None]:
        """Within, the program handles these exceptions."""
        self.caught.append(names)
        try:
            yield
        finally:
            self.caught.pop()

    def branch(self, test: Expr, yes: Callable[[], Expr], no: Callable[[], Expr]) -> tuple[Expr | None, Expr | None]:
        """Compute `yes` where `test` holds and `no` where it doesn't, and go on with both.

        Raises:
            Dead: if neither goes on.
        """
        if is_const(test):
            return (yes(), None) if test.args[0] else (None, no())
        before, base = self.state, len(self.state.reach)
        states: list[State | None] = []
        values: list[Expr | None] = []
        for outcome, compute in ((True, yes), (False, no)):
            entered = before.copy().narrow(test, outcome)
            assert entered is not None
            self.state = entered
            try:
                values.append(compute())
                states.append(self.state)
            except Dead:
                values.append(None)
                states.append(None)
        merged = merge(test, states[0], states[1], base)
        if merged is None:
            raise Dead
        self.state = merged
        return values[0], values[1]

    def assume(self, test: Expr, outcome: bool = True) -> None:
        """From here on, `test` holds; raises Dead if it never does."""
        if not outcome:
            test = negate(test)
        if self.state.narrow(test, True) is None:
            raise Dead
