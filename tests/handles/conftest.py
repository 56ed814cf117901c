"""What the tests of all handle types need."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.thoroughness import on_one_python


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fork server's children are sent what spawned ones are, by the same pickler: handles meet them on one Python."""
    for item in items:
        parameters = (
            item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
        )
        if "forkserver" in parameters and Path(__file__).parent in item.path.parents:
            item.add_marker(on_one_python)


@pytest.fixture(autouse=True)
def no_handles_of_other_tests(request: pytest.FixtureRequest) -> None:
    """A library's relative path is told apart by what the process has open; other tests use the same names."""
    if "relative" in request.node.name or "absolute" in request.node.name:
        gc.collect()
