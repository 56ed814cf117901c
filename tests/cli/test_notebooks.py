"""Notebooks on the command line: cells, magics, and every byte of the file that isn't code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from picklesafe.cli.main import main

IMPORT = "from torch.utils.data import DataLoader"
WRONG = "loader = DataLoader([1], num_workers=workers, prefetch_factor=2)"
MENDED = WRONG.replace("=2", "=2 if workers > 0 else None")
CONCISE = ("--output-format", "concise", "-q")


def notebook(*cells: str, **metadata: Any) -> nbformat.NotebookNode:
    """With an output below each cell of code, and a text before the first."""
    made = [
        v4.new_code_cell(text, outputs=[v4.new_output("stream", text="prefetch_factor=2 \u2028")]) for text in cells
    ]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), *made], metadata=spec | metadata)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def check(project: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Check `book.ipynb`; gives the status and what is printed."""

    def check(*arguments: str) -> tuple[int, str]:
        status = main(["check", "--no-cache", *arguments, "book.ipynb"])
        return status, capsys.readouterr().out

    return check


def write(project: Path, book: nbformat.NotebookNode) -> bytes:
    """As Jupyter saves it."""
    nbformat.write(book, project / "book.ipynb")
    return (project / "book.ipynb").read_bytes()


def read(project: Path) -> nbformat.NotebookNode:
    book = nbformat.read(project / "book.ipynb", as_version=4)
    nbformat.validate(book)
    return book


def test_what_one_cell_binds_holds_in_those_below(project: Path, check: Any) -> None:
    write(project, notebook(IMPORT, "workers = 0", WRONG))
    assert check(*CONCISE) == (
        1,
        "book.ipynb:cell 4:1:47: PKS101 [*] with num_workers=0 DataLoader gets prefetch_factor=2, which torch refuses "
        "(ValueError); write prefetch_factor=None, or give it workers\n",
    )
    write(project, notebook(IMPORT, "workers = 4", WRONG))
    assert check(*CONCISE) == (0, "")


@pytest.mark.parametrize(
    "cell",
    [
        f"%matplotlib inline\n{WRONG}",
        f"!pip install torch \\\n  numpy\n{WRONG}",
        f"%%time\n{WRONG}",
        f"files = !ls *.py\n{WRONG}",
        f"spent = %timeit -o sum([1])\n{WRONG}",
        f"DataLoader?\n{WRONG}",
        f"?DataLoader\n{WRONG}",
        f"text = '''\n%no magic\n'''\n{WRONG}",
        f"# %% a comment\n{WRONG}",
    ],
)
def test_magics_and_shell_lines_are_kept_where_they_are(project: Path, check: Any, cell: str) -> None:
    write(project, notebook(IMPORT, "workers = 0", cell))
    row = cell.count("\n") + 1
    assert check(*CONCISE)[1].startswith(f"book.ipynb:cell 4:{row}:47: PKS101")
    assert check("--fix")[0] == 0
    assert read(project).cells[3].source == cell.replace(WRONG, MENDED)


@pytest.mark.parametrize("magic", ["%%bash", "%%html", "%%writefile train.py", "%%javascript", "%%sql"])
def test_cells_in_another_language_are_passed_over(project: Path, check: Any, magic: str) -> None:
    write(project, notebook(IMPORT, f"{magic}\nworkers = 0; prefetch_factor=2 (", f"workers = 0\n{WRONG}"))
    assert check(*CONCISE)[1].startswith("book.ipynb:cell 4:2:47: PKS101")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_page_of_comments_is_read_at_once(project: Path, check: Any, end: str) -> None:
    write(project, notebook(IMPORT, "workers = 0", end.join(["# a b c # d"] * 200 + [WRONG])))
    assert check(*CONCISE)[1].startswith("book.ipynb:cell 4:201:47: PKS101")


