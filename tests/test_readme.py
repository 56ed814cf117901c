"""What README.md says about the configuration is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from picklesafe.lint.keys import KEYS

ROOT = Path(__file__).parent.parent


def test_the_first_line_says_what_picklesafe_is_not() -> None:
    assert "not a scanner for malicious pickles" in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[0]


def test_every_key_of_the_configuration_has_a_row() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split("### Configuration", 1)[1].split("###", 1)[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(KEYS)
