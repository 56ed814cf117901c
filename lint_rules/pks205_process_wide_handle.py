"""PKS205 process-wide-handle: a dataset reads a file that was opened for the whole process.

A handle at the top level of a module, in a class attribute, or in the cache of a function (`@lru_cache`) isn't pickled
with the dataset, so nothing fails where workers are spawned: each imports the module, and opens its own. But forked
workers, the default on Linux before Python 3.14, inherit the one that is open: they share its offset and read wrong
data; connections and libraries with threads raise errors or hang there.

Instead, open it in a method decorated with `@picklesafe.per_worker`, which opens it once in every worker; or keep it as
an attribute of the dataset, with `picklesafe.PickleSafeMixin` among the bases.

Only types are reported that forked workers can't share: HDF5 files and memory maps may be. Nothing is said where
`platforms` and `target-python` in the configuration rule out that workers are forked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import DATASET_CLASSES, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picklesafe.lint import Dataset, Finding


@rule(triggers=DATASET_CLASSES, of="dataset")
def check(dataset: Dataset) -> Iterator[Finding]:
    if dataset.target.always_pickles:
        return
    for kept in dataset.shared:
        if kept.opener.kind == "handle" and kept.opener.fork:
            what = f"`{dataset.node.name}` uses what {kept.opener.type} opened in `{kept.stored.target}`"
            message = f"{what} for the whole process: {kept.opener.fork}; open it in a method decorated with "
            yield dataset.finding(kept, message + "`@picklesafe.per_worker`", possible=True)


_CLASS = """\
from functools import lru_cache
from torch.utils.data import Dataset

{head}

class Lines(Dataset):
{attribute}    def __getitem__(self, index):
        return {value}.readline()"""
BAD = {
    _CLASS.format(head="FILE = open('lines.txt')\n", attribute="", value="FILE"): None,
    _CLASS.format(head="", attribute="    file = open('lines.txt')\n\n", value="self.file"): None,
    _CLASS.format(
        head="\n@lru_cache\ndef opened(path):\n    return open(path)\n", attribute="", value="opened(index)"
    ): None,
}
GOOD = [
    _CLASS.format(head="WORDS = open('lines.txt').read()\n", attribute="", value="WORDS"),
    _CLASS.format(head="def opened(path):\n    return open(path)\n", attribute="", value="opened(index)"),
]
