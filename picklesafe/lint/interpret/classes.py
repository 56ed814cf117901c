"""Classes of the project: their parents, and what an attribute means on them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from picklesafe.lint.contract import CONTRACTS, Contract
from picklesafe.lint.interpret.options import annotated, literal, lower_bound
from picklesafe.lint.interpret.run import Run
from picklesafe.lint.interpret.values import Expr, Leaf, bare, const
from picklesafe.lint.trees import last_name, names_in, remembered, walk

_PROPERTIES = frozenset({"property", "cached_property", "lazy_property"})
_FIELD_DECORATORS = frozenset({"dataclass", "define", "attrs", "frozen", "mutable", "s", "pydantic_dataclass"})
_FIELD_BASES = frozenset({"BaseModel", "BaseSettings", "NamedTuple", "Struct", "BaseConfig", "Serializable"})
_FIELD_MAKERS = frozenset({"field", "Field", "ib", "attrib", "attr", "Option", "Argument"})
DICTIONARIES = frozenset(
    {"EasyDict", "ConfigDict", "AttrDict", "DotDict", "edict", "Munch", "OrderedDict", "Namespace", "SimpleNamespace"}
)
MAX_PARENTS = 24
_ZERO: Final = const(0)


def parents(run: Run, cls: Expr) -> list[Expr]:
    """The class and its ancestors, nearest first; those outside the project as `external`."""
    if cls not in run.parents:
        run.parents[cls] = _parents(run, cls)
    return run.parents[cls]


def _parents(run: Run, cls: Expr) -> list[Expr]:
    found: list[Expr] = []
    todo = [cls]
    while todo and len(found) < MAX_PARENTS:
        current = bare(todo.pop(0))
        if current in found:
            continue
        found.append(current)
        if current.op == "class":
            todo = [*_bases(run, current), *todo]
        elif current.op == "if":
            found.pop()
            todo = [current.args[1], current.args[2], *todo]
    return found


def _bases(run: Run, cls: Expr) -> list[Expr]:
    from picklesafe.lint.interpret.expressions import evaluate

    node, module, frame = cls.args
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    with run.aside(module, frame, home=False), run.demanding():
        return [bare(evaluate(run, base)) for base in bases if isinstance(base, (ast.Name, ast.Attribute))]


def contract_of(run: Run, cls: Expr) -> Contract | None:
    """The loader contract that a class inherits, if it does."""
    for parent in parents(run, cls):
        if parent.op == "external" and parent.args[0] in CONTRACTS:
            return CONTRACTS[parent.args[0]]
    return None


@remembered
def members(node: ast.ClassDef) -> dict[str, ast.stmt]:
    """What a class body defines by name; of a property, the getter."""
    found: dict[str, ast.stmt] = {}
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if not any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in statement.decorator_list):
                found[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement
    return found


def lineage(run: Run, cls: Expr) -> list[Expr]:
    """Where attributes of a class, or of `super()`, are looked up."""
    if cls.op == "super":
        after, receiver = cls.args
        start = run.object(receiver).cls if receiver.op == "ref" else after
        line = parents(run, start if start is not None else after)
        return line[line.index(after) + 1 :] if after in line else parents(run, after)[1:]
    return parents(run, cls)


def find(run: Run, cls: Expr, name: str) -> tuple[Expr, ast.stmt] | None:
    """The class that defines `name`, and the definition."""
    for parent in lineage(run, cls):
        if parent.op == "class" and name in members(parent.args[0]):
            return parent, members(parent.args[0])[name]
    return None


def read(run: Run, cls: Expr, receiver: Expr, name: str, node: ast.AST) -> Expr | None:
    """`receiver.name` as its class gives it; None if the project's classes don't define it."""
    found = find(run, cls, name)
    if found is None:
        return None
    owner, statement = found
    if cls.op == "super":
        receiver = cls.args[1]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _method(run, owner, statement, receiver, node)
    if isinstance(statement, ast.ClassDef):
        return Expr("class", (statement, owner.args[1], owner.args[2]))
    return _variable(run, owner, statement, receiver, name)


def _method(
    run: Run, owner: Expr, node: ast.FunctionDef | ast.AsyncFunctionDef, receiver: Expr, at: ast.AST
) -> Expr | None:
    from picklesafe.lint.interpret.calls import enter, is_worth_entering
    from picklesafe.lint.interpret.run import Arguments

    function = Expr("function", (node, owner.args[1], owner.args[2], owner))
    decorators = {name for decorator in node.decorator_list if (name := last_name(decorator))}
    if decorators & _PROPERTIES and receiver.op != "class":
        getter = Expr("bound", (receiver, function))
        return enter(run, getter, Arguments((), {}), at) if is_worth_entering(run, getter) else None
    if "staticmethod" in decorators:
        return function
    if "classmethod" in decorators:
        return Expr("bound", (owner if receiver.op != "class" else receiver, function))
    return function if receiver.op == "class" else Expr("bound", (receiver, function))


def has_fields(node: ast.ClassDef) -> bool:
    """Whether annotated variables of a class are parameters of its constructor."""
    return any(last_name(d) in _FIELD_DECORATORS for d in node.decorator_list) or any(
        last_name(base) in _FIELD_BASES for base in node.bases
    )


def is_dictionary(run: Run, cls: Expr) -> bool:
    """Whether instances are dictionaries, as far as loader arguments are concerned."""
    outside = [parent.args[0] for parent in parents(run, cls) if parent.op == "external"]
    return any(name == "builtins.dict" or name.rpartition(".")[2] in DICTIONARIES for name in outside)


def is_dataclass(run: Run, cls: Expr) -> bool:
    return any(parent.op == "class" and has_fields(parent.args[0]) for parent in parents(run, cls))


def _variable(run: Run, owner: Expr, statement: ast.stmt, receiver: Expr, name: str) -> Expr | None:
    if isinstance(statement, ast.AnnAssign) and is_dataclass(run, owner):
        return field(run, owner, statement, receiver, name)
    if f"{owner.args[0].name}.{name}" in owner.args[1].rebound:
        return None
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        return settable(run, receiver, owner, name, _evaluate(run, owner, statement.value), statement)
    return None


def settable(run: Run, receiver: Expr, cls: Expr, name: str, value: Expr, statement: ast.stmt | None = None) -> Expr:
    """`value`; where it is the 0 of an attribute that others may set, a symbol of which 0 is the default.

    `self` may be of a subclass that says otherwise, and callers write to public attributes. Any
    other constant is taken as it stands: who begins with 4 workers means to have some.
    """
    if receiver != run.receiver or value != _ZERO or name.startswith("_") or _is_final(cls, statement):
        return value
    return Leaf(("attribute", receiver, name), f"self.{name}", default=value)


def _is_final(cls: Expr, statement: ast.stmt | None) -> bool:
    annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
    if annotation is not None and any("Final" in name for name in names_in(annotation)):
        return True
    return any(last_name(decorator) == "final" for decorator in cls.args[0].decorator_list)


def field(run: Run, owner: Expr, statement: ast.AnnAssign, receiver: Expr, name: str) -> Leaf:
    """A field that nobody is seen to set: a symbol with the field's default."""
    default, low = field_default(run, owner, statement)
    low = max(low, annotated(statement.annotation))
    if any(name in stored(method) for method in owner.args[0].body if isinstance(method, ast.FunctionDef)):
        default = None  # `__post_init__` or a validator has the last word
    text = getattr(receiver, "text", "self")
    return Leaf(("attribute", receiver, name), f"{text}.{name}", low=low, default=default)


