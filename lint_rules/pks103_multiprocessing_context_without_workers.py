"""PKS103 multiprocessing-context-without-workers: `multiprocessing_context` is given to a loader that has no workers.

Without workers (`num_workers` absent or 0) no process is started, and torch raises in the
constructor: "ValueError: multiprocessing_context can only be used with multi-process loading".

Instead, leave it out, write `multiprocessing_context=None`, or give the loader workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, positional, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("multiprocessing_context"), positional(11)])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("multiprocessing_context", certain=True)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, multiprocessing_context='spawn')": "DataLoader(ds, multiprocessing_context=None)",
}
GOOD = [
    "DataLoader(ds, num_workers=2, multiprocessing_context='spawn')",
    "DataLoader(ds, multiprocessing_context=None)",
]
