"""What README.md and docs/ say is what there is, and their examples run."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from picklesafe.cli.main import main
from picklesafe.lint.keys import KEYS

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[str]:
    """The Python on a page."""
    return re.findall(r"^```python\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)


def test_the_first_line_of_the_readme_says_what_picklesafe_is_not() -> None:
    assert "not a scanner for malicious pickles" in text("README.md").splitlines()[0]


def test_every_key_of_the_configuration_has_a_row_in_the_readme() -> None:
    table = text("README.md").split("### Configuration", 1)[1].split("###", 1)[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(KEYS)


def test_the_rule_that_the_docs_show_runs_and_mends_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = blocks("docs/writing-rules.md")
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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the files that the guide's examples read."""
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGT" * 12_500 + "\n")
    (tmp_path / "shards").mkdir()
    for number in range(1_000):
        (tmp_path / "shards" / f"{number}.txt").write_text(f"shard {number}\n")
    return tmp_path


@pytest.mark.parametrize("code", [pytest.param(code, id=f"{i}") for i, code in enumerate(blocks("docs/mixin.md"), 1)])
def test_an_example_of_the_guide_runs_as_it_stands(code: str, data: Path) -> None:
    for library in re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} isn't installed")
    if "fork" in code and not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    (data / "example.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", "example.py"]
    done = subprocess.run(command, cwd=data, env=environment, capture_output=True, text=True, timeout=120)
    raised = re.findall(r"# raises (\w+): ([^…\n]*)", code)
    if raised:
        ((error, message),) = raised
        assert f"picklesafe.errors.{error}: {message}" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")
    for printed in re.findall(r"print\(.*\)  # (.*)$", code, re.MULTILINE):
        pattern = ".*".join(map(re.escape, printed.split("…")))
        assert re.search(f"^{pattern}$", done.stdout, re.MULTILINE), done.stdout


def test_the_guide_names_every_public_name_but_no_other() -> None:
    import picklesafe

    guide = text("docs/mixin.md")
    assert [name for name in picklesafe.__all__ if not re.search(rf"\b{name}\b", guide)] == []
    named = {
        name
        for names in re.findall(r"^from picklesafe import (.*)$", guide, re.MULTILINE)
        for name in names.split(", ")
    }
    assert named <= set(picklesafe.__all__)


@pytest.mark.parametrize(
    "page", ["README.md", "docs/mixin.md", "docs/handles.md", "docs/check.md", "docs/writing-rules.md"]
)
def test_links_between_the_pages_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text(page)):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, (anchor, anchors)