def field_default(run: Run, owner: Expr, statement: ast.AnnAssign) -> tuple[Expr | None, float]:
    """The default of a field and the least value that it allows."""
    value = statement.value
    low = float("-inf")
    if isinstance(value, ast.Call) and last_name(value) in _FIELD_MAKERS:
        keywords = {keyword.arg: keyword.value for keyword in value.keywords}
        low = lower_bound(keywords)
        first = value.args[0] if value.args else None
        value = keywords.get("default", first)
        if isinstance(value, ast.Constant) and value.value is Ellipsis:
            value = None
    if value is None:
        return None, low
    return literal(value) or _evaluate(run, owner, value), low


def _evaluate(run: Run, owner: Expr, value: ast.expr) -> Expr:
    from picklesafe.lint.interpret.expressions import evaluate

    _, module, frame = owner.args
    with run.aside(module, frame):
        return bare(evaluate(run, value))


@remembered
def stored(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """The attributes of `self` that a method sets."""
    return frozenset(
        node.attr
        for node in walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def fields(run: Run, cls: Expr) -> Iterator[tuple[str, Expr, ast.AnnAssign]]:
    """The fields of a dataclass with the class that declares each, parents' first."""
    found: dict[str, tuple[Expr, ast.AnnAssign]] = {}
    for parent in reversed(parents(run, cls)):
        if parent.op != "class":
            continue
        for statement in parent.args[0].body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found[statement.target.id] = (parent, statement)
    for name, (owner, statement) in found.items():
        yield name, owner, statement
