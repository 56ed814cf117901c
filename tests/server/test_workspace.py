"""What happens around the open documents: in other files, in the configuration, to the folders."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from .editor import CALLER, GUARDED, UNGUARDED, Editor, runs

CREATED, DELETED = types.FileChangeType.Created, types.FileChangeType.Deleted


@runs
async def test_a_call_is_judged_anew_when_the_wrapper_changes_in_a_buffer_or_on_the_disk(
    editor: Editor, tmp_path: Path
) -> None:
    folder = tmp_path / "what's + odd #1 \u00e9%20"  # in a URI most of it is written otherwise
    folder.mkdir()
    wrapper, caller = folder / "wrapper.py", folder / "caller.py"
    wrapper.write_text(UNGUARDED)
    caller.write_text(CALLER)
    called = editor.open(caller)
    await editor.codes(called, ["PKS101"])
    [found] = await editor.diagnostics(called)
    assert found.severity == types.DiagnosticSeverity.Error
    [related] = found.related_information or []
    assert to_fs_path(related.location.uri) == str(wrapper)
    opened = editor.open(wrapper)
    editor.replace(opened, GUARDED)
    await editor.codes(called, [])
    editor.close(opened)
    await editor.codes(called, ["PKS101"])
    wrapper.write_text(GUARDED)
    editor.tell(wrapper)
    await editor.codes(called, [])


@runs
async def test_a_module_may_be_created_renamed_and_deleted(editor: Editor, tmp_path: Path) -> None:
    wrapper, other = tmp_path / "wrapper.py", tmp_path / "other.py"
    uri = editor.open(tmp_path / "caller.py", CALLER)
    await editor.codes(uri, [])
    wrapper.write_text(UNGUARDED)
    editor.tell(wrapper, kind=CREATED)
    await editor.codes(uri, ["PKS101"])
    wrapper.rename(other)
    editor.tell(wrapper, kind=DELETED)
    editor.tell(other, kind=CREATED)
    await editor.codes(uri, [])
    await editor.codes(uri, ["PKS101"], version := editor.type(uri, "wrapper", "other"))
    other.unlink()
    editor.tell(other, kind=DELETED)
    await editor.codes(uri, [], version)


@runs
async def test_a_hazard_is_followed_through_files_that_are_created_later(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open(tmp_path / "caller.py", "def run(factory):\n    return factory.make_it([], 0)\n")
    await editor.codes(uri, [])
    passing = tmp_path / "passing.py"
    passing.write_text(UNGUARDED + "\n\ndef make_it(dataset, n):\n    return make(dataset, n)\n")
    editor.tell(passing, kind=CREATED)
    await editor.codes(uri, [], editor.type(uri, "def run(factory)", "def run(factory, x)"))
    assert not editor.messages


@runs
async def test_configuration_is_read_again_and_a_damaged_one_is_one_message(editor: Editor, tmp_path: Path) -> None:
    config, below = tmp_path / "pyproject.toml", tmp_path / "below"
    below.mkdir()
    uris = [editor.open(folder / "a.py", UNGUARDED) for folder in (tmp_path, below)]
    for uri in uris:
        await editor.codes(uri, ["PKS111"])
    await editor.until(lambda: editor.registered)
    config.write_text("[tool.picklesafe]\nignore = ['PKS111']\n")
    editor.tell(config)
    for uri in uris:
        await editor.codes(uri, [])
    for damaged, told in (("[tool.picklesafe]\nignor = []\n", "ignor"), ("[tool.picklesafe\n", "pyproject.toml")):
        editor.messages.clear()
        config.write_text(damaged)
        editor.tell(config)
        await editor.until(lambda: editor.messages)
        editor.tell(config)
        config.write_text("")
        editor.tell(config)
        for uri in uris:
            await editor.codes(uri, ["PKS111"])
        [message] = editor.messages
        assert told in message


@runs
async def test_each_folder_has_its_own_configuration_and_excludes(editor: Editor, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    (one / "picklesafe.toml").write_text("extend-exclude = ['generated.py']\n")
    (other / "picklesafe.toml").write_text("ignore = ['PKS1']\n")
    await editor.codes(editor.open(one / "a.py", UNGUARDED), ["PKS111"])
    await editor.codes(editor.open(one / "generated.py", UNGUARDED), [])
    await editor.codes(editor.open(other / "a.py", UNGUARDED), [])
    await editor.codes(editor.open(tmp_path / "outside.py", UNGUARDED), ["PKS111"])


@runs
async def test_folders_are_opened_and_closed_while_documents_stay(editor: Editor, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    (project / "wrapper.py").write_text(UNGUARDED)
    uri = editor.open(project / "scripts" / "caller.py", CALLER)
    await editor.codes(uri, [])
    editor.change_folders([project], [])  # imports start from it
    await editor.codes(uri, ["PKS101"])
    editor.change_folders([], [project])
    await editor.codes(uri, [])
