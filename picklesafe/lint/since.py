"""`--since REV`: of all that is found, what lies in files that differ from a commit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from picklesafe.errors import PickleSafeError
from picklesafe.lint import git

if TYPE_CHECKING:
    from picklesafe.lint.engine import Report


def changed_files(paths: Sequence[str], revision: str) -> frozenset[str]:
    """The files of the repositories of `paths` that differ from where `revision` and HEAD parted.

    Untracked files are among them, unless git ignores them; deleted ones aren't. All are absolute, without symlinks.

    Args:
        paths: what is checked.
        revision: whatever names a commit.

    Raises:
        PickleSafeError: a path lies in no repository, or git knows no such commit, or none that both come from.
    """
    return frozenset().union(*(_changed_in(root, revision) for root in sorted({_repository(path) for path in paths})))


def only_in(found: Report, files: frozenset[str]) -> Report:
    """The report without what lies in other files, apart from findings that have a second place in one of these."""
    real: dict[str, bool] = {}

    def counts(path: str) -> bool:
        if path not in real:
            real[path] = os.path.realpath(path) in files
        return real[path]

    findings = [
        finding
        for finding in found.findings
        if counts(finding.path) or any(counts(place.path) for place in finding.related)
    ]
    checked = [path for path in found.files if counts(path)]
    return found._replace(findings=tuple(findings), files=tuple(checked), checked=len(checked))


def _repository(path: str) -> str:
    real = os.path.realpath(path)
    folder = real if os.path.isdir(real) else os.path.dirname(real)
    root = git.repository(folder)
    if root is None:
        raise PickleSafeError(f"--since: {path} lies in no git repository", remedy="Leave --since out")
    return root


def _changed_in(root: str, revision: str) -> set[str]:
    commit = git.commit(root, revision)
    if commit is None and not git.reads(root):
        raise PickleSafeError(
            f"--since: git isn't installed, or refuses to read {root}", remedy="`git status` there says why"
        )
    if commit is None:
        raise PickleSafeError(
            f"--since: git knows no commit {revision!r} in {root}",
            remedy="Give a branch, a tag or a commit; a shallow clone has only its last ones (git fetch --unshallow)",
        )
    base = git.merge_base(root, commit)
    if base is None:
        raise PickleSafeError(
            f"--since: {revision} and HEAD have no commit in common in {root}",
            remedy="A shallow clone lacks it (git fetch --unshallow, or fetch-depth: 0 in GitHub's checkout)",
        )
    names = git.differing(root, base)
    if names is None:
        raise PickleSafeError(f"--since: git can't compare {root} with {revision}", remedy="Leave --since out")
    return {os.path.join(root, name) for name in names}
