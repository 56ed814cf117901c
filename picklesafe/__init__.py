"""PyTorch datasets and loaders that work with any number of workers, under any start method."""

# No import up here: `python -m picklesafe` runs this before it takes the working directory off the path, and the
# project that is checked may hold a `typing.py`.

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


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"picklesafe.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
