"""Where a file insists on forked workers, and the datasets that they inherit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from picklesafe.lint.datasets.dataset import Dataset, datasets, is_dataset
from picklesafe.lint.datasets.kept import Kept
from picklesafe.lint.datasets.names import global_value, resolve
from picklesafe.lint.datasets.values import Class
from picklesafe.lint.finding import CERTAIN, Finding, Related
from picklesafe.lint.project import Module, Project
from picklesafe.lint.start_methods import Target
from picklesafe.lint.trees import last_name, walk

_SETTING = frozenset({"set_start_method", "get_context"})
_ARGUMENT = "multiprocessing_context"


class Forking:
    """A file that makes `fork` the way in which workers are started.

    Args:
        module: the file.
        project: that it belongs to.
        target: what the code is for.
    """

    def __init__(self, module: Module, project: Project, target: Target) -> None:
        self.module = module
        self._project = project
        self._target = target

    @cached_property
    def places(self) -> list[ast.expr]:
        """The constants that say so."""
        found: list[ast.expr] = []
        for node in walk(self.module.source.tree):
            if isinstance(node, ast.Call):
                method = _method(node)
                if isinstance(method, ast.Constant) and method.value == "fork":
                    found.append(method)
        return found

    @cached_property
    def harmed(self) -> list[tuple[Dataset, Kept]]:
        """What the file's datasets keep that forked workers can't share, those included that it imports and makes."""
        return [(dataset, kept) for dataset in self._datasets() for kept in dataset.kept if _hurts(kept)]

    def _datasets(self) -> Iterator[Dataset]:
        yield from datasets(self.module, self._project, self._target)
        made = {last_name(node) for node in walk(self.module.source.tree) if isinstance(node, ast.Call)}
        for name in sorted(made & self.module.bindings.keys()):
            (thing, *_) = global_value(self.module, name)
            cls = resolve(thing, self._project, whatever=True)
            if isinstance(cls, Class) and cls.module is not self.module and is_dataset(cls, self._project):
                yield Dataset(cls, self._project, self._target)

    def finding(self, place: ast.expr, dataset: Dataset, kept: Kept, message: str) -> Finding:
        """What a rule reports: at the constant, with the statement that keeps the handle as the related place."""
        source, there = self.module.source, kept.stored.module.source
        statement = kept.stored.statement
        related = Related(
            there.path, there.start(statement), there.end(statement), f"`{dataset.node.name}` keeps it here"
        )
        start, end = source.start(place), source.end(place)
        return Finding("", "", source.path, start, end, message, CERTAIN, None, (related,), (place.lineno,))


def _method(call: ast.Call) -> ast.expr | None:
    """The start method that a call asks for."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if last_name(call) in _SETTING:
        return given.get("method", call.args[0] if call.args else None)
    return given.get(_ARGUMENT)


def _hurts(kept: Kept) -> bool:
    return bool(kept.opener.fork) and kept.certain and not kept.closed and not kept.mended
