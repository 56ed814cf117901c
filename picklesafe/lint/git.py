"""What git says about the files of a folder."""

from __future__ import annotations

import os
import re

_SUBMODULE = re.compile(r'^[ \t]*path[ \t]*=[ \t]*"?(.+?)"?[ \t]*$', re.MULTILINE)


def repository(folder: str) -> str | None:
    """The root of the working tree that `folder` (absolute, without symlinks) lies in."""
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def files(folder: str) -> list[str] | None:
    """Tracked files below `folder` and untracked ones that git doesn't ignore, relative to it.

    A name that ends in a slash is a repository of its own, which git doesn't look into. None if
    git is absent or refuses.
    """
    output = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if output is None:
        return None
    # A file in conflict is listed once for each side.
    return [os.fsdecode(name) for name in dict.fromkeys(output.split(b"\0")) if name]


def ignores(folder: str) -> bool:
    """Whether git ignores `folder` itself."""
    return _git(folder, "check-ignore", "-q", ".") is not None


def submodules(root: str) -> list[str]:
    """The folders of the submodules of the repository at `root`, relative to it."""
    try:
        with open(os.path.join(root, ".gitmodules"), encoding="utf-8", errors="surrogateescape") as file:
            return _SUBMODULE.findall(file.read())
    except OSError:
        return []


def _git(folder: str, *arguments: str) -> bytes | None:
    import subprocess

    # A hook's GIT_DIR or GIT_INDEX_FILE speaks of another repository than the one asked about, and
    # a repository must not be able to have its own file system monitor run.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "-C", folder, *arguments]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
