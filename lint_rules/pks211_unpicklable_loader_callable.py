"""PKS211 unpicklable-loader-callable: a loader with workers gets a callable that can't be pickled.

Workers that `spawn` or `forkserver` starts get the dataset, `collate_fn` and `worker_init_fn` by pickle, and
pickle takes functions by their name: a lambda, a function defined inside another one, a partial of one, or
an instance of a class defined inside a function raises PicklingError (or AttributeError, "Can't get local
object") at the first `iter(loader)`. These are the start methods of macOS, of Windows and, from Python
3.14 on, of Linux; under `fork` nothing is pickled.

Instead, define the function at the top level of a module. What it needs besides can be bound with
`functools.partial(collate, tokenizer=tokenizer)`, or kept by a class with `__call__`.

Nothing is said where there are no workers, where they are threads, and where the loader gets
`multiprocessing_context="fork"`. Samplers and generators stay in the parent and may hold anything.

`platforms` and `target-python` in the configuration say where the code runs: the finding is possible while that
may be a Linux that forks, and certain where every loader with workers pickles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import rule, unpicklable_callable

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[("num_workers", "oader", unpicklable_callable)])
def check(call: LoaderCall) -> list[Finding]:
    found = [call.lost_callable(name) for name in ("collate_fn", "worker_init_fn")]
    return [finding for finding in found if finding is not None]


BAD = {
    "DataLoader(ds, num_workers=2, collate_fn=lambda batch: batch)": None,
    "DataLoader(ds, num_workers=n, worker_init_fn=lambda worker: seed(n + worker))": None,
    "DataLoader(ds, num_workers=n, collate_fn=partial(lambda batch, size: batch[:size], size=n))": None,
}
GOOD = [
    "DataLoader(ds, num_workers=0, collate_fn=lambda batch: batch)",
    "DataLoader(ds, num_workers=2, collate_fn=module.collate)",
    "DataLoader(ds, num_workers=2, multiprocessing_context='fork', collate_fn=lambda batch: batch)",
]
