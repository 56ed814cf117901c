"""Embeds windows of DNA. One argument follows `num_workers`, its neighbour does not."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

VOCABULARY = {"A": 0, "C": 1, "G": 2, "T": 3}


class Windows(Dataset[torch.Tensor]):
    """Windows of one length along a sequence, as tensors of base numbers."""

    def __init__(self, sequence: str, length: int = 64, step: int = 32) -> None:
        self.sequence = sequence
        self.length = length
        self.starts = range(0, len(sequence) - length + 1, step)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> torch.Tensor:
        start = self.starts[index]
        return torch.tensor([VOCABULARY[base] for base in self.sequence[start : start + self.length]])


class DNAEmbedder:
    """Turns a sequence into one vector a window."""

    def __init__(self, dimensions: int = 16) -> None:
        self.embed = nn.Embedding(len(VOCABULARY), dimensions)

    @torch.inference_mode()
    def parse_dna_embeddings(self, sequence: str, batch_size: int = 8, num_workers: int = 4) -> torch.Tensor:
        """The mean embedding of every window, in order."""
        loader = DataLoader(
            Windows(sequence),
            batch_size=batch_size,
            num_workers=num_workers,
            prefetch_factor=2,
            persistent_workers=num_workers > 0,
        )
        return torch.cat([self.embed(batch).mean(dim=1) for batch in loader])
