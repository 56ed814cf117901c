"""Genomes that the tests of several libraries read."""

from __future__ import annotations

import random
from pathlib import Path

NAMES = ("chr1", "chr2", "chrM")
LENGTH = 200_000
WINDOW = 500


def sequences(seed: int = 1) -> dict[str, str]:
    """Three sequences of mixed case, far longer than any buffer."""
    letters = random.Random(seed)
    return {name: "".join(letters.choices("ACGTacgtN", k=LENGTH)) for name in NAMES}


def write_fasta(path: Path, seed: int = 1) -> Path:
    """As `sequences`, 60 letters a line, with descriptions."""
    with open(path, "w") as file:
        for name, letters in sequences(seed).items():
            file.write(f">{name} {name} of a test\n")
            file.writelines(f"{letters[start : start + 60]}\n" for start in range(0, LENGTH, 60))
    return path


def windows(seed: int = 2, count: int = 300) -> list[tuple[str, int, int]]:
    """Places to read: name, start and end."""
    places = random.Random(seed)
    starts = [(places.choice(NAMES), places.randrange(LENGTH - WINDOW)) for _ in range(count)]
    return [(name, start, start + WINDOW) for name, start in starts]
