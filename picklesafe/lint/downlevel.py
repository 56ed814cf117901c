"""Write newer Python so that the running Python parses it, every other character in its place.

The analysis reads `ast` trees, which know only the syntax of the Python that runs. What came
later says nothing about a loader: type parameters, type aliases, `except*`, the quotes within an
f-string. Each is overwritten by something older of the same length and the same line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

if TYPE_CHECKING:
    from picklesafe.lint.source import Source

Span = tuple[int, int]
_OPENING = re.compile(rb"(?:[ \t]|\\\r?\n)*\(")
_BREAK = re.compile(rb" (\r\n|\r|\n)")


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
    def __init__(self, text: bytearray, span: Callable[[libcst.CSTNode], Span]) -> None:
        super().__init__()
        self.text = text
        self.span = span

    def _blank(self, start: int, end: int) -> bytes:
        return bytes(byte if byte in b"\r\n" else 32 for byte in self.text[start:end])

    def visit_TypeParameters(self, node: libcst.TypeParameters) -> bool:
        start, end = self.span(node)
        # In brackets of another kind, so that line breaks need no escape: `def f[T](x)` becomes `def f(   x)`.
        self.text[start:end] = b"(" + self._blank(start + 1, end - 1) + b")"
        following = _OPENING.match(self.text, end)
        if following is not None:
            self.text[end - 1] = self.text[following.end() - 1] = 32
        return False

    def visit_TypeAlias(self, node: libcst.TypeAlias) -> bool:
        start, end = self.span(node)[0], self.span(node.value)[1]
        closing = self.text[end : self.span(node)[1]]  # brackets around the value, a semicolon
        end += len(closing) - len(closing.lstrip(b" )\t\r\n"))
        blank = self._blank(start, end)
        self.text[start:end] = b"pass" + _BREAK.sub(rb"\\\1", blank[4:])
        return False

    def visit_TryStar(self, node: libcst.TryStar) -> bool:
        for handler in node.handlers:
            start, end = self.span(handler)
            star = self.text.index(b"*", start, end)
            self.text[star : star + 1] = b" "
        return True

    def visit_ExceptHandler(self, node: libcst.ExceptHandler) -> bool:
        if isinstance(node.type, libcst.Tuple) and not node.type.lpar:  # `except A, B:` of Python 3.14
            start, end = self.span(node.type.elements[0].value)[1], self.span(node.type)[1]
            self.text[start:end] = self._blank(start, end)
        return True

    def visit_Index(self, node: libcst.Index) -> bool:
        if node.star is not None:
            self._unstar(node)
        return True

    def visit_Annotation(self, node: libcst.Annotation) -> bool:
        if isinstance(node.annotation, libcst.StarredElement):
            self._unstar(node.annotation)
        return True

    def _unstar(self, node: libcst.CSTNode) -> None:
        start, end = self.span(node)
        star = self.text.index(b"*", start, end)
        self.text[star : star + 1] = b" "

    def visit_ConcatenatedString(self, node: libcst.ConcatenatedString) -> bool:
        start, end = self.span(node)
        several = b"\n" in self.text[start:end] or b"\r" in self.text[start:end]
        if several:
            self._string(node)
        return not several

    def visit_FormattedString(self, node: libcst.FormattedString) -> bool:
        self._string(node)
        return False

    def visit_TemplatedString(self, node: libcst.CSTNode) -> bool:
        self._string(node)
        return False

    def _string(self, node: libcst.CSTNode) -> None:
        """A formatted string becomes an empty one; over several lines, one in brackets."""
        start, end = self.span(node)
        blank = self._blank(start, end)
        if b"\n" not in blank and b"\r" not in blank:
            self.text[start:end] = b"''" + blank[2:]
        elif not blank[:3].strip(b" ") and blank.endswith(b" "):
            self.text[start:end] = b"(''" + blank[3:-1] + b")"
