"""What the tests of all handle types need."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True)
def no_handles_of_other_tests(request: pytest.FixtureRequest) -> None:
    """A library's relative path is told apart by what the process has open; other tests use the same names."""
    if "relative" in request.node.name or "absolute" in request.node.name:
        gc.collect()
