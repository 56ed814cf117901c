"""PKS204 unpicklable-attribute: a dataset holds something that can't be pickled, and that isn't a file.

Where workers aren't forked (on macOS, on Windows and, from Python 3.14 on, on Linux) the dataset is pickled for each of
them, and that raises TypeError, PicklingError or AttributeError at the first `iter(loader)`: for a lambda or a function
that is defined inside another one, a generator, a module, a view of a dict, a lock, a queue, an executor, a socket, a
connection to a database, a csv reader. Locks and the like may also be held for ever in a forked worker.

Instead, define functions at the top level of a module (what they need can be bound by `functools.partial`); import
modules where they are used; write `list(…)` around views; make connections in a method decorated with
`@picklesafe.per_worker`. Locks, queues and executors are made anew in each worker by `picklesafe.PickleSafeMixin`.

Found are attributes and what they hold: `defaultdict(lambda: 0)`, transforms, lists, objects of the project.
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
        if kept.opener.kind == "stuck":
            what = f"`{dataset.node.name}` keeps {kept.opener.type} in `{kept.stored.target}`"
            yield dataset.finding(kept, f"{what}: {dataset.problem(kept)}")


_CLASS = """\
import threading
from collections import defaultdict
from torch.utils.data import Dataset


class Words(Dataset):
    def __init__(self, words):
        self.counts = {value}"""
BAD = {
    _CLASS.format(value=value): None
    for value in ("defaultdict(lambda: 0)", "(len(word) for word in words)", "threading.Lock()")
}
GOOD = [_CLASS.format(value=value) for value in ("defaultdict(int)", "[len(word) for word in words]", "len")]
