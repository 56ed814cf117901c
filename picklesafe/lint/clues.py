"""What tells that a piece of code may give a loader an argument that torch refuses."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import NamedTuple

from picklesafe.lint.contract import BEFORE_WORKERS, HAZARDS, KEYWORDS, TRAVELLERS, UNMISTAKABLE, WORKERS
from picklesafe.lint.source import Source
from picklesafe.lint.trees import first_row, last_name, names_in, walk
from picklesafe.lint.triggers import invalid_workers, runs_at_once, unpicklable_callable

_OTHERS_TIMEOUT = frozenset(
    {"run", "get", "post", "put", "request", "urlopen", "call", "check_call", "check_output", "communicate"}
    | {"join", "wait", "wait_for", "acquire", "connect", "result", "poll", "read", "recv", "send", "Popen"}
    | {"init_process_group", "barrier", "monitored_barrier", "shutdown", "exec_command"}
)
"""Calls that take a `timeout` and make no loader."""

_ALIAS = re.compile(r"oader[ \t]+as[ \t]+(\w+)")
_LOADER_CLASS = re.compile(r"class\s+\w*oader|class\s+\w+\s*\([^)]*oader")


class Clues(NamedTuple):
    """What a file as a whole says that bears on every piece of it.

    Args:
        aliases: names that a loader's class is imported as.
        keys: the arguments that matter as keys of dictionaries.
        callables: those of them that are callables.
        has_loader_class: whether a class of the file is, or is derived from, a loader.
        speaks_of_loaders: whether the word occurs at all.
        workers_may_be_invalid: whether some number of workers may be one that torch never takes.
        starts: whether something may start workers as soon as the file is run.
        every: whether every call that looks like a loader's matters.
        watch: names of functions whose calls matter as well.
    """

    aliases: frozenset[str]
    keys: tuple[str, ...]
    callables: tuple[str, ...]
    has_loader_class: bool
    speaks_of_loaders: bool
    workers_may_be_invalid: bool
    starts: bool
    every: bool = False
    watch: frozenset[str] = frozenset()

    @classmethod
    def of(cls, source: Source) -> Clues:
        """The clues of a file, for which nothing is watched."""
        text, code = source.text, source.code
        invalid = invalid_workers(code)
        callables = TRAVELLERS if unpicklable_callable(code) else ()
        return cls(
            frozenset(_ALIAS.findall(text)),
            (*HAZARDS, *([WORKERS] if invalid else ()), *callables),
            callables,
            _LOADER_CLASS.search(text) is not None,
            "oader" in text,
            invalid,
            runs_at_once(code),
        )

    def may_concern(self, text: str) -> bool:
        """Whether a piece of code may hold a loader that matters, told from its text."""
        if any(word in text for word in KEYWORDS) or any(name in text for name in self.watch):
            return True
        return ("oader" in text or any(alias in text for alias in self.aliases)) and "(" in text

    def concern(self, node: ast.AST, source: Source) -> bool:
        """Whether a part of the file may give a loader an argument that matters."""
        if not isinstance(node, (ast.stmt, ast.expr)):
            return self._occur_in(node)
        text = source.rows(first_row(node), node.end_lineno or node.lineno)
        # All that it depends on, so that what was walked through once isn't again after a keystroke
        # elsewhere, or when more functions are watched that it doesn't speak of.
        known = _remarks(text, node.col_offset, node.end_col_offset, self._replace(watch=self._spoken_of(text)))
        if not known:
            known.append(self._occur_in(node))
        return known[0]

    def _spoken_of(self, text: str) -> frozenset[str]:
        return frozenset(name for name in self.watch if name in text)

    def _occur_in(self, node: ast.AST) -> bool:
        displays = spread = False
        written: set[str] = set()
        taken: set[str] = set()
        for inner in walk(node):
            if isinstance(inner, ast.Call):
                if self._is_call(inner):
                    return True
                if any(getattr(arg, "value", None) in self.keys for arg in inner.args):
                    written |= names_in(getattr(inner.func, "value", inner.func))  # `kwargs.setdefault(…)`
                for keyword in inner.keywords:
                    if keyword.arg is None:
                        spread = True
                        taken |= names_in(keyword.value)
            elif isinstance(inner, ast.Dict):
                displays = displays or any(getattr(key, "value", None) in self.keys for key in inner.keys)
            elif isinstance(inner, ast.Subscript) and getattr(inner.slice, "value", None) in self.keys:
                written |= names_in(inner.value)
            elif isinstance(getattr(inner, "ctx", None), ast.Store):
                if isinstance(inner, ast.Attribute) and inner.attr in self.keys:
                    written |= names_in(inner.value)
                elif _is_named_so(inner):
                    spread = True
                    taken |= names_in(inner)
        # A dictionary is judged where a loader takes it, or where its name says that one will.
        return (displays and spread) or not written.isdisjoint(taken)

    def _is_call(self, node: ast.Call) -> bool:
        if last_name(node) in self.watch:
            return True
        if last_name(node) in _OTHERS_TIMEOUT:
            return False
        loader = self._is_loader(node)
        if loader and (self.every or len(node.args) > BEFORE_WORKERS or last_name(node) == "create_loader"):
            return True
        return any(self._is_argument(keyword, loader) for keyword in node.keywords)

    def _is_argument(self, keyword: ast.keyword, loader: bool) -> bool:
        name = keyword.arg
        if name is None:
            return loader
        if name == "timeout":
            return loader or self.speaks_of_loaders
        if name == WORKERS:
            return self.workers_may_be_invalid or (loader and self.starts)
        return name.endswith(UNMISTAKABLE) or (loader and name in self.callables)

    def _is_loader(self, node: ast.Call) -> bool:
        """Whether a call looks like one of a loader, or of `partial(DataLoader)` and the like."""
        name = last_name(node)
        if "oader" in name or name in self.aliases:
            return True
        if name in ("__init__", "cls"):
            return self.has_loader_class
        first = last_name(node.args[0]) if node.args else ""
        return first.endswith("Loader") or first in self.aliases


def _is_named_so(node: ast.AST) -> bool:
    """Whether something that is stored has a name that speaks of loaders."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return "oader" in last_name(node)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return "oader" in str(node.slice.value)
    return False


@lru_cache(maxsize=4096)
def _remarks(text: str, column: int, end_column: int | None, clues: Clues) -> list[bool]:
    """Where to note whether clues occur in code that is told by its lines, and by where in them it starts and ends.

    Its node isn't part of the question, for the answer would keep it alive.
    """
    return []


def forget() -> None:
    """Let go of the texts of all the code that was asked about."""
    _remarks.cache_clear()
