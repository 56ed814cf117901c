"""PKS201 open-handle-kept: a dataset holds an open file, or another handle, when it goes to its workers.

Where workers aren't forked (on macOS, on Windows and, from Python 3.14 on, on Linux) the dataset is pickled for each
of them, and an open handle raises TypeError there. Forked workers inherit it without an error: they share one file
offset, and read wrong data; libraries with threads or locks of their own hang or crash. The message says which.

Instead, inherit from `picklesafe.PickleSafeMixin`, which drops handles on the way and opens them again where they are
used; or drop them in `__getstate__`, and open them in `__getitem__`.

A handle counts that is there once `__init__` is through, wherever it was opened: in a method that `__init__` calls, in
a parent, in an object that is kept, in a list; what was opened, read and closed doesn't. The fix adds the mixin to the
class whose code keeps the handle. It is safe where the file is only read and picklesafe opens its type without loss.
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
        if kept.opener.kind == "handle" and (kept.opener.fork or not kept.opener.pickles):
            what = f"what {kept.opener.type} opened in `{kept.stored.target}`"
            yield dataset.finding(kept, f"`{dataset.node.name}` keeps {what}: {dataset.problem(kept)}")


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
BAD = {
    _CLASS.format(body=body): _MENDED.format(body=body)
    for body in ("self.file = open(path)", "self.files = [open(one) for one in path]")
}
GOOD = [
    _CLASS.format(body="self.lines = open(path).readlines()"),
    _CLASS.format(body="self.file = open(path)\n        self.first = self.file.readline()\n        self.file = None"),
    _MENDED.format(body="self.file = open(path)"),
]
