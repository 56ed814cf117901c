"""PKS104 timeout-without-workers: `timeout` is given to a loader that has no workers.

Without workers (`num_workers` absent or 0) there is nobody to wait for. torch takes the argument, and
the first `iter(loader)` raises AssertionError.

Instead, leave it out, write `timeout=0`, or give the loader workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, positional, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("timeout", "oader"), positional(9)])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("timeout", certain=True)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, timeout=30)": "DataLoader(ds, timeout=0)",
}
GOOD = [
    "DataLoader(ds, num_workers=2, timeout=30)",
    "DataLoader(ds, timeout=0)",
]
