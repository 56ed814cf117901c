"""Which configuration counts for a file, and what is known under each."""

from __future__ import annotations

import os
from collections.abc import Callable

from picklesafe.errors import PickleSafeError
from picklesafe.lint.config import FILE_NAME, Options, find_config, settings_for
from picklesafe.lint.settings import Settings
from picklesafe.server.checker import Checker

CONFIGURATION_FILES = (FILE_NAME, "pyproject.toml")


class Projects:
    """One checker for each configuration file, and for each folder without one.

    Args:
        complain: is told what is wrong with a configuration.
        trusted: whether rules that a configuration names are loaded: they are code.
    """

    def __init__(self, complain: Callable[[str], None], trusted: bool) -> None:
        self.folders: list[str] = []
        self._complain = complain
        self._trusted = trusted
        self._by_folder: dict[str, Checker | None] = {}
        self._by_root: dict[str, Checker | None] = {}

    def checker(self, path: str) -> Checker | None:
        """What judges the file `path`; None if its configuration is damaged."""
        folder = os.path.dirname(path)
        if folder not in self._by_folder:
            self._by_folder[folder] = self._for_folder(folder)
        return self._by_folder[folder]

    def all(self) -> list[Checker]:
        """Every checker there is."""
        return [checker for checker in self._by_root.values() if checker is not None]

    def reload(self) -> None:
        """Read the configuration anew when it is next asked for."""
        self._by_folder.clear()
        self._by_root.clear()

    def below(self, checker: Checker) -> list[str]:
        """The folders whose files belong to the project of a checker: what the editor has opened of it."""
        root = checker.settings.root
        inside = [folder for folder in self.folders if _within(folder, root)]
        return inside or [root for folder in self.folders[:1] if any(_within(root, folder) for folder in self.folders)]

    def _for_folder(self, folder: str) -> Checker | None:
        try:
            found = find_config(folder)
            root = os.path.dirname(found[0]) if found else self._workspace(folder)
            if root not in self._by_root:
                self._by_root[root] = None  # so that what is wrong with it is said once
                self._by_root[root] = Checker(self._settings(root, folder, configured=found is not None))
            return self._by_root[root]
        except PickleSafeError as error:
            self._complain(str(error))
            return None

    def _settings(self, root: str, folder: str, configured: bool) -> Settings:
        # The name of a file that needn't exist: what it would be configured by.
        options = Options(isolated=not configured)
        settings = settings_for([os.path.join(folder, "module.py")], options, self._trusted)
        return settings._replace(root=root, config_dir=root)

    def _workspace(self, folder: str) -> str:
        around = [one for one in self.folders if _within(folder, one)]
        return max(around, key=len, default=folder)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
