"""Parts of a text replaced by others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """A replacement, counted in characters from the start of the text."""

    start: int
    end: int
    content: str

    def overlaps(self, other: Span) -> bool:
        """Whether it can't be told what becomes of the text when both are made."""
        return (self.start < other.end and other.start < self.end) or self.start == other.start


def splice(text: str, spans: Iterable[Span]) -> str:
    """`text` with parts of it replaced.

    Args:
        text: the text.
        spans: in order, none overlapping another.
    """
    pieces, at = [], 0
    for start, end, content in spans:
        pieces += [text[at:start], content]
        at = end
    return "".join([*pieces, text[at:]])


def trimmed(text: str, span: Span) -> Span:
    """The same replacement without what it begins and ends with and `text` has there already."""
    start, end, content = span
    old = text[start:end]
    head = _common(old, content)
    most = min(len(old), len(content)) - head
    tail = _common(old[::-1][:most], content[::-1][:most])
    return Span(start + head, end - tail, content[head : len(content) - tail])


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    alike = (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(alike, min(len(one), len(other)))
