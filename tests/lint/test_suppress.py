"""Comments that silence findings: which ones count, and for what."""

from __future__ import annotations

from pathlib import Path

import pytest

from picklesafe.lint.finding import Finding, Position
from picklesafe.lint.source import Source
from picklesafe.lint.suppress import Suppressions


def finding(row: int, code: str = "PKS111", ignore_rows: tuple[int, ...] = ()) -> Finding:
    return Finding(code, "some-name", "a.py", Position(row, 1), Position(row, 5), "message", ignore_rows=ignore_rows)


def hidden(text: str, row: int = 1, code: str = "PKS111", ignore_rows: tuple[int, ...] = ()) -> bool:
    return Suppressions(Source(Path("a.py"), text.encode())).hide(finding(row, code, ignore_rows))


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa",
        "# NOQA",
        "# NoQA: PKS111",
        "# noqa:PKS111",
        "# noqa : PKS111",
        "# noqa: E501, PKS111",
        "# noqa: E501 PKS111",
        "# noqa: E501,PKS111 because",
        "# noqa: PKS1",
        "# noqa: PKS",
        "# noqa PKS999",
        "# a reason # noqa: PKS111",
        "# type: ignore  # noqa: PKS111",
        "# picklesafe: ignore",
        "# picklesafe:ignore[PKS111]",
        "# picklesafe: ignore[ PKS101 , PKS111 ] with a reason",
        "# picklesafe: ignore[PKS11]",
        "# noqa: E501  # picklesafe: ignore[PKS111]",
        "# picklesafe: ignore-file",
        "# picklesafe: ignore-file[PKS111]",
    ],
)
def test_a_comment_that_names_the_finding_or_nothing_hides_it(comment):
    assert hidden(f"x = 1  {comment}\n")


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "# noqa: E501",
        "# noqa: PKS112",
        "# noqa: PKS1111",
        "# noqa:",
        "# noqa :",
        "# noqa-foo",
        "# noqa, PKS111",
        "# noqa: because PKS111",
        "# noqa: PKS111because",
        "# noqa: PKS111-because",
        "# noqa: pks111",
        "# nopylint noqa",
        "# noqas",
        "# picklesafe: ignore[]",
        "# picklesafe: ignore[PKS101]",
        "# picklesafe: ignored",
        "# picklesafe: ignore-files",
        "# picklesafe: ignore-file[PKS2]",
        "# picklesafe ignore",
        "# not picklesafe",
    ],
)
def test_a_comment_that_names_something_else_hides_nothing(comment):
    assert not hidden(f"x = 1  {comment}\n")


@pytest.mark.parametrize("text", ['x = "# noqa"\n', "x = '''\n# picklesafe: ignore-file\n'''\n"])
def test_a_string_that_holds_such_words_is_no_comment(text):
    assert not hidden(text)


def test_a_comment_behind_a_string_that_looks_like_one_counts():
    assert hidden("x = '# nothing'  # noqa\n")


def test_any_row_that_belongs_to_the_finding_may_carry_the_comment():
    text = "f(  # noqa\n    a,\n    b,\n)\n"
    assert hidden(text, row=3, ignore_rows=(1, 3, 4))
    assert not hidden(text, row=3, ignore_rows=(3, 4))


@pytest.mark.parametrize("text", ["x = '''\n'''  # noqa\ny = 1\n", "x = \\\n    1  # noqa\ny = 1\n"])
def test_a_comment_behind_joined_rows_speaks_for_all_of_them(text):
    assert [hidden(text, row=row) for row in (1, 2, 3)] == [True, True, False]


def test_a_comment_alone_above_joined_rows_speaks_for_all_of_them():
    text = "# picklesafe: ignore\nx = \\\n    '''\n'''\ny = 1\n"
    assert [hidden(text, row=row) for row in (2, 3, 4, 5)] == [True, True, True, False]


def test_rows_within_brackets_are_lines_of_their_own_unless_a_string_is_around_them():
    assert [hidden("f(\n    1,\n    2,  # noqa\n)\n", row=row) for row in (2, 3)] == [False, True]
    assert [hidden("f'''{\n(\n1)}'''  # noqa\n", row=row) for row in (1, 2, 3)] == [True, True, True]


def test_a_comment_of_ours_alone_on_its_line_speaks_for_the_next_code():
    text = "# picklesafe: ignore[PKS111]\n\n# another one\nx = 1\ny = 2\n"
    assert hidden(text, row=4)
    assert not hidden(text, row=5)


def test_a_comment_alone_inside_a_call_speaks_for_the_next_argument():
    text = "f(\n    a,\n    # picklesafe: ignore\n    b,\n    c,\n)\n"
    assert [hidden(text, row=row) for row in (2, 4, 5)] == [False, True, False]


def test_a_noqa_alone_on_its_line_speaks_for_that_line_only():
    assert not hidden("# noqa\nx = 1\n", row=2)


def test_a_comment_for_the_whole_file_may_stand_at_its_end():
    text = "x = 1\n\n# picklesafe: ignore-file[PKS11]\n"
    assert hidden(text)
    assert not hidden(text, code="PKS101")


@pytest.mark.parametrize("code", ["PKS901", "PKS903"])
def test_a_file_that_cannot_be_analysed_is_silenced_as_a_whole_or_not_at_all(code):
    assert not hidden("x = (  # noqa\n", code=code)
    assert not hidden("x = (  # picklesafe: ignore\n", code=code)
    assert hidden("# picklesafe: ignore-file\nx = (\n", code=code)


def test_comments_below_code_that_tokenize_refuses_still_count():
    text = "x = 'open\ny = 1  # noqa\n    z = 2\n  w = 3  # noqa: PKS111\nv = (\n"
    assert hidden(text, row=2)
    assert hidden(text, row=4)
    assert not hidden(text, row=3)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_rows_are_counted_alike_for_every_line_end(end):
    text = end.join(["a = 1", "b = 2  # noqa", "c = 3", ""])
    assert [hidden(text, row=row) for row in (1, 2, 3)] == [False, True, False]


def test_a_form_feed_does_not_begin_a_row():
    assert hidden("a = 1\n\x0cb = 2  # noqa\n", row=2)


def test_one_scan_answers_for_all_findings_of_a_file():
    found = Suppressions(Source(Path("a.py"), b"a\nb  # noqa\nc\n"))
    assert [found.hide(finding(row)) for row in (1, 2, 3)] == [False, True, False]
