"""One file: read, analysed, and freed of the findings that nobody wants."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from picklesafe.lint.configuration import kinds
from picklesafe.lint.elsewhere import same, turned
from picklesafe.lint.finding import Finding, Position
from picklesafe.lint.globs import Patterns
from picklesafe.lint.outcome import Outcome
from picklesafe.lint.registry import Rule
from picklesafe.lint.screen import SUPPRESSING, UNSCREENED, read, triggered
from picklesafe.lint.selection import ALWAYS, UNUSED
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import (
    ConfigurationSource,
    InvalidSyntax,
    Source,
    SourceError,
    UnreadableFile,
    is_notebook,
    limit,
    too_large,
)

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
        # Those for datasets parse nothing that keeps nothing.
        self._others = [rule for rule in loaded if rule not in rules and rule.of == "loader"]
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
        return self._judge(path, data, status.st_size, watch, alone=is_notebook(path))

    def judge_content(self, path: str, data: bytes) -> Outcome:
        """Analyse what `path` is to hold; whatever it holds now is of no interest."""
        return self._judge(path, data, len(data), frozenset())

    def judge_source(self, source: Source, watch: frozenset[str] = frozenset()) -> Outcome:
        """Analyse a source, as `judge` does with the one that it reads."""
        return self._judge(source.path, source.data, len(source.data), watch, source)

    def forget(self, path: str) -> None:
        """Read a file anew when another one imports it: it was written, created or deleted."""
        self._project.forget(path)

    def _judge(
        self,
        path: str,
        data: bytes,
        size: int,
        watch: frozenset[str],
        source: Source | None = None,
        alone: bool = True,
    ) -> Outcome:
        """Judge a file.

        Args:
            alone: whether findings that sit in other files are reported where this one comes to them.
        """
        # The import of hashlib alone takes milliseconds; without a cache, any name will do.
        digest = digest_of(data) if self._settings.cache_dir is not None else "read"
        if path.endswith(kinds.SUFFIXES):
            return self._judge_configuration(path, data)._replace(digest=digest)
        try:
            if size > limit(path):
                raise too_large(size, limit(path))
            source = source or Source.of(path, data)
            outcome = self.analyze(source, watch)
            found = [turned(finding, path) for finding in outcome.findings] if alone else outcome.findings
            findings = tuple(source.reported(f) if same(f.path, path) else f for f in found)
            return outcome._replace(digest=digest, findings=findings)
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
            return Outcome(fault=f"{path}: {_fault(error)}")
        kept = () if self._ignores.hide(finding) else (finding,)
        return Outcome(kept, digest=digest if size <= limit(path) else "")

    def _judge_configuration(self, path: str, data: bytes) -> Outcome:
        """What cannot be read as configuration is no mistake: templates look like it, and other tools' files."""
        from picklesafe.lint.configuration.judge import judge
        from picklesafe.lint.suppress import Suppressions

        if not kinds.may_matter(data):
            return Outcome()
        try:
            source = ConfigurationSource(path, data)
            findings = judge(source, self._rules, self._settings.target_torch)
        except SourceError as error:
            return Outcome(notes=(f"{path}: {error.message}, so it is skipped",))
        except ValueError as error:
            return Outcome(notes=(f"{path}: can't be read as configuration ({error}), so it is skipped",))
        comments = Suppressions(source)
        return Outcome(tuple(f for f in self._selected(findings) if not comments.hide(f)))

    def analyze(self, source: Source, watch: frozenset[str] = frozenset()) -> Outcome:
        """Analyse a file that is already read; the findings' places are those of `source.text`.

        Raises:
            SourceError: if it can't be analysed.
        """
        # A call of a watched function can be the business of any rule, whatever words stand beside it.
        rules = self._rules if UNSCREENED else triggered(source.code, self._rules)
        if watch and not UNSCREENED:
            rules = [rule for rule in self._rules if rule.of == "loader" or rule in rules]
        suspect = UNUSED in self._settings.codes and any(word in source.code for word in SUPPRESSING)
        others = not rules and bool(triggered(source.code, self._others))
        if not rules and not suspect and not others:
            return Outcome(notes=source.notes)
        source, failures = source.sound()
        if others:
            _ = source.tree  # raises what is reported whatever is selected
        if self._project.size() > self._keep:
            from picklesafe.lint.clues import forget

            self._project = type(self._project)(self._settings.root, self._settings.src)
            forget()
            gc.collect()
        analysis = self._analyze(source, rules, watch)
        findings, consulted = tuple(map(source.confined, analysis.findings)), analysis.consulted
        findings += tuple(_failure(source.path, failure) for failure in failures)
        if findings or suspect:
            findings, more = self._wanted(source, findings, watch, suspect)
            consulted |= more
        own = os.path.abspath(source.path)
        # Many files consult the same ones: one string each, here and in what is sent to the parent.
        elsewhere = frozenset(sys.intern(os.path.abspath(path)) for path in consulted) - {own}
        incomplete = (f"{source.path}: {name} is too large to be followed to its end" for name in analysis.incomplete)
        return Outcome(findings, frozenset(analysis.hazards), elsewhere, notes=(*source.notes, *incomplete))

    def _analyze(self, source: Source, rules: Sequence[Rule], watch: frozenset[str]) -> Analysis:
        from picklesafe.lint.analysis import NOTHING, analyze
        from picklesafe.lint.start_methods import Target

        if not rules:
            return NOTHING
        settings = self._settings
        target = Target(settings.target_python, settings.platforms)
        return analyze(source, self._project, rules, target_torch=settings.target_torch, target=target, watch=watch)

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
        # What a dataset keeps may be opened here, and nobody here knows of that dataset.
        judged = active - {rule.code for rule in self._rules if rule.of != "loader"}
        useless = unused(source, comments, self._known, active, judged)
        if not useless:
            return [], frozenset()
        # What a comment hides may be known only where the files of the called functions are checked as
        # well. A run over a few files must not take such a comment for useless, so the calls around it are judged.
        analysis = self._analyze(source, self._rules, watch | called_names(source, comments, useless))
        for finding in self._selected(analysis.findings):
            _comments_of(finding, source, comments).hide(finding)
        return unused(source, comments, self._known, active, judged), analysis.consulted


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
    return comments if same(finding.path, source.path) else type(comments)(Source.read(finding.path))


def unread(path: str, reason: str) -> Outcome:
    """The outcome for a file that could not be read."""
    return Outcome((_failure(path, UnreadableFile(reason)),))


def _fault(error: Exception) -> str:
    from picklesafe.lint.plugins import RuleError

    if isinstance(error, RuleError):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}; please report this at the project's issue tracker"


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

    return Suppressions(Source.of(finding.path, data)).hide(finding)