def test_a_notebook_of_another_language_is_passed_over(project: Path, check: Any) -> None:
    spec = {"name": "ir", "display_name": "R", "language": "R"}
    write(project, notebook(f"prefetch_factor <- 2\n{IMPORT}\nworkers = 0\n{WRONG}", kernelspec=spec))
    assert check(*CONCISE) == (0, "")


def test_a_cell_that_is_no_python_is_one_finding_and_the_others_are_judged(project: Path, check: Any) -> None:
    write(project, notebook(IMPORT, "x = (", f"workers = 0\n{WRONG}"))
    status, output = check(*CONCISE)
    assert status == 1
    assert [line.partition(" [")[0].partition(" with")[0][:31] for line in output.splitlines()] == [
        "book.ipynb:cell 3:1:5: PKS901 i",
        "book.ipynb:cell 4:2:47: PKS101",
    ]


class TestFixes:
    @pytest.mark.parametrize(
        "style",
        [
            {"indent": 1},
            {"indent": 2, "ensure_ascii": False},
            {"indent": "\t", "ensure_ascii": False, "sort_keys": True},
            {"indent": None, "separators": (",", ":")},
        ],
        ids=["Jupyter", "VS Code", "tabs", "minified"],
    )
    @pytest.mark.parametrize("whole", [False, True], ids=["lines", "string"])
    def test_nothing_but_the_argument_changes(self, project: Path, check: Any, style: Any, whole: bool) -> None:
        book = json.loads(nbformat.writes(notebook(IMPORT, "workers = 0", f"é = '𝄞'; {WRONG}\nprint('\u2028')")))
        for cell in book["cells"] if whole else ():
            cell["source"] = "".join(cell["source"])
        before = json.dumps(book, **style)
        (project / "book.ipynb").write_text(before, encoding="utf-8", newline="")
        assert check("--fix") == (0, "Found 1 error (1 fixed, 0 remaining).\n")
        after = (project / "book.ipynb").read_text(encoding="utf-8")
        assert after == before.replace("prefetch_factor=2)", "prefetch_factor=2 if workers > 0 else None)")

    def test_line_ends_a_byte_order_mark_and_a_missing_newline_stay(self, project: Path, check: Any) -> None:
        before = write(project, notebook(IMPORT, "workers = 0", WRONG)).replace(b"\n", b"\r\n").rstrip()
        (project / "book.ipynb").write_bytes(b"\xef\xbb\xbf" + before)
        assert check("--fix")[0] == 0
        expected = before.replace(WRONG.encode(), MENDED.encode())
        assert (project / "book.ipynb").read_bytes() == b"\xef\xbb\xbf" + expected

    def test_a_diff_names_the_cell(self, project: Path, check: Any) -> None:
        before = write(project, notebook(IMPORT, "workers = 0", f"import os\n{WRONG}"))
        status, output = check("--diff")
        assert status == 1
        assert output.splitlines() == [
            "--- book.ipynb:cell 4",
            "+++ book.ipynb:cell 4",
            "@@ -1,2 +1,2 @@",
            " import os",
            f"-{WRONG}",
            f"+{MENDED}",
        ]
        assert (project / "book.ipynb").read_bytes() == before


class TestComments:
    @pytest.mark.parametrize("comment", ["# noqa: PKS101", "# picklesafe: ignore[PKS101]"])
    def test_they_suppress(self, project: Path, check: Any, comment: str) -> None:
        write(project, notebook(IMPORT, "workers = 0", f"{WRONG}  {comment}"))
        assert check(*CONCISE) == (0, "")

    def test_one_for_the_file_may_stand_in_any_cell(self, project: Path, check: Any) -> None:
        write(project, notebook("# picklesafe: ignore-file", IMPORT, f"workers = 0\n{WRONG}"))
        assert check(*CONCISE) == (0, "")

    def test_a_useless_one_is_told_and_removed(self, project: Path, check: Any) -> None:
        write(project, notebook(IMPORT, "x = 1  # picklesafe: ignore[PKS101]"))
        assert check(*CONCISE)[1].startswith("book.ipynb:cell 3:1:8: PKS902 [*]")
        assert check("--fix")[0] == 0
        assert read(project).cells[2].source == "x = 1"

    def test_they_are_added_in_the_cell(self, project: Path, check: Any) -> None:
        write(project, notebook(IMPORT, "workers = 0", f"{WRONG}\nprint()"))
        check("--add-ignore")
        assert read(project).cells[3].source == f"{WRONG}  # picklesafe: ignore[PKS101]\nprint()"
        assert check(*CONCISE) == (0, "")


