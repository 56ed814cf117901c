"""The same arguments, written so that any number of workers will do: picklesafe has nothing to say here."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset


def loader_options(num_workers: int) -> dict[str, Any]:
    options: dict[str, Any] = {"batch_size": 16, "num_workers": num_workers}
    if num_workers > 0:
        options.update(prefetch_factor=4, persistent_workers=True, timeout=60)
    return options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers

    dataset = TensorDataset(torch.arange(256.0))
    whole = DataLoader(dataset, **loader_options(workers))
    spelled_out = DataLoader(
        dataset,
        batch_size=16,
        num_workers=workers,
        prefetch_factor=2 if workers > 0 else None,
        persistent_workers=workers > 0,
        multiprocessing_context="spawn" if workers else None,
    )
    print(f"{len(list(whole))} and {len(list(spelled_out))} batches")


if __name__ == "__main__":
    main()
