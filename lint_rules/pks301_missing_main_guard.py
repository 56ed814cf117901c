"""PKS301 missing-main-guard: code outside of any function starts the workers of a loader.

Where workers aren't forked (on macOS, on Windows and, from Python 3.14 on, on Linux), each of them imports the
program anew before it begins. Code that starts workers must not run then, or it fails with RuntimeError: "An
attempt has been made to start a new process before the current process has finished its bootstrapping phase".

Instead, put what the program does into a function, and call it under `if __name__ == "__main__":`.

To build a loader starts nothing: what counts is iterating over it (`for`, `iter`, `list`), giving it to a
trainer's `fit`, or calling a function of the same file that does. Tests and notebooks are exempt, and so are
loaders that get `multiprocessing_context="fork"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import rule, runs_at_once

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[("num_workers", "oader", runs_at_once)])
def check(call: LoaderCall) -> Finding | None:
    start = call.unguarded_start()
    if start is None:
        return None
    return call.finding_at(
        start,
        f"this starts the workers of {call.loader} whenever the file is imported, as each worker does where it isn't "
        f"forked ({call.target.where_pickled}): RuntimeError; put it into a function that is called under "
        '`if __name__ == "__main__":`',
        "possible",
        related=call.place_of_loader(),
    )


BAD = {
    "from torch.utils.data import DataLoader\nfor batch in DataLoader([1], num_workers=2): pass": None,
    "from torch.utils.data import DataLoader\nloader = DataLoader(ds, num_workers=2)\nx = next(iter(loader))": None,
    "from torch.utils.data import DataLoader\ndef main(n):\n"
    "    for batch in DataLoader([1], num_workers=n): pass\n\nmain(2)": None,
}
GOOD = [
    "from torch.utils.data import DataLoader\nfor batch in DataLoader([1], num_workers=0): pass",
    "from torch.utils.data import DataLoader\nloader = DataLoader([1], num_workers=2)",
    "from torch.utils.data import DataLoader\nif __name__ == '__main__':\n"
    "    for batch in DataLoader([1], num_workers=2): pass",
]
