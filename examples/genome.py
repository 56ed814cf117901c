"""Reads a genome with two workers: wrong in silence or not at all without picklesafe, right in every way with it.

Makes a FASTA file of 50 MB whose every base is known, and counts the windows that arrive wrong. Takes some seconds, and
needs pyfaidx and torch.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import warnings
from pathlib import Path

from picklesafe import PickleSafeMixin

try:
    import pyfaidx
    from torch.utils.data import DataLoader, Dataset
except ImportError as error:
    sys.exit(f"this example needs pyfaidx and torch: pip install pyfaidx torch ({error})")

BASES = 50_000_000
WINDOW = 20_000
WINDOWS = 4_000


class Windows(Dataset[str]):
    """Windows of a genome that is opened once, where the dataset is made."""

    def __init__(self, path: Path, starts: list[int]) -> None:
        self.genome = pyfaidx.Fasta(str(path), as_raw=True)  # picklesafe: ignore[PKS201]  # wrong on purpose
        self.starts = starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> str:
        start = self.starts[index]
        return self.genome["chr1"][start : start + WINDOW]


class SafeWindows(PickleSafeMixin, Windows):
    """The same: there is nothing else to write."""


def main() -> None:
    # torch's own, for what the table shows.
    warnings.filterwarnings("ignore", "Got pickle error", UserWarning)
    chance = random.Random(0)
    sequence = chance.randbytes(BASES).translate(b"ACGT" * 64).decode()
    starts = chance.choices(range(BASES - WINDOW), k=WINDOWS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "genome.fa")
        write_fasta(path, sequence)
        print(f"{WINDOWS:,} windows of {WINDOW:,} bases from a genome of {BASES // 1_000_000} MB, two workers\n")
        print(f"{'start method':14}{'Windows(Dataset)':56}SafeWindows(PickleSafeMixin, Windows)")
        for method in multiprocessing.get_all_start_methods():
            naive, safe = (outcome(cls(path, starts), method, sequence) for cls in (Windows, SafeWindows))
            print(f"{method:14}{naive:56}{safe}", flush=True)


def write_fasta(path: Path, sequence: str) -> None:
    lines = (sequence[start : start + 80] for start in range(0, len(sequence), 80))
    path.write_text(">chr1\n" + "\n".join(lines) + "\n")


def outcome(dataset: Windows, method: str, sequence: str) -> str:
    """How many windows differ from the sequence, or why there are none."""
    # As one does before training. From here on, opening the genome lazily would be too late as well.
    dataset[0]
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=method)
    try:
        pairs = zip(dataset.starts, loader, strict=True)
        wrong = sum(window != sequence[start : start + WINDOW] for start, window in pairs)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return f"{wrong:,} wrong, no error" if wrong else "0 wrong"


if __name__ == "__main__":
    main()
