"""PKS101 prefetch-factor-without-workers: `prefetch_factor` is given to a loader that has no workers.

Without workers (`num_workers` absent or 0) the batches are loaded in the main process, so there is
nothing to prefetch, and torch raises in the constructor: "ValueError: prefetch_factor option could
only be specified in multiprocessing". Any value but None raises, 0 included (until torch 1.13: any
value but 2, the default of that time).

Instead, leave it out, write `prefetch_factor=None`, or give the loader workers. Where the number of
workers varies, let it follow: `prefetch_factor=2 if num_workers > 0 else None`.

A call of one of the project's own functions is reported too, if what it passes leads to such a
loader: `make_loader(dataset, num_workers=0)` where `make_loader` hardcodes `prefetch_factor=2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("prefetch_factor")])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("prefetch_factor", certain=True)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, prefetch_factor=2)": "DataLoader(ds, prefetch_factor=None)",
    "DataLoader(ds, num_workers=0, prefetch_factor=4)": "DataLoader(ds, num_workers=0, prefetch_factor=None)",
}
GOOD = [
    "DataLoader(ds, num_workers=4, prefetch_factor=2)",
    "DataLoader(ds, num_workers=0, prefetch_factor=None)",
    "DataLoader(ds, **kwargs)",
]
