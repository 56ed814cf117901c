"""What a dataset keeps is found where it is opened, and hidden by the comments that stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from picklesafe.cli.main import main

DATASET = """\
from helper import Reader
from torch.utils.data import Dataset
class Lines(Dataset):{comment}
    def __init__(self, path):
        self.reader = Reader(path)
"""
HELPER = """\
class Reader:
    def __init__(self, path):
        self.file = {value}{comment}
"""


def check(folder: Path, dataset: str, helper: str, capsys: pytest.CaptureFixture[str]) -> str:
    (folder / "data.py").write_text(dataset)
    (folder / "helper.py").write_text(helper)
    main(["check", "--isolated", "--no-cache", "--output-format", "concise", str(folder)])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("beside_dataset", "beside_handle", "found"),
    [("", "", True), ("  # picklesafe: ignore[PKS201]", "", True), ("", "  # picklesafe: ignore[PKS201]", False)],
)
def test_a_handle_in_a_helper_is_found_there_unless_a_comment_there_hides_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beside_dataset: str, beside_handle: str, found: bool
) -> None:
    helper = HELPER.format(value="open(path)", comment=beside_handle)
    said = check(tmp_path, DATASET.format(comment=beside_dataset), helper, capsys)
    assert ("helper.py:3:9: PKS201" in said) is found


def test_a_helper_that_closes_its_file_at_once_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    helper = HELPER.format(value="open(path).read()", comment="")
    assert "PKS2" not in check(tmp_path, DATASET.format(comment=""), helper, capsys)
