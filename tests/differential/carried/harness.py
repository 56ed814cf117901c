"""What really happens with a generated dataset that is pickled and forked."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .handles import SIZE
from .places import Program


def load(program: Program, source: str, number: int) -> Any:
    """The dataset class of a program, in a module that pickle finds."""
    name = f"carried_program_{number}"
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), vars(module))
    return module.DataDataset


def made(cls: Any, program: Program, folder: Path, drop: bool = False) -> Any:
    """An instance, as it is when it goes to its workers; one that opens on demand was looked at before."""
    data = cls(str(folder / program.opened.name), drop)
    if program.place.is_lazy:
        _ = data[0]
    return data


def is_unsafe(cls: Any, program: Program, folder: Path) -> bool:
    """Whether an instance can't be pickled, or takes a whole file along."""
    return any(not _travels(made(cls, program, folder, drop)) for drop in (False, True))


def _travels(data: Any) -> bool:
    try:
        return len(pickle.dumps(data)) < SIZE
    except Exception:
        return False
