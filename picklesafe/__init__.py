"""PyTorch datasets and loaders that work with any number of workers, under any start method."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Where each public name lies. Nothing is imported before it is used: `picklesafe check` needs none of them.
_PLACES = {
    "HandleChangedError": "errors",
    "HandleMissingError": "errors",
    "HandlePool": "pool",
    "NotWorkerSafeError": "errors",
    "PickleSafeError": "errors",
    "PickleSafeMixin": "mixin",
    "Recipe": "handles.recipe",
    "UnsafeHandleError": "errors",
    "close": "closing",
    "defer": "installing",
    "install": "installing",
    "per_worker": "resources",
    "register_handle": "handles.registry",
}

__all__ = [*_PLACES]  # the names are strings, in another place


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"picklesafe.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
