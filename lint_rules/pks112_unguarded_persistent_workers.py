"""PKS112 unguarded-persistent-workers: `persistent_workers` is true even when there are no workers.

With `num_workers=0` torch raises "ValueError: persistent_workers option needs num_workers > 0". The
value was written beside a `num_workers` that somebody, some day, sets to 0: to debug, on a small
machine, or because a dataset doesn't survive its workers.

Instead, let it follow the number of workers: `persistent_workers=num_workers > 0`.

A forwarded argument is judged by its default: `def f(persistent_workers=True)` is reported where it
reaches a loader, `def f(persistent_workers=False)` is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("persistent_workers")])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("persistent_workers", certain=False)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, num_workers=n, persistent_workers=True)": (
        "DataLoader(ds, num_workers=n, persistent_workers=n > 0)"
    ),
    "DataLoader(ds, num_workers=cfg.workers, persistent_workers=not debug or True)": (
        "DataLoader(ds, num_workers=cfg.workers, persistent_workers=(not debug or True) and cfg.workers > 0)"
    ),
}
GOOD = [
    "DataLoader(ds, num_workers=n, persistent_workers=n > 0)",
    "DataLoader(ds, num_workers=n, persistent_workers=bool(n))",
    "DataLoader(ds, num_workers=0 if debug else 8, persistent_workers=not debug)",
]
