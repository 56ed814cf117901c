"""One file: read, analysed, and freed of the findings that nobody wants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from picklesafe.lint.finding import Finding, Position
from picklesafe.lint.globs import Patterns
from picklesafe.lint.outcome import Outcome
from picklesafe.lint.registry import Rule
from picklesafe.lint.screen import SUPPRESSING, UNSCREENED, read, triggered
from picklesafe.lint.selection import ALWAYS, UNUSED
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import MAX_BYTES, InvalidSyntax, Source, SourceError, UnreadableFile, too_large
from picklesafe.lint.trees import forget

if TYPE_CHECKING:
    from picklesafe.lint.analysis import Analysis
    from picklesafe.lint.suppress import Suppressions

_PROJECT_BYTES = 400_000
"""With trees of so much source a Project is given up for a new one: they take about a hundred bytes a byte."""


class Judge:
    """Looks into files; what is learnt about the project serves all of them.

    Args:
        rules: the enabled ones.
        settings: of the run.
        loaded: all rules, enabled or not: a file that concerns one of them has to be Python.
        keep: how many bytes of source to remember the trees of.
    """

    def __init__(
        self, rules: Sequence[Rule], settings: Settings, loaded: Sequence[Rule] = (), keep: int = _PROJECT_BYTES
    ) -> None:
        from picklesafe.lint.project import Project

        self._rules = rules
        self._others = [rule for rule in loaded if rule not in rules]
        self._settings = settings
        self._project = Project(settings.root, settings.src)
        self._keep = keep
        self._ignores = _FileIgnores(settings)
        self._known = frozenset((*(rule.code for rule in (*rules, *loaded)), *ALWAYS, UNUSED))
        self._active = settings.codes.union(ALWAYS)

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
        return self._judge(path, data, status.st_size, watch)

    def judge_content(self, path: str, data: bytes) -> Outcome:
        """Analyse what `path` is to hold; whatever it holds now is of no interest."""
        return self._judge(path, data, len(data), frozenset())

    def judge_source(self, source: Source, watch: frozenset[str] = frozenset()) -> Outcome:
        """Analyse a source, as `judge` does with the one that it reads."""
        return self._judge(source.path, source.data, len(source.data), watch, source)

    def forget(self, path: str) -> None:
        """Read a file anew when another one imports it: it was written, created or deleted."""
        self._project.forget(path)

    def _judge(self, path: str, data: bytes, size: int, watch: frozenset[str], source: Source | None = None) -> Outcome:
        # The import of hashlib alone takes milliseconds; without a cache, any name will do.
        digest = digest_of(data) if self._settings.cache_dir is not None else "read"
        try:
            if size > MAX_BYTES:
                raise too_large(size)
            return self.analyze(source or Source(path, data), watch)._replace(digest=digest)
        except SourceError as error:
            finding = _failure(path, error)
            if isinstance(error, InvalidSyntax) and _silenced(finding, data):
                return Outcome(digest=digest)
        except (RecursionError, MemoryError):
            from picklesafe.lint.parse import TOO_DEEP

            finding = _failure(path, UnreadableFile(TOO_DEEP))
        except Exception as error:
            if os.environ.get("PICKLESAFE_DEBUG"):
                raise
            return Outcome(fault=f"{path}: internal error: {type(error).__name__}: {error}")
        kept = () if self._ignores.hide(finding) else (finding,)
        return Outcome(kept, digest=digest if size <= MAX_BYTES else "")

    def analyze(self, source: Source, watch: frozenset[str] = frozenset()) -> Outcome:
        """Analyse a file that is already read; raises SourceError for one that can't be."""
        # A call of a watched function can be the business of any rule, whatever words stand beside it.
        rules = self._rules if watch or UNSCREENED else triggered(source.data, self._rules)
        suspect = UNUSED in self._settings.codes and any(word in source.data for word in SUPPRESSING)
        if not rules and triggered(source.data, self._others):
            _ = source.tree  # raises what is reported whatever is selected
        if not rules and not suspect:
            return Outcome()
        if self._project.size() > self._keep:
            self._project = type(self._project)(self._settings.root, self._settings.src)
            forget()
        analysis = self._analyze(source, rules, watch)
        findings, consulted = analysis.findings, analysis.consulted
        if findings or suspect:
            findings, more = self._wanted(source, findings, watch, suspect)
            consulted |= more
        own = os.path.abspath(source.path)
        others = frozenset(map(os.path.abspath, consulted)) - {own}
        notes = tuple(f"{source.path}: {name} is too large to be followed to its end" for name in analysis.incomplete)
        return Outcome(findings, frozenset(analysis.hazards), others, notes=notes)

    def _analyze(self, source: Source, rules: Sequence[Rule], watch: frozenset[str]) -> Analysis:
        from picklesafe.lint.analysis import NOTHING, analyze

        if not rules:
            return NOTHING
        return analyze(source, self._project, rules, target_torch=self._settings.target_torch, watch=watch)

    def _wanted(
        self, source: Source, findings: Sequence[Finding], watch: frozenset[str], suspect: bool
    ) -> tuple[tuple[Finding, ...], frozenset[str]]:
        """The findings that nothing hides, and the files that were consulted to find useless comments."""
        from picklesafe.lint.suppress import Suppressions

        comments = Suppressions(source)
        wanted = [
            finding for finding in self._selected(findings) if not _comments_of(finding, source, comments).hide(finding)
        ]
        if not suspect:
            return tuple(wanted), frozenset()
        useless, consulted = self._useless(source, comments, watch)
        wanted += [finding for finding in useless if not self._ignores.hide(finding) and not comments.hide(finding)]
        return tuple(sorted(wanted, key=lambda finding: (finding.start, finding.code))), consulted

    def _selected(self, findings: Sequence[Finding]) -> list[Finding]:
        return [
            finding
            for finding in dict.fromkeys(findings)
            if (finding.code in self._settings.codes or finding.code in ALWAYS) and not self._ignores.hide(finding)
        ]

    def _useless(
        self, source: Source, comments: Suppressions, watch: frozenset[str]
    ) -> tuple[list[Finding], frozenset[str]]:
        from picklesafe.lint.unused import called_names, unused

        active = self._active - self._ignores.codes(source.path)
        useless = unused(source, comments, self._known, active)
        if not useless:
            return [], frozenset()
        # What a comment hides may be known only where the files of the called functions are checked as
        # well. A run over a few files must not take such a comment for useless, so the calls around it are judged.
        analysis = self._analyze(source, self._rules, watch | called_names(source, comments, useless))
        for finding in self._selected(analysis.findings):
            _comments_of(finding, source, comments).hide(finding)
        return unused(source, comments, self._known, active), analysis.consulted


class _FileIgnores:
    """Applies `per-file-ignores`."""

    def __init__(self, settings: Settings) -> None:
        root = os.path.realpath(settings.root)
        self._entries = [
            (Patterns([pattern.removeprefix("!")], root), pattern.startswith("!"), codes)
            for pattern, codes in settings.per_file_ignores
        ]

    def hide(self, finding: Finding) -> bool:
        return finding.code in self.codes(finding.path)

    def codes(self, path: str) -> frozenset[str]:
        """The codes that are ignored in a file."""
        if not self._entries:
            return frozenset()
        folder, name = os.path.split(path)
        full = os.path.join(os.path.realpath(folder), name)
        return frozenset(
            code for patterns, negated, codes in self._entries if patterns.match(full) is not negated for code in codes
        )


def _comments_of(finding: Finding, source: Source, comments: Suppressions) -> Suppressions:
    """Those of the file that a finding sits in: a dataset may keep what another file opens."""
    return comments if finding.path == source.path else type(comments)(Source.read(finding.path))


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


def _silenced(finding: Finding, data: bytes) -> bool:
    """Whether a comment for the whole file hides that it is no Python."""
    from picklesafe.lint.suppress import Suppressions

    return Suppressions(Source(finding.path, data)).hide(finding)
