"""PKS111 unguarded-prefetch-factor: `prefetch_factor` is set even when there are no workers.

With `num_workers=0` torch raises "ValueError: prefetch_factor option could only be specified in
multiprocessing": the batches are loaded in the main process, so there is nothing to prefetch. The
value was written beside a `num_workers` that somebody, some day, sets to 0: to debug, on a small
machine, or because a dataset doesn't survive its workers.

Instead, let it follow the number of workers: `prefetch_factor=2 if num_workers > 0 else None`
(for torch before 2.0, which knows no None here, `… else 2`).

A forwarded argument is judged by its default: `def f(prefetch_factor=2)` is reported where it
reaches a loader, `def f(prefetch_factor=None)` is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("prefetch_factor")])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("prefetch_factor", certain=False)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, num_workers=n, prefetch_factor=2)": (
        "DataLoader(ds, num_workers=n, prefetch_factor=2 if n > 0 else None)"
    ),
    "DataLoader(ds, num_workers=n, prefetch_factor=2 if n > 0 else 2)": (
        "DataLoader(ds, num_workers=n, prefetch_factor=2 if n > 0 else None)"
    ),
    "DataLoader(ds, num_workers=cfg.workers, prefetch_factor=cfg.get('pf', 4))": (
        "DataLoader(ds, num_workers=cfg.workers, prefetch_factor=cfg.get('pf', 4) if cfg.workers > 0 else None)"
    ),
}
GOOD = [
    "DataLoader(ds, num_workers=4, prefetch_factor=2)",
    "DataLoader(ds, num_workers=n, prefetch_factor=2 if n > 0 else None)",
    "DataLoader(ds, num_workers=max(1, n), prefetch_factor=2)",
]
