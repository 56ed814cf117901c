"""What is said of a thing that a dataset takes along, in words."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from picklesafe.lint.datasets.openers import MEMMAP, REFUSED, STUCK
from picklesafe.lint.finding import Related
from picklesafe.lint.project import Module
from picklesafe.lint.trees import last_name, walk

if TYPE_CHECKING:
    from picklesafe.lint.datasets.dataset import Dataset
    from picklesafe.lint.datasets.kept import Kept

_PER_WORKER = "open it in a method decorated with `@picklesafe.per_worker`"


def problem(dataset: Dataset, kept: Kept) -> str:
    """What happens with a handle in workers: those that get it by pickle, and forked ones."""
    target = dataset.target
    starts = "starts" if len(target.platforms) == 1 else "start"
    where = f"for the workers that {target.where_pickled} {starts} (spawn, forkserver)"
    if kept.opener.kind == MEMMAP:
        return f"the whole file is copied {where}"
    if kept.opener.pickles:
        return kept.opener.fork
    if kept.closed:
        return f"even closed it can't be pickled {where}"
    forked = f", and {kept.opener.fork}" if kept.opener.fork else ""
    return f"it can't be pickled {where}{forked}"


def remedy(kept: Kept) -> str:
    """What to write instead."""
    if kept.opener.kind == STUCK:
        return _INSTEAD.get(kept.opener.type, _otherwise(kept))
    if kept.closed:
        return "set the attribute to None where it is closed"
    if kept.opener.restored == REFUSED or kept.mended:
        refused = "PickleSafeMixin can't open it again: " if kept.mended else ""
        return refused + _PER_WORKER
    home = kept.stored.home
    return f"add PickleSafeMixin to the bases{f' of {home.node.name}' if home is not None else ''}"


_INSTEAD = {
    "a lambda": "define a function at the top level of a module",
    "a generator": "keep what it is made from, and make it in `__iter__` or where it is used",
    "a view of a dict": "write `list(…)` around it",
    "csv.reader": "keep the path, and open file and reader in `__iter__`",
    "csv.DictReader": "keep the path, and open file and reader in `__iter__`",
    "os.scandir": "keep a list of paths",
}


def _otherwise(kept: Kept) -> str:
    if kept.opener.type.startswith("the local"):
        return "define it at the top level of a module"
    if kept.opener.type.startswith("the module"):
        return "import it at the top of the file, or in the method that uses it"
    if kept.opener.restored != REFUSED:
        home = kept.stored.home
        where = f" of {home.node.name}" if home is not None else ""
        return f"add PickleSafeMixin to the bases{where}, which makes a new one in each worker"
    return "make it in a method decorated with `@picklesafe.per_worker`"


def related(dataset: Dataset, kept: Kept) -> tuple[Related, ...]:
    """From the loader to the place where the handle is opened, as far as these aren't the finding's own."""
    found = [_place(loader, dataset.module, "this loader hands it to its workers") for loader in _loaders(dataset)]
    stored = kept.stored
    if stored.module is not dataset.module or not _spans(dataset.node, stored.statement):
        source = dataset.module.source
        start = source.start(dataset.node)
        end = start._replace(column=start.column + len("class ") + len(dataset.node.name))
        found.append(Related(source.path, start, end, f"the dataset `{dataset.node.name}` keeps it"))
    if kept.made is not None and kept.made[0] is not dataset.node:
        found.append(_place(*kept.made, "the object that holds it is made here"))
    if kept.opened is not None:
        found.append(_place(*kept.opened, f"`{kept.opener.type}` opens it here"))
    return tuple(found)


def _loaders(dataset: Dataset) -> list[ast.expr]:
    """The first call in the dataset's file that gives it to a loader."""
    name = dataset.node.name
    made: set[str] = set()
    for node in walk(dataset.module.source.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and last_name(node.value) == name:
            made.update(target.id for target in node.targets if isinstance(target, ast.Name))
    calls = [
        node
        for node in walk(dataset.module.source.tree)
        if isinstance(node, ast.Call) and last_name(node).endswith("oader") and _gives(node, name, made)
    ]
    first = min(calls, key=lambda node: (node.lineno, node.col_offset), default=None)
    return [] if first is None else [first.func]


def _gives(call: ast.Call, name: str, made: set[str]) -> bool:
    given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "dataset")]
    return any(
        (isinstance(one, ast.Call) and last_name(one) == name) or (isinstance(one, ast.Name) and one.id in made)
        for one in given
    )


def _place(node: ast.AST, module: Module, message: str) -> Related:
    source = module.source
    start, end = source.start(node), source.end(node)  # type: ignore[arg-type]
    return Related(source.path, start, end if start.row == end.row else source.end_of_line(start), message)


def _spans(outer: ast.ClassDef, inner: ast.stmt) -> bool:
    return outer.lineno <= inner.lineno <= (outer.end_lineno or outer.lineno)
