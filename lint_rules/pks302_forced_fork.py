"""PKS302 forced-fork: workers are made to fork, and inherit a handle that forked processes can't share.

Since Python 3.14 nobody forks without asking for it. `set_start_method("fork")` and `multiprocessing_context="fork"`
ask for it, often because pickling the dataset raises TypeError: it keeps an open file. Forked workers get the dataset
without an error, and then share the file's offset and read wrong data; a library with threads of its own hangs or
crashes.

Instead, leave the start method alone, and let the dataset inherit from `picklesafe.PickleSafeMixin`: it can be
pickled then, and forked workers open files of their own.

Reported where a file says "fork" and defines or makes a dataset that keeps such a handle from its construction on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import FORCED_FORK, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, Forking


@rule(triggers=FORCED_FORK, of="forking")
def check(code: Forking) -> list[Finding]:
    if not code.places or not code.harmed:
        return []
    dataset, kept = code.harmed[0]
    what = f"`{dataset.node.name}` keeps what {kept.opener.type} opened in `{kept.stored.target}`"
    message = f"{what}, and {kept.opener.fork}: add PickleSafeMixin to its bases, and leave the start method alone"
    return [code.finding(place, dataset, kept, message) for place in code.places]


_PROGRAM = """\
import picklesafe
import torch
from torch.utils.data import DataLoader, Dataset


class Lines({bases}Dataset):
    def __init__(self, path):
        self.lines = {value}


def main(path):
    {code}"""
BAD = {
    _PROGRAM.format(bases="", value="open(path)", code=code): None
    for code in (
        'torch.multiprocessing.set_start_method("fork")',
        'return DataLoader(Lines(path), num_workers=2, multiprocessing_context="fork")',
    )
}
GOOD = [
    _PROGRAM.format(bases=bases, value=value, code='torch.multiprocessing.set_start_method("fork")')
    for bases, value in (("", "list(open(path))"), ("picklesafe.PickleSafeMixin, ", "open(path)"))
]
