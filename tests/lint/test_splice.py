"""A tree that was parsed in parts is the tree of the whole text, and so are the findings in it."""

from __future__ import annotations

import ast
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from picklesafe.lint.source import Source
from picklesafe.lint.splice import spliced

TEXT = '''# A comment.

"""A module."""
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
class A(
    B, metaclass=C
):
    # a comment
    z = 1; y = 2
    @property
    def f(self):
        return f"""
text {x:{
y}} {self!r}
"""

    class D: a = 1
    class E:
        b = (1,
          2)
        def h(self): pass

def g(): pass
# the end
'''

PIECES = st.text(st.sampled_from("ax (])'\"\\#@:=;\n\n\n\r\f"), max_size=4)
BLOCKS = st.sampled_from([TEXT, "\ndef h():\n    f(1)\n", "    def k(self):\n        pass\n", "\n    q = 1\n"])
EDITS = st.tuples(st.integers(0, len(TEXT) + 10), st.integers(0, 3) | st.integers(0, 60), PIECES | BLOCKS)


@settings(deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_after_any_edits_the_tree_is_that_of_the_whole(edits: list[tuple[int, int, str]]) -> None:
    before, tree = Source("a.py", TEXT.encode()), ast.parse(TEXT)
    for at, length, typed in edits:
        after = Source("a.py", (before.text[:at] + typed + before.text[at + length :]).encode())
        found = _result(lambda before=before, tree=tree, after=after: spliced(before, tree, after))
        assert _told(found) == _told(_result(lambda after=after: ast.parse(after.text)))
        if isinstance(found, ast.Module):  # else the next edit mends it, or not
            before, tree = after, found


def _result(parse: Callable[[], ast.Module]) -> object:
    """The tree, or how Python refuses the text."""
    try:
        return parse()
    except (SyntaxError, ValueError) as error:
        return error.args[0], getattr(error, "lineno", None), getattr(error, "offset", None)


def _told(result: object) -> object:
    return ast.dump(result, include_attributes=True) if isinstance(result, ast.Module) else result


def test_an_edit_inside_a_function_keeps_the_other_statements() -> None:
    before, after = (Source("a.py", text.encode()) for text in (TEXT, TEXT.replace("def g(): pass", "def g(): 1")))
    known = ast.parse(TEXT)
    assert spliced(before, known, after).body[0] is known.body[0]


def test_lines_above_move_the_statements_that_they_push_down() -> None:
    before, after = (Source("a.py", text.encode()) for text in (TEXT, TEXT.replace("import os\n", "import os\n\n\n")))
    known = ast.parse(TEXT)
    last, row = known.body[-1], known.body[-1].lineno
    tree = spliced(before, known, after)
    assert tree.body[-1] is last and last.lineno == row + 2


def test_an_edit_inside_a_method_keeps_the_other_methods() -> None:
    before, after = (Source("a.py", text.encode()) for text in (TEXT, TEXT.replace("self): pass", "self): 1")))
    known = ast.parse(TEXT)
    [cls] = [one for one in known.body if isinstance(one, ast.ClassDef)]
    [new] = [one for one in spliced(before, known, after).body if isinstance(one, ast.ClassDef)]
    assert new is not cls and new.body[:-1] == cls.body[:-1]
