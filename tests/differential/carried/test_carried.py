"""picklesafe says exactly of those datasets that they are unsafe, that can't be pickled or take a whole file along;
and what its fixes leave can be pickled and forked, and reads the same.

`PICKLESAFE_DATASETS` is the number of programs, or `all`.
"""

from __future__ import annotations

import os
import pickle
import random
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("h5py", reason="one of the handles")

from picklesafe import descriptors
from tests.forked import in_child
from tests.lint.linting import lint, mend

from .handles import OPENED, Opened, make_files
from .harness import is_unsafe, load, made
from .places import DROPS, PLACES, Program, fits, program

WANTED = os.environ.get("PICKLESAFE_DATASETS", "400")
REMAINING = ("nothing", "same state", "copied state", "flag")
"""Ways of dropping that leave the dataset in one piece."""
CARRIED = ("PKS201", "PKS202", "PKS203", "PKS204")
SHOWN = 5


@cache
def programs() -> list[Program]:
    """The wanted number of programs, of every kind of each part."""
    every = [parts for parts in product(OPENED, PLACES, DROPS) if fits(*parts)]
    if WANTED != "all":
        every = random.Random(1).sample(every, min(int(WANTED), len(every)))
    return [program(*parts) for parts in every]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    make_files(folder)
    return folder


def found(source: str) -> list[str]:
    return [finding.code for finding in lint(source) if finding.code in CARRIED]


@pytest.mark.parametrize("part", range(4))
def test_the_linter_says_what_pickling_shows(folder: Path, part: int) -> None:
    wrong = []
    for number, one in enumerate(programs()):
        if number % 4 != part:
            continue
        unsafe = is_unsafe(load(one, one.source, number), one, folder)
        codes = found(one.source)
        if bool(codes) is not unsafe:
            wrong.append(f"{one.name}: unsafe is {unsafe}, found is {codes}\n{one.source}")
    assert not wrong, f"{len(wrong)} programs:\n\n" + "\n".join(wrong[:SHOWN])


def test_a_fixed_dataset_is_silent_and_reads_the_same_when_it_was_pickled_and_forked(folder: Path) -> None:
    fixed: dict[str, Any] = {}
    chosen = [one for one in programs() if one.drop.name in REMAINING]
    for number, one in enumerate(chosen):
        after = mend(one.source)
        if after.safe is not None:
            assert not found(after.text), after.text
            fixed[one.name] = made(load(one, after.text, number), one, folder)
    assert len(fixed) >= 30
    travelled = {name: pickle.loads(pickle.dumps(data)) for name, data in fixed.items()}
    in_a_child = in_child(_read, fixed)
    here = _read(fixed)
    assert in_a_child == here
    assert _read(travelled) == here


def _read(datasets: dict[str, Any]) -> dict[str, Any]:
    return {name: data[0] for name, data in datasets.items()}


def test_every_kind_of_each_part_is_there() -> None:
    there = programs()
    assert {one.opened for one in there} == {*OPENED}
    assert {one.place for one in there} == {*PLACES}
    assert {one.drop for one in there} == {*DROPS}
    assert len({one.source for one in there}) == len(there) >= 400


@pytest.mark.parametrize("opened", [one for one in OPENED if one.read], ids=lambda one: one.name)
def test_a_shared_offset_is_spoken_of_where_a_child_moves_the_parents(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An object with the mixin that another test has left alive would give the child offsets of its own.
    monkeypatch.setattr(descriptors, "offsets", list)
    one = program(opened, PLACES[0], DROPS[0])
    cls = load(one, one.source, 100_000 + OPENED.index(opened))
    data, other = made(cls, one, folder), made(cls, one, folder)
    in_child(data.__getitem__, 0)
    (found,) = lint(one.source)
    if _next(data) != _next(other):
        assert "share its file offset" in found.message
    else:
        assert opened.name not in ("binary", "text", "gzip")


def _next(data: Any) -> Any:
    try:
        return data[0]
    except Exception as error:
        return type(error)
