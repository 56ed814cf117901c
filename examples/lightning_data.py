"""A LightningDataModule whose options were written for a machine with many cores.

Runs without Lightning as well: `python lightning_data.py --workers 2`.
"""

from __future__ import annotations

import argparse

import torch
from torch.utils.data import DataLoader, TensorDataset, random_split

try:
    from lightning import LightningDataModule
except ImportError:
    LightningDataModule = object


class Spirals(LightningDataModule):
    """Two arms of a spiral, one class each."""

    def __init__(self, points: int = 512, batch_size: int = 32, num_workers: int = 4) -> None:
        super().__init__()
        self.points = points
        self.batch_size = batch_size
        self.num_workers = num_workers

    def setup(self, stage: str | None = None) -> None:
        generator = torch.Generator().manual_seed(0)
        arm = torch.randint(0, 2, (self.points,), generator=generator)
        angle = torch.rand(self.points, generator=generator) * 6 + arm * torch.pi
        radius = (angle - arm * torch.pi) / 6
        points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
        self.train, self.validation = random_split(TensorDataset(points, arm), [0.8, 0.2], generator)

    def train_dataloader(self) -> DataLoader:
        options = {"batch_size": self.batch_size, "num_workers": self.num_workers, "shuffle": True}
        options["persistent_workers"] = True
        return DataLoader(self.train, **options)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(
            self.validation,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            prefetch_factor=4 if self.num_workers > 0 else 2,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the batches of a data module.")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()

    data = Spirals(num_workers=args.workers)
    data.setup()
    print(f"{len(list(data.train_dataloader()))} batches to train, {len(list(data.val_dataloader()))} to validate")


if __name__ == "__main__":
    main()
