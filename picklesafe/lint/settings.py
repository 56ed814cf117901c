"""What one run of `picklesafe check` goes by, after files and command line are merged."""

from __future__ import annotations

from typing import NamedTuple

CACHE_NAME = ".picklesafe_cache"

DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    CACHE_NAME,
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""Folders that hold no code of the project's own; the names are ruff's."""


class Settings(NamedTuple):
    """The settings of one run.

    Args:
        root: the folder of the configuration file, else the working directory; what patterns and
            `src` are relative to.
        codes: the enabled rule codes, with prefixes resolved.
        rules: rules of third parties, as the configuration names them.
        config_dir: what the paths in `rules` are relative to.
        per_file_ignores: patterns, each with the codes that are ignored in the files it matches.
        exclude: patterns of files and folders that are passed over.
        force_exclude: apply `exclude` to files that are named explicitly as well.
        respect_gitignore: leave out what git ignores.
        scripts: find files without a suffix as well, if their first line calls Python.
        src: where the project's own modules are looked for.
        target_torch: the oldest torch that the checked code runs on.
        target_python: the oldest Python that it runs on, if that is known.
        platforms: where it runs, of `linux`, `macos` and `windows`.
        cache_dir: where results are kept, or None.
        jobs: how many processes, 0 to decide by the amount of work.
    """

    root: str
    codes: frozenset[str]
    rules: tuple[str, ...] = ()
    config_dir: str = "."
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    force_exclude: bool = False
    respect_gitignore: bool = True
    scripts: bool = False
    src: tuple[str, ...] = (".", "src")
    target_torch: tuple[int, int] = (2, 0)
    target_python: tuple[int, int] | None = None
    platforms: tuple[str, ...] = ("linux", "macos", "windows")
    cache_dir: str | None = None
    jobs: int = 0
