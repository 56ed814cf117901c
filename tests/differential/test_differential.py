"""picklesafe says exactly of those programs that they raise, that raise in torch.

`PICKLESAFE_PROGRAMS` is the number of programs, or `all`.
"""

from __future__ import annotations

import os
import re

import pytest

pytest.importorskip("torch", reason="the other side of the comparison")

from .generator import programs
from .guards import GUARDS, Guard
from .harness import RUNS, execute
from .parts import Scope
from .scopes import SCOPES
from .verdicts import disagreement, lint

WANTED = os.environ.get("PICKLESAFE_PROGRAMS", "3000")
COUNT = None if WANTED == "all" else int(WANTED)
CHUNK = 100
PLAIN = ("prefetch-2", "persistent-true", "context-fork", "timeout-30")
SHOWN = 5
NAME = re.compile(r"[^\W\d][\w.]*")


def chunks() -> list[int]:
    return list(range(0, len(programs(COUNT)), CHUNK))


@pytest.mark.parametrize("first", chunks())
def test_linter_and_torch_agree_before_and_after_the_fixes(first: int) -> None:
    wrong = []
    for program in programs(COUNT)[first : first + CHUNK]:
        found = disagreement(program)
        if found is not None:
            wrong.append(f"{program.name}\n{program.source}\n{found}\n")
    more = f"\n… and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    assert not wrong, f"{len(wrong)} of {CHUNK} programs:\n\n" + "\n".join(wrong[:SHOWN]) + more


@pytest.mark.parametrize("first", chunks())
def test_torch_refuses_nothing_that_a_fine_guard_guards(first: int) -> None:
    """Else it is not torch that is asked, or the program isn't what it says it is."""
    for program in programs(COUNT)[first : first + CHUNK]:
        if program.fine:
            for n in RUNS:
                run = execute(program.source, n)
                assert not run.refused, f"run({n}) of {program.name}: {run}\n{program.source}"


@pytest.mark.parametrize("guard", [guard for guard in GUARDS if guard.fine is False], ids=lambda guard: guard.name)
def test_torch_refuses_what_a_wrong_guard_lets_through(guard: Guard) -> None:
    prefix = f"imported/keywords/{guard.name}/parameter/"
    found = [one for one in programs(COUNT) if one.name in {f"{prefix}{argument}/literal" for argument in PLAIN}]
    assert found
    for program in found:
        assert execute(program.source, 0).refused, program.source


@pytest.mark.parametrize(
    "scope",
    [scope for scope in SCOPES if NAME.fullmatch(scope.workers) and not scope.simple],
    ids=lambda scope: scope.name,
)
def test_a_plain_value_beside_a_plain_name_gets_a_safe_fix(scope: Scope) -> None:
    names = {f"imported/keywords/plain/{scope.name}/{argument}/literal" for argument in PLAIN}
    found = [program for program in programs(COUNT) if program.name in names]
    assert len(found) == len(names)
    for program in found:
        for finding in lint(program.source):
            assert finding.fix is not None and finding.fix.safe, f"{finding}\n{program.source}"


def test_there_are_enough_programs_and_no_two_are_alike() -> None:
    sources = {program.source for program in programs(COUNT)}
    assert len(sources) == len(programs(COUNT)) >= 2000


def test_the_programs_are_the_same_in_every_process() -> None:
    """Else the processes of one test run would not share them out."""
    programs.cache_clear()
    first = programs(COUNT)
    programs.cache_clear()
    assert programs(COUNT) == first
