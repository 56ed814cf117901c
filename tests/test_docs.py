"""What README.md and docs/ say of the configuration and of rules is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from picklesafe.cli.main import main
from picklesafe.lint.keys import KEYS

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_first_line_of_the_readme_says_what_picklesafe_is_not() -> None:
    assert "not a scanner for malicious pickles" in text("README.md").splitlines()[0]


def test_every_key_of_the_configuration_has_a_row_in_the_readme() -> None:
    table = text("README.md").split("### Configuration", 1)[1].split("###", 1)[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(KEYS)


def test_the_rule_that_the_docs_show_runs_and_mends_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", text("docs/writing-rules.md"), re.MULTILINE | re.DOTALL)
    (tmp_path / "team_rules.py").write_text(code, encoding="utf-8")
    (tmp_path / "picklesafe.toml").write_text('rules = ["team_rules.py"]\nselect = ["TEAM"]\n', encoding="utf-8")
    examples: dict[str, object] = {}
    exec(code, examples)
    assert isinstance(examples["BAD"], dict)
    ((before, after),) = examples["BAD"].items()
    frame = "from torch.utils.data import DataLoader\n\n\ndef load(ds, n):\n    return {}\n"
    (tmp_path / "train.py").write_text(frame.format(before), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--output-format", "concise", "train.py"]) == 1
    assert "train.py:5:42: TEAM001 [*]" in capsys.readouterr().out
    assert main(["check", "--fix", "train.py"]) == 0
    assert (tmp_path / "train.py").read_text(encoding="utf-8") == frame.format(after)
