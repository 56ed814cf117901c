"""A tree that was parsed in parts is the tree of the whole text."""

from __future__ import annotations

import ast
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from picklesafe.lint.source import Source
from picklesafe.lint.splice import spliced

TEXT = '''"""A module."""
import os

x = [
    1,
]; y = 2
if x:
    z = 1
else:
    z = 2

@decorated
@twice(x)
class A:
    def f(self):
        return """
text
"""

def g(): pass
# the end
'''


@given(
    at=st.integers(0, len(TEXT)),
    length=st.integers(0, 3),
    typed=st.text(st.sampled_from("ax (])'\"\\#@:=;"), max_size=4),
)
def test_any_edit_gives_the_tree_of_the_whole(at: int, length: int, typed: str) -> None:
    before = Source("a.py", TEXT.encode())
    after = Source("a.py", (TEXT[:at] + typed + TEXT[at + length :]).encode())
    assert _result(lambda: spliced(before, ast.parse(TEXT), after)) in (None, _result(lambda: ast.parse(after.text)))


def _result(parse: Callable[[], ast.Module | None]) -> object:
    """The tree, or how Python refuses the text."""
    try:
        tree = parse()
    except SyntaxError as error:
        return error.msg, error.lineno, error.offset
    return tree and ast.dump(tree, include_attributes=True)


def test_an_edit_inside_a_function_keeps_the_other_statements() -> None:
    before, after = (Source("a.py", text.encode()) for text in (TEXT, TEXT.replace("def g(): pass", "def g(): 1")))
    known = ast.parse(TEXT)
    tree = spliced(before, known, after)
    assert tree is not None and tree.body[0] is known.body[0]
