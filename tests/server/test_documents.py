"""What is shown for open documents, by the real `picklesafe server`."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from .editor import GUARDED, UNGUARDED, Editor, runs


@runs
async def test_findings_follow_what_is_typed(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open(tmp_path / "a.py", UNGUARDED)
    [found] = await editor.diagnostics(uri)
    assert (found.code, found.severity) == ("PKS111", types.DiagnosticSeverity.Warning)
    assert editor.shown(uri, found.range) == "prefetch_factor=2"
    await editor.codes(uri, [], editor.type(uri, "prefetch_factor=2", "prefetch_factor=2 if n else None"))
    await editor.codes(uri, ["PKS901"], editor.type(uri, "dataset, num", "(dataset, num"))
    await editor.codes(uri, ["PKS111"], editor.replace(uri, UNGUARDED))
    [found] = await editor.diagnostics(uri, editor.type(uri, "\n\n\n", "\n\n\n# One line more.\n"))
    assert editor.shown(uri, found.range) == "prefetch_factor=2"
    editor.close(uri)
    await editor.codes(uri, [], None)


@runs
async def test_of_many_keystrokes_the_first_and_the_last_are_judged(patient_editor: Editor, tmp_path: Path) -> None:
    uri = patient_editor.open(tmp_path / "a.py", GUARDED)
    await patient_editor.codes(uri, [])
    await patient_editor.codes(uri, [], patient_editor.type(uri, "\n\n\n", "\n\n\n\n"))
    for _ in range(20):
        version = patient_editor.type(uri, "\n\n\n", "\n\n\n\n")
    patient_editor.save(uri)
    await patient_editor.codes(uri, [], version)
    assert [one.version for one in patient_editor.published if one.uri == uri] == [1, 2, version]


@runs
async def test_nothing_is_shown_for_a_document_that_was_closed_before_it_was_judged(
    editor: Editor, tmp_path: Path
) -> None:
    closed, other = (editor.open(tmp_path / name, GUARDED) for name in ("a.py", "b.py"))
    await editor.codes(closed, [])
    for uri in (closed, other):  # the second keystroke waits for a third
        editor.type(uri, "2 if n > 0 else None", "2 if n")
        last = editor.replace(uri, UNGUARDED)
    editor.close(closed)
    await editor.codes(other, ["PKS111"], last)
    await editor.codes(closed, [], None)
    assert not any(one.version == last for one in editor.published if one.uri == closed)


@runs
async def test_a_document_that_is_opened_again_is_shown_as_it_is_then(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open(tmp_path / "a.py", UNGUARDED)
    editor.close(uri)
    await editor.codes(editor.open(tmp_path / "a.py", GUARDED), [])
    editor.close(uri)
    await editor.codes(editor.open(tmp_path / "a.py", UNGUARDED), ["PKS111"])


@runs
async def test_documents_that_were_never_saved_are_checked(editor: Editor, tmp_path: Path) -> None:
    for uri in ("untitled:Untitled-1", (tmp_path / "new" / "module.py").as_uri()):
        editor.open(uri, UNGUARDED)
        [found] = await editor.diagnostics(uri)
        fix, *_ = await editor.actions(uri, found)
        assert fix.edit is not None and editor.applied(fix.edit) == GUARDED
        await editor.codes(uri, [], editor.replace(uri, GUARDED))


@runs
async def test_a_document_whose_file_is_deleted_is_still_checked(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(UNGUARDED)
    uri = editor.open(path)
    await editor.codes(uri, ["PKS111"])
    path.unlink()
    editor.tell(path, kind=types.FileChangeType.Deleted)
    await editor.codes(uri, [], editor.replace(uri, GUARDED))


@runs
async def test_other_languages_and_notebooks_are_left_alone(editor: Editor, tmp_path: Path) -> None:
    book, cell = (tmp_path / "book.ipynb").as_uri(), "vscode-notebook-cell:/book.ipynb#1"
    cells = [types.NotebookCell(types.NotebookCellKind.Code, cell)]
    opened = types.NotebookDocument(book, "jupyter-notebook", 1, cells)
    item = types.TextDocumentItem(cell, "python", 1, UNGUARDED)
    editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(opened, [item]))
    editor.open(book, "{}")
    editor.open(cell, UNGUARDED)
    other = editor.open(tmp_path / "a.pyx", UNGUARDED, language="cython")
    editor.type(cell, "prefetch_factor=2", "prefetch_factor=3")
    assert await editor.hover(cell, types.Position(4, 50)) == ""
    await editor.codes(editor.open(tmp_path / "a.py", UNGUARDED), ["PKS111"])
    assert {book, cell, other}.isdisjoint(one.uri for one in editor.published)
    assert not editor.messages


@runs
async def test_odd_documents_are_no_crash(editor: Editor, tmp_path: Path) -> None:
    await editor.codes(editor.open(tmp_path / "bom.py", "\ufeff" + UNGUARDED), ["PKS111"])
    await editor.codes(editor.open(tmp_path / "null.py", UNGUARDED + "\0"), ["PKS903"])
    await editor.codes(editor.open(tmp_path / "odd.py", "# coding: nonsense\n" + UNGUARDED), ["PKS903"])
    await editor.codes(editor.open(tmp_path / "latin.py", "# coding: latin-1\n# \u20ac\n" + UNGUARDED), ["PKS111"])
    await editor.codes(editor.open(tmp_path / "half.py", f"# {chr(0xD83D)}\n" + UNGUARDED), ["PKS111"])
    await editor.codes(editor.open(tmp_path / "large.py", UNGUARDED + "#" * 10_000_000), ["PKS903"])
    feed = editor.open(tmp_path / "feed.py", "\f\n" + UNGUARDED)
    await editor.codes(feed, ["PKS111"])
    await editor.codes(feed, [], editor.type(feed, "prefetch_factor=2", "prefetch_factor=2 if n else None"))
    assert not editor.messages


@runs
async def test_a_file_that_is_no_text_is_read_again_when_it_is_one(editor: Editor, tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_bytes(b"# \xff\n" + UNGUARDED.encode())
    uri = editor.open(tmp_path / "caller.py", "from wrapper import make\n\nloader = make([], 0)\n")
    await editor.codes(uri, [])
    wrapper.write_text(UNGUARDED)
    editor.tell(wrapper)
    await editor.codes(uri, ["PKS101"])
