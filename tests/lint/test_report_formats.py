"""Reports of one line, for programs and for pull requests, and what stands below the findings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from picklesafe.lint.finding import POSSIBLE, Edit, Finding, Fix, Position, Related
from picklesafe.lint.report import render
from picklesafe.lint.report.statistics import json_statistics, statistics
from picklesafe.lint.report.style import Style, shown_path
from picklesafe.lint.report.summary import diff_summary, summary

SAFE = Fix("Mend", (Edit(Position(1, 2), Position(1, 3), "x"),))
UNSAFE = SAFE._replace(safe=False)


def finding(path: str = "a.py", code: str = "PKS111", fix: Fix | None = None, message: str = "is wrong") -> Finding:
    return Finding(code, f"name-of-{code.lower()}", path, Position(3, 5), Position(3, 9), message, POSSIBLE, fix)


def rendered(output_format: str, *findings: Finding, style: Style = Style()) -> str:  # noqa: B008
    return "".join(render(output_format, findings, style))


class TestConcise:
    def test_a_finding_is_one_line(self):
        assert rendered("concise", finding(), finding(fix=SAFE)) == (
            "a.py:3:5: PKS111 is wrong\na.py:3:5: PKS111 [*] is wrong\n"
        )

    def test_a_star_stands_only_where_this_run_would_fix(self):
        assert "[*]" not in rendered("concise", finding(fix=UNSAFE))
        assert "[*]" in rendered("concise", finding(fix=UNSAFE), style=Style(unsafe_fixes=True))

    def test_names_and_messages_with_line_ends_stay_on_one_line(self):
        assert rendered("concise", finding("a\nb.py", message="one\ntwo\x1b")) == "a␊b.py:3:5: PKS111 one␊two␛\n"


class TestGrouped:
    def test_findings_stand_below_their_file_with_their_places_aligned(self):
        far = finding(fix=SAFE)._replace(start=Position(12, 345), end=Position(12, 346))
        assert rendered("grouped", finding(), far, finding("b.py")) == (
            "a.py:\n   3:5   PKS111 is wrong\n  12:345 PKS111 [*] is wrong\n\nb.py:\n  3:5 PKS111 is wrong\n\n"
        )

    def test_names_and_messages_with_line_ends_stay_on_one_line(self):
        assert rendered("grouped", finding("a\nb.py", message="one\ntwo")) == "a␊b.py:\n  3:5 PKS111 one␊two\n\n"


class TestPaths:
    def test_a_file_below_the_working_directory_is_named_from_there(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert shown_path(str(tmp_path / "sub/a.py")) == os.path.join("sub", "a.py")
        assert shown_path("./sub/a.py") == "sub/a.py"

    def test_other_files_are_named_as_they_were_given(self, tmp_path, monkeypatch):
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path / "sub")
        assert shown_path(str(tmp_path / "subway/a.py")) == str(tmp_path / "subway/a.py")
        assert shown_path("../a.py") == "../a.py"


class TestJson:
    POSITION = {  # noqa: RUF012
        "type": "object",
        "properties": {"row": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
        "required": ["row", "column"],
        "additionalProperties": False,
    }
    SCHEMA = {  # noqa: RUF012
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "name": {"type": "string"},
                "filename": {"type": "string"},
                "location": POSITION,
                "end_location": POSITION,
                "message": {"type": "string"},
                "certainty": {"enum": ["certain", "possible"]},
                "fix": {"type": ["object", "null"], "required": ["applicability", "message", "edits"]},
                "related": {"type": "array", "items": {"type": "object", "required": ["filename", "message"]}},
                "noqa_row": {"type": "integer"},
                "cell": {"type": ["integer", "null"]},
                "url": {"type": ["string", "null"]},
            },
            "required": [
                *("code", "name", "filename", "location", "end_location", "message", "certainty"),
                *("fix", "related", "noqa_row", "cell", "url"),
            ],
            "additionalProperties": False,
        },
    }

    @pytest.mark.parametrize("number", [0, 1, 3])
    def test_the_output_is_one_list_of_the_fixed_keys(self, number):
        parsed = json.loads(rendered("json", *[finding(fix=SAFE)] * number))
        jsonschema.validate(parsed, self.SCHEMA)
        assert len(parsed) == number

    def test_a_finding_says_all_there_is(self):
        assert json.loads(rendered("json", finding(fix=UNSAFE)))[0] == {
            "code": "PKS111",
            "name": "name-of-pks111",
            "filename": str(Path("a.py").absolute()),
            "location": {"row": 3, "column": 5},
            "end_location": {"row": 3, "column": 9},
            "message": "is wrong",
            "certainty": "possible",
            "fix": {
                "applicability": "unsafe",
                "message": "Mend",
                "edits": [
                    {"content": "x", "location": {"row": 1, "column": 2}, "end_location": {"row": 1, "column": 3}}
                ],
            },
            "related": [],
            "noqa_row": 3,
            "cell": None,
            "url": None,
        }

    def test_the_places_that_a_finding_is_about_are_listed(self):
        place = Related("b.py", Position(2, 1), Position(2, 9), "it is opened here")
        (found,) = json.loads(rendered("json", finding()._replace(related=(place,))))
        assert found["related"] == [
            {
                "filename": str(Path("b.py").absolute()),
                "location": {"row": 2, "column": 1},
                "end_location": {"row": 2, "column": 9},
                "message": "it is opened here",
                "cell": None,
            }
        ]

    def test_a_name_that_is_no_text_can_still_be_read_back(self):
        name = os.fsdecode(b"\xff.py")
        text = rendered("json", finding(name))
        assert text.isascii()
        assert json.loads(text)[0]["filename"].endswith(name)


class TestJsonLines:
    def test_each_line_is_one_finding_as_json_has_it(self):
        lines = rendered("json-lines", finding(fix=SAFE), finding("b.py", message="one\ntwo")).splitlines()
        assert list(map(json.loads, lines)) == [
            *json.loads(rendered("json", finding(fix=SAFE))),
            *json.loads(rendered("json", finding("b.py", message="one\ntwo"))),
        ]

    def test_nothing_found_is_nothing_written(self):
        assert rendered("json-lines") == ""


class TestGitHub:
    def test_a_finding_is_an_error_command(self):
        assert rendered("github", finding()) == (
            f"::error title=picklesafe (PKS111),file={Path('a.py').absolute()},line=3,col=5,endLine=3,endColumn=9"
            "::a.py:3:5: PKS111 is wrong\n"
        )

    def test_columns_across_rows_are_left_out(self):
        text = rendered("github", finding()._replace(end=Position(4, 2)))
        assert "endLine=4::" in text and "endColumn" not in text

    def test_what_would_end_a_command_is_escaped(self):
        text = rendered("github", finding(message="100%\r\n::error::x"))
        assert text.endswith("PKS111 100%25%0D%0A::error::x\n")
        assert text.count("\n") == 1

    def test_what_would_end_a_property_is_escaped(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        properties = rendered("github", finding("a,b:c%.py")).split("::")[1]
        assert "a%2Cb%3Ac%25.py" in properties


class TestSummary:
    @pytest.mark.parametrize(
        ("fixes", "fixed", "text"),
        [
            ([], 0, "All checks passed!\n"),
            ([], 1, "Found 1 error (1 fixed, 0 remaining).\n"),
            ([None], 0, "Found 1 error.\n"),
            ([None, None], 3, "Found 5 errors (3 fixed, 2 remaining).\n"),
            ([SAFE], 0, "Found 1 error.\n[*] 1 fixable with `--fix`.\n"),
            ([UNSAFE], 0, "Found 1 error.\n1 unsafe fix available with `--fix --unsafe-fixes`.\n"),
            (
                [SAFE, UNSAFE, UNSAFE],
                0,
                "Found 3 errors.\n[*] 1 fixable with `--fix` (2 unsafe fixes available with `--fix --unsafe-fixes`).\n",
            ),
        ],
    )
    def test_it_counts_as_ruff_counts(self, fixes, fixed, text):
        assert summary([finding(fix=fix) for fix in fixes], fixed, Style()) == text

    def test_unsafe_fixes_count_where_they_are_asked_for(self):
        style = Style(unsafe_fixes=True)
        assert summary([finding(fix=UNSAFE)], 0, style) == "Found 1 error.\n[*] 1 fixable with `--fix`.\n"

    @pytest.mark.parametrize(
        ("fixed", "hidden", "text"),
        [
            (0, 0, ""),
            (1, 0, "Would fix 1 error.\n"),
            (2, 1, "Would fix 2 errors (1 additional fix available with `--unsafe-fixes`).\n"),
            (0, 2, "No errors would be fixed (2 fixes available with `--unsafe-fixes`).\n"),
        ],
    )
    def test_a_diff_says_what_it_would_fix(self, fixed, hidden, text):
        assert diff_summary(fixed, hidden) == text


class TestStatistics:
    FOUND = (
        finding(code="PKS101", fix=SAFE),
        *[finding(code="PKS111", fix=fix) for fix in (SAFE, None)],
        *[finding(code="ABC1")] * 10,
    )

    def test_the_most_frequent_code_comes_first(self):
        assert statistics(self.FOUND, Style()) == (
            "10\tABC1  \t[ ] name-of-abc1\n 2\tPKS111\t[-] name-of-pks111\n 1\tPKS101\t[*] name-of-pks101\n"
        )

    def test_nothing_found_is_nothing_said(self):
        assert statistics([], Style()) == ""
        assert json.loads(json_statistics([], Style())) == []

    def test_programs_get_the_same(self):
        assert json.loads(json_statistics(self.FOUND, Style()))[1] == {
            "code": "PKS111",
            "name": "name-of-pks111",
            "count": 2,
            "fixable": False,
            "fixable_count": 1,
        }
