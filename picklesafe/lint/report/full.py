"""For people: every finding with the code it is about and what its fix would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint.finding import where
from picklesafe.lint.lines import Lines
from picklesafe.lint.report.changes import draw_changes
from picklesafe.lint.report.frame import Frame, bar
from picklesafe.lint.report.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding, Related


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """The findings, each followed by an empty line."""
    files = Lines()
    for finding in findings:
        yield "\n".join(_draw(finding, files, style)) + "\n\n"


def _draw(finding: Finding, files: Lines, style: Style) -> Iterator[str]:
    related = [(place, _related_frame(files.of(place.path, place.cell), place)) for place in finding.related]
    lines = files.of(finding.path, finding.cell)
    if _last_row(finding) > len(lines) + 1:
        # The file has become shorter since it was checked.
        lines = []
    frame = _frame(lines, finding)
    gutter = max((found.gutter for found in (frame, *(found for _, found in related)) if found), default=1)
    yield _headline(finding, style)
    yield f"{' ' * gutter}{style.paint('-->', 'blue')} {_place(finding, style)}"
    if frame is None:
        return
    blank = f"{' ' * gutter} {bar(style)}"
    yield blank
    yield from frame.draw(gutter, style)
    # The bar is closed, unless what follows draws one of its own below the marks.
    if not (frame.ends_with_marks and finding.fix and not related):
        yield blank
    for place, found in related:
        yield from _draw_related(place, found, gutter, style)
    if finding.fix:
        yield f"{style.paint('help', 'cyan')}{style.paint(': ' + printable(finding.fix.message), 'bold')}"
        if finding.cell is not None:
            yield f"{' ' * gutter}{style.paint(':::', 'blue')} cell {finding.cell}"
        yield from draw_changes(lines, finding.fix.edits, gutter, style)
        if not finding.fix.safe:
            yield f"{style.paint('note', 'yellow')}: This is an unsafe fix and may change runtime behavior"


def _last_row(finding: Finding) -> int:
    edits = finding.fix.edits if finding.fix else ()
    return max(finding.end.row, *(edit.end.row for edit in edits), 0)


def _headline(finding: Finding, style: Style) -> str:
    star = f"[{style.paint('*', 'cyan')}] " if style.fixable(finding) else ""
    return f"{style.paint(finding.code, 'red')} {star}{style.paint(printable(finding.message), 'bold')}"


def _draw_related(place: Related, frame: Frame | None, gutter: int, style: Style) -> Iterator[str]:
    yield f"{' ' * gutter}{style.paint(':::', 'blue')} {_place(place, style)}"
    blank = f"{' ' * gutter} {bar(style)}"
    yield blank
    if frame is None:
        yield f"{' ' * gutter} = {printable(place.message)}"
    else:
        yield from frame.draw(gutter, style, mark="-", label=printable(place.message))


def _place(place: Finding | Related, style: Style) -> str:
    return f"{style.path(place.path)}:{where(place)}"


def _frame(lines: Sequence[str], place: Finding) -> Frame | None:
    return Frame(lines, place.start, place.end) if lines else None


def _related_frame(lines: Sequence[str], place: Related) -> Frame | None:
    """Only the first row: where to look is enough, and a call can be long."""
    if place.start.row > len(lines):
        return None
    row_end = place.start._replace(column=len(lines[place.start.row - 1].rstrip()) + 1)
    return Frame(lines, place.start, min(place.end, row_end), context=0)
