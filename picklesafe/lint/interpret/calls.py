"""Calls: loaders are noted, the project's own functions are entered where that matters."""

from __future__ import annotations

import ast

from picklesafe.lint.contract import CONTRACTS, KEYWORDS, Contract
from picklesafe.lint.interpret import classes, mapping
from picklesafe.lint.interpret.binding import bind
from picklesafe.lint.interpret.known import call_external, call_method, new_dictionary
from picklesafe.lint.interpret.relevance import feeding, returned
from picklesafe.lint.interpret.run import MAX_DEPTH, MAX_SMALL, Arguments, Dead, Frame, FunctionNode, LoaderEvent, Run
from picklesafe.lint.interpret.state import Object, merge
from picklesafe.lint.interpret.travel import travels
from picklesafe.lint.interpret.values import (
    NONE,
    Expr,
    Leaf,
    all_of,
    bare,
    choose,
    located,
    negate,
)
from picklesafe.lint.trees import last_name


def evaluate_call(run: Run, node: ast.Call) -> Expr:
    """What a call gives."""
    from picklesafe.lint.interpret.attributes import read_attribute
    from picklesafe.lint.interpret.expressions import evaluate

    run.step()
    if isinstance(node.func, ast.Attribute):
        base = evaluate(run, node.func.value)
        args = arguments(run, node)
        result = call_method(run, base, node.func.attr, args, node)
        if result is not None:
            return result
        if node.func.attr == "save_hyperparameters":
            _save_hyperparameters(run, bare(base))
        function = read_attribute(run, base, node.func.attr, node)
        if node.func.attr == "__init__" and _parent_loader(run, bare(base), function, args, node):
            return NONE
    else:
        function = bare(evaluate(run, node.func))
        args = arguments(run, node, loader=_may_be_loader(function))
    return call(run, bare(function), args, node)


def _parent_loader(run: Run, base: Expr, function: Expr, args: Arguments, node: ast.Call) -> bool:
    """Whether this is `super().__init__(…)` or `DataLoader.__init__(self, …)` of a loader."""
    if function.op in ("function", "bound"):
        return False
    for parent in classes.lineage(run, base) if base.op in ("super", "class", "external") else ():
        contract = CONTRACTS.get(parent.args[0]) if parent.op == "external" else None
        if contract is not None:
            explicit = args if base.op == "super" else Arguments(args.positional[1:], *args[1:])
            note(run, contract, explicit, node)
            return True
    return False


def _may_be_loader(function: Expr) -> bool:
    return function.op == "external" and function.args[0] in CONTRACTS


def arguments(run: Run, node: ast.Call, loader: bool = False) -> Arguments:
    """The arguments of a call, each with its place."""
    from picklesafe.lint.interpret.expressions import evaluate

    siblings = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    demanded = loader or any(name.endswith(KEYWORDS) for name in siblings)
    positional: list[Expr] = []
    star: Expr | None = None
    named: dict[str, Expr] = {}
    rest: Expr | None = None
    with run.demanding(demanded):
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                value = bare(evaluate(run, arg.value))
                if value.op == "seq" and star is None:
                    place = mapping.origin(run, arg, arg.value, siblings)
                    positional.extend(located(item, place) for item in value.args[1:])
                else:
                    star = value
            else:
                positional.append(located(evaluate(run, arg), mapping.origin(run, arg, arg, siblings)))
        for keyword in node.keywords:
            if keyword.arg is not None:
                place = mapping.origin(run, keyword, keyword.value, siblings)
                named[keyword.arg] = located(evaluate(run, keyword.value), place)
                continue
            with run.demanding():
                value = evaluate(run, keyword.value)
            rest = _expand(run, value, named) or rest
    return Arguments(tuple(positional), named, star, rest)


def _expand(run: Run, value: Expr, named: dict[str, Expr]) -> Expr | None:
    """`**value`: its entries join `named`; returns where unknown ones come from."""
    for key in mapping.keys(run, value):
        named.setdefault(key, mapping.get(run, value, key))
    for ref in _dictionaries(run, value):
        run.consumed.add(ref.args[0])
    return mapping.rest(run, value)


def _dictionaries(run: Run, value: Expr) -> list[Expr]:
    value = bare(value)
    if value.op == "if":
        return [*_dictionaries(run, value.args[1]), *_dictionaries(run, value.args[2])]
    return [value] if mapping.is_dict(run, value) else []


def call(run: Run, function: Expr, args: Arguments, node: ast.Call) -> Expr:
    """What calling `function` gives."""
    with run.demanding(any(name.endswith(KEYWORDS) for name in args.named)):
        return _call(run, function, args, node)


