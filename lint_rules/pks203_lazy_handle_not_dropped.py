"""PKS203 lazy-handle-not-dropped: a dataset opens a file when it is used, and then keeps it.

That works as long as nobody uses it before the workers start. A look at `dataset[0]`, or `len(dataset)`, which a
shuffling loader asks for by itself, opens the file in the parent. From then on it is as if `__init__` had opened it:
pickling the dataset for workers raises TypeError, and forked workers share the file's offset.

Instead, inherit from `picklesafe.PickleSafeMixin`, which drops what is open on the way to a worker; or drop it in
`__getstate__`; or open it in a method decorated with `@picklesafe.per_worker`.

Nothing is said where the method closes the file and sets the attribute to None, where it asks `get_worker_info()`, and
of methods that others call when they see fit (`open`, `setup`, `worker_init`, `__enter__`). The finding is always
possible: the code may see to it that it is used in workers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import DATASET_CLASSES, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picklesafe.lint import Dataset, Finding


@rule(triggers=DATASET_CLASSES, of="dataset")
def check(dataset: Dataset) -> Iterator[Finding]:
    for kept in dataset.lazy:
        if kept.opener.kind != "stuck" and (kept.opener.fork or not kept.opener.pickles):
            what = f"what {kept.opener.type} opened in `{kept.stored.target}` once `{kept.method}` was called"
            message = (
                f"`{dataset.node.name}` keeps {what}; if that is before there are workers, {dataset.problem(kept)}"
            )
            yield dataset.finding(kept, message, possible=True)


_CLASS = """\
import h5py
{head}from torch.utils.data import Dataset


class Images({bases}Dataset):
    def __init__(self, path):
        self.path = path
        self.file = None

    def __getitem__(self, index):
        if self.file is None:
            self.file = h5py.File(self.path)
        return self.file["images"][index]{more}"""
_DROPPED = """

    def __getstate__(self):
        return {**self.__dict__, "file": None}"""
BAD = {
    _CLASS.format(head="", bases="", more=""): _CLASS.format(
        head="from picklesafe import PickleSafeMixin\n", bases="PickleSafeMixin, ", more=""
    )
}
GOOD = [
    _CLASS.format(head="", bases="", more=_DROPPED),
    _CLASS.format(head="", bases="", more="").replace("        return", "        self.file = None\n        return"),
]
