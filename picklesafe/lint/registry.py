"""The rules: how a module becomes one, and where rules are loaded from."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import picklesafe
from picklesafe.errors import ConfigurationError

if TYPE_CHECKING:
    from picklesafe.lint.finding import Finding

_OURS = "PKS"
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
        of: what it judges: `loader` calls, `dataset` classes, or files that insist on `forking`.
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
        of: `loader` for a function of a `LoaderCall`, `dataset` for one of a `Dataset`, `forking` for a `Forking`.
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
        ConfigurationError: if one of `extra` can't be loaded or has no rule, or two rules share a code.
    """
    # Beside picklesafe itself: a folder of this name in the checked project must not be run.
    ours = load_folder("lint_rules", os.path.join(os.path.dirname(os.path.dirname(picklesafe.__file__)), "lint_rules"))
    rules: dict[str, Rule] = {}
    for found in (rule for module in ours for rule in _rules_of(module, True)):
        rules[found.code] = found
    for name in extra:
        _add_theirs(name, base or os.getcwd(), rules)
    return [rules[code] for code in sorted(rules)]


def load_folder(name: str, folder: str) -> list[ModuleType]:
    """The modules of a folder, as those of a package of that name; files that begin with `_` are none."""
    files = sorted(file for file in os.listdir(folder) if file.endswith(".py") and not file.startswith("_"))
    return [load_file(f"{name}.{file[:-3]}", os.path.join(folder, file)) for file in files]


def load_file(name: str, path: str) -> ModuleType:
    """The module that a file is, under a name for `sys.modules`; raises what it raises."""
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == path:
        return sys.modules[name]
    # What importlib.util would do; but its own import takes as long as that of three rules.
    module = ModuleType(name)
    module.__file__ = path
    module.__package__ = name.rpartition(".")[0]
    sys.modules[name] = module
    try:
        SourceFileLoader(name, path).exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _add_theirs(name: str, base: str, rules: dict[str, Rule]) -> None:
    from picklesafe.lint.plugins import guarded, load

    theirs = [found for module in load(name, base) for found in _rules_of(module, False)]
    if not theirs:
        raise ConfigurationError(f"rules = [{name!r}] has no rule: a function marked with @rule(triggers=[…])")
    for found in theirs:
        if found.code.startswith(_OURS):
            raise ConfigurationError(
                f"{found.module.__file__}: {found.code}: codes that begin with {_OURS} are picklesafe's own"
            )
        if found.code in rules:
            raise ConfigurationError(_twice(rules[found.code], found))
        rules[found.code] = found._replace(check=guarded(found.code, found.check))


def _twice(first: Rule, second: Rule) -> str:
    if first.module is second.module:
        return f"{first.module.__file__}: two functions are marked with @rule; every rule has a file of its own"
    return f"rule {first.code} is defined twice: {first.module.__file__} and {second.module.__file__}"


def _rules_of(module: ModuleType, ours: bool) -> Iterable[Rule]:
    for check in vars(module).values():
        if callable(check) and hasattr(check, "triggers") and getattr(check, "__module__", "") == module.__name__:
            title = _TITLE.match(module.__doc__ or "")
            if title is None:
                raise ConfigurationError(
                    f"{module.__file__}: a rule's docstring begins with its code and name, as in 'ABC101 some-name: …'"
                )
            page, of = (module.__doc__ or "").rstrip(), getattr(check, "of", "loader")
            yield Rule(title[1], title[2], page, check.triggers, check, module, ours, of)
