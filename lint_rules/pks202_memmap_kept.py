"""PKS202 memmap-kept: a dataset holds an array that is mapped from a file when it goes to its workers.

Nothing raises, but pickling a `numpy.memmap` copies every byte of it: where workers aren't forked (on macOS, on Windows
and, from Python 3.14 on, on Linux) each of them is sent the whole file. With 1 GB a start takes 15 seconds and 2 GB
of memory; a file that is larger than that memory fails. Forked workers share the map, and are fine.

Instead, inherit from `picklesafe.PickleSafeMixin`, which sends the path and maps the file again; or map it in
`__getitem__`, and drop it in `__getstate__`.

Found are `np.memmap`, `np.load(mmap_mode=…)`, views of them, and tensors on a map (`torch.from_numpy`,
`torch.load(mmap=True)`), which the mixin can't map again: keep the array, and make the tensor in `__getitem__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import DATASET_CLASSES, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picklesafe.lint import Dataset, Finding


@rule(triggers=DATASET_CLASSES, of="dataset")
def check(dataset: Dataset) -> Iterator[Finding]:
    for kept in dataset.kept:
        if kept.opener.kind == "memmap":
            what = f"`{dataset.node.name}` keeps what {kept.opener.type} maps in `{kept.stored.target}`"
            yield dataset.finding(kept, f"{what}: {dataset.problem(kept)}")


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
GOOD = [
    _CLASS.format(value="np.load(path)"),
    _CLASS.format(value="np.array(np.memmap(path, mode='r'))"),
    _MENDED.format(value="np.memmap(path, mode='r')"),
]
