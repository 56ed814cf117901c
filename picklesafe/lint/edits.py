"""Fixes applied to a file, and believed only after a second look at the result."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from picklesafe.lint.elsewhere import same
from picklesafe.lint.finding import Edit, Finding, where
from picklesafe.lint.judge import Judge
from picklesafe.lint.registry import load_rules
from picklesafe.lint.rewrite import FixError, replace_content, unified_diff
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError, standing_in
from picklesafe.lint.spans import Span

__all__ = ["FixError", "FixResult", "apply", "diff", "fix_file", "write"]

_PASSES = 10
"""A fix that waits for another one comes in the next pass; more than this is a fix undoing another."""

_BARE_NEWLINE = re.compile(r"(?<!\r)\n")


class FixResult(NamedTuple):
    """A file and what it becomes.

    Args:
        path: the file.
        before: as it was read.
        after: the file's text with the fixes.
        applied: how many findings were mended.
        left: why others were not, one line each.
    """

    path: str
    before: Source
    after: str
    applied: int
    left: tuple[str, ...] = ()


def fix_file(
    path: str,
    settings: Settings,
    unsafe: bool,
    watch: frozenset[str] = frozenset(),
    keepers: Sequence[str] = (),
) -> FixResult:
    """Mend a file, in memory.

    Args:
        path: the file.
        settings: of the run.
        unsafe: whether to apply fixes that may change what working code does.
        watch: functions whose call sites are judged as well, see `Report.watched`.
        keepers: files by which something is found in this one.

    Raises:
        FixError: if it can't be read or analysed.
    """
    try:
        before = Source.read(path)
        return _Mender(before, settings, unsafe, watch, keepers).mend()
    except SourceError as error:
        raise FixError(path, error.message) from error
    except (RecursionError, MemoryError):
        raise FixError(path, "is nested too deeply to be fixed") from None
    except FixError:
        raise
    except Exception as error:
        if os.environ.get("PICKLESAFE_DEBUG"):
            raise
        raise FixError(path, f"internal error, please report it: {type(error).__name__}: {error}") from error


def write(result: FixResult) -> None:
    """Write a mended file; raises FixError, with the file untouched, where that fails."""
    replace_content(result.path, result.before.data, result.before.encode(result.after))


def diff(result: FixResult) -> bytes:
    """What `write` would change, as a unified diff; empty if nothing."""
    before, after = result.before, Source.of(result.path, result.before.encode(result.after))
    sections = zip(before.sections, after.sections, strict=True)
    return b"".join(unified_diff(before.path + name, old, new) for (name, old), (_, new) in sections)


def apply(source: Source, findings: Sequence[Finding]) -> tuple[str, list[Finding]]:
    """The file's text with the fixes of `findings`, and the findings whose fixes are in it.

    Where the edits of two fixes overlap, the later one is left out.
    """
    taken: list[Finding] = []
    spans: list[Span] = []
    for finding in findings:
        own = _spans(source, [finding])
        if not any(one.overlaps(other) for one in own for other in spans):
            taken.append(finding)
            spans += own
    return source.spliced(sorted(spans)), taken


class _Step(NamedTuple):
    """One pass: the mended source, what is left in it, what was mended."""

    source: Source
    left: list[Finding]
    taken: list[Finding]


class _Mender:
    """Takes fixes one pass after another, until none is left that stands the second look."""

    def __init__(
        self, before: Source, settings: Settings, unsafe: bool, watch: frozenset[str], keepers: Sequence[str]
    ) -> None:
        self._before = before
        self._settings = settings
        self._unsafe = unsafe
        self._watch = watch
        self._keepers = keepers
        self._loaded = load_rules(settings.rules, settings.config_dir)
        self._rules = [rule for rule in self._loaded if rule.code in settings.codes]
        self._rejected: set[tuple[str, int]] = set()
        self._reasons: list[str] = []

    def mend(self) -> FixResult:
        source, applied = self._before, 0
        findings = self._find(source)
        if self._wanted(source, findings) and source.encode(source.file_text) != source.data:
            raise FixError(source.path, f"can't be written in {source.encoding} as it was; no fix is applied")
        for _ in range(_PASSES):
            step = self._step(source, findings)
            if step is None:
                break
            self._rejected = _move_all(self._rejected, _spans(source, step.taken))
            # One fix may mend several findings, as that of a class does which keeps two files.
            applied += max(len(step.taken), len(findings) - len(step.left))
            source, findings = step.source, step.left
        return FixResult(self._before.path, self._before, source.file_text, applied, tuple(self._reasons))

    def _find(self, source: Source) -> list[Finding]:
        # A new project each time: the old one has seen this file as it was.
        judge = Judge(self._rules, self._settings, self._loaded)
        found = list(judge.analyze(source, self._watch).findings)
        if self._keepers:
            with standing_in(source.path, source.encode(source.file_text)):
                for keeper in self._keepers:
                    found += Judge(self._rules, self._settings, self._loaded).judge(keeper).findings
        own = {(f.start, f.code): f for f in found if same(f.path, source.path)}
        return [own[key] for key in sorted(own)]

    def _wanted(self, source: Source, findings: Iterable[Finding]) -> list[Finding]:
        return [
            finding
            for finding in findings
            if finding.fix is not None
            and (finding.fix.safe or self._unsafe)
            and (finding.code, source.offset(finding.start)) not in self._rejected
        ]

    def _step(self, source: Source, findings: list[Finding]) -> _Step | None:
        wanted = self._wanted(source, findings)
        if not wanted:
            return None
        together = self._try(source, findings, wanted)
        if isinstance(together, _Step):
            return together
        # One of them doesn't hold, or two of them don't go together.
        good: list[tuple[Finding, _Step]] = []
        for finding in wanted:
            alone = self._try(source, findings, [finding])
            if isinstance(alone, _Step):
                good.append((finding, alone))
            else:
                self._reject(source, finding, alone)
        if not good:
            return None
        together = self._try(source, findings, [finding for finding, _ in good])
        return together if isinstance(together, _Step) else good[0][1]

    def _reject(self, source: Source, finding: Finding, reason: str) -> None:
        self._rejected.add((finding.code, source.offset(finding.start)))
        self._reasons.append(f"{finding.path}:{where(source.reported(finding))}: {finding.code} is not fixed: {reason}")

    def _try(self, source: Source, findings: list[Finding], wanted: list[Finding]) -> _Step | str:
        """Apply those of `wanted` that don't overlap; or why the result is not to be believed."""
        try:
            text, taken = apply(source, wanted)
            after = Source.of(source.path, self._before.encode(text))
            if after.file_text != text:
                return f"it can't be written in {source.encoding}"
            if not all(_parses(new) for new in after.programs if new not in source.programs):
                return "the result would not be valid Python"
            left = self._find(after)
        except (IndexError, UnicodeEncodeError) as error:
            return f"it can't be written in {source.encoding}" if isinstance(error, ValueError) else "no such place"
        except SourceError as error:
            return f"the result {error.message}"
        expected = _Expected(source, findings, taken)
        unexpected = next((finding for finding in left if not expected.allows(after, finding)), None)
        if unexpected is not None:
            return f"the result would have {unexpected.code} at {where(after.reported(unexpected))}"
        return _Step(after, left, taken)


