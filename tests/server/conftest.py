"""Servers that many tests share, each with a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .editor import Editor, loop


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    yield from _started(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(scope="session")
def _running_patiently(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    yield from _started(tmp_path_factory.mktemp("cwd"), debounce=10_000, trustProjectRules=True)


@pytest.fixture
def editor(_running: Editor, tmp_path: Path) -> Iterator[Editor]:
    """An editor that has `tmp_path` open, with the options that are the default."""
    yield from _beginning(_running, tmp_path)


@pytest.fixture
def patient_editor(_running_patiently: Editor, tmp_path: Path) -> Iterator[Editor]:
    """The same, but it waits for ten seconds after a second keystroke, and trusts the project's rules."""
    yield from _beginning(_running_patiently, tmp_path)


def _started(cwd: Path, **options: Any) -> Iterator[Editor]:
    editor = Editor(cwd, **options)
    loop().run_until_complete(editor.__aenter__())
    yield editor
    loop().run_until_complete(editor.__aexit__())


def _beginning(editor: Editor, folder: Path) -> Iterator[Editor]:
    editor.change_folders([folder], [])
    yield editor
    editor.clear()
