"""torchdata's StatefulDataLoader: a loader stopped in the middle of an epoch goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interplay import samples
from tests.workers import START_METHODS, TIMEOUT

data = pytest.importorskip("torch.utils.data", exc_type=ImportError)
stateful = pytest.importorskip("torchdata.stateful_dataloader")
pytest.importorskip("numpy")


class MapStyle(samples.Everywhere, data.Dataset):
    pass


class Resumable(samples.Everywhere, data.IterableDataset):
    """Keeps its own place, as StatefulDataLoader asks of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.next = 0

    def __iter__(self) -> Iterator[list[int]]:
        while self.next < samples.LENGTH:
            self.next += 1
            yield self[self.next - 1]
        self.next = 0

    def state_dict(self) -> dict[str, int]:
        return {"next": self.next}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.next = state["next"]


@pytest.mark.parametrize("kind", [MapStyle, Resumable])
@pytest.mark.parametrize("method", [None, *START_METHODS])
def test_it_resumes_where_it_stopped(method: str | None, kind: Any, folder: Path) -> None:
    dataset = kind(folder)
    assert dataset[3] == [3] * samples.WIDTH
    options: dict[str, Any] = {"batch_size": 50, "collate_fn": list}
    if method:
        options |= {"num_workers": 1, "multiprocessing_context": method, "timeout": TIMEOUT}
    loader = stateful.StatefulDataLoader(dataset, **options)
    batches = iter(loader)
    seen = [item for _ in range(3) for item in next(batches)]
    state = loader.state_dict()
    del batches, loader

    resumed = stateful.StatefulDataLoader(kind(folder), **options)
    resumed.load_state_dict(state)
    seen += [item for batch in resumed for item in batch]
    assert seen == samples.expected(range(samples.LENGTH))
