"""What an editor can do about findings: fix one, fix all, suppress one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lsprotocol import types

from picklesafe.errors import PickleSafeError
from picklesafe.lint.add_ignore import comment_edits, suppressible
from picklesafe.lint.edits import content_of, fix_file
from picklesafe.lint.finding import Edit, Finding, Position
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError
from picklesafe.server.documents import Verdict
from picklesafe.server.positions import Places

FIX_ALL = "source.fixAll.picklesafe"
_TITLE_OF_ALL = "picklesafe: fix everything that can be fixed safely"


class Actions:
    """The actions for one document.

    Args:
        uri: of the document.
        verdict: what was found in it; edits are for this version.
        encoding: what the client counts columns in.
    """

    def __init__(self, uri: str, verdict: Verdict, encoding: str) -> None:
        assert verdict.source is not None
        self._uri = uri
        self._verdict = verdict
        self._source: Source = verdict.source
        self._places = Places(verdict.source, encoding)

    def at(self, where: types.Range, given: Sequence[types.Diagnostic]) -> Iterator[types.CodeAction]:
        """Fix and suppress each finding in a range.

        Args:
            where: the range.
            given: the diagnostics that the editor shows there.
        """
        for finding in self._verdict.findings:
            place = self._places.range(finding.start, finding.end)
            if place.start <= where.end and where.start <= place.end:
                shown = [one for one in given if one.code == finding.code and one.range == place] or None
                yield from self._fix(finding, shown)
                yield from self._suppress(finding, shown)

    def fix_all(self, data: object = None) -> types.CodeAction | None:
        """The action that fixes everything, without its edit; None if nothing can be fixed safely."""
        if not any(finding.fix is not None and finding.fix.safe for finding in self._verdict.findings):
            return None
        return types.CodeAction(_TITLE_OF_ALL, kind=FIX_ALL, data=data)

    def all_fixed(self, settings: Settings, watch: frozenset[str]) -> types.WorkspaceEdit | None:
        """The edit that fixes everything, in rounds and with a second look, as `--fix` does."""
        try:
            result = fix_file(self._source.path, settings, unsafe=False, watch=watch)
        except PickleSafeError:
            return None
        return self._replaced(result.after) if result.applied else None

    def _fix(self, finding: Finding, shown: list[types.Diagnostic] | None) -> Iterator[types.CodeAction]:
        if finding.fix is None:
            return
        safe = finding.fix.safe
        yield types.CodeAction(
            f"picklesafe: {finding.fix.message}" + ("" if safe else " (may change what the code does)"),
            kind=types.CodeActionKind.QuickFix,
            diagnostics=shown,
            is_preferred=safe,
            edit=self._applied(finding.fix.edits),
        )

    def _suppress(self, finding: Finding, shown: list[types.Diagnostic] | None) -> Iterator[types.CodeAction]:
        if not suppressible(finding):
            return
        try:
            edits = comment_edits(self._source, [finding])
        except SourceError:
            return
        yield types.CodeAction(
            f"picklesafe: suppress {finding.code} here",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=shown,
            is_preferred=False,
            edit=self._applied([edit for _, edit in edits]),
        )

    def _applied(self, edits: Sequence[Edit]) -> types.WorkspaceEdit:
        return self._edit(
            [types.TextEdit(self._places.range(one.start, one.end), content_of(self._source, one)) for one in edits]
        )

    def _replaced(self, text: str) -> types.WorkspaceEdit:
        """The change to `text`, from the first line that differs to the last."""
        before, after = self._source.lines, Source(self._source.path, self._source.encode(text)).lines
        above = _common(before, after)
        below = min(_common(before[::-1], after[::-1]), len(before) - above, len(after) - above)
        where = self._places.range(Position(above + 1, 1), Position(len(before) - below + 1, 1))
        return self._edit([types.TextEdit(where, "".join(after[above : len(after) - below]))])

    def _edit(self, edits: list[types.TextEdit]) -> types.WorkspaceEdit:
        document = types.OptionalVersionedTextDocumentIdentifier(uri=self._uri, version=self._verdict.version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, [*edits])])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (line, another) in pairs if line != another), min(len(one), len(other)))
