"""What tests of every part share."""

from __future__ import annotations

import importlib.util
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from tests.thoroughness import share

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "picklesafe", max_examples=share(100), deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("picklesafe")

# The children of a fork server that has torch needn't import it each, which takes longer than most tests.
if importlib.util.find_spec("torch") is not None:
    multiprocessing.set_forkserver_preload(["torch.utils.data"])


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Path]:
    """Writes files below an empty folder; gives that folder."""

    def write_all(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write_all
