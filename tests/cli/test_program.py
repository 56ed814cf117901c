"""The installed script ends without tidying up, but with all that it had to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "import sys; from picklesafe.cli.main import program; sys.exit(program())"
FOUND = "from torch.utils.data import DataLoader\n\nDataLoader([1], timeout=30)\n"


@pytest.mark.parametrize(("text", "status", "said"), [("", 0, "All checks passed!"), (FOUND, 1, "PKS104")])
def test_it_prints_everything_and_exits_with_the_status(tmp_path: Path, text: str, status: int, said: str) -> None:
    (tmp_path / "a.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "check", "--no-cache", "a.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert said in done.stdout


def test_a_wrong_option_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, "check", "--no-such"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: unknown option")
