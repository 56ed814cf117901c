"""Whatever is typed, the findings are those of the text as it is then."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from picklesafe.lint.config import Options, settings_for
from picklesafe.server.buffers import Buffer
from picklesafe.server.checker import Checker
from picklesafe.server.documents import Verdict, judge

TEXT = """\
from torch.utils.data import DataLoader

def make(dataset, n):
    return DataLoader(dataset, num_workers=n, prefetch_factor=2)

class Trainer:
    def __init__(self, workers):
        self.workers = workers

    def loader(self):
        return DataLoader(
            [], num_workers=self.workers, persistent_workers=True,
        )  # picklesafe: ignore[PKS112]

if __name__ == "__main__":
    make([], 0)
"""
PIECES = [
    "\n",
    "\n\n\n",
    "    x = 1\n",
    "# a comment\n",
    "0",
    '"""',
    "(",
    "def f(n):\n",
    "make([], 0)\n",
    "2 if n else 0",
]
EDITS = st.tuples(st.integers(0, len(TEXT)), st.integers(0, 2) | st.integers(0, 99), st.sampled_from(PIECES))


@settings(max_examples=40, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_after_any_edits_the_findings_are_those_of_a_document_that_is_just_opened(
    edits: list[tuple[int, int, str]],
) -> None:
    checker, buffer = _checker(), _opened(TEXT)
    judge(buffer, checker, thorough=False)
    for at, length, typed in edits:
        text = buffer.text
        where = types.Range(*(_position(text, min(place, len(text))) for place in (at, at + length)))
        buffer.change([types.TextDocumentContentChangePartial(where, typed)], 2)
        assert buffer.text == text[:at] + typed + text[at + length :]
        assert _told(judge(buffer, checker, False)) == _told(judge(_opened(buffer.text), _checker(), False))


def _checker() -> Checker:
    return Checker(settings_for(["a.py"], Options(isolated=True)))


def _opened(text: str) -> Buffer:
    return Buffer(types.TextDocumentItem("file:///a.py", "python", 1, text), str(Path("/a.py")), "utf-32")


def _position(text: str, at: int) -> types.Position:
    above = text[:at]
    return types.Position(above.count("\n"), at - above.rfind("\n") - 1)


def _told(verdict: Verdict) -> object:
    return verdict.findings, verdict.fault