def _call(run: Run, function: Expr, args: Arguments, node: ast.Call) -> Expr:
    run.step()
    if function.op == "if":
        test, one, other = function.args
        yes, no = run.branch(test, lambda: call(run, bare(one), args, node), lambda: call(run, bare(other), args, node))
        if yes is None or no is None:
            result = no if yes is None else yes
            assert result is not None
            return result
        return choose(test, yes, no)
    if function.op == "external":
        return _external(run, function, args, node)
    if function.op == "partial":
        return _partial_call(run, function, args, node)
    if function.op == "class":
        return _construct(run, function, args, node)
    if function.op in ("function", "bound"):
        if is_worth_entering(run, function):
            return enter(run, function, args, node)
        return _result(function, args, node)
    if isinstance(function, Leaf) and last_name(node) in classes.DICTIONARIES:
        return new_dictionary(run, args, node)  # of a module that wasn't worth parsing
    return _result(function, args, node)


def _result(function: Expr, args: Arguments, node: ast.AST) -> Leaf:
    """The symbol for a result: the same for the same call of the same thing."""
    text = f"{_name(node)}(…)"
    named = (part for name, value in args.named.items() for part in (name, bare(value)))
    return Leaf(("call", function, *(bare(arg) for arg in args.positional), *named), text)


def _name(node: ast.AST) -> str:
    return last_name(node) if isinstance(node, ast.Call) else "…"


def _external(run: Run, function: Expr, args: Arguments, node: ast.Call) -> Expr:
    name: str = function.args[0]
    contract = CONTRACTS.get(name)
    if contract is not None:
        note(run, contract, args, node)
        return run.fresh(node, contract.name)
    if name in ("functools.partial", "functools.partialmethod") and args.positional:
        number = run.number()
        run.partials[number] = (
            bare(args.positional[0]),
            Arguments(args.positional[1:], args.named, args.star, args.rest),
            node,
        )
        return Expr("partial", (number,))
    if name == "builtins.super":
        return _super(run, args)
    result = call_external(run, name, args, node)
    return result if result is not None else _result(function, args, node)


def _super(run: Run, args: Arguments) -> Expr:
    frame = run.frame
    cls = bare(args.positional[0]) if args.positional else frame.cls
    if cls is None or frame.receiver is None:
        return Leaf(("super",), "super()")
    return Expr("super", (cls, frame.receiver))


def _partial_call(run: Run, function: Expr, args: Arguments, node: ast.Call) -> Expr:
    inner, given, _ = run.partials[function.args[0]]
    run.consumed.add(function.args[0])
    joined = Arguments(
        (*given.positional, *args.positional),
        {**given.named, **args.named},
        args.star or given.star,
        args.rest or given.rest,
    )
    return call(run, inner, joined, node)


def note(run: Run, contract: Contract, args: Arguments, node: ast.Call) -> None:
    """A loader is made here."""
    given: dict[str, Expr] = dict(zip(contract.positional, args.positional, strict=False))
    given.update(args.named)
    unknown = args.rest if args.rest is not None else args.star
    if unknown is not None:
        given["**"] = unknown
    frame = run.frame
    caught = frozenset().union(*run.caught) if run.caught else frozenset()
    travellers = {name: travels(run, given[name]) for name in contract.callables if name in given}
    place = (run.state.reach, frame.home, caught, False, frame.function)
    run.events.append(LoaderEvent(frame.module, node, contract, given, *place, travellers))


def _construct(run: Run, cls: Expr, args: Arguments, node: ast.Call) -> Expr:
    """An instance of a class of the project; a loader, if it inherits from one."""
    contract = classes.contract_of(run, cls)
    if classes.is_dictionary(run, cls):
        return new_dictionary(run, args, node)
    found = classes.find(run, cls, "__init__")
    ref = run.allocate(Object("instance", {}, None, cls))
    if found is not None and isinstance(found[1], (ast.FunctionDef, ast.AsyncFunctionDef)):
        owner, method = found
        function = Expr("function", (method, owner.args[1], owner.args[2], owner))
        if contract is not None or is_worth_entering(run, function):
            enter(run, Expr("bound", (ref, function)), args, node)
    elif contract is not None:
        note(run, contract, args, node)
    elif classes.is_dataclass(run, cls):
        _fill_fields(run, cls, ref, args)
        after = classes.find(run, cls, "__post_init__")
        if after is not None and isinstance(after[1], ast.FunctionDef):
            checks = Expr("function", (after[1], after[0].args[1], after[0].args[2], after[0]))
            enter(run, Expr("bound", (ref, checks)), Arguments((), {}), node)
    return ref


