"""`[tool.picklesafe]`: where it is found, what may stand in it, and what a run makes of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from picklesafe.errors import ConfigurationError
from picklesafe.lint.keys import read_keys
from picklesafe.lint.registry import load_rules
from picklesafe.lint.selection import ALWAYS, Layer, enabled, matching
from picklesafe.lint.settings import CACHE_NAME, DEFAULT_EXCLUDE, Settings

FILE_NAME = "picklesafe.toml"


class Options(NamedTuple):
    """What the command line says; None and empty stand for "not given"."""

    select: Sequence[str] | None = None
    ignore: Sequence[str] = ()
    extend_select: Sequence[str] = ()
    exclude: Sequence[str] | None = None
    extend_exclude: Sequence[str] = ()
    force_exclude: bool = False
    config: Path | None = None
    isolated: bool = False
    target_torch: tuple[int, int] | None = None
    target_python: tuple[int, int] | None = None
    cache_dir: Path | None = None
    no_cache: bool = False
    jobs: int = 0


def settings_for(paths: Sequence[Path], options: Options) -> Settings:
    """The settings of a run over `paths`.

    Raises:
        ConfigurationError: if the configuration or the options can't be followed.
    """
    file, table = _load(paths, options)
    root = file.parent if file else Path.cwd()
    rules: tuple[str, ...] = table.get("rules", ())
    codes = [rule.code for rule in load_rules(rules, root)]
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
        src=table.get("src", (".", "src")),
        target_torch=options.target_torch or table.get("target-torch", (2, 0)),
        target_python=options.target_python or table.get("target-python"),
        cache_dir=_cache_dir(table, options, root),
        jobs=options.jobs,
    )


def find_config(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The nearest configuration file in `folder` or above it, with what it says.

    Raises:
        ConfigurationError: if that file is damaged.
    """
    for above in (folder, *folder.parents):
        for name in (FILE_NAME, "pyproject.toml"):
            table = _read(above / name)
            if table is not None:
                return above / name, table
    return None


def _load(paths: Sequence[Path], options: Options) -> tuple[Path | None, dict[str, Any]]:
    if options.isolated:
        return None, {}
    if options.config is None:
        found = find_config(_start(paths))
    else:
        table = _read(options.config, required=True)
        found = (Path(os.path.abspath(options.config)), table or {})
    if found is None:
        return None, {}
    return found[0], read_keys(found[1], _display(found[0]))


def _start(paths: Sequence[Path]) -> Path:
    if len(paths) != 1:
        return Path.cwd()
    # Not resolved: a linked folder belongs to the project that it is linked into.
    path = Path(os.path.abspath(paths[0]))
    return path if os.path.isdir(path) else path.parent


def _read(file: Path, required: bool = False) -> dict[str, Any] | None:
    try:
        data = file.read_bytes()
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
    if file.name == "pyproject.toml" and b"picklesafe" not in data:
        return {} if required else None
    return _parse(file, data, required)


def _parse(file: Path, data: bytes, required: bool) -> dict[str, Any] | None:
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
    if file.name != "pyproject.toml":
        return document
    tool = document.get("tool")
    table = tool.get("picklesafe") if isinstance(tool, dict) else None
    if table is None:
        return {} if required else None
    if not isinstance(table, dict):
        raise ConfigurationError(f"{_display(file)}: tool.picklesafe must be a table")
    return table


def _per_file_ignores(
    table: dict[str, Any], codes: Sequence[str], origin: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (pattern, tuple(sorted({code for prefix in prefixes for code in matching(prefix, codes, origin)})))
        for pattern, prefixes in table.get("per-file-ignores", {}).items()
    )


def _exclude(table: dict[str, Any], options: Options, root: Path) -> tuple[str, ...]:
    base = _from_here(options.exclude, root) if options.exclude is not None else table.get("exclude", DEFAULT_EXCLUDE)
    return (*base, *table.get("extend-exclude", ()), *_from_here(options.extend_exclude, root))


def _from_here(patterns: Sequence[str], root: Path) -> tuple[str, ...]:
    """Patterns of the command line mean the working directory, those of settings the root; tell the root's."""
    here = os.path.relpath(Path.cwd(), root).replace(os.sep, "/")
    if here == ".":
        return tuple(patterns)
    # A plain name is looked for at every depth, wherever it is said.
    return tuple(
        f"{here}/{pattern}" if "/" in pattern.rstrip("/") and not pattern.startswith(("/", "**")) else pattern
        for pattern in patterns
    )


def _cache_dir(table: dict[str, Any], options: Options, root: Path) -> Path | None:
    if options.no_cache:
        return None
    if options.cache_dir is not None:
        return Path(os.path.abspath(options.cache_dir.expanduser()))
    return root / Path(table.get("cache-dir", CACHE_NAME)).expanduser()


def _display(file: Path) -> str:
    """`file` as the user would name it: relative to the working directory, if it lies below."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)
