"""From the paths of the command line to the files that are checked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.errors import PickleSafeError
from picklesafe.lint import git
from picklesafe.lint.configuration.kinds import OTHERS
from picklesafe.lint.configuration.kinds import SUFFIXES as CONFIGURATION
from picklesafe.lint.globs import Patterns

if TYPE_CHECKING:
    from picklesafe.lint.settings import Settings

SUFFIXES = (".py", ".pyi", ".ipynb", *CONFIGURATION)
_WAY_OUT = "ask for permission to read and enter it and the folders above it, or check another path"


class PathError(PickleSafeError):
    """A path that was given and can't be checked: it doesn't exist, or nobody lets us in.

    Args:
        path: as it was given.
        reason: why not, and what to do about it.
    """

    def __init__(self, path: str, reason: str = "no such file or folder") -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Found(NamedTuple):
    """What there is to check.

    Args:
        files: sorted, each file once, named as it was given or found below what was given.
        problems: files and folders that can't be read, each with the reason.
        missing: paths that were given and can't be reached, each as an error.
        warnings: what the user should know about the choice of files.
    """

    files: list[str]
    problems: list[tuple[str, str]]
    missing: list[PathError]
    warnings: list[str]


def discover(paths: Sequence[str], settings: Settings) -> list[str]:
    """The files to check below `paths`; raises PathError for a path that can't be reached."""
    found = find(paths, settings)
    if found.missing:
        raise found.missing[0]
    return found.files


def find(paths: Sequence[str], settings: Settings) -> Found:
    """The files to check below `paths`, and what stood in the way."""
    finder = _Finder(settings)
    for path in paths:
        finder.take(os.fspath(path))
    return Found(finder.unique(len(paths)), finder.problems, finder.missing, finder.warnings)


def excluded(path: str, settings: Settings) -> bool:
    """Whether a path that is given explicitly is passed over, existing or not: only if excludes are forced."""
    root = os.path.realpath(settings.root)
    return settings.force_exclude and Patterns(settings.exclude, root).match_within(os.path.realpath(path), root)


