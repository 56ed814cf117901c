"""What an editor offers to do about findings, and tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import UNGUARDED, Editor, runs


@runs
async def test_fix_and_suppression_are_edits_of_this_version(editor: Editor, tmp_path: Path) -> None:
    await _check_actions(editor, tmp_path)


@pytest.mark.parametrize(
    ("encoding", "way", "status"),
    [("utf-8", "shuts it down", 0), ("utf-32", "exits without shutdown", 1), ("utf-16", "vanishes", 1)],
)
@runs
async def test_a_server_counts_as_its_client_prefers_until_that_one_leaves(
    tmp_path: Path, encoding: str, way: str, status: int
) -> None:
    async with Editor(tmp_path, encodings=[encoding]) as editor:
        await _check_actions(editor, tmp_path)
        assert await editor.leave(way) == status


async def _check_actions(editor: Editor, folder: Path) -> None:
    for name, newline in (("unix.py", "\n"), ("windows.py", "\r\n")):
        text = UNGUARDED.replace("DataLoader(dataset", "DataLoader({'\U0001f40d\u00e9': dataset}")
        text = text.replace("\n", newline)
        uri = editor.open(folder / name, text)
        [found] = await editor.diagnostics(uri)
        assert editor.shown(uri, found.range) == "prefetch_factor=2"
        fix, suppress, everything = await editor.actions(uri, found)
        assert fix.is_preferred and fix.edit is not None and suppress.edit is not None
        fixed = text.replace("prefetch_factor=2", "prefetch_factor=2 if n > 0 else None")
        assert editor.applied(fix.edit) == fixed
        assert editor.applied(suppress.edit) == text.replace("=2)", "=2)  # picklesafe: ignore[PKS111]")
        assert everything.kind == "source.fixAll.picklesafe" and everything.edit is None
        resolved = await editor.client.code_action_resolve_async(everything)
        assert resolved.edit is not None and editor.applied(resolved.edit) == fixed
        [only] = await editor.actions(uri, found, "source.fixAll")
        assert only.title == everything.title


@runs
async def test_an_action_is_for_what_has_been_typed_since(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open(tmp_path / "a.py", UNGUARDED)
    [found] = await editor.diagnostics(uri)
    for name in ("shuffle", "drop_last"):  # the second one is judged later
        editor.type(uri, "prefetch", f"{name}=True, prefetch")
    shown = types.Diagnostic(types.Range(types.Position(4, 0), types.Position(4, 80)), found.message)
    fix, *_ = await editor.actions(uri, shown)
    assert fix.edit is not None
    assert "shuffle=True, drop_last=True, prefetch_factor=2 if n > 0 else None)" in editor.applied(fix.edit)


@runs
async def test_hover_shows_the_page_of_the_rule(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open(tmp_path / "a.py", UNGUARDED)
    [found] = await editor.diagnostics(uri)
    page = await editor.hover(uri, found.range.start)
    assert page.startswith("# unguarded-prefetch-factor (PKS111)")
    assert await editor.hover(uri, types.Position(0, 0)) == ""
    broken = editor.open(tmp_path / "b.py", UNGUARDED + "(\n")
    [found] = await editor.diagnostics(broken)
    assert (await editor.hover(broken, found.range.start)).startswith("# syntax-error (PKS901)")
