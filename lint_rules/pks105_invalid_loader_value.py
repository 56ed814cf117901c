"""PKS105 invalid-loader-value: a loader gets a value that torch refuses with and without workers.

- `num_workers` below 0 raises ValueError, text and None raise TypeError, all in the constructor; a
  float is taken, and the first `iter(loader)` fails.
- `prefetch_factor` below 1 beside workers: negative raises ValueError in the constructor, 0 raises
  AssertionError at the first `iter(loader)`. Until torch 1.13 None raises TypeError.
- `timeout` below 0 raises ValueError, None and text raise TypeError.
- `multiprocessing_context` beside workers: a name other than `fork`, `spawn` and `forkserver` raises
  ValueError.

Instead, write a whole number: `num_workers=0` for none, `prefetch_factor=None` for the default (2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, invalid_workers, positional, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall

_INSTEAD = {
    "num_workers": "write a whole number of workers, 0 for none",
    "prefetch_factor": "write at least 1, or {unset} for the default",
    "timeout": "write seconds, 0 for no limit",
    "multiprocessing_context": "write 'fork', 'spawn' or 'forkserver'",
}


@rule(
    triggers=[
        ("num_workers", "oader", invalid_workers),
        given("prefetch_factor", "oader"),
        given("timeout", "oader"),
        given("multiprocessing_context"),
        positional(5),
    ]
)
def check(call: LoaderCall) -> Finding | None:
    for argument, instead in _INSTEAD.items():
        case = call.invalid(argument)
        if case is not None:
            remedy = instead.format(unset=call.unset(argument))
            return call.finding(case, f"{call.loader} gets {case.argument}={case.value}, which torch refuses; {remedy}")
    return None


BAD = {
    "DataLoader(ds, num_workers=-1)": None,
    "DataLoader(ds, num_workers='4')": None,
    "DataLoader(ds, num_workers=None)": None,
    "DataLoader(ds, num_workers=2, prefetch_factor=0)": None,
    "DataLoader(ds, num_workers=n, prefetch_factor=-1)": None,
    "DataLoader(ds, num_workers=2, timeout=-1)": None,
    "DataLoader(ds, num_workers=2, multiprocessing_context='thread')": None,
}
GOOD = [
    "DataLoader(ds, num_workers=0)",
    "DataLoader(ds, num_workers=n)",
    "DataLoader(ds, num_workers=2, prefetch_factor=None)",
]
