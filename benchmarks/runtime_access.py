"""What an attribute costs: nanoseconds of one access, beside a plain attribute's."""

from __future__ import annotations

import os
import pickle
import tempfile
import timeit
from collections.abc import Callable
from typing import Any

from runtime_timing import fastest, heading, judged, missing, row

from picklesafe import PickleSafeMixin, per_worker

ACCESSES = 100
"""In a row, so that the loop around them weighs nothing."""

LOOPS = 1_000
UNPICKLINGS = 10_000
PLAIN, UNPICKLED = "plain attribute", "plain attribute, unpickled object"
OBJECT = "nothing but the object"


class Records:
    """A dataset without picklesafe, and what the others derive from."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open(path, "rb")  # noqa: SIM115


# A class each: what happens to the instances of one class can change what access costs in all of them.
class InParent(PickleSafeMixin, Records): ...


class Reopened(PickleSafeMixin, Records): ...


class BesideDormant(PickleSafeMixin, Records): ...


class AfterMany(PickleSafeMixin, Records): ...


class Resource(PickleSafeMixin):
    """The handle as a resource of each process."""

    def __init__(self, path: str) -> None:
        self.path = path

    @per_worker
    def file(self) -> Any:
        return open(self.path, "rb")


class ChecksProcess:
    """What is written by hand against fork: a property that opens anew where the process has another number."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.process = -1

    @property
    def file(self) -> Any:
        if self.process != os.getpid():
            self.process = os.getpid()
            self.opened = open(self.path, "rb")  # noqa: SIM115
        return self.opened


def measure(repeats: int) -> None:
    """Print the table."""
    with tempfile.NamedTemporaryFile() as file:
        variants = {name: accesses(instance, code) for name, (instance, code) in instances(file.name).items()}
        for variant in variants.values():
            variant()
        best = fastest(variants, 5 * repeats)
    heading("access to", "ns", "/ plain", "target")
    for name, seconds in best.items():
        # Like with like: on 3.11 any object that was unpickled or whose vars() were looked at is slower than a new one.
        ratio = seconds / best[PLAIN if name.endswith("in the parent") else UNPICKLED]
        row(name, f"{seconds * 1e9:.1f}", f"{ratio:.2f}", target(name, ratio, (seconds - best[OBJECT]) * 1e9))
    print(
        f"\nAll of them name the object first, which takes {best[OBJECT] * 1e9:.1f} ns; targets in ns are without that."
    )


def instances(path: str) -> dict[str, tuple[Any, str]]:
    """For each variant an object `o` and the code of the access."""
    live = InParent(path)
    reopened, beside, many = reopen(Reopened(path)), reopen(BesideDormant(path)), after_many(AfterMany(path))
    beside.sleeping = pickle.loads(pickle.dumps(beside))
    variants: dict[str, tuple[Any, str]] = {
        OBJECT: (Records(path), "o"),
        PLAIN: (Records(path), "o.file"),
        UNPICKLED: (unpickled(path), "o.file"),
        "handle, in the parent": (live, "o.file"),
        "another attribute, in the parent": (live, "o.path"),
        "handle, reopened": (reopened, "o.file"),
        "another attribute, handle reopened": (reopened, "o.path"),
        f"handle, after {UNPICKLINGS:,} unpicklings": (many, "o.file"),
        f"another attribute, after {UNPICKLINGS:,} unpicklings": (many, "o.path"),
        "handle, another object's still dormant": (beside, "o.file"),
        "another attribute, another object's handle still dormant": (beside, "o.path"),
        "@per_worker": (Resource(path), "o.file"),
        "property that checks os.getpid()": (ChecksProcess(path), "o.file"),
    }
    if not missing("xarray"):
        from xarray.backends.file_manager import CachingFileManager

        variants["xarray's CachingFileManager.acquire()"] = (CachingFileManager(open, path, mode="rb"), "o.acquire()")
    return variants


def target(name: str, ratio: float, nanoseconds: float) -> str:
    if name.startswith("handle, another"):
        return judged(nanoseconds, 20, "≤ 20 ns")
    if name.startswith(("handle", "another")):
        return judged(ratio, 1.1, "≤ 1.1")
    return judged(nanoseconds, 25, "≤ 25 ns") if name == "@per_worker" else ""


def reopen(instance: Any) -> Any:
    """The object that arrives, its handle used."""
    arrived = pickle.loads(pickle.dumps(instance))
    assert arrived.file is not None
    return arrived


def after_many(instance: Any) -> Any:
    """As `reopen`, many times over."""
    for _ in range(UNPICKLINGS):
        arrived = reopen(instance)
        assert arrived.path == instance.path
        arrived.file.close()
    return reopen(instance)


def unpickled(path: str) -> Records:
    """A plain object as unpickling makes it, which on some versions of Python costs more to look into."""
    arrived = Records.__new__(Records)
    arrived.__dict__.update(path=path, file=open(path, "rb"))  # noqa: SIM115
    return arrived


def accesses(instance: Any, code: str) -> Callable[[], float]:
    """Seconds for one; each variant has code of its own, which the interpreter specialises for it."""
    timer = timeit.Timer("; ".join([code] * ACCESSES), "o = instance", globals={"instance": instance})
    return lambda: timer.timeit(LOOPS) / (LOOPS * ACCESSES)
