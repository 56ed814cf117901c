"""PKS211 against pickle itself: each program makes a loader, and what it gives to its workers is pickled."""

from __future__ import annotations

import importlib.util
import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from picklesafe.lint.analysis import analyze
from picklesafe.lint.project import Project
from picklesafe.lint.start_methods import Target
from tests.lint.linting import NOWHERE, lint, rules, source

HEAD = """
from functools import lru_cache, partial, wraps
from torch.utils.data import DataLoader

def collate(batch, size=1):
    return batch

class Collate:
    def __init__(self, function=None):
        self.function = function
    def __call__(self, batch):
        return batch

class Reduced(Collate):
    def __reduce__(self):
        return (Reduced, ())

def factory():
    def inner(batch):
        return batch
    return inner
"""
STUCK = {
    "a lambda": "DataLoader(data, num_workers=n, collate_fn=lambda batch: batch)",
    "a lambda in a variable": "f = lambda batch: batch\nreturn DataLoader(data, num_workers=n, collate_fn=f)",
    "a local function": "def f(batch): return batch\nreturn DataLoader(data, num_workers=n, collate_fn=f)",
    "a wrapped local function": (
        "@wraps(collate)\ndef f(batch): return batch\nf.__qualname__ = 'f.<locals>'\n"
        "return DataLoader(data, num_workers=n, collate_fn=lambda batch: f(batch))"
    ),
    "a cached local function": (
        "@lru_cache\ndef f(batch): return 0\nreturn DataLoader(data, num_workers=n, collate_fn=f)"
    ),
    "a partial of one": "DataLoader(data, num_workers=n, collate_fn=partial(lambda batch, x: batch, x=1))",
    "a partial of a partial": "DataLoader(data, num_workers=n, collate_fn=partial(partial(lambda b, x: b), x=1))",
    "a partial that is given one": "DataLoader(data, num_workers=n, collate_fn=partial(collate, size=lambda: 1))",
    "what a factory returns": "DataLoader(data, num_workers=n, collate_fn=factory())",
    "an instance of a local class": (
        "class C:\n    def __call__(self, batch): return batch\nreturn DataLoader(data, num_workers=n, collate_fn=C())"
    ),
    "an instance that keeps one": "DataLoader(data, num_workers=n, collate_fn=Collate(lambda: 1))",
    "a conditional": "DataLoader(data, num_workers=n, collate_fn=(lambda b: b) if n else None)",
    "keywords": "given = dict(num_workers=n)\ngiven['collate_fn'] = lambda b: b\nreturn DataLoader(data, **given)",
    "a display of keywords": "DataLoader(data, **{'num_workers': n, 'collate_fn': lambda b: b})",
    "a positional argument": "DataLoader(data, 1, False, None, None, n, lambda b: b)",
    "worker_init_fn": "DataLoader(data, num_workers=n, worker_init_fn=lambda worker: None)",
}
TRAVELS = {
    "a function of the module": "DataLoader(data, num_workers=n, collate_fn=collate)",
    "a partial of it": "DataLoader(data, num_workers=n, collate_fn=partial(collate, size=2))",
    "an instance of a class of the module": "DataLoader(data, num_workers=n, collate_fn=Collate(collate))",
    "an instance that reduces itself": "DataLoader(data, num_workers=n, collate_fn=Reduced(lambda: 1))",
    "a class": "DataLoader(data, num_workers=n, collate_fn=Collate)",
    "a function declared global": (
        "global made\ndef made(batch): return batch\nreturn DataLoader(data, num_workers=n, collate_fn=made)"
    ),
    "None": "DataLoader(data, num_workers=n, collate_fn=None if n else (lambda b: b))",
    "a sampler that holds one": "DataLoader(data, num_workers=n, sampler=sorted(data, key=lambda x: -x))",
}


