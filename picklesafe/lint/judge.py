"""One file: read, analysed, and freed of the findings that nobody wants."""

from __future__ import annotations

import os
from collections.abc import Sequence

from picklesafe.lint.finding import Finding, Position
from picklesafe.lint.globs import Patterns
from picklesafe.lint.outcome import Outcome
from picklesafe.lint.registry import Rule
from picklesafe.lint.screen import UNSCREENED, read, triggered
from picklesafe.lint.selection import ALWAYS
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import MAX_BYTES, Source, SourceError, UnreadableFile, too_large

_PROJECT_BYTES = 400_000
"""After so much source a new Project is begun, since it keeps the trees of what it has seen: about
a hundred bytes a byte."""


class Judge:
    """Looks into files; what is learnt about the project serves all of them.

    Args:
        rules: the enabled ones.
        settings: of the run.
        loaded: all rules, enabled or not: a file that concerns one of them has to be Python.
    """

    def __init__(self, rules: Sequence[Rule], settings: Settings, loaded: Sequence[Rule] = ()) -> None:
        from picklesafe.lint.project import Project

        self._rules = rules
        self._others = [rule for rule in loaded if rule not in rules]
        self._settings = settings
        self._project = Project(settings.root, settings.src)
        self._read = 0
        self._ignores = _FileIgnores(settings)

    def judge(self, path: str, watch: frozenset[str] = frozenset()) -> Outcome:
        """Analyse one file.

        Args:
            path: the file.
            watch: functions whose call sites in this file are to be judged as well.
        """
        try:
            status, data = read(path)
        except OSError as error:
            return unread(path, f"can't be read: {error.strerror or error}")
        # The import of hashlib alone takes milliseconds; without a cache, any name will do.
        digest = digest_of(data) if self._settings.cache_dir is not None else "read"
        try:
            if status.st_size > MAX_BYTES:
                raise too_large(status.st_size)
            return self.analyze(Source(path, data), watch)._replace(digest=digest)
        except SourceError as error:
            finding = _failure(path, error)
        except (RecursionError, MemoryError):
            from picklesafe.lint.parse import TOO_DEEP

            finding = _failure(path, UnreadableFile(TOO_DEEP))
        except Exception as error:
            if os.environ.get("PICKLESAFE_DEBUG"):
                raise
            return Outcome(fault=f"{path}: internal error: {type(error).__name__}: {error}")
        kept = () if self._ignores.hide(finding) else (finding,)
        return Outcome(kept, digest=digest if status.st_size <= MAX_BYTES else "")

    def analyze(self, source: Source, watch: frozenset[str] = frozenset()) -> Outcome:
        """Analyse a file that is already read; raises SourceError for one that can't be."""
        # A call of a watched function can be the business of any rule, whatever words stand beside it.
        rules = self._rules if watch or UNSCREENED else triggered(source.data, self._rules)
        if not rules:
            if triggered(source.data, self._others):
                _ = source.tree  # raises what is reported whatever is selected
            return Outcome()
        from picklesafe.lint.analysis import analyze

        self._read += len(source.data)
        if self._read > _PROJECT_BYTES:
            self._project, self._read = type(self._project)(self._settings.root, self._settings.src), len(source.data)
        analysis = analyze(source, self._project, rules, target_torch=self._settings.target_torch, watch=watch)
        findings = self._wanted(source, analysis.findings) if analysis.findings else ()
        own = os.path.abspath(source.path)
        consulted = frozenset(map(os.path.abspath, analysis.consulted)) - {own}
        notes = tuple(f"{source.path}: {name} is too large to be followed to its end" for name in analysis.incomplete)
        return Outcome(findings, frozenset(analysis.hazards), consulted, notes=notes)

    def _wanted(self, source: Source, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        from picklesafe.lint.suppress import Suppressions

        comments = Suppressions(source)
        return tuple(
            finding
            for finding in dict.fromkeys(findings)
            if (finding.code in self._settings.codes or finding.code in ALWAYS)
            and not self._ignores.hide(finding)
            and not comments.hide(finding)
        )


class _FileIgnores:
    """Applies `per-file-ignores`."""

    def __init__(self, settings: Settings) -> None:
        root = os.path.realpath(settings.root)
        self._entries = [
            (Patterns([pattern.removeprefix("!")], root), pattern.startswith("!"), codes)
            for pattern, codes in settings.per_file_ignores
        ]

    def hide(self, finding: Finding) -> bool:
        if not self._entries:
            return False
        folder, name = os.path.split(finding.path)
        path = os.path.join(os.path.realpath(folder), name)
        return any(
            finding.code in codes and patterns.match(path) is not negated for patterns, negated, codes in self._entries
        )


def unread(path: str, reason: str) -> Outcome:
    """The outcome for a file that could not be read."""
    return Outcome((_failure(path, UnreadableFile(reason)),))


def digest_of(data: bytes) -> str:
    """A short name for a content."""
    import hashlib

    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _failure(path: str, error: SourceError) -> Finding:
    row, column = error.position
    return Finding(error.code, error.name, path, error.position, Position(row, column + 1), error.message)
