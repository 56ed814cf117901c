"""What importing picklesafe costs: milliseconds above Python's own start."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from processes import run
from runtime_timing import fastest, heading, judged, row

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "Python alone"
STATEMENTS = {
    PYTHON: "pass",
    "import typing, threading": "import typing, threading",
    "import picklesafe": "import picklesafe",
    "from picklesafe import PickleSafeMixin": "from picklesafe import PickleSafeMixin",
    "all public names": "import picklesafe; [getattr(picklesafe, name) for name in picklesafe.__all__]",
}
NEVER_IMPORTED = ("numpy", "torch", "h5py", "multiprocessing")


def measure(repeats: int) -> None:
    """Print the table."""
    for statement in STATEMENTS.values():
        start(statement)  # compiles what isn't yet
    variants = {name: (lambda statement=statement: start(statement)) for name, statement in STATEMENTS.items()}
    best = fastest(variants, 3 * repeats)
    heading("import", "ms", "above Python alone", "target")
    for name, seconds in best.items():
        more = (seconds - best[PYTHON]) * 1000
        row(name, f"{seconds * 1000:.1f}", f"{more:.1f}", judged(more, 15, "≤ 15 ms") if "picklesafe" in name else "")
    print(f"\nImported on the way: {', '.join(imported()) or 'none'} of {', '.join(NEVER_IMPORTED)}.")


def start(statement: str) -> float:
    """Seconds that a processor spends from starting Python to its end; those of other processes don't count."""
    before = processor_time()
    done = run([sys.executable, "-c", statement], {"PYTHONPATH": str(ROOT)})
    if done.status:
        sys.exit(done.errors)
    return processor_time() - before


def processor_time() -> float:
    """Of the processes that this one has started and waited for, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def imported() -> list[str]:
    """Which of the libraries that nobody asked for have been imported nevertheless."""
    statement = f"{STATEMENTS['all public names']}; import sys; print(*sys.modules)"
    names = run([sys.executable, "-c", statement], {"PYTHONPATH": str(ROOT)}).output.split()
    return [name for name in NEVER_IMPORTED if name in names]
