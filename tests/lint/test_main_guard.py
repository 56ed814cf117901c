"""PKS301: code that starts workers whenever its file runs, as each worker that isn't forked runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from picklesafe.lint.analysis import analyze
from picklesafe.lint.finding import Finding
from picklesafe.lint.project import Project
from picklesafe.lint.source import Source
from tests.lint.linting import NOWHERE, lint, rules

HEAD = "from torch.utils.data import DataLoader\n"
MADE = HEAD + "loader = DataLoader([1, 2], num_workers=2)\n"
STARTED = {
    "a loop": MADE + "for batch in loader: pass\n",
    "a loop over enumerate": MADE + "for epoch in range(2):\n    for i, batch in enumerate(loader, 1): pass\n",
    "a loop over the call": HEAD + "for batch in DataLoader([1, 2], num_workers=2): pass\n",
    "a comprehension": MADE + "batches = [batch for batch in loader]\n",
    "next": MADE + "batch = next(iter(loader))\n",
    "list": MADE + "batches = list(loader)\n",
    "a condition": MADE + "import sys\nif len(sys.argv):\n    for batch in loader: pass\n",
    "a dictionary": HEAD
    + "loaders = {name: DataLoader([1], num_workers=2) for name in 'ab'}\nfor batch in loaders['a']: pass\n",
    "a trainer": MADE + "trainer.fit(model, loader)\n",
    "a function that is given the loader": MADE + "def train(data):\n    for batch in data: pass\n\ntrain(loader)\n",
    "a function that makes the loader": HEAD
    + "def main():\n    for batch in DataLoader([1], num_workers=2): pass\n\nmain()\n",
    "a function that calls one": HEAD
    + "def main():\n    for batch in DataLoader([1], num_workers=2): pass\n\ndef run():\n    main()\n\nrun()\n",
}
NOT_STARTED = {
    "a loader that is only made": MADE,
    "a loop under a guard": MADE + "if __name__ == '__main__':\n    for batch in loader: pass\n",
    "a call under a guard": HEAD
    + "def main():\n    for batch in DataLoader([1], num_workers=2): pass\n\nif '__main__' == __name__:\n    main()\n",
    "a function that nobody calls": HEAD + "def main():\n    for batch in DataLoader([1], num_workers=2): pass\n",
    "a function that only makes a loader": HEAD
    + "def make():\n    return DataLoader([1], num_workers=2)\n\nx = make()\n",
    "no workers": HEAD + "for batch in DataLoader([1]): pass\n",
    "fork": HEAD + "for batch in DataLoader([1], num_workers=2, multiprocessing_context='fork'): pass\n",
    "the keys of a dictionary": HEAD + "loaders = {'a': DataLoader([1], num_workers=2)}\nfor name in loaders: pass\n",
    "another process only": MADE
    + "from multiprocessing import parent_process\nif parent_process() is None:\n    for batch in loader: pass\n",
}


def said(text: str, name: str = "program.py") -> list[Finding]:
    file = Source(str(NOWHERE / name), text.encode())
    return [f for f in analyze(file, Project(str(NOWHERE)), rules()).findings if f.code == "PKS301"]


@pytest.mark.parametrize("text", STARTED.values(), ids=STARTED.keys())
def test_workers_that_start_at_once_are_reported(text: str) -> None:
    (found,) = lint(text)
    assert (found.code, found.certainty) == ("PKS301", "possible")
    assert [related.message for related in found.related] == ["DataLoader is made here"]


@pytest.mark.parametrize("text", NOT_STARTED.values(), ids=NOT_STARTED.keys())
def test_workers_that_start_later_or_never_are_not(text: str) -> None:
    assert lint(text) == ()


@pytest.mark.parametrize("name", ["test_data.py", "data_test.py", "conftest.py"])
def test_tests_are_exempt(name: str) -> None:
    assert said(STARTED["a loop"]) and not said(STARTED["a loop"], name)


@pytest.mark.parametrize("mark", ["# %%", "# In[3]:", "get_ipython().run_line_magic('x', '')"])
def test_programs_in_cells_are_exempt(mark: str) -> None:
    assert not said(STARTED["a loop"] + mark + "\n")


@pytest.mark.parametrize("text", [STARTED["next"], NOT_STARTED["a call under a guard"]], ids=["started", "guarded"])
def test_python_agrees_under_spawn(text: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "program.py").write_text(
        "import multiprocessing\nmultiprocessing.set_start_method('spawn', True)\n" + text
    )
    ran = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    refused = "bootstrapping phase" in ran.stderr
    assert refused is bool(said(text))
