"""Other people's rules: loaded from where the configuration says, their mistakes told as theirs."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType
from typing import Any

import picklesafe
from picklesafe.errors import ConfigurationError, PickleSafeError
from picklesafe.lint.finding import Finding
from picklesafe.lint.registry import load_file, load_folder

_NOT_THEIRS = (os.path.dirname(picklesafe.__file__), os.path.dirname(importlib.__file__), "<frozen ")


class RuleError(PickleSafeError):
    """A rule of somebody else's that raises, or gives something that is no finding."""


def load(name: str, base: str) -> list[ModuleType]:
    """The modules that an entry of `rules` stands for.

    Args:
        name: of a module or package, or the path of a file or folder (with a slash or `.py`).
        base: the folder that paths are relative to.

    Raises:
        ConfigurationError: they can't be loaded.
    """
    try:
        return _from_path(os.path.realpath(os.path.join(base, name))) if is_path(name) else _installed(name)
    # Whatever a third party's module raises, an exit included, is the user's configuration error.
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"rules = [{name!r}] can't be loaded: {_told(error)}{_hint(name, base)}") from error


def is_path(name: str) -> bool:
    """Whether an entry of `rules` is a path, not the name of a module."""
    return "/" in name or "\\" in name or name.endswith(".py")


@cache
def guarded(code: str, check: Callable[[Any], Any]) -> Callable[[Any], list[Finding]]:
    """A rule's function, with a RuleError for whatever goes wrong in it."""

    def run(fact: Any) -> list[Finding]:
        try:
            result = check(fact)
            found = [result] if isinstance(result, Finding) else list(result or ())
        except (RecursionError, MemoryError):  # told of the file that is checked, as with our own rules
            raise
        except Exception as error:
            raise RuleError(f"rule {code} raises {_told(error)}") from error
        for one in found:
            if not isinstance(one, Finding):
                raise RuleError(f"rule {code} gives {one!r}, which is no Finding")
        return found

    return run


def _from_path(path: str) -> list[ModuleType]:
    # The whole path, for two folders may have one name.
    name = "picklesafe_rules_" + re.sub(r"\W", "_", path)
    if os.path.isdir(path):
        return [*_package(name, path), *load_folder(name, path)]
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file or folder {path}")
    return [load_file(name, path)]


def _package(name: str, folder: str) -> list[ModuleType]:
    """What makes the folder a package, so that its rules can import what stands beside them."""
    start = os.path.join(folder, "__init__.py")
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        if os.path.exists(start):
            package.__file__ = start
            try:
                SourceFileLoader(name, start).exec_module(package)
            except BaseException:
                del sys.modules[name]
                raise
    return [sys.modules[name]] if os.path.exists(start) else []


def _installed(name: str) -> list[ModuleType]:
    module = importlib.import_module(name)
    # A folder without __init__.py may be found more than once.
    folders = dict.fromkeys(map(os.path.realpath, getattr(module, "__path__", ())))
    return [module, *(found for folder in folders for found in load_folder(name, folder))]


def _told(error: BaseException) -> str:
    """What happened, and where in their code, on one line."""
    kind, text, place = type(error).__name__, str(error), ""
    if isinstance(error, SyntaxError):
        text, place = error.msg, f"{error.filename}, line {error.lineno}"
    else:
        for file, row in _frames(error.__traceback__):
            place = f"{file}, line {row}"
    # Our own words need no name of an exception.
    said = text if text.startswith("there is no file") else f"{kind}: {text}" if text else kind
    return " ".join(said.split()) + (f" ({place})" if place else "")


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith(_NOT_THEIRS):
            yield file, traceback.tb_lineno
        traceback = traceback.tb_next


def _hint(name: str, base: str) -> str:
    path = name.replace(".", "/")
    exists = not is_path(name) and any(os.path.exists(os.path.join(base, path + suffix)) for suffix in ("", ".py"))
    return f"; a file or folder of the project is written as './{path}'" if exists else ""
