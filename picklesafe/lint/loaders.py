"""The facts: every call of a file that makes a loader, found by running its functions in the head."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from picklesafe.lint.contract import CONFIGURATION, CONTRACTS, HAZARDS, KEYWORDS, WORKERS
from picklesafe.lint.interpret import classes, mapping
from picklesafe.lint.interpret.attributes import attribute_leaf
from picklesafe.lint.interpret.binding import default_value, parameters
from picklesafe.lint.interpret.calls import note, run_frame
from picklesafe.lint.interpret.options import annotated, declared, number
from picklesafe.lint.interpret.relevance import feeding
from picklesafe.lint.interpret.run import Dead, Frame, FunctionNode, LoaderEvent, OutOfSteps, Run
from picklesafe.lint.interpret.state import Object, State
from picklesafe.lint.interpret.suppose import argument_of
from picklesafe.lint.interpret.values import ABSENT, Expr, Leaf, bare, is_const, leaves
from picklesafe.lint.project import Module, Project
from picklesafe.lint.sites import Root, read_from_self, roots, seeds
from picklesafe.lint.trees import last_name

_CONFIGURATION = re.compile(r"(?i)(^|_)data_?loader(_cfg|_config|_kwargs|_params|_args)?$")


class RootRun(NamedTuple):
    """What running one root came to.

    Args:
        events: the loaders it makes.
        forwarders: its name, if its parameters decide what a loader gets.
        complete: unless the function was too large.
    """

    root: Root
    events: list[LoaderEvent]
    forwarders: frozenset[str]
    complete: bool


def run_roots(module: Module, project: Project, watch: frozenset[str], todo: list[Root]) -> Iterator[RootRun]:
    """Run the functions `todo` of a file, and those that turn out to matter on the way.

    Args:
        watch: names of functions elsewhere whose calls matter as well. Functions of this file
            that hand on what they are given join them.
    """
    done: set[ast.AST] = set()
    while todo:
        new: frozenset[str] = frozenset()
        for root in todo:
            done.add(root.node)
            ran = _run_alone(module, project, root, watch)
            new |= ran.forwarders.union(*(_callers(root, event) for event in ran.events))
            yield ran
        found = roots(module, watch | new) if new - watch else ()
        watch |= new
        todo = [root for root in found if root.node not in done]


def _run_alone(module: Module, project: Project, root: Root, watch: frozenset[str]) -> RootRun:
    run = Run(project, (*KEYWORDS, "DataLoader", *watch))
    complete = True
    try:
        _run_root(run, module, root)
    except OutOfSteps:
        complete = False
    events = run.events + _left_over(run)
    return RootRun(root, events, frozenset(name for event in events for name in _forwarders(root, event)), complete)


def _forwarders(root: Root, event: LoaderEvent) -> set[str]:
    given = [bare(argument_of(event, argument)) for argument in HAZARDS]
    if all(value == ABSENT for value in given):
        return set()
    return _named_if_fed(root, (*given, argument_of(event, WORKERS)))


def _callers(root: Root, event: LoaderEvent) -> set[str]:
    """The same for callables, but for this file's own calls: a loader's collate_fn is forwarded by any trainer."""
    return _named_if_fed(root, [bare(event.arguments[name]) for name in event.travellers])


def _named_if_fed(root: Root, values: Sequence[Expr]) -> set[str]:
    """The name of a function, if one of its parameters is part of what a loader gets."""
    if not root.name:
        return set()
    functions = {root.name, f"{root.cls.name}.__init__" if root.cls is not None else root.name}
    if not any(_is_parameter(leaf, functions) for value in values for leaf in leaves(value)):
        return set()
    *owners, last = root.name.split(".")
    if last == "main" or last.startswith("test"):
        return set()  # nobody else calls these
    return {owners[-1] if last == "__init__" and owners else last}


def _is_parameter(leaf: Leaf, functions: set[str]) -> bool:
    """Whether a symbol is a parameter of one of those functions, or something in one."""
    if leaf.args[0] == "param":
        return leaf.args[1] in functions
    return any(isinstance(part, Leaf) and _is_parameter(part, functions) for part in leaf.args)


def _run_root(run: Run, module: Module, root: Root) -> None:
    relevant = feeding(root.node, seeds(root.node))
    if isinstance(root.node, ast.Module):
        frame = Frame(module, root.node, home=True, relevant=relevant)
        _run_module(run, frame)
        return
    cls = None if root.cls is None else Expr("class", (root.cls, module, None))
    frame = Frame(module, root.node, home=True, cls=cls, relevant=relevant)
    run.frames.append(Frame(module, ast.Module([], []), home=True))
    names = symbolic_parameters(run, root.node, module, root.name)
    if cls is not None:
        _receive(run, frame, cls, names)
    _run_whole(run, frame, names)


def _run_module(run: Run, frame: Frame) -> None:
    from picklesafe.lint.interpret.statements import execute

    run.frames.append(frame)
    frame.names = run.state.names
    assert isinstance(frame.node, ast.Module)
    try:
        execute(run, frame.node.body)
    except Dead:
        pass
    # Functions are judged on their own; a lambda that nobody has called here is judged now.
    _run_uncalled(run, frame, [found for found in frame.local_functions if isinstance(found[0].args[0], ast.Lambda)])


def _run_whole(run: Run, frame: Frame, names: dict[str, Expr]) -> None:
    """Run a frame, then the functions defined in it that nobody there has called."""
    try:
        run_frame(run, frame, names)
    except Dead:
        pass
    _run_uncalled(run, frame, frame.local_functions)


def _run_uncalled(run: Run, frame: Frame, functions: Sequence[tuple[Expr, State]]) -> None:
    for value, state in functions:
        node, module, closure, cls = value.args
        if node in run.entered:
            continue
        run.entered.add(node)
        run.state = state
        inner = Frame(module, node, home=True, closure=closure, cls=cls, relevant=frame.relevant)
        inner.receiver = frame.receiver
        _run_whole(run, inner, symbolic_parameters(run, node, module, getattr(node, "name", "lambda")))


def symbolic_parameters(run: Run, node: FunctionNode, module: Module, function: str) -> dict[str, Expr]:
    """The variables of a function when anybody may call it with anything."""
    names: dict[str, Expr] = {}
    decorated = bool(getattr(node, "decorator_list", ()))
    least = _parametrized(node)
    for param, default in parameters(node):
        leaf = _parameter(run, module, function, param, default)
        if param.arg in least:
            leaf = Leaf(leaf.args, leaf.text, max(leaf.low, least[param.arg]), default=leaf.default)
        names[param.arg] = declared(run, leaf, param.arg) if decorated else leaf
        if param.annotation is not None:
            _annotate(run, names[param.arg], param.annotation)
    if node.args.vararg is not None:
        name = node.args.vararg.arg
        names[name] = Leaf(("param", function, name), f"*{name}")
    if node.args.kwarg is not None:
        name = node.args.kwarg.arg
        names[name] = run.allocate(Object("dict", {}, Leaf(("param", function, name), name)))
    return names


def _parameter(run: Run, module: Module, function: str, param: ast.arg, default: ast.expr | None) -> Leaf:
    path, low = ("param", function, param.arg), annotated(param.annotation)
    if default is None:
        return Leaf(path, param.arg, low)
    value = default_value(run, default, module, None)
    if isinstance(value, Leaf):  # `typer.Option(4, min=1)`
        return Leaf(path, param.arg, max(low, value.low), value.high, value.default)
    return Leaf(path, param.arg, low, default=value)


def _parametrized(node: FunctionNode) -> dict[str, float]:
    """The least number that each `@pytest.mark.parametrize("n", [1, 2])` gives."""
    found: dict[str, float] = {}
    for decorator in getattr(node, "decorator_list", ()):
        if last_name(decorator) != "parametrize" or len(decorator.args) < 2:
            continue
        name, values = decorator.args[:2]
        if isinstance(name, ast.Constant) and isinstance(values, (ast.List, ast.Tuple)) and values.elts:
            numbers = [number(value) for value in values.elts]
            if all(value is not None for value in numbers):
                found[str(name.value)] = min(value for value in numbers if value is not None)
    return found


def _annotate(run: Run, leaf: Expr, annotation: ast.expr) -> None:
    """Remember the class that a parameter is declared to be, if it is one of the project's."""
    from picklesafe.lint.interpret.expressions import evaluate

    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return
    if isinstance(annotation, ast.BinOp):
        annotation = annotation.left
    if isinstance(annotation, (ast.Name, ast.Attribute)):
        value = bare(evaluate(run, annotation))
        if value.op == "class":
            run.types[leaf] = value


