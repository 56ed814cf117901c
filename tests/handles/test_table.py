"""The page of handle types in the docs: that it says what is registered."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path

import pytest

from picklesafe.handles import registry, table

ROOT = Path(__file__).parent.parent.parent
ROWS = [
    (describe, entries)
    for rows in table._families().values()
    for describe, entries in rows.items()
    if not table._refuses(rows)
]


def fresh(code: str) -> str:
    """What the code prints in a process in which no other test has registered or imported anything."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def test_the_page_in_the_docs_is_what_is_registered_now() -> None:
    code = "import runpy; runpy.run_module('picklesafe.handles.table', run_name='__main__')"
    page = (ROOT / "docs" / "handles.md").read_text(encoding="utf-8")
    assert fresh(code) == page, "write it again: python -m picklesafe.handles.table > docs/handles.md"


def test_no_library_is_imported_for_it() -> None:
    code = "import sys; from picklesafe.handles import table; table.page(); print(*sys.modules)"
    imported = {name.partition(".")[0] for name in fresh(code).split()}
    packages = {name.partition(".")[0] for name in registry.all_types()} - set(sys.stdlib_module_names)
    assert {"numpy", "h5py", "pyfaidx"} <= packages
    assert not imported & packages


def test_every_policy_has_a_word_and_every_word_a_meaning() -> None:
    assert set(table._WORDS) == set(typing.get_args(registry.InChild))
    assert {*table._WORDS.values(), "made anew"} == set(table.POLICIES)


@pytest.mark.parametrize(("describe", "entries"), ROWS, ids=[entries[0].name for _, entries in ROWS])
def test_a_type_says_what_is_restored(describe: table.Describe, entries: list[registry.HandleType]) -> None:
    restored, _ = table._parts(describe)
    assert restored.endswith(".")


def test_markdown_prints_a_row_as_it_was_meant() -> None:
    assert table._text("in __iter__ or `__len__`") == "in `__iter__` or `__len__`"
    assert table._line(("`a`", "x | y")) == "| `a` | x \\| y |"
