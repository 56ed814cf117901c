"""A project's own loader function, and the places that call it."""

from __future__ import annotations

import argparse

import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset


def make_loader(dataset: Dataset, batch_size: int = 16, num_workers: int = 2, timeout: float = 30) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size,
        num_workers=num_workers,
        timeout=timeout,
        persistent_workers=bool(num_workers),
    )


def mean_of(loader: DataLoader) -> float:
    return torch.cat([batch for (batch,) in loader]).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no workers: starting them takes longer than this data")
    args = parser.parse_args()

    dataset = TensorDataset(torch.arange(1_000.0))
    loader = make_loader(dataset, num_workers=0) if args.quick else make_loader(dataset)
    print(f"mean {mean_of(loader)}")


if __name__ == "__main__":
    main()
