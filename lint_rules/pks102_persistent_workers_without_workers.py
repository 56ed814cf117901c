"""PKS102 persistent-workers-without-workers: `persistent_workers` is true for a loader that has no workers.

Without workers (`num_workers` absent or 0) nothing can persist, and torch raises in the constructor:
"ValueError: persistent_workers option needs num_workers > 0". Anything that counts as true raises,
the text "False" included.

Instead, leave it out, write `persistent_workers=False`, or give the loader workers. Where the number
of workers varies, let it follow: `persistent_workers=num_workers > 0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picklesafe.lint import given, rule

if TYPE_CHECKING:
    from picklesafe.lint import Finding, LoaderCall


@rule(triggers=[given("persistent_workers")])
def check(call: LoaderCall) -> Finding | None:
    case = call.refused("persistent_workers", certain=True)
    return None if case is None else call.report(case)


BAD = {
    "DataLoader(ds, persistent_workers=True)": "DataLoader(ds, persistent_workers=False)",
    "DataLoader(ds, num_workers=0, persistent_workers=True)": "DataLoader(ds, num_workers=0, persistent_workers=False)",
}
GOOD = [
    "DataLoader(ds, num_workers=4, persistent_workers=True)",
    "DataLoader(ds, num_workers=0, persistent_workers=False)",
]
