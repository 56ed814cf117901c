"""multiprocessing's pickler copies its tables when it is made: what they lack is put in just before."""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Callable
from typing import Any

_before: list[Callable[[], None]] = []


class _Table:
    """Stands where the pickler looks for copyreg's table, and is asked for a copy of it by every new pickler."""

    def copy(self) -> dict[type, Any]:
        for function in _before:
            function()
        return copyreg.dispatch_table.copy()


def before_each(function: Callable[[], None]) -> None:
    """Call this whenever multiprocessing is about to pickle, once it is imported.

    Libraries are often imported where the file is opened, later than any moment at which we could look.
    """
    if function not in _before:
        _before.append(function)
    reduction = sys.modules.get("multiprocessing.reduction")
    pickler = getattr(reduction, "ForkingPickler", None)
    if pickler is not None and not isinstance(pickler._copyreg_dispatch_table, _Table):
        pickler._copyreg_dispatch_table = _Table()
