"""Small projects for the tests of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from picklesafe.lint.registry import load_rules
from picklesafe.lint.settings import Settings

CLEAN = "from torch.utils.data import DataLoader\n\nloader = DataLoader([1], num_workers=2, prefetch_factor=2)\n"
CERTAIN = "from torch.utils.data import DataLoader\n\nloader = DataLoader([1], prefetch_factor=2)\n"
POSSIBLE = (
    "from torch.utils.data import DataLoader\n\n\n"
    "def make(data, num_workers):\n"
    "    return DataLoader(data, num_workers=num_workers, prefetch_factor=2)\n"
)


def settings(root: Path, **changes: Any) -> Settings:
    """Settings with all rules on, those of `rules` included."""
    codes = frozenset(rule.code for rule in load_rules(changes.get("rules", ()), root))
    return Settings(root=root, codes=codes, config_dir=root)._replace(**changes)


def rule(code: str, body: str) -> str:
    """The source of a rule for loader calls that are given `prefetch_factor`: `case` is the refused one."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return f'''"""{code} made-up-rule: for a test."""

from picklesafe.lint import Edit, Fix, Position, rule


@rule(triggers=["prefetch_factor"])
def check(call):
    case = call.refused("prefetch_factor")
    if case is None:
        return None
    source, value = call.module.source, case.place.origin.value
    start, end = source.start(value), source.end(value)
{lines}'''
