"""Fine-tunes a tiny model with the Trainer of transformers (`pip install transformers accelerate`)."""

from __future__ import annotations

import argparse
import sys
import tempfile

import torch
from torch import nn
from torch.utils.data import Dataset

try:
    from transformers import Trainer, TrainingArguments
except ImportError:
    sys.exit("this example needs transformers: pip install transformers accelerate")


class Parity(Dataset[dict[str, torch.Tensor]]):
    """Bits, and whether an odd number of them is set."""

    def __init__(self, rows: int = 256, bits: int = 8) -> None:
        self.bits = torch.randint(0, 2, (rows, bits), generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"bits": self.bits[index].float(), "labels": self.bits[index].sum() % 2}


class Classifier(nn.Module):
    """Two layers, with the loss that the Trainer asks for."""

    def __init__(self, bits: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(bits, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, bits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.layers(bits)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=4,
            per_device_train_batch_size=32,
            report_to="none",
            save_strategy="no",
            dataloader_num_workers=args.workers,
            dataloader_prefetch_factor=4,
            dataloader_persistent_workers=args.workers > 0,
        )
        Trainer(model=Classifier(), args=arguments, train_dataset=Parity()).train()


if __name__ == "__main__":
    main()