def test_a_baseline_knows_a_finding_in_a_cell_that_moved(project: Path, check: Any) -> None:
    write(project, notebook(IMPORT, "workers = 0", WRONG))
    check("--write-baseline", "known.json")
    write(project, notebook(IMPORT, "print()", "workers = 0", f"print()\n{WRONG}"))
    assert check("--baseline", "known.json", *CONCISE) == (0, "")
    write(project, notebook(IMPORT, "workers = 0", WRONG, WRONG.replace("loader", "other")))
    assert check("--baseline", "known.json", *CONCISE)[0] == 1


def test_json_counts_all_cells_and_rows_within_them(project: Path, check: Any) -> None:
    write(project, notebook(IMPORT, "workers = 0", f"\n{WRONG}"))
    (found,) = json.loads(check("--output-format", "json")[1])
    assert (found["cell"], found["location"], found["noqa_row"]) == (4, {"row": 2, "column": 47}, 2)
    (edit,) = found["fix"]["edits"]
    assert edit["location"]["row"] == 2


def test_sarif_and_annotations_point_into_the_file(project: Path, check: Any) -> None:
    lines = write(project, notebook(IMPORT, "workers = 0", WRONG)).decode().split("\n")
    row = next(number for number, line in enumerate(lines, 1) if "num_workers=workers" in line)
    report = json.loads(check("--output-format", "sarif")[1])
    (result,) = report["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1] == "prefetch_factor=2"
    assert f"line={row}," in check("--output-format", "github")[1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"prefetch_factor num_workers"', "PKS903"),
        (b'["prefetch_factor num_workers"]', "PKS903"),
        (b'{"cells": 3, "nbformat": 4, "metadata": {"prefetch_factor": "num_workers"}}', "PKS903"),
        (b'{"worksheets": [], "nbformat": 3, "metadata": {"prefetch_factor": "num_workers"}}', "PKS903"),
        (b'{"cells": [], "nbformat": 4, "metadata": {}, "x": "\xff"}', "PKS903"),
        (b'{"cells": [{"cell_type": "code", "source": ["prefetch_factor", 1]}], "nbformat": 4}', "PKS903"),
        (b'["prefetch_factor num_workers"' + b"[" * 100_000, "PKS903"),
    ],
    ids=["broken", "list", "no cells", "version 3", "encoding", "lines", "deep"],
)
def test_what_is_no_notebook_is_one_finding(project: Path, check: Any, data: bytes, said: str) -> None:
    (project / "book.ipynb").write_bytes(data)
    status, output = check(*CONCISE)
    assert status == 1
    assert output.count("\n") == 1 and said in output
    assert check("--fix")[0] == 1
    assert (project / "book.ipynb").read_bytes() == data


def test_standard_input_may_be_a_notebook(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    before = nbformat.writes(notebook(IMPORT, "workers = 0", WRONG))
    given, printed = io.TextIOWrapper(io.BytesIO(before.encode())), io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdin", given)
    monkeypatch.setattr(sys, "stdout", printed)
    assert main(["check", "--fix", "--stdin-filename", "book.ipynb", "-"]) == 0
    assert printed.buffer.getvalue().decode() == before.replace(WRONG, MENDED)  # type: ignore[attr-defined]