def _receive(run: Run, frame: Frame, cls: Expr, names: dict[str, Expr]) -> None:
    """Give a method its `self`: an instance whose constructor has been run."""
    node = frame.node
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    plain = [*node.args.posonlyargs, *node.args.args]
    decorators = {last_name(decorator) for decorator in node.decorator_list}
    if not plain or "staticmethod" in decorators:
        return
    if "classmethod" in decorators:
        names[plain[0].arg] = cls
        return
    receiver = run.allocate(Object("instance", {}, None, cls))
    run.receiver = frame.receiver = receiver
    names[plain[0].arg] = receiver
    if node.name != "__init__":
        _construct(run, frame, cls, receiver)


def _construct(run: Run, method: Frame, cls: Expr, receiver: Expr) -> None:
    found = classes.find(run, cls, "__init__")
    if found is None:
        return
    owner, node = found
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    wanted = read_from_self(method.node, method.relevant)
    if wanted.isdisjoint(_attributes(run, cls)):
        return  # the constructor has no say in what the loaders get
    module = owner.args[1]
    frame = Frame(module, node, home=True, cls=owner, relevant=feeding(node, method.relevant | wanted))
    frame.receiver = receiver
    events = len(run.events)
    names = symbolic_parameters(run, node, module, f"{owner.args[0].name}.__init__")
    names[node.args.args[0].arg] = receiver
    try:
        run_frame(run, frame, names)
    except Dead:
        pass
    del run.events[events:]  # it is judged on its own
    if any(parent.args[1].sets_by_name for parent in classes.parents(run, cls) if parent.op == "class"):
        entries = run.writable(receiver).entries
        entries.update(
            {name: attribute_leaf(receiver, name) for name, value in entries.items() if is_const(bare(value))}
        )
    _open_to_others(run, cls, receiver)
    run.named.clear()
    run.state.reach = ()
    _forget_reassigned(run, cls, method, receiver)


