"""What of a cell is Python, where a notebook may hide a word, and which fixes stay in their cell."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from picklesafe.lint.engine import check
from picklesafe.lint.notebook.magics import python_in

from .project import rule, settings

LOADER = "DataLoader([1], num_workers=workers, prefetch_factor=2)"


def write(folder: Path, *cells: str | dict[str, Any], **metadata: Any) -> Path:
    """A notebook without outputs; a cell is its text, or all that it holds."""
    full = [{"source": cell} if isinstance(cell, str) else cell for cell in cells]
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None} | cell for cell in full]
    path = folder / "book.ipynb"
    path.write_text(json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path


def found(folder: Path, *cells: str | dict[str, Any], **metadata: Any) -> list[tuple[int | None, str]]:
    """The cell and the code of each finding in a notebook that imports DataLoader in its first cell."""
    write(folder, "from torch.utils.data import DataLoader", *cells, **metadata)
    report = check([str(folder)], settings(folder))
    assert not report.errors
    return [(finding.cell, finding.code) for finding in report.findings]


class TestPython:
    @pytest.mark.parametrize(
        ("cell", "program"),
        [
            ("!ls", "0  "),
            ("if x:\n    !ls \\\n    -l\ny = 1", "if x:\n    0    \n      \ny = 1"),
            ("files = !ls *.py", "files = _ls     "),
            ("here = %pwd\r\nx = 1", "here = _pwd\r\nx = 1"),
            ("%time x = f(1)", "0;    x = f(1)"),
            ("%timeit -n 10 -r2 f(1)", "0;                f(1)"),
            ("%time for", "0        "),
            ("%%time\nx = 1", "      \nx = 1"),
            ("%%capture out\n%%time\nx = 1", "             \n      \nx = 1"),
            ("a.b??", "0    "),
            ("?a.b", "0   "),
            ("a? # what", "0  # what"),
            ("x = (1\n% 2)", "x = (1\n% 2)"),
            ("x = 5 \\\n% 2", "x = 5 \\\n% 2"),
            ("'''\n!ls\n'''", "'''\n!ls\n'''"),
            ("x = '= !' # = !ls\ny", "x = '= !' # = !ls\ny"),
            ("x = a != b", "x = a != b"),
            ("f(x=1)", "f(x=1)"),
            ("pip install torch", " " * 17),
            ("cd = 1", "cd = 1"),
            (">>> x = 1\n... y", "    x = 1\n    y"),
        ],
    )
    def test_what_only_ipython_knows_is_blanked_in_place(self, cell: str, program: str) -> None:
        result = python_in(cell)
        assert result is not None and result.text == program

    @pytest.mark.parametrize(
        "cell", ["%%bash\nls", "%%writefile a.py\nx", "%md\n# Title", "%sql\nSELECT 1", "\n%%R\nx"]
    )
    def test_another_language_is_none(self, cell: str) -> None:
        assert python_in(cell) is None

    def test_one_percent_sign_names_the_language_in_databricks_alone(self) -> None:
        cell = "# the table\n%sql SELECT 1\nFROM t"
        assert python_in(cell, databricks=True) is None
        assert python_in(cell) is not None

    @pytest.mark.parametrize("line", ["x = '''", "x = (", "y[1"])
    def test_what_a_cell_leaves_open_is_noticed(self, line: str) -> None:
        result = python_in(f"{line}\nz")
        assert result is not None and not result.complete

    def test_a_page_of_magics_takes_no_time(self) -> None:
        result = python_in("!echo 'don\"t' \\\n(\n%time f(x)\nx = !ls\r\n\r\n" * 2_000)
        assert result is not None and ast.parse(result.text)


class TestFindings:
    def test_a_string_that_two_cells_share_is_a_mistake_in_both(self, tmp_path: Path) -> None:
        assert found(tmp_path, "x = '''", "y = '''", f"workers = 0\n{LOADER}") == [
            (2, "PKS901"),
            (3, "PKS901"),
            (4, "PKS101"),
        ]

    def test_a_comment_above_nothing_does_not_speak_for_the_next_cell(self, tmp_path: Path) -> None:
        silent = "workers = 0\n# picklesafe: ignore[PKS101]"
        assert (3, "PKS101") in found(tmp_path, silent, LOADER)
        assert found(tmp_path, f"{silent}\n{LOADER}") == []

    def test_an_indented_cell_is_python_as_well(self, tmp_path: Path) -> None:
        assert found(tmp_path, f"    workers = 0\n    {LOADER}", "x = 1") == [(2, "PKS101")]

    def test_a_cell_in_another_language_of_the_editor_is_passed_over(self, tmp_path: Path) -> None:
        cell = {"source": "let prefetch_factor = (", "metadata": {"vscode": {"languageId": "javascript"}}}
        assert found(tmp_path, cell, f"workers = 0\n{LOADER}") == [(3, "PKS101")]

    @pytest.mark.parametrize(
        "metadata",
        [
            {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}},
            {"application/vnd.databricks.v1+notebook": {"language": "python"}},
            {"language_info": {"name": "pyspark"}},
            {"language_info": "broken", "kernelspec": []},
        ],
        ids=["Colab", "Databricks", "sparkmagic", "broken"],
    )
    def test_every_way_to_say_python_is_known(self, tmp_path: Path, metadata: dict[str, Any]) -> None:
        assert found(tmp_path, f"workers = 0\n{LOADER}", **metadata) == [(2, "PKS101")]

    def test_a_notebook_of_another_language_is_noted(self, tmp_path: Path) -> None:
        path = write(tmp_path, f"workers = 0\n{LOADER}", language_info={"name": "R"})
        report = check([str(path)], settings(tmp_path))
        assert report.notes == (f"{path}: is a notebook in R, not in Python, and is passed over",)

    @pytest.mark.parametrize("hidden", ["prefetch\\u005ffactor", "\\u0070refetch_factor"])
    def test_words_that_are_written_as_escapes_are_found(self, tmp_path: Path, hidden: str) -> None:
        path = write(tmp_path, f"from torch.utils.data import DataLoader\nworkers = 0\n{LOADER}")
        path.write_text(path.read_text().replace("prefetch_factor", hidden))
        assert [finding.code for finding in check([str(path)], settings(tmp_path)).findings] == ["PKS101"]

    def test_calls_of_another_file_are_judged_where_one_string_holds_the_cell(self, tmp_path: Path) -> None:
        (tmp_path / "lib.py").write_text(
            "from torch.utils.data import DataLoader\n"
            "def wrap(ds, count):\n    return DataLoader(ds, num_workers=count, prefetch_factor=2)\n"
        )
        # In the JSON, `\nwrap(` is one word.
        write(tmp_path, "from lib import wrap\nwrap([1], 0)")
        report = check([str(tmp_path)], settings(tmp_path))
        assert [(Path(f.path).name, f.cell, f.code) for f in report.findings] == [
            ("book.ipynb", 1, "PKS101"),
            ("lib.py", None, "PKS111"),
        ]

    def test_results_are_kept_with_their_cells(self, tmp_path: Path) -> None:
        path = write(tmp_path, "from torch.utils.data import DataLoader", f"workers = 0\n{LOADER}")
        kept = settings(tmp_path, cache_dir=str(tmp_path / "cache"))
        first = check([str(path)], kept)
        assert check([str(path)], kept).findings == first.findings
        assert [finding.cell for finding in first.findings] == [2]

    def test_a_fix_that_reaches_into_another_cell_is_refused(self, tmp_path: Path) -> None:
        body = 'return call.finding(case, "odd", fix=Fix("odd", (Edit({}, {}, ""), Edit(start, end, "None"))))'
        first = body.format("Position(2, 1)", "Position(2, 1)")
        own = body.format("source.end(case.place.node)", "source.end(case.place.node)")
        for name, code, text in (("a", "ZZZ001", first), ("b", "ZZZ002", own)):
            (tmp_path / f"{name}.py").write_text(rule(code, text))
        path = write(tmp_path, "from torch.utils.data import DataLoader", f"workers = 0\n{LOADER}")
        chosen = settings(tmp_path, rules=("./a.py", "./b.py"))._replace(codes=frozenset({"ZZZ001", "ZZZ002"}))
        fixes = {finding.code: finding.fix for finding in check([str(path)], chosen).findings}
        assert fixes["ZZZ001"] is None and fixes["ZZZ002"] is not None
