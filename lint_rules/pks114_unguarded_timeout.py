"""PKS114 unguarded-timeout: `timeout` is set even when there are no workers.

With `num_workers=0` there is nobody to wait for. torch takes the argument, and the first
`iter(loader)` raises AssertionError.

Instead, let it follow the number of workers: `timeout=30 if num_workers > 0 else 0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, positional, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("timeout", "oader"), positional(9)])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("timeout", certain=False)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, num_workers=n, timeout=30)": "DataLoader(ds, num_workers=n, timeout=30 if n > 0 else 0)",
}
GOOD = [
    "DataLoader(ds, num_workers=n, timeout=30 if n > 0 else 0)",
]
