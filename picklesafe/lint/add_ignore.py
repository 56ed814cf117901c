"""`--add-ignore`: comments that suppress what is found today."""

from __future__ import annotations

from collections.abc import Sequence

from picklesafe.lint.comments import Rows, joined_rows
from picklesafe.lint.configuration.kinds import SUFFIXES as CONFIGURATION
from picklesafe.lint.edits import FixResult, apply
from picklesafe.lint.finding import Edit, Finding, Fix, Position, where
from picklesafe.lint.judge import Judge
from picklesafe.lint.registry import load_rules
from picklesafe.lint.rewrite import FixError
from picklesafe.lint.selection import ALWAYS, UNUSED
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError
from picklesafe.lint.suppress import Directive, Suppressions


def suppressible(finding: Finding) -> bool:
    """Whether a comment on its line can suppress a finding, and should: a useless comment needs no other one."""
    if finding.path.endswith(CONFIGURATION):
        return False
    return finding.code not in ALWAYS and finding.code != UNUSED


def add_ignores(path: str, findings: Sequence[Finding], settings: Settings, watch: frozenset[str]) -> FixResult:
    """A file with a comment for every finding, in memory.

    Args:
        path: the file.
        findings: what is found in it.
        settings: of the run.
        watch: functions whose call sites are judged as well, see `Report.watched`.

    Raises:
        FixError: if it can't be read, written or analysed with the comments.
    """
    try:
        source = Source.read(path)
        if source.encode(source.file_text) != source.data:
            raise FixError(path, f"can't be written in {source.encoding} as it was; no comment is added")
        findings = [source.analysed(finding) for finding in findings]
        text, _ = apply(
            source, [finding._replace(fix=Fix("", (edit,))) for finding, edit in comment_edits(source, findings)]
        )
        left = _left(Source.of(path, source.encode(text)), settings, watch)
    except SourceError as error:
        raise FixError(path, error.message) from error
    except (RecursionError, MemoryError):
        raise FixError(path, "is nested too deeply to be analysed; no comment is added") from None
    except IndexError:
        raise FixError(path, "has changed while it was being checked, so it is left alone; run it again") from None
    reasons = tuple(f"{path}:{where(one)}: {one.code} can't be suppressed here" for one in left)
    return FixResult(path, source, text, len(findings) - len(left), reasons)


def _left(after: Source, settings: Settings, watch: frozenset[str]) -> list[Finding]:
    loaded = load_rules(settings.rules, settings.config_dir)
    rules = [rule for rule in loaded if rule.code in settings.codes]
    left = Judge(rules, settings, loaded).analyze(after, watch).findings
    return [after.reported(finding) for finding in left if suppressible(finding)]


def comment_edits(source: Source, findings: Sequence[Finding]) -> list[tuple[Finding, Edit]]:
    """One edit for each row that gets a comment, with one of the findings that it is for."""
    joined = joined_rows(source)
    by_row: dict[int, list[Finding]] = {}
    for finding in findings:
        by_row.setdefault(_row(finding, joined), []).append(finding)
    directives = {
        directive.rows.last: directive
        for directive in Suppressions(source).directives
        if directive.codes_start and not directive.noqa and not directive.whole_file
    }
    return [
        (group[0], _edit(source, row, sorted({finding.code for finding in group}), directives.get(row)))
        for row, group in by_row.items()
    ]


def _row(finding: Finding, joined: dict[int, Rows]) -> int:
    """The row that gets the comment: the argument's, where it has room for one."""
    rows = (finding.end.row, finding.start.row, *finding.ignore_rows)
    ends = [joined[row].last if row in joined else row for row in rows]
    return next((row for row, end in zip(rows, ends, strict=True) if row == end), ends[0])


def _edit(source: Source, row: int, codes: Sequence[str], present: Directive | None) -> Edit:
    if present is not None:
        place = present.start._replace(column=present.start.column + len(present.text.rstrip("]").rstrip()))
        return Edit(place, place, "".join(f", {code}" for code in codes).removeprefix("" if present.codes else ", "))
    line = source.lines[row - 1].rstrip("\r\n")
    # What was there of white space goes.
    start, end = Position(row, len(line.rstrip()) + 1), Position(row, len(line) + 1)
    return Edit(start, end, f"  # picklesafe: ignore[{', '.join(codes)}]")