def program(body: str) -> str:
    lines = body.split("\n")
    lines[-1] = lines[-1] if lines[-1].startswith("return") else f"return {lines[-1]}"
    return HEAD + "\ndef load(data, n):\n" + "".join(f"    {line}\n" for line in lines)


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a program as the module `loading`."""
    pytest.importorskip("torch")

    def load(text: str) -> ModuleType:
        (tmp_path / "loading.py").write_text(text)
        spec = importlib.util.spec_from_file_location("loading", tmp_path / "loading.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "loading", module)
        spec.loader.exec_module(module)
        return module

    return load


def pickled(loader: Any) -> bool:
    try:
        ForkingPickler.dumps((loader.collate_fn, loader.worker_init_fn))
    except Exception:
        return False
    return True


@pytest.mark.parametrize("body", STUCK.values(), ids=STUCK.keys())
def test_what_pickle_refuses_is_reported(body: str, imported: Any) -> None:
    assert not pickled(imported(program(body)).load([1, 2], 2))
    assert [f.code for f in lint(program(body))] == ["PKS211"]


@pytest.mark.parametrize("body", TRAVELS.values(), ids=TRAVELS.keys())
def test_what_pickle_takes_is_not_reported(body: str, imported: Any) -> None:
    assert pickled(imported(program(body)).load([1, 2], 2))
    assert lint(program(body)) == ()


FINE = {
    "no workers": "DataLoader(data, num_workers=0, collate_fn=lambda b: b)",
    "no workers by default": "DataLoader(data, collate_fn=lambda b: b)",
    "workers without it": "DataLoader(data, num_workers=n, collate_fn=None if n > 0 else (lambda b: b))",
    "no workers where it is": (
        "if n == 0:\n    return DataLoader(data, num_workers=n, collate_fn=lambda b: b)\n"
        "return DataLoader(data, num_workers=n)"
    ),
    "fork": "DataLoader(data, num_workers=2, multiprocessing_context='fork', collate_fn=lambda b: b)",
    "a fork context": (
        "from multiprocessing import get_context\n"
        "return DataLoader(data, num_workers=2, multiprocessing_context=get_context('fork'), collate_fn=lambda b: b)"
    ),
    "threads": (
        "from monai.data import ThreadDataLoader\nreturn ThreadDataLoader(data, num_workers=n, collate_fn=lambda b: b)"
    ),
    "a loader with a collate_fn of its own": (
        "from torch_geometric.loader import DataLoader\nreturn DataLoader(data, num_workers=n, collate_fn=lambda b: b)"
    ),
    "a decorator that nobody knows": (
        "@register\ndef f(batch): return batch\nreturn DataLoader(data, num_workers=n, collate_fn=f)"
    ),
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE.keys())
def test_where_nothing_is_pickled_nothing_is_reported(body: str) -> None:
    assert lint(program(body)) == ()


def test_a_program_that_says_that_it_forks_is_left_alone() -> None:
    text = program("DataLoader(data, num_workers=2, collate_fn=lambda b: b)")
    assert lint(text + "\nimport multiprocessing\nmultiprocessing.set_start_method('fork')\n") == ()


def test_a_lambda_of_the_class_reaches_the_loader_of_another_method() -> None:
    text = HEAD + (
        "class Data:\n    def __init__(self, n):\n        self.n, self.collate = n, None\n"
        "        self.collate = lambda batch: batch\n"
        "    def loader(self, data):\n        return DataLoader(data, num_workers=self.n, collate_fn=self.collate)\n"
    )
    assert [f.code for f in lint(text)] == ["PKS211"]


def test_a_wrapper_s_caller_is_told() -> None:
    text = HEAD + (
        "def make(data, n, function):\n    return DataLoader(data, num_workers=n, collate_fn=function)\n\n"
        "def load(data):\n    return make(data, 4, lambda batch: batch)\n"
    )
    (found,) = lint(text)
    assert text.splitlines()[found.start.row - 1][found.start.column - 1 :].startswith("lambda batch")
    assert [related.message for related in found.related] == ["DataLoader is called here"]


def test_the_message_names_the_function_and_where_it_is_defined() -> None:
    (found,) = lint(program("def f(batch): return batch\nreturn DataLoader(data, num_workers=n, collate_fn=f)"))
    assert found.message.startswith("collate_fn is `f` defined in `load`, which can't be pickled")
    assert [related.message for related in found.related] == ["`f` is defined here"]


@pytest.mark.parametrize(
    ("workers", "target", "certainty"),
    [
        ("2", Target(), "possible"),
        ("2", Target(platforms=("linux",)), "possible"),
        ("2", Target((3, 14)), "certain"),
        ("2", Target(platforms=("macos", "windows")), "certain"),
        ("n", Target((3, 14)), "possible"),
    ],
)
def test_how_bad_it_is_depends_on_pythons_and_platforms(workers: str, target: Target, certainty: str) -> None:
    text = program(f"DataLoader(data, num_workers={workers}, collate_fn=lambda b: b)")
    (found,) = analyze(source(text), Project(str(NOWHERE)), rules(), target=target).findings
    assert found.certainty == certainty


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(), "macOS, Windows and Linux from Python 3.14 on start"),
        (Target((3, 14)), "macOS, Windows and Linux start"),
        (Target(platforms=("linux",)), "Linux from Python 3.14 on starts"),
    ],
)
def test_the_message_says_where_it_fails(target: Target, words: str) -> None:
    text = program("DataLoader(data, num_workers=2, collate_fn=lambda b: b)")
    (found,) = analyze(source(text), Project(str(NOWHERE)), rules(), target=target).findings
    assert words in found.message
