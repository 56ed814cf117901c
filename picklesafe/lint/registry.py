"""The rules: how a module becomes one, and where rules are loaded from."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import picklesafe
from picklesafe.errors import ConfigurationError

if TYPE_CHECKING:
    from picklesafe.lint.finding import Finding

_TITLE = re.compile(r"([A-Z]+\d+) ([a-z0-9-]+): ")

ByteTest = re.Pattern[bytes] | Callable[[bytes], bool]
"""A closer look at a file's bytes than a word allows."""

Word = bytes | ByteTest
Check = Callable[[Any], "Finding | Iterable[Finding] | None"]
"""From a fact to what is wrong with it."""

Trigger = str | tuple[str | ByteTest, ...]


class Rule(NamedTuple):
    """A function from a fact to a finding, with the page that explains it.

    Args:
        code, name: from the first words of the module's docstring, `PKS111 unguarded-…: …`.
        page: that docstring.
        triggers: the rule looks at a file only if one of them occurs in its bytes; a tuple
            occurs if all its words do, which are searched in this order.
        check: the function.
        module: where BAD and GOOD stand.
        ours: whether it is one of picklesafe's own.
        of: what it judges, `loader` calls or `dataset` classes.
    """

    code: str
    name: str
    page: str
    triggers: tuple[tuple[Word, ...], ...]
    check: Check
    module: ModuleType
    ours: bool = False
    of: str = "loader"


def rule(triggers: Sequence[Trigger], of: str = "loader") -> Callable[[Check], Check]:
    """Mark the function of a module that is the rule.

    Args:
        triggers: words of which one must occur in a file for the rule to look at it; a tuple of
            words stands for all of them together. A pattern or a function of the bytes may
            stand beside a word: it is asked only where the word occurs.
        of: `loader` for a function of a `LoaderCall`, `dataset` for one of a `Dataset`.
    """

    def mark(check: Check) -> Check:
        check.triggers = tuple(map(_in_order, triggers))  # type: ignore[attr-defined]
        check.of = of  # type: ignore[attr-defined]
        return check

    return mark


def _in_order(trigger: Trigger) -> tuple[Word, ...]:
    """What must occur: the longest word first, as it is the rarest and a miss settles the trigger; looks last."""
    parts = (trigger,) if isinstance(trigger, str) else trigger
    words = sorted((part.encode() for part in parts if isinstance(part, str)), key=len, reverse=True)
    return (*words, *(part for part in parts if not isinstance(part, str)))


def load_rules(extra: Iterable[str] = (), base: str | None = None) -> list[Rule]:
    """The rules of picklesafe and those that the configuration names, sorted by code.

    Args:
        extra: names of modules or packages, or paths of files or folders (those with a slash or
            `.py`), relative to `base`.
        base: the folder of the configuration file.

    Raises:
        ConfigurationError: if one of `extra` can't be loaded, or two rules share a code.
    """
    # Beside picklesafe itself: a folder of this name in the checked project must not be run.
    ours = _load_folder("lint_rules", os.path.join(os.path.dirname(os.path.dirname(picklesafe.__file__)), "lint_rules"))
    theirs = [module for name in extra for module in _load_extra(name, base or os.getcwd())]
    rules: dict[str, Rule] = {}
    for module in (*ours, *theirs):
        for found in _rules_of(module, module in ours):
            if found.code in rules:
                raise ConfigurationError(
                    f"rule {found.code} is defined twice: {rules[found.code].module.__file__} and {module.__file__}"
                )
            rules[found.code] = found
    return [rules[code] for code in sorted(rules)]


def _load_folder(name: str, folder: str) -> list[ModuleType]:
    files = sorted(file for file in os.listdir(folder) if file.endswith(".py") and not file.startswith("_"))
    return [_load_file(f"{name}.{file[:-3]}", os.path.join(folder, file)) for file in files]


def _load_file(name: str, path: str) -> ModuleType:
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == path:
        return sys.modules[name]
    # What importlib.util would do; but its own import takes as long as that of three rules.
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        SourceFileLoader(name, path).exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_extra(name: str, base: str) -> list[ModuleType]:
    try:
        if "/" not in name and "\\" not in name and not name.endswith(".py"):
            module = import_module(name)
            folders = getattr(module, "__path__", ())
            return [module, *(found for folder in folders for found in _load_folder(name, folder))]
        path = os.path.realpath(os.path.join(base, name))
        own = f"picklesafe_rules_{os.path.basename(path)}"
        return _load_folder(own, path) if os.path.isdir(path) else [_load_file(own.removesuffix(".py"), path)]
    # Whatever a third party's module raises, an exit included, is the user's configuration error.
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"rules = [{name!r}] can't be loaded: {type(error).__name__}: {error}") from error


def _rules_of(module: ModuleType, ours: bool) -> Iterable[Rule]:
    for check in vars(module).values():
        if callable(check) and hasattr(check, "triggers") and getattr(check, "__module__", "") == module.__name__:
            title = _TITLE.match(module.__doc__ or "")
            if title is None:
                raise ConfigurationError(
                    f"{module.__file__}: a rule's docstring begins with its code and name, as in 'ABC101 some-name: …'"
                )
            yield Rule(
                title[1],
                title[2],
                (module.__doc__ or "").rstrip(),
                check.triggers,
                check,
                module,
                ours,
                getattr(check, "of", "loader"),
            )
