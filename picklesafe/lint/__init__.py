"""The linter: what rules are written with.

A rule is a module with a docstring, a function marked with `rule`, and examples; see
`docs/writing-rules.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from picklesafe.lint.call import Case, LoaderCall
    from picklesafe.lint.datasets.dataset import Dataset
    from picklesafe.lint.datasets.forking import Forking
    from picklesafe.lint.finding import Edit, Finding, Fix, Position
    from picklesafe.lint.guard import guarded
    from picklesafe.lint.registry import Rule, rule
    from picklesafe.lint.triggers import (
        DATASET_CLASSES,
        FORCED_FORK,
        given,
        invalid_workers,
        positional,
        runs_at_once,
        unpicklable_callable,
    )

_HOMES = {
    "DATASET_CLASSES": "triggers",
    "FORCED_FORK": "triggers",
    "Case": "call",
    "LoaderCall": "call",
    "Dataset": "datasets.dataset",
    "Forking": "datasets.forking",
    "Edit": "finding",
    "Finding": "finding",
    "Fix": "finding",
    "Position": "finding",
    "guarded": "guard",
    "Rule": "registry",
    "given": "triggers",
    "invalid_workers": "triggers",
    "positional": "triggers",
    "rule": "registry",
    "runs_at_once": "triggers",
    "unpicklable_callable": "triggers",
}
__all__ = [
    "DATASET_CLASSES",
    "FORCED_FORK",
    "Case",
    "Dataset",
    "Edit",
    "Finding",
    "Fix",
    "Forking",
    "LoaderCall",
    "Position",
    "Rule",
    "given",
    "guarded",
    "invalid_workers",
    "positional",
    "rule",
    "runs_at_once",
    "unpicklable_callable",
]


if not TYPE_CHECKING:  # else a type checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used: most files are clean and need none of them."""
        import importlib

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
