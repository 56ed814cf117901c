"""How reports that leave this machine name files."""

from __future__ import annotations

import os

from picklesafe.lint import git


def project_root() -> str:
    """The repository that the working directory lies in, else the working directory: absolute, without symlinks."""
    here = os.path.realpath(os.getcwd())
    return git.repository(here) or here


def relative(path: str, root: str) -> str:
    """`path` as seen from `root`, with slashes; absolute where it lies outside.

    The folder of a file is resolved, a link to a file is not: it is the name that the finding was reported under.
    """
    folder, name = os.path.split(os.path.abspath(path))
    full = os.path.join(os.path.realpath(folder), name)
    inside = full.removeprefix(os.path.join(root, ""))
    return inside.replace(os.sep, "/")


def plain(text: str) -> str:
    """`text` without what is no character: the bytes of a file's name that are no text are written out.

    As JSON has them, half characters, other programs refuse the whole report.
    """
    return text.encode("utf-8", "backslashreplace").decode()
