"""`picklesafe server` where its extra isn't installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    # Found before the installed one, and as absent.
    (tmp_path / "pygls.py").write_text("raise ModuleNotFoundError(name='pygls')\n")
    done = subprocess.run(
        [sys.executable, "-m", "picklesafe", "server"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the language server needs pygls: pip install 'picklesafe[lsp]'\n"
