"""cloudpickle and dill have rules of their own for files and locks, which come before copyreg's table.

cloudpickle sends a text file's whole content. dill opens a file again in the mode that it had, and `w` empties it.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from typing import Any

Reduce = Callable[[Any], Any]

_TYPES = (
    *(io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper),
    *(type(threading.Lock()), type(threading.RLock())),
)
_asked: set[str] = set()


def ask_first(reduce: Reduce) -> None:
    """Let `reduce(handle)` say how files and locks are sent, by every such pickler that is imported.

    Args:
        reduce: gives what `__reduce_ex__` would, or None to leave it to the pickler.
    """
    for name, (attribute, rule) in _TABLES.items():
        # It may be in the middle of being imported.
        if name in sys.modules and name not in _asked and hasattr(sys.modules[name], attribute.partition(".")[0]):
            _asked.add(name)
            table = _get(sys.modules[name], attribute)
            for cls in _TYPES:
                if cls in table:
                    table[cls] = rule(reduce, table[cls])


def _get(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = getattr(found, part, {})
    return found


def _for_cloudpickle(reduce: Reduce, own: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def reduce_file(handle: Any) -> Any:
        reduced = reduce(handle)
        return own(handle) if reduced is None else reduced

    return reduce_file


def _for_dill(reduce: Reduce, own: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def save(pickler: Any, handle: Any) -> None:
        reduced = reduce(handle)
        if reduced is None:
            own(pickler, handle)
        else:
            pickler.save_reduce(*reduced, obj=handle)

    return save


_TABLES: dict[str, tuple[str, Callable[[Reduce, Any], Any]]] = {
    "cloudpickle.cloudpickle": ("CloudPickler._dispatch_table", _for_cloudpickle),
    "ray.cloudpickle.cloudpickle": ("CloudPickler._dispatch_table", _for_cloudpickle),
    "joblib.externals.cloudpickle.cloudpickle": ("CloudPickler._dispatch_table", _for_cloudpickle),
    "dill._dill": ("Pickler.dispatch", _for_dill),
}
"""Where the table lies in each module: Dask, Ray and joblib send everything through a copy of cloudpickle."""