class _Finder:
    def __init__(self, settings: Settings) -> None:
        # Without symlinks, like the paths that are compared with it.
        self.root = os.path.realpath(settings.root)
        self.excludes = Patterns(settings.exclude, self.root)
        self.force_exclude = settings.force_exclude
        self.respect_gitignore = settings.respect_gitignore
        self.scripts = settings.scripts
        self.files: list[str] = []
        self.links: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self.missing: list[PathError] = []
        self.warnings: list[str] = []

    def take(self, path: str) -> None:
        """Take a path that was given: excludes count below it, or for it too if they are forced."""
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            return self._take_unreachable(path, error)
        if self.force_exclude and self.excludes.match_within(os.path.realpath(path), self.root):
            return None
        if stat.S_ISDIR(mode):
            self._take_folder(path)
        elif stat.S_ISREG(mode):
            (self.links if os.path.islink(path) else self.files).append(path)
        else:
            self.problems.append((path, "is no regular file"))
        return None

    def _take_unreachable(self, path: str, error: OSError | ValueError) -> None:
        if isinstance(error, FileNotFoundError) and os.path.islink(path):
            self.problems.append((path, "is a broken symlink"))
        elif isinstance(error, (FileNotFoundError, NotADirectoryError, ValueError)):
            self.missing.append(PathError(path))
        else:
            self.missing.append(PathError(path, f"can't be reached: {error.strerror}; {_WAY_OUT}"))

    def _take_folder(self, path: str) -> None:
        real = os.path.realpath(path)
        prefix = "" if path == "." else os.path.join(path, "")
        if self.respect_gitignore and git.repository(real) is not None:
            self._ask_git(prefix, real)
        else:
            self._walk(prefix, real)

    def _walk(self, prefix: str, real: str, nested: bool = True) -> None:
        """List a folder and those below it; where a repository begins, git is asked (if `nested`)."""
        folders = [prefix]
        while folders:
            folder = folders.pop()
            files, below = len(self.files), len(folders)
            try:
                is_repository = self._list(folder, real + os.sep + folder[len(prefix) :], folders)
            except OSError as error:
                self._take_unlisted(folder.rstrip(os.sep) or ".", error, given=folder == prefix)
                continue
            if is_repository and nested and self.respect_gitignore:
                del self.files[files:], folders[below:]
                self._ask_git(folder, os.path.join(real, folder[len(prefix) :]).rstrip(os.sep))

    def _take_unlisted(self, folder: str, error: OSError, given: bool) -> None:
        reason = f"can't be listed: {error.strerror}"
        if given:
            self.missing.append(PathError(folder, f"{reason}; {_WAY_OUT}"))
        else:
            self.problems.append((folder, reason))

    def _list(self, folder: str, real: str, below: list[str]) -> bool:
        """Sort the entries of one folder; whether it is the root of a repository."""
        # The loop that a run over thousands of files spends its time in: no calls that can wait.
        excluded, is_repository = self.excludes.match_name, False
        by_path = self.excludes.by_path
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(SUFFIXES) and not entry.is_dir(follow_symlinks=False):
                    if not excluded(name) and name not in OTHERS and not (by_path and self.excludes.match(real + name)):
                        self._take_entry(entry, folder + name)
                elif entry.is_dir(follow_symlinks=False):
                    if name == ".git":
                        is_repository = True
                    if not excluded(name) and not (by_path and self.excludes.match(real + name)):
                        below.append(folder + name + os.sep)
                elif name == ".git":
                    is_repository = True
                elif (
                    self.scripts
                    and not excluded(name)
                    and not (by_path and self.excludes.match(real + name))
                    and self._is_script(folder + name)
                ):
                    self._take_entry(entry, folder + name)
        return is_repository

    def _is_script(self, path: str) -> bool:
        """Whether a file without a suffix is Python nevertheless: asked only if such files are wanted."""
        if "." in os.path.basename(path):
            return False
        from picklesafe.lint.shebang import is_script

        return is_script(path)

    def _take_entry(self, entry: os.DirEntry[str], path: str) -> None:
        if entry.is_file(follow_symlinks=False):
            self.files.append(path)
        elif entry.is_symlink():
            self._take_link(path)

    def _take_link(self, path: str) -> None:
        """Take a symlink with a Python name that was found: its target, if that is a file."""
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                self.links.append(path)
        except OSError as error:
            broken = isinstance(error, FileNotFoundError)
            self.problems.append((path, "is a broken symlink" if broken else f"can't be read: {error.strerror}"))

    def _ask_git(self, prefix: str, real: str) -> None:
        """Take the files below a folder inside a repository that git tracks or doesn't ignore."""
        names = git.files(real)
        if names is None:
            self.warnings.append(f"{prefix or '.'}: git can't list this repository, .gitignore is not respected")
            return self._walk(prefix, real, nested=False)
        if not names and git.repository(real) != real and git.ignores(real):
            return self._walk(prefix, real)
        choose = _Chooser(self.excludes, real)
        for name in names:
            if name.endswith(SUFFIXES):
                if choose.wanted(name) and name.rpartition("/")[2] not in OTHERS:
                    self._take_listed(prefix + name)
            elif name.endswith("/") and choose.wanted(name[:-1]):
                self._ask_git(prefix + name, os.path.join(real, name[:-1]))
            elif self.scripts and choose.wanted(name) and self._is_script(prefix + name):
                self._take_listed(prefix + name)
        for name in self._submodules(real):
            if choose.wanted(name):
                self._ask_git(os.path.join(prefix + name, ""), os.path.join(real, name))
        return None

    def _take_listed(self, path: str) -> None:
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return  # deleted from the working tree, still in the index
        if stat.S_ISREG(mode):
            self.files.append(path)
        elif stat.S_ISLNK(mode):
            self._take_link(path)

    def _submodules(self, folder: str) -> Iterable[str]:
        """The submodules below `folder` that are checked out, relative to it."""
        root = git.repository(folder)
        for name in git.submodules(root) if root is not None else ():
            path = os.path.join(root or "", name)
            if path.startswith(folder + os.sep) and git.repository(path) == path:
                yield os.path.relpath(path, folder)

    def unique(self, given: int) -> list[str]:
        """The files found, sorted, each once: a path given twice, or a symlink beside its target."""
        if given == 1 and not self.links:
            return sorted(self.files)
        folders: dict[str, str] = {}
        taken: dict[str, str] = {}
        for path in self.files:
            folder, name = os.path.split(path)
            real = folders.get(folder)
            if real is None:
                real = folders[folder] = os.path.realpath(folder)
            taken.setdefault(os.path.join(real, name), path)
        for path in sorted(self.links):
            taken.setdefault(os.path.realpath(path), path)
        return sorted(taken.values())


class _Chooser:
    """Applies excludes to the names that git lists; each folder is judged once."""

    def __init__(self, excludes: Patterns, real: str) -> None:
        self._excludes = excludes
        self._real = real
        self._folders = {"": True}

    def wanted(self, name: str) -> bool:
        folder, _, last = name.rpartition("/")
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self.wanted(folder)
        if not known or self._excludes.match_name(last):
            return False
        return not self._excludes.by_path or not self._excludes.match(os.path.join(self._real, name))
