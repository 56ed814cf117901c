"""Dataset classes, and what their instances hold when they are handed to a loader."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property

from picklesafe.lint.datasets.calls import initialize
from picklesafe.lint.datasets.carried import Carried, carried
from picklesafe.lint.datasets.classes import lineage
from picklesafe.lint.datasets.kept import Kept, kept, opened_at
from picklesafe.lint.datasets.lazy import touched
from picklesafe.lint.datasets.openers import REFUSED, STUCK
from picklesafe.lint.datasets.process_wide import shared
from picklesafe.lint.datasets.received import received
from picklesafe.lint.datasets.run import Run, TooMuch
from picklesafe.lint.datasets.screening import may_open
from picklesafe.lint.datasets.values import Class, Obj
from picklesafe.lint.finding import CERTAIN, POSSIBLE, Finding, Fix
from picklesafe.lint.project import Module, Project
from picklesafe.lint.start_methods import Target


class Dataset:
    """A dataset class of the project.

    Args:
        cls: the class.
        project: that it belongs to.
        target: what the code is for.
        opens: whether its code may open anything.
    """

    def __init__(self, cls: Class, project: Project, target: Target, opens: bool = True) -> None:
        self.cls = cls
        self.node = cls.node
        self.module = cls.module
        self.target = target
        self._project = project
        self._may_open = opens
        self._run = Run(project)

    @cached_property
    def kept(self) -> list[Kept]:
        """What an instance holds once it is made."""
        found = kept(self._run, self._construction)
        known = {id(one.stored.statement) for one in found}
        more = [one for one in received(self.cls, self._project) if id(one.stored.statement) not in known]
        return [*found, *more] if more else found

    @cached_property
    def lazy(self) -> list[Kept]:
        """What an instance may hold once it was used, and doesn't from the start."""
        if not self._may_open:
            return []
        before = self._constructed_first
        found = self._touched(self._run, before)
        if found:
            runs = [self._touched_in(case) for case in self._run.cases()]
            keys = {one.key for run in runs for _, one in run}
            found = [(name, one) for name, one in found if not runs or one.key in keys]
        methods = {id(self._run.stored[one.key].statement): name for name, one in found if one.key in self._run.stored}
        every = kept(self._run, [*before, *(one for _, one in found)])
        return [
            one._replace(method=methods[id(one.stored.statement)])
            for one in every
            if id(one.stored.statement) in methods and one not in self.kept
        ]

    @cached_property
    def shared(self) -> list[Kept]:
        """What all instances of a process share, and forked workers with them."""
        found: dict[int, Kept] = {}
        if not self._may_open:
            return []
        try:
            for handle, stored in shared(Run(self._project), self.cls):
                opened = opened_at(handle, stored)
                found[id(stored.statement)] = Kept(handle.opener, stored, True, False, False, opened)
        except (TooMuch, RecursionError):
            return []
        return list(found.values())

    @property
    def _obj(self) -> Obj:
        return Obj(("self",), self.cls)

    def _touched_in(self, case: dict[str, bool]) -> list[tuple[str, Carried]]:
        run = Run(self._project, case)
        return self._touched(run, self._constructed(run))

    def _touched(self, run: Run, before: Sequence[Carried]) -> list[tuple[str, Carried]]:
        try:
            return touched(run, self._obj, {one.key for one in before})
        except (TooMuch, RecursionError):
            return []

    @cached_property
    def _constructed_first(self) -> list[Carried]:
        return self._constructed(self._run)

    @cached_property
    def _construction(self) -> list[Carried]:
        found = self._constructed_first
        if not found:
            return []
        # `if cached: self.file = open(…)`, and further down `if cached: self.file = None`.
        runs = [self._constructed(Run(self._project, case)) for case in self._run.cases()]
        return _in_any(found, runs) if runs else found

    def _constructed(self, run: Run) -> list[Carried]:
        try:
            with run.framed(self.module, None, None):
                initialize(run, self._obj, [], {}, self.node, root=True)
                return carried(run, self._obj)
        except (TooMuch, RecursionError):
            return []

    def problem(self, this: Kept) -> str:
        """What happens with a thing in workers, and what to write instead."""
        from picklesafe.lint.datasets.describe import problem, remedy

        return f"{problem(self, this)}; {remedy(this)}"

    def finding(self, this: Kept, message: str, *, possible: bool = False) -> Finding:
        """What a rule reports: at the statement, with the dataset as a related place.

        Args:
            possible: whether it depends on more than how workers are started.
        """
        from picklesafe.lint.datasets.describe import related

        stored = this.stored
        source = stored.module.source
        start, end = source.start(stored.statement), source.end(stored.statement)
        rows = tuple(sorted({stored.statement.lineno, stored.statement.end_lineno or stored.statement.lineno}))
        harmful = bool(this.opener.fork) and not this.closed
        sure = this.certain and not possible and (harmful or self.target.always_pickles)
        return Finding(
            "", "", source.path, start, end, message, CERTAIN if sure else POSSIBLE,
            self._fix(this), related(self, this), rows,
        )  # fmt: skip

    def _fix(self, this: Kept) -> Fix | None:
        from picklesafe.lint.datasets.mixin import add_mixin

        if this.opener.kind == STUCK or this.closed or this.mended or this not in (*self.kept, *self.lazy):
            return None
        home = this.stored.home
        if home is None or home.local:
            return None
        together = [one for one in (*self.kept, *self.lazy) if one.stored.home == home and not one.closed]
        if any(one.opener.restored == REFUSED for one in together):
            return None
        safe = all(one.opener.restored == "safe" for one in together)
        return add_mixin(home.node, home.module, self._project, safe)


def datasets(module: Module, project: Project, target: Target) -> Iterator[Dataset]:
    """The dataset classes of a file."""
    opens = may_open(module, project)
    for statements in module.bindings.values():
        for node in statements:
            if isinstance(node, ast.ClassDef):
                cls = Class(node, module)
                if is_dataset(cls, project):
                    yield Dataset(cls, project, target, opens)


def _in_any(found: Sequence[Carried], runs: Sequence[Sequence[Carried]]) -> list[Carried]:
    """What is left in one of the cases, and how sure that is in view of all of them."""
    cases = [{one.key: one for one in run} for run in runs]
    return [
        one._replace(
            certain=all(one.key in case and case[one.key].certain for case in cases),
            closed=all(case[one.key].closed for case in cases if one.key in case),
        )
        for one in found
        if any(one.key in case for case in cases)
    ]


def is_dataset(cls: Class, project: Project) -> bool:
    """Whether a loader may hand instances of a class to workers."""
    return _may_be_dataset(cls.node) and lineage(cls, project).is_dataset


def _may_be_dataset(node: ast.ClassDef) -> bool:
    """As the trigger of the rules has it, so that what is found doesn't depend on which files are looked into."""
    bases = map(ast.unparse, node.bases)
    return node.name.endswith("Dataset") or any("Dataset" in base for base in bases)
