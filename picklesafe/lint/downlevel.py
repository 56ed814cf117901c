"""Write newer Python so that the running Python parses it, every other character in its place.

The analysis reads `ast` trees, which know only the syntax of the Python that runs. What came
later says nothing about a loader: type parameters, type aliases, `except*`, the quotes within an
f-string. Each is overwritten by something older of the same length and the same line breaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

if TYPE_CHECKING:
    from picklesafe.lint.source import Source

Span = tuple[int, int]


def downlevel(source: Source, tree: libcst.Module) -> str:
    """`source`'s text in the syntax of Python 3.10, with the same rows and columns."""
    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    text = bytearray(source.text.encode())

    def span(node: libcst.CSTNode) -> Span:
        at = spans[node]
        return at.start, at.start + at.length

    tree.visit(_Rewriter(text, span))
    return text.decode()


class _Rewriter(libcst.CSTVisitor):
    def __init__(self, text: bytearray, span: object) -> None:
        super().__init__()
        self.text = text
        self.span = span

    def _replace(self, node: libcst.CSTNode, by: bytes) -> None:
        start, end = self.span(node)  # type: ignore[operator]
        kept = bytes(byte if byte in b"\r\n" else 32 for byte in self.text[start:end])
        if len(by) <= len(kept) and not kept[: len(by)].strip(b" "):
            kept = by + kept[len(by) :]
        self.text[start:end] = kept

    def visit_TypeParameters(self, node: libcst.TypeParameters) -> bool:
        self._replace(node, b"")
        return False

    def visit_TypeAlias(self, node: libcst.TypeAlias) -> bool:
        self._replace(node, b"pass")
        return False

    def visit_TryStar(self, node: libcst.TryStar) -> bool:
        for handler in node.handlers:
            start, end = self.span(handler)  # type: ignore[operator]
            star = self.text.index(b"*", start, end)
            self.text[star : star + 1] = b" "
        return True

    def visit_FormattedString(self, node: libcst.FormattedString) -> bool:
        self._string(node)
        return False

    def visit_TemplatedString(self, node: libcst.CSTNode) -> bool:
        self._string(node)
        return False

    def _string(self, node: libcst.CSTNode) -> None:
        """A formatted string becomes a plain one of spaces; across lines, one in triple quotes."""
        start, end = self.span(node)  # type: ignore[operator]
        inner = self.text[start:end]
        quote = b'"""' if b"\n" in inner or b"\r" in inner else b'"'
        length = end - start - 2 * len(quote)
        if length < 0:
            return
        middle = bytes(byte if byte in b"\r\n" else 32 for byte in inner[len(quote) : len(quote) + length])
        self.text[start:end] = quote + middle + quote
