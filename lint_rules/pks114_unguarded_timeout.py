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
    case = call.refused("timeout")
    if case is None or case.certain:
        return None
    return call.finding(
        case,
        f"{call.because(case)}, and its first iteration raises AssertionError; let it follow the number of workers",
        fix=call.guarded(case, otherwise="0"),
    )


BAD = {
    "DataLoader(ds, num_workers=n, timeout=30)": "DataLoader(ds, num_workers=n, timeout=30 if n > 0 else 0)",
}
GOOD = [
    "DataLoader(ds, num_workers=n, timeout=30 if n > 0 else 0)",
]
