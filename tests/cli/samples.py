"""What the tests of the command line check."""

from __future__ import annotations

from pathlib import Path

import picklesafe

LIBRARY = Path(picklesafe.__file__).parent.parent

UNGUARDED = """\
from torch.utils.data import DataLoader


def loader(dataset, num_workers):
    return DataLoader(dataset, num_workers=num_workers, prefetch_factor=2)
"""

GUARDED = UNGUARDED.replace("=2)", "=2 if num_workers > 0 else None)")
