"""`[tool.picklesafe]`: where it is found, what may stand in it, and what a run makes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from picklesafe.errors import ConfigurationError
from picklesafe.lint.keys import read_keys
from picklesafe.lint.registry import load_rules
from picklesafe.lint.selection import ALWAYS, UNUSED, Layer, enabled, matching
from picklesafe.lint.settings import CACHE_NAME, DEFAULT_EXCLUDE, Settings

FILE_NAME = "picklesafe.toml"
_SHARED_NAME = "pyproject.toml"


class Options(NamedTuple):
    """What the command line says; None and empty stand for "not given"."""

    select: Sequence[str] | None = None
    ignore: Sequence[str] = ()
    extend_select: Sequence[str] = ()
    exclude: Sequence[str] | None = None
    extend_exclude: Sequence[str] = ()
    force_exclude: bool = False
    config: str | None = None
    isolated: bool = False
    target_torch: tuple[int, int] | None = None
    target_python: tuple[int, int] | None = None
    cache_dir: str | None = None
    no_cache: bool = False
    jobs: int = 0


def settings_for(paths: Sequence[str], options: Options, trusted: bool = True) -> Settings:
    """The settings of a run over `paths`.

    Args:
        trusted: whether to load the rules that the configuration names, which are code. Without
            them, codes that are nobody's are taken for theirs.

    Raises:
        ConfigurationError: if the configuration or the options can't be followed.
    """
    file, table = _load(paths, options)
    root = os.path.dirname(file) if file else os.getcwd()
    if not trusted and table.get("rules"):
        table = _without_rules(table)
    rules: tuple[str, ...] = table.get("rules", ())
    codes = [*(rule.code for rule in load_rules(rules, root)), UNUSED]
    origin = _display(file) if file else ""
    layers = [
        Layer(origin, table.get("select"), table.get("extend-select", ()), table.get("ignore", ())),
        Layer("the command line", options.select, options.extend_select, options.ignore),
    ]
    return Settings(
        root=root,
        codes=enabled(layers, codes),
        rules=rules,
        config_dir=root,
        per_file_ignores=_per_file_ignores(table, [*codes, *ALWAYS], origin),
        exclude=_exclude(table, options, root),
        force_exclude=options.force_exclude or table.get("force-exclude", False),
        respect_gitignore=table.get("respect-gitignore", True),
        scripts=table.get("scripts", False),
        src=table.get("src", (".", "src")),
        target_torch=options.target_torch or table.get("target-torch", (2, 0)),
        target_python=options.target_python or table.get("target-python"),
        platforms=table.get("platforms", ("linux", "macos", "windows")),
        cache_dir=_cache_dir(table, options, root),
        jobs=options.jobs,
    )


def configuration_files(path: str) -> Iterator[str]:
    """The files that may hold the configuration of what lies at `path`, whether they exist or not, nearest first."""
    folder = path
    while True:
        yield from (os.path.join(folder, name) for name in (FILE_NAME, _SHARED_NAME))
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def find_config(folder: str) -> tuple[str, dict[str, Any]] | None:
    """The nearest configuration file in `folder` or above it, with what it says.

    Raises:
        ConfigurationError: if that file is damaged.
    """
    for file in configuration_files(folder):
        table = _read(file)
        if table is not None:
            return file, table
    return None


def _load(paths: Sequence[str], options: Options) -> tuple[str | None, dict[str, Any]]:
    if options.isolated:
        return None, {}
    if options.config is None:
        found = find_config(_start(paths))
    else:
        table = _read(options.config, required=True)
        found = (os.path.abspath(options.config), table or {})
    if found is None:
        return None, {}
    return found[0], read_keys(found[1], _display(found[0]))


def _start(paths: Sequence[str]) -> str:
    if len(paths) != 1:
        return os.getcwd()
    # Not resolved: a linked folder belongs to the project that it is linked into.
    path = os.path.abspath(paths[0])
    return path if os.path.isdir(path) else os.path.dirname(path)


def _read(file: str, required: bool = False) -> dict[str, Any] | None:
    try:
        with open(file, "rb") as opened:
            data = opened.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        if required:
            raise ConfigurationError(f"{_display(file)}: there is no such configuration file") from None
        return None
    except OSError as error:
        # A folder above that may not be searched says nothing about what is in it.
        if not required and not os.path.lexists(file):
            return None
        raise ConfigurationError(f"{_display(file)}: can't be read: {error.strerror or error}") from None
    # Parsing takes milliseconds, and most pyproject.toml say nothing about picklesafe.
    if os.path.basename(file) == _SHARED_NAME and b"picklesafe" not in data:
        return {} if required else None
    return _parse(file, data, required)


def _parse(file: str, data: bytes, required: bool) -> dict[str, Any] | None:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        # A byte order mark is no TOML, but editors write one.
        document: dict[str, Any] = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{_display(file)}: is not valid UTF-8 (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{_display(file)}: is not valid TOML: {error}") from None
    if os.path.basename(file) != _SHARED_NAME:
        return document
    tool = document.get("tool")
    table = tool.get("picklesafe") if isinstance(tool, dict) else None
    if table is None:
        return {} if required else None
    if not isinstance(table, dict):
        raise ConfigurationError(f"{_display(file)}: tool.picklesafe must be a table")
    return table


def _without_rules(table: dict[str, Any]) -> dict[str, Any]:
    """A configuration without rules of its own, and without what it says of their codes."""
    known = [*(rule.code for rule in load_rules()), UNUSED, *ALWAYS]

    def ours(prefixes: Sequence[str]) -> tuple[str, ...]:
        return tuple(one for one in prefixes if one == "ALL" or any(code.startswith(one) for code in known))

    chosen: dict[str, Any] = {key: ours(table[key]) for key in ("select", "extend-select", "ignore") if key in table}
    per_file = {pattern: ours(prefixes) for pattern, prefixes in table.get("per-file-ignores", {}).items()}
    return {**table, **chosen, "per-file-ignores": per_file, "rules": ()}


def _per_file_ignores(
    table: dict[str, Any], codes: Sequence[str], origin: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (pattern, tuple(sorted({code for prefix in prefixes for code in matching(prefix, codes, origin)})))
        for pattern, prefixes in table.get("per-file-ignores", {}).items()
    )


def _exclude(table: dict[str, Any], options: Options, root: str) -> tuple[str, ...]:
    base = _from_here(options.exclude, root) if options.exclude is not None else table.get("exclude", DEFAULT_EXCLUDE)
    return (*base, *table.get("extend-exclude", ()), *_from_here(options.extend_exclude, root))


def _from_here(patterns: Sequence[str], root: str) -> tuple[str, ...]:
    """Patterns of the command line mean the working directory, those of settings the root; tell the root's."""
    here = os.path.relpath(os.getcwd(), root).replace(os.sep, "/")
    if here == ".":
        return tuple(patterns)
    # A plain name is looked for at every depth, wherever it is said.
    return tuple(
        f"{here}/{pattern}" if "/" in pattern.rstrip("/") and not pattern.startswith(("/", "**")) else pattern
        for pattern in patterns
    )


def _cache_dir(table: dict[str, Any], options: Options, root: str) -> str | None:
    if options.no_cache:
        return None
    if options.cache_dir is not None:
        return os.path.abspath(os.path.expanduser(options.cache_dir))
    return os.path.join(root, os.path.expanduser(table.get("cache-dir", CACHE_NAME)))


def _display(file: str) -> str:
    """`file` as the user would name it: relative to the working directory, if it lies below."""
    return file.removeprefix(os.path.join(os.getcwd(), ""))
