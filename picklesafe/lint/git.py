"""What git says about the files of a folder."""

from __future__ import annotations

import os
import re

_SUBMODULE = r'(?m)^[ \t]*path[ \t]*=[ \t]*"?(.+?)"?[ \t]*$'


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
            return re.findall(_SUBMODULE, file.read())
    except OSError:
        return []


def head(root: str) -> str:
    """The commit that is checked out in the repository at `root`; empty if there is none."""
    output = _git(root, "rev-parse", "--verify", "-q", "HEAD")
    return "" if output is None else output.decode("ascii", "replace").strip()


def reads(root: str) -> bool:
    """Whether git is installed and willing to read the repository at `root`, which it isn't if it's another user's."""
    return _git(root, "rev-parse", "--git-dir") is not None


def commit(root: str, revision: str) -> str | None:
    """The commit that `revision` names in the repository at `root`; None if it names none."""
    # What begins with a dash would be an option of git's.
    output = None if revision.startswith("-") else _git(root, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}")
    return None if output is None else output.decode("ascii", "replace").strip()


def merge_base(root: str, commit: str) -> str | None:
    """The last commit that `commit` and what is checked out at `root` both come from, None if there is none."""
    output = _git(root, "merge-base", commit, "HEAD")
    return None if output is None else output.decode("ascii", "replace").strip()


def differing(root: str, commit: str) -> list[str] | None:
    """The files below `root` that are not what they were in a commit, untracked ones too; None if git fails."""
    options = ("--no-ext-diff", "--no-textconv", "--no-relative", "--no-renames", "--diff-filter=d")
    tracked = _git(root, "diff", *options, "--name-only", "-z", commit, "--")
    untracked = _git(root, "ls-files", "-z", "--others", "--exclude-standard")
    if tracked is None or untracked is None:
        return None
    return [os.fsdecode(name) for name in (tracked + untracked).split(b"\0") if name]


def renames(root: str, commit: str) -> dict[str, str]:
    """The files of the repository at `root` that were renamed since `commit`: old names and new ones.

    None are known where git is absent, or its history doesn't reach that far.
    """
    # Only the index and the working tree are compared with the commit; nothing of the repository's is run.
    options = ("--no-ext-diff", "--no-textconv", "--no-relative", "--find-renames", "--diff-filter=R")
    output = _git(root, "diff", *options, "--name-status", "-z", commit, "--")
    parts = [] if output is None else [os.fsdecode(part) for part in output.split(b"\0")]
    return dict(zip(parts[1::3], parts[2::3], strict=False))


def _git(folder: str, *arguments: str) -> bytes | None:
    """What git prints, None if it is absent or fails."""
    # A hook's GIT_DIR or GIT_INDEX_FILE speaks of another repository than the one asked about, and
    # a repository must not be able to have its own file system monitor run.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "-C", folder, *arguments]
    try:
        return _spawn(command, environment) if hasattr(os, "posix_spawnp") else _run(command, environment)
    except OSError:
        return None


def _spawn(command: list[str], environment: dict[str, str]) -> bytes | None:
    # By hand: to import subprocess takes longer than git does.
    reading, writing = os.pipe()
    try:
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writing, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        child = os.posix_spawnp(command[0], command, environment, file_actions=files)
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with open(reading, "rb") as pipe:
        output = pipe.read()
    return output if os.waitpid(child, 0)[1] == 0 else None


def _run(command: list[str], environment: dict[str, str]) -> bytes | None:
    import subprocess

    null = subprocess.DEVNULL
    done = subprocess.run(command, env=environment, stdin=null, stdout=subprocess.PIPE, stderr=null)
    return done.stdout if done.returncode == 0 else None
