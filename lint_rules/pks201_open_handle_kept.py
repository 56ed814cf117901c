"""PKS201 open-handle-kept: a dataset holds an open file, or another handle, when it goes to its workers.

Under `spawn` and `forkserver` (the default on macOS and Windows, and on Linux since Python 3.14) the
dataset is pickled for each worker, which raises TypeError: an open handle can't be. Under `fork` there
is no error: all workers share one file offset, and read each other's bytes.

Instead, inherit from `picklesafe.PickleSafeMixin`, which drops handles on the way and opens them again
where they are used; or open the file in `__getitem__`, and drop it in `__getstate__`.
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
        if kept.opener.kind == "handle":
            yield dataset.finding(
                kept,
                f"{dataset.node.name} keeps what {kept.opener.type} opened in {kept.attribute}: it can't be pickled "
                "for workers under spawn and forkserver, and forked workers share its file offset; "
                "add PickleSafeMixin to the bases",
            )


_CLASS = """\
from torch.utils.data import Dataset


class Lines(Dataset):
    def __init__(self, path):
        {body}"""
_MENDED = """\
from picklesafe import PickleSafeMixin
from torch.utils.data import Dataset


class Lines(PickleSafeMixin, Dataset):
    def __init__(self, path):
        {body}"""
BAD = {_CLASS.format(body="self.file = open(path)"): _MENDED.format(body="self.file = open(path)")}
GOOD = [_CLASS.format(body="self.lines = open(path).readlines()"), _MENDED.format(body="self.file = open(path)")]
