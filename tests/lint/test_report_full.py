"""The full report: drawn as ruff draws it. Where a drawing stands here, ruff 0.17.5 drew the same."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from picklesafe.lint.finding import Edit, Finding, Fix, Position, Related
from picklesafe.lint.report import render
from picklesafe.lint.report.changes import draw_changes
from picklesafe.lint.report.frame import Frame
from picklesafe.lint.report.style import Style


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def finding(start: tuple[int, int], end: tuple[int, int], fix: Fix | None = None, **fields: object) -> Finding:
    return Finding("PKS111", "a-name", "a.py", Position(*start), Position(*end), "what is wrong", fix=fix, **fields)


def edit(start: tuple[int, int], end: tuple[int, int], content: str) -> Edit:
    return Edit(Position(*start), Position(*end), content)


def draw(text: str | bytes, *findings: Finding, style: Style = Style()) -> str:  # noqa: B008
    Path("a.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    return "".join(render("full", findings, style))


def drawing(text: str) -> str:
    return dedent(text).removeprefix("\n")


def test_the_place_is_marked_between_two_lines_of_context():
    assert draw("one\ntwo\nthree\nfour = 4\nfive\nsix\nseven\n", finding((4, 8), (4, 9))) == drawing("""
        PKS111 what is wrong
         --> a.py:4:8
          |
        2 | two
        3 | three
        4 | four = 4
          |        ^
        5 | five
        6 | six
          |

        """)


def test_empty_lines_at_the_edges_are_left_out():
    assert draw("one\n\n\nfour\n\nsix\n\n", finding((4, 1), (4, 5))) == drawing("""
        PKS111 what is wrong
         --> a.py:4:1
          |
        4 | four
          | ^^^^
        5 |
        6 | six
          |

        """)


def test_row_numbers_are_aligned_on_the_right():
    text = "".join(f"line{row}\n" for row in range(1, 13))
    assert draw(text, finding((9, 1), (9, 3))) == drawing("""
        PKS111 what is wrong
          --> a.py:9:1
           |
         7 | line7
         8 | line8
         9 | line9
           | ^^
        10 | line10
        11 | line11
           |

        """)


def test_several_rows_are_embraced():
    text = "def g(\n    a,\n    b,\n):\n    assert (1,\n           2)\n    if a:\n        pass\n"
    assert draw(text, finding((5, 5), (6, 14))) == drawing("""
        PKS111 what is wrong
         --> a.py:5:5
          |
        3 |       b,
        4 |   ):
        5 | /     assert (1,
        6 | |            2)
          | |_____________^
        7 |       if a:
        8 |           pass
          |

        """)


def test_several_rows_that_begin_in_the_middle_of_one_are_embraced_from_there():
    assert draw("x = [a\n  for a in dd if not (b in\n     c)]\n", finding((2, 18), (3, 7))) == drawing("""
        PKS111 what is wrong
         --> a.py:2:18
          |
        1 |   x = [a
        2 |     for a in dd if not (b in
          |  __________________^
        3 | |      c)]
          | |______^
          |

        """)


def test_tabs_and_wide_characters_keep_the_marks_below_what_they_mark():
    assert draw("def f(a):\n\tx = 1; é = lambda 日本: 日本; return y\n", finding((2, 35), (2, 36))) == drawing("""
        PKS111 what is wrong
         --> a.py:2:35
          |
        1 | def f(a):
        2 |     x = 1; é = lambda 日本: 日本; return y
          |                                          ^
          |

        """)


def test_a_combining_accent_takes_no_room():
    marks = draw("e\u0301 = wrong\n", finding((1, 6), (1, 11))).splitlines()[4]
    assert marks == "  |     ^^^^^"


def test_an_empty_place_gets_one_mark():
    assert "  |    ^\n" in draw("x = 1\n", finding((1, 4), (1, 4)))


def test_a_long_line_is_cut_around_the_place():
    text = f"x = '{'a' * 500}'; wrong; y = '{'b' * 500}'\n"
    lines = draw(text, finding((1, 509), (1, 514))).splitlines()
    code, marks = lines[3], lines[4]
    assert len(code) < 150
    assert code.startswith("1 | …") and code.endswith("…")
    assert code[marks.index("^") : marks.rindex("^") + 1] == "wrong"


def test_characters_that_would_steer_the_terminal_are_shown_as_pictures():
    drawn = draw("x = '\x1b[31m' \u202e\n", finding((1, 1), (1, 2), Fix("say \x1b", ())))
    assert "\x1b" not in drawn and "\u202e" not in drawn
    assert "␛[31m" in drawn


def test_a_safe_fix_is_shown_with_what_it_changes():
    fix = Fix("Follow the workers", (edit((2, 19), (2, 20), "2 if n else None"),))
    assert draw("a\nf(prefetch_factor=2)\nb\n", finding((2, 3), (2, 20), fix)) == drawing("""
        PKS111 [*] what is wrong
         --> a.py:2:3
          |
        1 | a
        2 | f(prefetch_factor=2)
          |   ^^^^^^^^^^^^^^^^^
        3 | b
          |
        help: Follow the workers
          |
        1 | a
          - f(prefetch_factor=2)
        2 + f(prefetch_factor=2 if n else None)
        3 | b
          |

        """)


def test_an_unsafe_fix_has_no_star_but_a_note():
    fix = Fix("Leave it out", (edit((1, 1), (2, 1), ""),), safe=False)
    assert draw("x = 1\ny = 2\n", finding((1, 1), (1, 6), fix)) == drawing("""
        PKS111 what is wrong
         --> a.py:1:1
          |
        1 | x = 1
          | ^^^^^
        2 | y = 2
          |
        help: Leave it out
          |
          - x = 1
        1 | y = 2
          |
        note: This is an unsafe fix and may change runtime behavior

        """)


def test_an_unsafe_fix_has_its_star_where_unsafe_fixes_are_asked_for():
    fix = Fix("Leave it out", (edit((1, 1), (2, 1), ""),), safe=False)
    assert draw("x = 1\n", finding((1, 1), (1, 6), fix), style=Style(unsafe_fixes=True)).startswith("PKS111 [*] what")


def test_the_bar_is_not_closed_twice_between_marks_and_help():
    fix = Fix("Leave it out", (edit((1, 1), (2, 1), ""),))
    assert "  | ^^^^^\nhelp: Leave it out\n  |\n  - x = 1\n  |\n" in draw("x = 1\n", finding((1, 1), (1, 6), fix))


def test_changes_far_apart_are_divided_and_numbered_by_the_new_file():
    text = "import os\n\nos.x\n\n\n\n\n\n\n\ndef f():\n    wrong\n    ok\n"
    fix = Fix("Mend", (edit((1, 10), (1, 10), "\nimport new"), edit((12, 5), (12, 10), "right")))
    assert draw(text, finding((12, 5), (12, 10), fix)).partition("help: Mend\n")[2] == drawing(f"""
           |
        1  | import os
        2  + import new
        3  |
        {"-" * 80}
        12 | def f():
           -     wrong
        13 +     right
        14 |     ok
           |

        """)


def test_a_single_line_between_two_changes_is_shown():
    fix = Fix("Mend", (edit((1, 1), (1, 2), "A"), edit((5, 1), (5, 2), "E")))
    help_text = draw("a\nb\nc\nd\ne\n", finding((1, 1), (1, 2), fix)).partition("help: Mend\n")[2]
    assert help_text == "  |\n  - a\n1 + A\n2 | b\n3 | c\n4 | d\n  - e\n5 + E\n  |\n\n"


def test_edits_of_one_line_are_shown_together():
    fix = Fix("Mend", (edit((1, 3), (1, 4), "A"), edit((1, 6), (1, 7), "B")))
    assert "  - f(a, b)\n1 + f(A, B)\n" in draw("f(a, b)\n", finding((1, 3), (1, 4), fix))


def test_line_ends_of_every_kind_are_drawn_alike():
    fix = Fix("Mend", (edit((2, 1), (2, 2), "B"),))
    drawn = {draw(end.join([b"a", b"b", b"c", b""]), finding((2, 1), (2, 2), fix)) for end in (b"\n", b"\r\n", b"\r")}
    assert len(drawn) == 1
    assert "\r" not in drawn.pop()


def test_a_second_place_is_drawn_with_what_is_to_say_about_it():
    Path("b.py").write_text("one\ndef f(n):\n    pass\n")
    place = Related("b.py", Position(2, 7), Position(2, 8), "the workers")
    assert draw("f(0)\n", finding((1, 3), (1, 4), related=(place,))) == drawing("""
        PKS111 what is wrong
         --> a.py:1:3
          |
        1 | f(0)
          |   ^
          |
         ::: b.py:2:7
          |
        2 | def f(n):
          |       - the workers

        """)


def test_a_second_place_of_several_rows_is_marked_on_the_first():
    place = Related("a.py", Position(3, 5), Position(4, 4), "is called here")
    drawn = draw("f(0)\n\nx = g(\n  1)\n", finding((1, 3), (1, 4), related=(place,)))
    assert drawn.endswith(" ::: a.py:3:5\n  |\n3 | x = g(\n  |     -- is called here\n\n")


def test_a_file_that_cannot_be_read_has_no_drawing():
    Path("a.py").write_bytes(b"\xff")
    assert "".join(render("full", [finding((1, 1), (1, 2))], Style())) == "PKS111 what is wrong\n --> a.py:1:1\n\n"


@pytest.mark.parametrize("text", ["", "x"])
def test_a_place_that_the_file_no_longer_has_breaks_nothing(text):
    fix = Fix("Mend", (edit((7, 3), (8, 4), "x"),))
    assert "PKS111 [*] what is wrong" in draw(text, finding((7, 3), (8, 4), fix))


def test_the_end_of_a_file_without_a_line_end_can_be_marked():
    assert "  |      ^\n" in draw("x = (", finding((1, 6), (1, 7)))


def test_colours_are_there_only_when_asked_for():
    fix = Fix("Mend", (edit((1, 1), (1, 2), "B"),))
    plain = draw("a\n", finding((1, 1), (1, 2), fix))
    coloured = draw("a\n", finding((1, 1), (1, 2), fix), style=Style(colour=True))
    assert "\x1b[" not in plain and "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


CODE = st.text(st.sampled_from("ab (=)'\t\r\n\x0c\x1bé日\u0301"), min_size=1, max_size=60)


def lines_of(text: str) -> list[str]:
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


@st.composite
def texts_and_spans(draw_from: st.DrawFn) -> tuple[list[str], Position, Position]:
    lines = lines_of(draw_from(CODE))
    places = [(row, column) for row, line in enumerate(lines, 1) for column in range(1, len(line.rstrip("\r\n")) + 2)]
    start, end = sorted(draw_from(st.lists(st.sampled_from(places), min_size=2, max_size=2)))
    return lines, Position(*start), Position(*end)


@given(texts_and_spans())
def test_any_place_of_any_text_can_be_drawn(drawn):
    lines, start, end = drawn
    frame = Frame(lines, start, end)
    rows = frame.draw(frame.gutter, Style())
    assert all(row.isprintable() for row in rows)
    # One row of marks, or one where the place begins and one where it ends.
    assert sum("^" in row for row in rows) in (1, 2)


@given(texts_and_spans(), st.text(st.sampled_from("ab\n日"), max_size=8))
def test_removed_and_added_lines_turn_the_old_text_into_the_new_one(drawn, content):
    lines, start, end = drawn
    old = "".join(lines)
    # A carriage return and an inserted line feed would become one line end.
    assume("\r" not in old)
    at = [sum(map(len, lines[: place.row - 1])) + place.column - 1 for place in (start, end)]
    new = lines_of(old[: at[0]] + content + old[at[1] :])
    shown = draw_changes(lines, [Edit(start, end, content)], 3, Style())
    added = {int(row[:3]): row[6:] for row in shown if row[4:5] == "+"}
    removed = sum(row[4:5] == "-" for row in shown)
    assert len(new) == len(lines) - removed + len(added)
    kept = [line for row, line in enumerate(new, 1) if row not in added]
    assert is_subsequence(kept, lines)


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(line in rest for line in part)
