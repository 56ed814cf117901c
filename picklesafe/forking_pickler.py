"""multiprocessing's pickler: what its tables lack is put in before it copies them, and why it fails can be told."""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Callable
from typing import Any

_before: list[Callable[[], None]] = []
_explain: list[Callable[[Any, Exception], None]] = []


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
        pickler.dump = _explaining(pickler.dump)


def when_refused(function: Callable[[Any, Exception], None]) -> None:
    """Call this with what multiprocessing's pickler was given and the error it raised; it may raise a better one."""
    if function not in _explain:
        _explain.append(function)


def _explaining(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """The `dump` of multiprocessing's pickler, which starts workers and feeds queues."""

    def dump(pickler: Any, obj: Any) -> None:
        try:
            original(pickler, obj)
        except Exception as error:
            for function in _explain:
                function(obj, error)
            raise

    return dump