class _Expected:
    """The findings that may be left after a fix: those there were, apart from the ones it mends."""

    def __init__(self, source: Source, findings: Iterable[Finding], taken: Sequence[Finding]) -> None:
        spans = _spans(source, taken)
        self._places = [
            (finding.code, *_moved(source.offset(finding.start), spans)) for finding in findings if finding not in taken
        ]

    def allows(self, source: Source, finding: Finding) -> bool:
        at = source.offset(finding.start)
        return any(finding.code == code and first <= at <= last for code, first, last in self._places)


def _moved(at: int, spans: Iterable[Span]) -> tuple[int, int]:
    """Where `at` stands after the edits, between which places: inside an edit that can't be told closer."""
    shift = 0
    for span in spans:
        if span.end <= at:
            shift += len(span.content) - (span.end - span.start)
        elif span.start <= at:
            return span.start + shift, span.start + shift + len(span.content)
    return at + shift, at + shift


def _move_all(places: Iterable[tuple[str, int]], spans: Sequence[Span]) -> set[tuple[str, int]]:
    return {(code, _moved(at, spans)[0]) for code, at in places}


def _spans(source: Source, findings: Iterable[Finding]) -> list[Span]:
    edits: list[Edit] = [edit for finding in findings if finding.fix is not None for edit in finding.fix.edits]
    return sorted(_span(source, edit) for edit in edits)


def _span(source: Source, edit: Edit) -> Span:
    return Span(source.offset(edit.start), source.offset(edit.end), content_of(source, edit))


def content_of(source: Source, edit: Edit) -> str:
    """What an edit writes, with its lines ending as those of the file do."""
    if "\n" not in edit.content:
        return edit.content
    return _BARE_NEWLINE.sub(_line_end(source, edit.start.row), edit.content)


def _line_end(source: Source, row: int) -> str:
    """How that line ends; the last one may not, and is like the first."""
    for line in (source.lines[row - 1], source.lines[0]):
        end = line[len(line.rstrip("\r\n")) :]
        if end:
            return end
    return "\n"


def _parses(text: str) -> bool:
    # libcst rather than ast: it knows the newest syntax, whatever Python runs.
    from libcst import ParserSyntaxError

    from picklesafe.lint.grammar import TooDeep, parse

    try:
        parse(text)
    except (ParserSyntaxError, TooDeep):
        return False
    return True
