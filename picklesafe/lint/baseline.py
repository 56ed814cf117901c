"""Baselines: the findings that a project has decided to live with, for now.

A baseline names each finding as `fingerprint` does, by its file, its code, the function around it and the marked
text, and how often that occurs. Lines may move; a file that git knows as renamed, or that has the
same content under another name, is the same file.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from picklesafe.errors import ConfigurationError
from picklesafe.lint import git
from picklesafe.lint.finding import Finding
from picklesafe.lint.fingerprint import Identity, identities
from picklesafe.lint.output import replacing
from picklesafe.lint.places import relative

_VERSION = 1
# It ends up in git's arguments, and the file may come from anybody.
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Comparison(NamedTuple):
    """What a run finds, beside what its baseline knows.

    Args:
        new: findings that are not in the baseline.
        known: how many others there are.
        removable: what the baseline names and isn't there any more, under its name of today, as often as it is gone.
    """

    new: tuple[Finding, ...]
    known: int
    removable: Counter[Identity]


class Baseline(NamedTuple):
    """What a baseline file holds.

    Args:
        counts: how often each finding occurred.
        contents: a digest of each file at that time.
        commit: the one that was checked out then, empty outside of git.
    """

    counts: Counter[Identity]
    contents: dict[str, str]
    commit: str = ""

    def compare(
        self, findings: Sequence[Finding], root: str, checked: Iterable[str], codes: Iterable[str]
    ) -> Comparison:
        """Tell old findings from new ones.

        Args:
            findings: of the run, sorted.
            root: what the baseline's paths are relative to.
            checked: the files that the run checked. Where some of the baseline's are not among
                them, nothing is removable: what is missing may be missing for that.
            codes: those that the run could find.
        """
        names = self._names_of_today(root, findings)
        left: Counter[Identity] = Counter()
        for one, count in self.counts.items():
            left[one._replace(path=names.get(one.path, one.path))] += count
        new = []
        for finding, identity in zip(findings, identities(findings, root), strict=True):
            if left[identity] > 0:
                left[identity] -= 1
            else:
                new.append(finding)
        # Unary plus: what is left of it.
        gone = +left if self._all_checked(left, root, checked) else Counter()
        possible = set(codes)
        removable = Counter({one: count for one, count in gone.items() if one.code in possible})
        return Comparison(tuple(new), len(findings) - len(new), removable)

    def _all_checked(self, left: Counter[Identity], root: str, checked: Iterable[str]) -> bool:
        if not +left:
            return False  # there is nothing to be asked about, and names are dear
        seen = {relative(path, root) for path in checked}
        return all(one.path in seen or not os.path.lexists(os.path.join(root, one.path)) for one in left)

    def _names_of_today(self, root: str, findings: Sequence[Finding]) -> dict[str, str]:
        """The names of files that were renamed since."""
        gone = {path for path in self.contents if not os.path.lexists(os.path.join(root, path))}
        # Nobody asks git unless there is a file to be found again.
        if not gone:
            return {}
        candidates = {relative(finding.path, root) for finding in findings} - self.contents.keys()
        renamed = git.renames(root, self.commit) if self.commit else {}
        names = {old: new for old, new in renamed.items() if old in gone}
        by_content = {_content(os.path.join(root, path)): path for path in sorted(candidates - set(names.values()))}
        for path in sorted(gone - names.keys()):
            if self.contents[path] and self.contents[path] in by_content:
                names[path] = by_content.pop(self.contents[path])
        return names


def write(path: str, findings: Sequence[Finding], root: str) -> None:
    """Write a baseline of `findings`, as a whole or not at all.

    Args:
        path: the file.
        findings: sorted by file.
        root: what paths are made relative to.

    Raises:
        PickleSafeError: if it can't be written.
    """
    files: dict[str, dict[str, Any]] = {}
    for identity, count in sorted(Counter(identities(findings, root)).items()):
        file = files.setdefault(identity.path, {"content": _content(os.path.join(root, identity.path)), "findings": []})
        entry = {"code": identity.code, "scope": identity.scope, "text": identity.text, "count": count}
        file["findings"].append(entry)
    body = {"version": _VERSION, "commit": git.head(root), "files": files}
    with replacing(path) as out:
        out.write(json.dumps(body, indent=1) + "\n")


def read(path: str) -> Baseline:
    """Read a baseline.

    Raises:
        ConfigurationError: if it can't be read, or is none.
    """
    try:
        with open(path, encoding="utf-8") as file:
            body = json.load(file)
    except OSError as error:
        raise ConfigurationError(f"the baseline {path} can't be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{path} is no baseline: it is not valid JSON") from None
    if isinstance(body, dict) and body.get("version", _VERSION) != _VERSION:
        raise ConfigurationError(f"the baseline {path} was written by another version of picklesafe; write it again")
    try:
        return _baseline(body)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError(f"{path} is no baseline; --write-baseline writes one") from None


def _baseline(body: Mapping[str, Any]) -> Baseline:
    counts: Counter[Identity] = Counter()
    contents = {}
    for name, file in body["files"].items():
        contents[name] = str(file["content"])
        for entry in file["findings"]:
            identity = Identity(name, str(entry["code"]), str(entry["scope"]), str(entry["text"]))
            counts[identity] += int(entry["count"])
    commit = body["commit"]
    return Baseline(counts, contents, commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else "")


def _content(path: str) -> str:
    """A digest of a file's content; empty where it can't be read."""
    from picklesafe.lint.judge import digest_of

    try:
        with open(path, "rb") as file:
            return digest_of(file.read())
    except OSError:
        return ""
