"""`--add-ignore`: comments that suppress what is found today."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from picklesafe.lint.edits import FixResult, apply
from picklesafe.lint.finding import Edit, Finding, Fix, Position
from picklesafe.lint.judge import Judge
from picklesafe.lint.registry import load_rules
from picklesafe.lint.rewrite import FixError
from picklesafe.lint.selection import ALWAYS, UNUSED
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError
from picklesafe.lint.suppress import Directive, Suppressions


def suppressible(finding: Finding) -> bool:
    """Whether a comment on its line can suppress a finding, and should: a useless comment needs no other one."""
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
        if source.encode(source.text) != source.data:
            raise FixError(path, f"can't be written in {source.encoding} as it was; no comment is added")
        text, _ = apply(
            source, [finding._replace(fix=Fix("", (edit,))) for finding, edit in comment_edits(source, findings)]
        )
        left = _left(Source(path, source.encode(text)), settings, watch)
    except SourceError as error:
        raise FixError(path, error.message) from error
    except (RecursionError, MemoryError):
        raise FixError(path, "is nested too deeply to be analysed; no comment is added") from None
    except IndexError:
        raise FixError(path, "has changed while it was being checked, so it is left alone; run it again") from None
    reasons = tuple(f"{path}:{one.start.row}:{one.start.column}: {one.code} can't be suppressed here" for one in left)
    return FixResult(path, source, text, len(findings) - len(left), reasons)


def _left(after: Source, settings: Settings, watch: frozenset[str]) -> list[Finding]:
    loaded = load_rules(settings.rules, settings.config_dir)
    rules = [rule for rule in loaded if rule.code in settings.codes]
    return [
        finding for finding in Judge(rules, settings, loaded).analyze(after, watch).findings if suppressible(finding)
    ]


def comment_edits(source: Source, findings: Sequence[Finding]) -> list[tuple[Finding, Edit]]:
    """One edit for each row that gets a comment, with one of the findings that it is for.

    Raises:
        SourceError: if the source is no Python.
    """
    inside = _rows_within_strings(source.tree)
    by_row: dict[int, list[Finding]] = {}
    for finding in findings:
        by_row.setdefault(_row(source, finding, inside), []).append(finding)
    directives = {
        directive.row: directive
        for directive in Suppressions(source).directives
        if directive.codes_start and not directive.noqa and not directive.whole_file
    }
    return [
        (group[0], _edit(source, row, sorted({finding.code for finding in group}), directives.get(row), inside))
        for row, group in by_row.items()
    ]


def _rows_within_strings(tree: ast.Module) -> frozenset[int]:
    """Rows whose end lies in a string: a number sign would be part of it."""
    return frozenset(
        row
        for node in ast.walk(tree)
        if isinstance(node, (ast.Constant, ast.JoinedStr)) or type(node).__name__ == "TemplateStr"
        for row in range(node.lineno, node.end_lineno or node.lineno)  # type: ignore[attr-defined]
    )


def _row(source: Source, finding: Finding, inside: frozenset[int]) -> int:
    """The row that the comment speaks for: the argument's, where it has room for one."""
    rows = (finding.end.row, finding.start.row, *finding.ignore_rows)
    return next((row for row in rows if _has_room(source, row, inside)), finding.start.row)


def _has_room(source: Source, row: int, inside: Iterable[int]) -> bool:
    return row not in inside and not source.lines[row - 1].rstrip("\r\n").endswith("\\")


def _edit(source: Source, row: int, codes: Sequence[str], present: Directive | None, inside: frozenset[int]) -> Edit:
    if present is not None:
        place = present.start._replace(column=present.start.column + len(present.text.rstrip("]").rstrip()))
        return Edit(place, place, "".join(f", {code}" for code in codes))
    comment = f"# picklesafe: ignore[{', '.join(codes)}]"
    line = source.lines[row - 1]
    content = line.rstrip("\r\n")
    if _has_room(source, row, inside):
        return Edit(Position(row, len(content.rstrip()) + 1), Position(row, len(content) + 1), f"  {comment}")
    # Above, where it speaks for the row below.
    indentation = content[: len(content) - len(content.lstrip())]
    end = line[len(content) :]
    return Edit(Position(row, 1), Position(row, 1), f"{indentation}{comment}{end}")
