"""A project's own rules in an editor: whether they run, and what happens when they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from .editor import UNGUARDED, Editor, runs

RULE = '''"""ABC100 loud: it speaks."""
from picklesafe.lint import LoaderCall, rule

print("This must not get between the messages.")


@rule(triggers=["DataLoader("])
def check(call: LoaderCall):
    {}
'''
FINE = RULE.format("return call.finding(call.refused('prefetch_factor'), 'is loud')")


def _configure(folder: Path, rule: str) -> None:
    (folder / "picklesafe.toml").write_text("rules = ['./mine.py']\nextend-select = ['ABC1']\n")
    (folder / "mine.py").write_text(rule)


@runs
async def test_they_are_not_run_unless_the_user_trusts_them(editor: Editor, tmp_path: Path) -> None:
    _configure(tmp_path, "open(__file__ + '.ran', 'w').close()\n")
    await editor.codes(editor.open(tmp_path / "a.py", UNGUARDED), ["PKS111"])
    assert not (tmp_path / "mine.py.ran").exists()


@runs
async def test_a_trusted_rule_is_run_and_read_again_when_it_changes(patient_editor: Editor, tmp_path: Path) -> None:
    _configure(tmp_path, FINE)
    uri = patient_editor.open(tmp_path / "a.py", UNGUARDED)
    await patient_editor.codes(uri, ["ABC100", "PKS111"])
    (tmp_path / "mine.py").write_text(RULE.format("return None"))
    patient_editor.tell(tmp_path / "mine.py")
    await patient_editor.codes(uri, ["PKS111"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('no')", "rule ABC100 raises ValueError: no"),
        ("raise SystemExit(3)", "rule ABC100 raises SystemExit: 3"),
        ("return [3]", "rule ABC100 gives 3"),
    ],
)
@runs
async def test_a_rule_that_fails_is_told_once_and_the_server_goes_on(
    patient_editor: Editor, tmp_path: Path, body: str, told: str
) -> None:
    _configure(tmp_path, RULE.format(body))
    uris = [patient_editor.open(tmp_path / name, UNGUARDED) for name in ("a.py", "b.py")]
    for uri in uris:
        await patient_editor.codes(uri, [])
    await patient_editor.codes(patient_editor.open(tmp_path / "c.py", UNGUARDED + "(\n"), ["PKS901"])
    [message] = patient_editor.messages
    assert str(tmp_path / "a.py") in message and told in message
    (tmp_path / "mine.py").write_text(FINE)
    patient_editor.tell(tmp_path / "mine.py")
    for uri in uris:
        await patient_editor.codes(uri, ["ABC100", "PKS111"])


@runs
async def test_a_rule_that_can_not_be_loaded_is_told_and_tried_again_when_it_changes(
    patient_editor: Editor, tmp_path: Path
) -> None:
    _configure(tmp_path, "import nothing_of_that_name\n")
    uri = patient_editor.open(tmp_path / "a.py", UNGUARDED)
    await patient_editor.codes(uri, [])
    [message] = patient_editor.messages
    assert "nothing_of_that_name" in message
    (tmp_path / "mine.py").write_text(FINE)
    patient_editor.tell(tmp_path / "mine.py")
    await patient_editor.codes(uri, ["ABC100", "PKS111"])
