"""The attributes of an object, looked at without making every later access to them slow.

CPython 3.11 and 3.12 keep attributes in the object itself until somebody asks for its `__dict__`. The dictionary that
is made then has its keys in common with those of other instances, and for such a one the interpreter has no fast path:
from then on an attribute takes 30 to 40 ns, where it took 5 before. 3.13 leaves the attributes where they are.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Collection
from typing import Any

_MADE_WHEN_ASKED_FOR = sys.implementation.name == "cpython" and (3, 11) <= sys.version_info < (3, 13)
_NO_NAME = object()


def of(instance: Any) -> Any:
    """The `__dict__` of an object, None if it has none; access to its attributes stays as fast as it is."""
    before = gc.get_referents(instance) if _MADE_WHEN_ASKED_FOR else ()
    values = getattr(instance, "__dict__", None)
    # One that was there already stays as it is: somebody may be in the middle of a loop over it.
    if _MADE_WHEN_ASKED_FOR and type(values) is dict and not any(held is values for held in before):
        # A key that is no string makes a dictionary take its keys to itself. No other thread sees it: the interpreter
        # changes threads at calls and in loops only, and here are none.
        values[_NO_NAME] = None
        del values[_NO_NAME]
    return values


def held_by(instance: Any) -> Collection[Any]:
    """What the attributes of an object without slots hold, without their names; its class may be among it."""
    if not _MADE_WHEN_ASKED_FOR:
        values: Collection[Any] = instance.__dict__.values()
        return values
    # A fork looks at thousands of objects in which there is nothing to be found: they stay without a dictionary.
    referred = gc.get_referents(instance)
    if len(referred) == 2 and type(referred[0]) is dict:
        # That of the attributes, if there is one, or what the only attribute holds.
        values = of(instance).values()
        return values
    return referred