def _open_to_others(run: Run, cls: Expr, receiver: Expr) -> None:
    """What the constructor has set to 0 may be set to a number by whoever made the instance."""
    entries = run.writable(receiver).entries
    for name, value in entries.items():
        if is_const(bare(value)):
            entries[name] = classes.settable(run, receiver, cls, name, bare(value))


def _attributes(run: Run, cls: Expr) -> set[str]:
    """The attributes that a class and its parents in the project set on `self`."""
    classes_ = [parent.args[0] for parent in classes.parents(run, cls) if parent.op == "class"]
    methods = [f for node in classes_ for f in node.body if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef))]
    found = {name for function in methods for name in classes.stored(function)}
    return found | {"hparams"}


def _forget_reassigned(run: Run, cls: Expr, method: Frame, receiver: Expr) -> None:
    """Attributes that other methods set again may be anything by now."""
    entries = run.writable(receiver).entries
    for parent in classes.parents(run, cls):
        if parent.op != "class":
            continue
        for function in parent.args[0].body:
            if not isinstance(function, ast.FunctionDef) or function.name == "__init__":
                continue
            if function in run.entered or function is method.node:
                continue
            for name in classes.stored(function):
                if name in entries:
                    entries[name] = attribute_leaf(receiver, name)


def _left_over(run: Run) -> list[LoaderEvent]:
    """Loader arguments gathered in a dictionary, or a partial, that no loader was seen to take."""
    before = len(run.events)
    for key, (inner, args, node) in run.partials.items():
        explicit = WORKERS in args.named
        if key not in run.consumed and explicit and inner.op == "external":
            contract = CONTRACTS.get(inner.args[0])
            if contract is not None:
                note(run, contract, args, node)
    found = run.events[before:]
    del run.events[before:]
    makers = {event.function for event in run.events}
    return found + [
        event
        for name, value, reach in run.named
        for event in _dictionary(run, name, value, reach)
        if event.function not in makers
    ]  # beside a loader that doesn't take it, it is a record


def _dictionary(run: Run, name: str, value: Expr, reach: tuple[tuple[Expr, bool], ...]) -> Iterator[LoaderEvent]:
    value = bare(value)
    if not mapping.is_dict(run, value) or value.args[0] in run.consumed:
        return
    obj = run.object(value)
    workers = bare(obj.entries.get(WORKERS, ABSENT))
    node, frame = run.dictionaries.get(value.args[0], (None, None))
    if workers == ABSENT or node is None or frame is None or not frame.home:
        return
    # `{"num_workers": 0, "prefetch_factor": 2}` is a table of defaults; mmengine's
    # `val_dataloader = dict(num_workers=0, …)` is taken as it is.
    if not any(True for _ in leaves(workers)) and not (isinstance(node, ast.Call) and _CONFIGURATION.search(name)):
        return
    if is_const(workers) and not isinstance(node, ast.Call):
        return
    arguments = {key: entry for key, entry in obj.entries.items() if bare(entry) != ABSENT}
    if obj.rest is not None:
        arguments["**"] = obj.rest
    yield LoaderEvent(frame.module, node, CONFIGURATION, arguments, reach, True, frozenset(), True, frame.function)
