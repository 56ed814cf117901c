"""What the tests of the interplay share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interplay import samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that tell their own places, which no test changes."""
    return samples.write(tmp_path_factory.mktemp("samples"))


@pytest.fixture
def dataset(folder: Path) -> samples.Everywhere:
    """A dataset that was touched in this process."""
    pytest.importorskip("numpy")
    made = samples.Everywhere(folder)
    assert samples.read(made, [3, 998])[0] == samples.expected([3, 998])
    return made