def _fill_fields(run: Run, cls: Expr, ref: Expr, args: Arguments) -> None:
    names = []
    entries = run.writable(ref).entries
    for name, owner, statement in classes.fields(run, cls):
        names.append(name)
        default, _ = classes.field_default(run, owner, statement)
        if default is not None:
            entries[name] = default
    entries.update(zip(names, args.positional, strict=False))
    entries.update({name: value for name, value in args.named.items() if name in names})


def is_worth_entering(run: Run, function: Expr) -> bool:
    """A function is run where its result is needed, where it speaks of loaders, or if it is small."""
    if len(run.frames) > MAX_DEPTH:
        return False
    if run.demand > 0:
        return True
    node, module = (function.args[1] if function.op == "bound" else function).args[:2]
    small = isinstance(node, ast.Lambda) or len(node.body) <= MAX_SMALL
    if not small or module is not run.frames[0].module:
        lines = module.source.lines[node.lineno - 1 : node.end_lineno]
        return any(word in line for line in lines for word in run.words)
    return True


def enter(run: Run, function: Expr, args: Arguments, node: ast.AST) -> Expr:
    """Run the body of a function with these arguments."""
    receiver = None
    if function.op == "bound":
        receiver, function = function.args
        args = Arguments((receiver, *args.positional), *args[1:])
    definition, module, closure, cls = function.args
    if any(frame.node is definition for frame in run.frames) or len(run.frames) > MAX_DEPTH:
        return _result(function, args, node)
    run.step()
    if _is_abstract(definition):
        return _result(function, args, node)  # whatever a subclass makes of it
    run.entered.add(definition)
    outer = run.frame
    outer.names = run.state.names
    # A local function that is called where it was defined is judged by those calls.
    local = isinstance(definition, ast.Lambda) or not isinstance(outer.node, ast.Module)
    home = outer.home and closure is outer and local
    frame = Frame(module, definition, home=home, closure=closure, cls=cls, relevant=_relevant(definition, outer))
    frame.receiver = receiver
    names = bind(run, definition, args, module, closure)
    return run_frame(run, frame, names)


def _is_abstract(definition: FunctionNode) -> bool:
    """Whether a method only says that a subclass has to define it."""
    if isinstance(definition, ast.Lambda):
        return False
    first = definition.body[0]
    body = (
        definition.body[1:]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        else definition.body
    )
    raises = len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplemented" in ast.unparse(body[0])
    return raises or any(last_name(decorator).startswith("abstract") for decorator in definition.decorator_list)


def _relevant(definition: FunctionNode, outer: Frame) -> frozenset[str]:
    return feeding(definition, outer.relevant | returned(definition))


def run_frame(run: Run, frame: Frame, names: dict[str, Expr]) -> Expr:
    """Run a frame's function from its first line; returns its result.

    Raises:
        Dead: if it never returns.
    """
    from picklesafe.lint.interpret.expressions import evaluate
    from picklesafe.lint.interpret.statements import execute

    saved, base, demand = run.state.names, len(run.state.reach), run.demand
    run.state.names = names
    run.demand = 0  # what the function itself needs of others is its own affair
    run.frames.append(frame)
    frame.names = names
    definition = frame.node
    try:
        if isinstance(definition, ast.Lambda):
            with run.demanding():
                result = evaluate(run, definition.body)
            frame.returns.append((run.state, result))
        else:
            assert not isinstance(definition, ast.Module)
            execute(run, definition.body)
            frame.returns.append((run.state, NONE))
    except Dead:
        pass
    finally:
        run.frames.pop()
        run.demand = demand
    return _leave(run, frame, saved, base)


def _leave(run: Run, frame: Frame, names: dict[str, Expr], base: int) -> Expr:
    if not frame.returns:
        raise Dead
    state, result = frame.returns[-1]
    frame.names = state.names
    for earlier, value in reversed(frame.returns[:-1]):
        test = all_of(condition if outcome else negate(condition) for condition, outcome in earlier.reach[base:])
        result = choose(test, value, result)
        merged = merge(test, earlier, state, base)
        assert merged is not None
        state = merged
    if len(frame.returns) > 1:
        frame.names = state.names
    run.state = state
    run.state.names = names
    return result


def _save_hyperparameters(run: Run, receiver: Expr) -> None:
    """Lightning keeps the constructor's arguments under `self.hparams`."""
    if receiver.op != "ref":
        return
    entries = {name: value for name, value in run.state.names.items() if name != "self"}
    ref = run.allocate(Object("dict", entries, Leaf(("hparams",), "self.hparams")))
    run.writable(receiver).entries["hparams"] = ref
