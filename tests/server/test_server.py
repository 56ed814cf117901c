"""The real `picklesafe server`, driven by a real client over stdio."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from .editor import Editor

UNGUARDED = """\
from torch.utils.data import DataLoader


def make(dataset, n):
    return DataLoader(dataset, num_workers=n, prefetch_factor=2)
"""
GUARDED = UNGUARDED.replace("prefetch_factor=2", "prefetch_factor=2 if n > 0 else None")
CALLER = "from wrapper import make\n\nloader = make([], 0)\n"


def runs(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@runs
async def test_findings_follow_what_is_typed(tmp_path: Path) -> None:
    async with Editor(tmp_path) as editor:
        uri = editor.open((tmp_path / "a.py"), UNGUARDED)
        [found] = await editor.diagnostics(uri)
        assert (found.code, found.severity) == ("PKS111", types.DiagnosticSeverity.Warning)
        assert editor.shown(uri, found.range) == "prefetch_factor=2"
        await editor.codes(uri, [], editor.type(uri, "prefetch_factor=2", "prefetch_factor=2 if n else None"))
        await editor.codes(uri, ["PKS901"], editor.type(uri, "dataset, num", "(dataset, num"))
        await editor.codes(uri, ["PKS111"], editor.replace(uri, UNGUARDED))
        editor.close(uri)
        await editor.codes(uri, [], None)


@runs
async def test_of_many_keystrokes_the_last_one_is_judged(tmp_path: Path) -> None:
    async with Editor(tmp_path, debounce=200) as editor:
        uri = editor.open(tmp_path / "a.py", GUARDED)
        await editor.codes(uri, [])
        for _ in range(20):
            version = editor.type(uri, "\n\n\n", "\n\n\n\n")
        await editor.codes(uri, [], version)
        versions = [one.version for one in editor.published if one.uri == uri]
        assert versions == sorted(versions) and len(versions) < 20


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@runs
async def test_fix_and_suppression_are_edits_of_this_version_in_the_clients_units(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    text = UNGUARDED.replace("DataLoader(dataset", "DataLoader({'\U0001f40d\u00e9': dataset}").replace("\n", newline)
    async with Editor(tmp_path, encodings=[encoding]) as editor:
        uri = editor.open(tmp_path / "a.py", text)
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
async def test_hover_shows_the_page_of_the_rule(tmp_path: Path) -> None:
    async with Editor(tmp_path) as editor:
        uri = editor.open(tmp_path / "a.py", UNGUARDED)
        [found] = await editor.diagnostics(uri)
        where = types.HoverParams(types.TextDocumentIdentifier(uri), found.range.start)
        hover = await editor.client.text_document_hover_async(where)
        assert hover is not None and isinstance(hover.contents, types.MarkupContent)
        assert hover.contents.value.startswith("# unguarded-prefetch-factor (PKS111)")


@runs
async def test_a_call_is_judged_anew_when_the_wrapper_changes_in_a_buffer_or_on_the_disk(tmp_path: Path) -> None:
    wrapper, caller = tmp_path / "wrapper.py", tmp_path / "caller.py"
    wrapper.write_text(UNGUARDED)
    caller.write_text(CALLER)
    async with Editor(tmp_path) as editor:
        called = editor.open(caller)
        await editor.codes(called, ["PKS101"])
        [found] = await editor.diagnostics(called)
        assert found.severity == types.DiagnosticSeverity.Error
        [related] = found.related_information or []
        assert related.location.uri == wrapper.as_uri()
        opened = editor.open(wrapper)
        editor.replace(opened, GUARDED)
        await editor.codes(called, [])
        editor.close(opened)
        await editor.codes(called, ["PKS101"])
        wrapper.write_text(GUARDED)
        editor.tell(wrapper)
        await editor.codes(called, [])


@runs
async def test_configuration_is_read_again_and_a_damaged_one_is_a_message(tmp_path: Path) -> None:
    config = tmp_path / "pyproject.toml"
    async with Editor(tmp_path) as editor:
        uri = editor.open(tmp_path / "a.py", UNGUARDED)
        await editor.codes(uri, ["PKS111"])
        await editor.until(lambda: editor.registered)
        config.write_text("[tool.picklesafe]\nignore = ['PKS111']\n")
        editor.tell(config)
        await editor.codes(uri, [])
        config.write_text("[tool.picklesafe]\nignor = []\n")
        editor.tell(config)
        await editor.until(lambda: editor.messages)
        assert "ignor" in editor.messages[0]
        config.write_text("")
        editor.tell(config)
        await editor.codes(uri, ["PKS111"])


@runs
async def test_each_folder_has_its_own_configuration_and_excludes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    (one / "picklesafe.toml").write_text("extend-exclude = ['generated.py']\n")
    (other / "picklesafe.toml").write_text("ignore = ['PKS1']\n")
    async with Editor(one, other) as editor:
        await editor.codes(editor.open(one / "a.py", UNGUARDED), ["PKS111"])
        await editor.codes(editor.open(one / "generated.py", UNGUARDED), [])
        await editor.codes(editor.open(other / "a.py", UNGUARDED), [])
        await editor.codes(editor.open(tmp_path / "outside.py", UNGUARDED), ["PKS111"])
        await editor.codes(editor.open("untitled:Untitled-1", UNGUARDED), ["PKS111"])


@pytest.mark.parametrize("trusted", [False, True])
@runs
async def test_rules_of_a_project_are_run_only_if_the_user_trusts_them(tmp_path: Path, trusted: bool) -> None:
    (tmp_path / "picklesafe.toml").write_text("rules = ['./mine.py']\nextend-select = ['ABC1']\n")
    (tmp_path / "mine.py").write_text("open(__file__ + '.ran', 'w').close()\n")
    async with Editor(tmp_path, trustProjectRules=trusted) as editor:
        uri = editor.open(tmp_path / "a.py", UNGUARDED)
        if trusted:  # the module holds no rule, so that ABC1 is nobody's
            await editor.until(lambda: editor.messages)
        else:
            await editor.codes(uri, ["PKS111"])
        assert (tmp_path / "mine.py.ran").exists() is trusted


@runs
async def test_odd_documents_are_no_crash(tmp_path: Path) -> None:
    async with Editor(tmp_path) as editor:
        await editor.codes(editor.open(tmp_path / "bom.py", "\ufeff" + UNGUARDED), ["PKS111"])
        await editor.codes(editor.open(tmp_path / "null.py", UNGUARDED + "\0"), ["PKS903"])
        await editor.codes(editor.open(tmp_path / "odd.py", "# coding: nonsense\n" + UNGUARDED), ["PKS903"])
        await editor.codes(editor.open(tmp_path / "latin.py", "# coding: latin-1\n# \u20ac\n" + UNGUARDED), ["PKS111"])
        await editor.codes(editor.open(tmp_path / "large.py", UNGUARDED + "#" * 10_000_000), ["PKS903"])
        editor.open(tmp_path / "book.ipynb", "{}")
        feed = editor.open(tmp_path / "feed.py", "\f\n" + UNGUARDED)
        await editor.codes(feed, ["PKS111"])
        await editor.codes(feed, [], editor.type(feed, "prefetch_factor=2", "prefetch_factor=2 if n else None"))
        assert await editor.end() == 0


@runs
async def test_an_exit_without_shutdown_is_a_failure(tmp_path: Path) -> None:
    async with Editor(tmp_path) as editor:
        editor.client.exit(None)
        assert await asyncio.wait_for(editor.process.wait(), 60) == 1
        await editor.client.stop()
