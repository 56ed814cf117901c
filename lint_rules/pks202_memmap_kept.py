"""PKS202 memmap-kept: a dataset holds an array that is mapped from a file when it goes to its workers.

Nothing raises, but pickling a `numpy.memmap` copies every byte of it: under `spawn` and `forkserver` each
worker is sent the whole file. With 1 GB a start takes 15 seconds and 2 GB of memory; with more it fails.

Instead, inherit from `picklesafe.PickleSafeMixin`, which sends the path and maps the file again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import DATASET_CLASS, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picklesafe.lint import Dataset, Finding


@rule(triggers=[DATASET_CLASS], of="dataset")
def check(dataset: Dataset) -> Iterator[Finding]:
    for kept in dataset.kept:
        if kept.opener.kind == "memmap":
            yield dataset.finding(
                kept,
                f"{dataset.node.name} keeps {kept.opener.type} in {kept.attribute}: under spawn and forkserver the "
                "whole file is copied to every worker; add PickleSafeMixin to the bases",
            )


_CLASS = """\
import numpy as np
from torch.utils.data import Dataset


class Tokens(Dataset):
    def __init__(self, path):
        self.tokens = {value}"""
_MENDED = """\
import numpy as np
from picklesafe import PickleSafeMixin
from torch.utils.data import Dataset


class Tokens(PickleSafeMixin, Dataset):
    def __init__(self, path):
        self.tokens = {value}"""
BAD = {
    _CLASS.format(value=value): _MENDED.format(value=value)
    for value in ("np.memmap(path, mode='r')", "np.load(path, mmap_mode='r')")
}
GOOD = [_CLASS.format(value="np.load(path)"), _MENDED.format(value="np.memmap(path, mode='r')")]
