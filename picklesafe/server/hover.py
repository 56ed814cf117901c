"""The page of a rule, where the pointer rests on what it has found."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from lsprotocol import types

from picklesafe.lint.pages import as_markdown, pages
from picklesafe.lint.registry import Rule
from picklesafe.server.documents import Verdict
from picklesafe.server.positions import Places


class Pages:
    """The pages of some rules, written when one is first asked for."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = rules

    @cached_property
    def _by_code(self) -> dict[str, str]:
        return {page.code: as_markdown(page) for page in pages(self._rules)}

    def hover(self, verdict: Verdict, where: types.Position, encoding: str) -> types.Hover | None:
        """What to show at a position: the pages of the findings there, or None."""
        if verdict.source is None:
            return None
        places = Places(verdict.source, encoding)
        found = [
            (place, finding)
            for finding in verdict.findings
            for place in [places.range(finding.start, finding.end)]
            if place.start <= where <= place.end
        ]
        texts = [self._by_code[code] for code in dict.fromkeys(finding.code for _, finding in found)]
        if not texts:
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n---\n\n".join(texts)), found[0][0])
