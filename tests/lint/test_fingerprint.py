"""What stays of a finding when other code changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from picklesafe.lint.engine import check
from picklesafe.lint.fingerprint import Identity, fingerprints, identities

from .project import POSSIBLE, settings

CALL = "    return DataLoader(data, num_workers=num_workers, prefetch_factor=2)\n"
CLASS = """\
from torch.utils.data import DataLoader

if True:
    class Trainer:
        def loader(
            self,
            num_workers,
        ):
# a comment at the margin
            if self:
                return DataLoader([], num_workers=num_workers, prefetch_factor=2)
"""


@pytest.fixture
def marks(tmp_path: Path):
    """The fingerprints of what is found in a text."""

    def marks(text: str) -> list[str]:
        (tmp_path / "a.py").write_text(text)
        return fingerprints(check([str(tmp_path)], settings(tmp_path)).findings, str(tmp_path))

    return marks


@pytest.mark.parametrize(
    "changed",
    [
        "\n\n# moved\n" + POSSIBLE,
        POSSIBLE.replace("def make", "def other():\n    pass\n\n\ndef make"),
        POSSIBLE.replace("    return", "    if data:\n        pass\n    return"),
        POSSIBLE.replace("DataLoader(data,", "DataLoader(\n        data,\n        shuffle=True,\n       "),
        POSSIBLE.replace("prefetch_factor=2", "prefetch_factor=2, pin_memory=True"),
        POSSIBLE.replace("\n", "\r\n"),
    ],
    ids=["lines above", "a function above", "the body", "rows of the call", "arguments beside", "line ends"],
)
def test_a_finding_stays_the_same_when_what_is_around_it_changes(marks, changed):
    assert marks(changed) == marks(POSSIBLE) != []


@pytest.mark.parametrize(
    "changed",
    [POSSIBLE.replace("=2)", "=4)"), POSSIBLE.replace("make", "build"), POSSIBLE.replace("prefetch_", "persistent_")],
)
def test_another_argument_or_function_makes_another_finding(marks, changed):
    assert marks(changed) != marks(POSSIBLE)


def test_equal_mistakes_in_one_function_are_told_apart_by_their_order(marks):
    twice = POSSIBLE.replace(CALL, "    if data:\n    " + CALL + CALL)
    assert len(set(marks(twice))) == 2
    assert marks(twice)[:1] == marks(POSSIBLE)


def test_the_scope_is_told_through_blocks_broken_headers_and_comments(tmp_path):
    (tmp_path / "a.py").write_text(CLASS)
    findings = check([str(tmp_path)], settings(tmp_path)).findings
    assert identities(findings, str(tmp_path)) == [Identity("a.py", "PKS111", "Trainer.loader", "prefetch_factor=2")]


def test_a_block_at_the_top_is_not_taken_for_part_of_the_function_above(tmp_path):
    text = POSSIBLE.replace("def make(data, num_workers):", "def f():\n    pass\n\n\nfor num_workers in f:")
    (tmp_path / "a.py").write_text(text.replace("return ", "x = ").replace("data,", "[],"))
    findings = check([str(tmp_path)], settings(tmp_path)).findings
    assert {identity.scope for identity in identities(findings, str(tmp_path))} <= {""}


def test_a_file_that_is_gone_has_fingerprints_still(tmp_path):
    (tmp_path / "a.py").write_text(POSSIBLE)
    findings = check([str(tmp_path)], settings(tmp_path)).findings
    (tmp_path / "a.py").unlink()
    assert identities(findings, str(tmp_path)) == [Identity("a.py", "PKS111", "", "")]
