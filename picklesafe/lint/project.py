"""The project's own modules: found by name, parsed when first needed, shared by all its files."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from picklesafe.lint.source import Source, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from picklesafe.lint.clues import Clues

_FOREIGN = frozenset(sys.stdlib_module_names) | {
    "torch", "numpy", "pandas", "lightning", "pytorch_lightning", "transformers", "torchvision", "torchdata",
    "torch_geometric", "dgl", "monai", "timm", "scipy", "sklearn", "tqdm", "yaml", "omegaconf", "hydra", "datasets",
    "mmengine", "mmcv", "webdataset", "litdata", "accelerate", "h5py", "PIL", "cv2", "einops", "wandb", "click",
    "pytest", "torchaudio", "matplotlib", "requests",
}  # fmt: skip
"""Never looked up in the project, unless it is one of these itself."""
# Told from the text, for a walk over the tree takes as long as parsing it; a match in a string
# only makes a constant unknown. Strings are compiled when they are used, as most modules are run nowhere.
_NEXT_DEFINITION = re.compile(r"^(?:async def|def|class|@|if )", re.MULTILINE)
_RENAMED = r"\b(\w+)[ \t]+as[ \t]+(\w+)"
_BY_NAME = r"self\.__dict__(?:\[|\.update\()|setattr\(self,"
_REBINDING = r"(?m)^[ \t]+(?:global[ \t]+([\w, \t]+)|([A-Z]\w*\.\w+)[ \t]*[-+*/|]?=(?!=))"


class Module:
    """One file of the project, and what its top level binds.

    Args:
        source: the file.
        package: the dotted name of the package that relative imports start from.
        bases: folders that absolute imports start from.
    """

    def __init__(self, source: Source, package: str, bases: tuple[str, ...], owner: str) -> None:
        self.source = source
        self.package = package
        self.bases = bases
        self.owner = owner
        self._spoken: dict[tuple[str, ...], bool] = {}
        self._answers: dict[int, bool] = {}

    @cached_property
    def path(self) -> Path:
        from pathlib import Path  # most runs get to no code that needs one

        return Path(self.source.path)

    @cached_property
    def clues(self) -> Clues:
        """What the file as a whole says about loaders."""
        from picklesafe.lint.clues import Clues

        return Clues.of(self.source)

    @cached_property
    def renamed(self) -> Sequence[tuple[str, str]]:
        """What has another name in the file than elsewhere: `("make", "build")` for `import make as build`."""
        # Few lines give a name, and to look for names in all of them takes long.
        lines = [line for line in self.source.lines if " as" in line or "\tas" in line]
        return [pair for line in lines for pair in re.findall(_RENAMED, line)]

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """The statements of the top level that bind each name, in order; none if it is no Python."""
        found: dict[str, list[ast.stmt]] = {}
        try:
            body = self.source.tree.body
        except SourceError:
            body = []  # it is reported when it is checked itself
        for statement in _top_level(body):
            for name in _bound_names(statement):
                found.setdefault(name, []).append(statement)
        return found

    def decisive(self, name: str) -> list[ast.stmt]:
        """The statements that may have bound `name` last: an unconditional one and what follows it."""
        statements = self.bindings.get(name, [])
        for index in range(len(statements) - 1, 0, -1):
            if id(statements[index]) in self._unconditional:
                return statements[index:]
        return statements

    @cached_property
    def _unconditional(self) -> frozenset[int]:
        return frozenset(map(id, self.source.tree.body))

    @cached_property
    def rebound(self) -> frozenset[str]:
        """What functions change of the top level: `global NAME`, and `Config.workers = …`."""
        found: set[str] = set()
        for names, stored in re.findall(_REBINDING, self.source.text):
            found.update([stored] if stored else re.split(r"[\s,]+", names))
        return frozenset(found)

    @cached_property
    def sets_by_name(self) -> bool:
        """Whether attributes of instances are set by computed names, as configuration classes do."""
        return re.search(_BY_NAME, self.source.text) is not None

    def asks(self, question: int, answer: Callable[[], bool]) -> bool:
        """The answer to a question about the file, which is only asked once."""
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]

    def speaks_of(self, words: tuple[str, ...], name: str) -> bool:
        """Whether one of `words` occurs where the file defines `name`, told without parsing it."""
        if words not in self._spoken:
            self._spoken[words] = any(word.encode() in self.source.code for word in words)
        if not self._spoken[words]:
            return False
        defined = re.search(rf"^(?:async )?(?:def|class) {re.escape(name)}\b", self.source.text, re.MULTILINE)
        if defined is None:
            return True
        following = _NEXT_DEFINITION.search(self.source.text, defined.end())
        text = self.source.text[defined.start() : following.start() if following else None]
        return any(word in text for word in words)


class Project:
    """All files of a project.

    Args:
        root: its folder.
        src: folders below it that absolute imports start from.
    """

    def __init__(self, root: str, src: Sequence[str] = (".", "src")) -> None:
        self.root = root
        self.bases = tuple(dict.fromkeys(os.path.normpath(os.path.join(root, folder)) for folder in src))
        self.consulted: set[str] = set()
        self._modules: dict[str, Module | None] = {}
        self._found: dict[tuple[str, str], str | None] = {}
        self._packages: dict[str, bool] = {}

    def size(self) -> int:
        """The bytes of all files whose trees it keeps; others, which take a fiftieth of that, count so much."""
        sources = (module.source for module in self._modules.values() if module is not None)
        return sum(len(source.data) if source.is_parsed else len(source.data) // 50 for source in sources)

    def module(self, source: Source) -> Module:
        """The module of a file that is already read."""
        path = os.path.abspath(source.path)
        known = self._modules.get(path)
        if known is None or known.source is not source:
            known = self._modules[path] = self._make(source, path)
        return known

    def forget(self, path: str) -> None:
        """Take nothing for granted any more about a file that was written, created or deleted."""
        path = os.path.abspath(path)
        if self._modules.pop(path, None) is None or not os.path.isfile(path):
            # It may be the one that an import looked for, or found.
            self._found.clear()
            self._packages.clear()

    def _make(self, source: Source, path: str) -> Module:
        folder = os.path.dirname(path)
        top, parts = folder, []
        while self._is_package(top):
            top, name = os.path.split(top)
            parts.append(name)
        if not parts:
            parts = self._namespace(folder)
        bases = dict.fromkeys((top, folder, *self.bases))
        return Module(source, ".".join(reversed(parts)), tuple(bases), parts[-1] if parts else "")

    def _is_package(self, folder: str) -> bool:
        path = os.path.join(folder, "__init__.py")
        self.consulted.add(path)
        if path not in self._packages:
            self._packages[path] = os.path.isfile(path)
        return self._packages[path]

    def _namespace(self, folder: str) -> list[str]:
        """The package parts of a folder without `__init__.py`, innermost first."""
        for base in sorted(self.bases, key=len, reverse=True):
            if folder.startswith(base + os.sep):
                return folder[len(base) + 1 :].split(os.sep)[::-1]
        return []

    def find(self, name: str, importer: Module) -> Module | None:
        """The project's module of that dotted name as `importer` sees it, or None."""
        top = name.partition(".")[0]
        if top in _FOREIGN and top != importer.owner:
            return None
        for base in importer.bases:
            path = self._locate(base, name)
            if path is not None:
                return self._load(path)
        return None

    def _locate(self, base: str, name: str) -> str | None:
        key = (base, name)
        if key not in self._found:
            stem = os.path.join(base, *name.split("."))
            self._found[key] = None
            for path in (os.path.join(stem, "__init__.py"), stem + ".py"):
                self.consulted.add(path)
                if os.path.isfile(path):
                    self._found[key] = path
                    break
        else:
            stem = os.path.join(base, *name.split("."))
            self.consulted.update((os.path.join(stem, "__init__.py"), stem + ".py"))
        return self._found[key]

    def _load(self, path: str) -> Module | None:
        if path not in self._modules:
            self._modules[path] = None
            try:
                self._modules[path] = self._make(Source.read(path), path)
            except SourceError:
                pass  # it is reported when it is checked itself
        return self._modules[path]


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """The dotted name that `from … import` means."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".") if module.package else []
    parts = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
    return ".".join([*parts, *([node.module] if node.module else [])])


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, those under `if` and `try` too."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.For, ast.While)):
            yield from _top_level([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.With):
            yield from _top_level(statement.body)
        elif isinstance(statement, ast.Try):
            handlers = [s for handler in statement.handlers for s in handler.body]
            yield from _top_level([*statement.body, *handlers, *statement.orelse, *statement.finalbody])


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name
    elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
