"""PKS113 unguarded-multiprocessing-context: `multiprocessing_context` is set even when there are no workers.

With `num_workers=0` no process is started, and torch raises "ValueError: multiprocessing_context can
only be used with multi-process loading".

Instead, let it follow the number of workers:
`multiprocessing_context="spawn" if num_workers > 0 else None`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, positional, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("multiprocessing_context"), positional(11)])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("multiprocessing_context", certain=False)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, num_workers=n, multiprocessing_context='spawn')": (
        "DataLoader(ds, num_workers=n, multiprocessing_context='spawn' if n > 0 else None)"
    ),
}
GOOD = [
    "DataLoader(ds, num_workers=n, multiprocessing_context='spawn' if n else None)",
]
