"""How `picklesafe check` grows with the project: time and memory of one run over up to 100,000 files.

The files are those of real packages (see workplace.py), copied into one folder again and again, findings and all.
Printed for each size: seconds, cold and out of the cache, what a byte takes beside the smallest size, and the largest
memory of all processes together: `python benchmarks/scale.py`. The tree takes up to 2 GB of disk, below
`benchmarks/.work`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from workplace import PACKAGES, Workplace, python_files

COPIES = 19
"""Of the packages, which makes a bit more than 100,000 files."""

SIZES = 4
MEMORY_LIMIT = 200_000_000
GROWTH_LIMIT = 1.25
"""Of the time that a byte takes, beside the smallest tree: what counts as linear beside what else the machine does."""


class Run(NamedTuple):
    """One run of the program."""

    seconds: float
    processor: float
    memory: int
    """Bytes that all its processes have for themselves, at most; what they share is shared among them (PSS)."""
    status: int


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=COPIES, help=f"of the packages, at most (default: {COPIES})")
    parser.add_argument("--keep", action="store_true", help="leave the tree where it is")
    arguments = parser.parse_args()
    workplace = Workplace(Path(__file__).parent / ".work")
    workplace.prepare()
    tree = workplace.folder / "scale"
    print("| files | MB | findings | cold, s | MB/s | time of a byte | memory, MB | cached, s | memory, MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    try:
        first: float | None = None
        for copies in [max(arguments.copies >> halving, 1) for halving in range(SIZES - 1, -1, -1)]:
            size, total = grow(tree, copies, workplace)
            cache = workplace.folder / "scale-cache"
            shutil.rmtree(cache, ignore_errors=True)
            cold, warm = (run(workplace, tree, cache) for _ in range(2))
            each = cold.processor / total
            first = first or each
            found = count(workplace, tree, cache)
            columns = (
                f"{size:,}",
                f"{total / 1e6:,.0f}",
                f"{found:,}",
                f"{cold.seconds:.1f}",
                f"{total / 1e6 / cold.seconds:.0f}",
                judged(each / first, GROWTH_LIMIT, 2),
                judged(cold.memory / 1e6, MEMORY_LIMIT / 1e6),
                f"{warm.seconds:.1f}",
                judged(warm.memory / 1e6, MEMORY_LIMIT / 1e6),
            )
            print(f"| {' | '.join(columns)} |", flush=True)
    finally:
        if not arguments.keep:
            shutil.rmtree(tree, ignore_errors=True)


def judged(value: float, limit: float, digits: int = 0) -> str:
    """The figure, and whether it is within its limit."""
    text = f"{value:.{digits}f}"
    return text if value <= limit else f"{text} (missed: {limit:g})"


def grow(tree: Path, copies: int, workplace: Workplace) -> tuple[int, int]:
    """Make the tree hold so many copies of every package; gives the number of files and their bytes."""
    files = total = 0
    for name in PACKAGES:
        for path in python_files(workplace.package(name)):
            for number in range(copies):
                target = tree / f"copy{number}" / path.relative_to(workplace.package(name).parent)
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
            files, total = files + copies, total + copies * path.stat().st_size
    return files, total


def run(workplace: Workplace, tree: Path, cache: Path, *options: str) -> Run:
    """Check the tree as it stands."""
    program = workplace.program("picklesafe-environment", "picklesafe")
    command = [program, "check", "--isolated", "-q", "--output-format=concise", f"--cache-dir={cache}", *options, tree]
    before, began = os.times(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=workplace.folder)
    largest = [0]
    watcher = threading.Thread(target=watch, args=(process, largest))
    watcher.start()
    status = process.wait()
    seconds, after = time.perf_counter() - began, os.times()
    watcher.join()
    if status > 1:
        sys.exit(f"picklesafe ended with {status}")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, processor, largest[0], status)


def count(workplace: Workplace, tree: Path, cache: Path) -> int:
    """How many findings there are."""
    program = workplace.program("picklesafe-environment", "picklesafe")
    command = [program, "check", "--isolated", "-q", "--output-format=concise", f"--cache-dir={cache}", tree]
    return subprocess.run(command, stdout=subprocess.PIPE, cwd=workplace.folder).stdout.count(b"\n")


def watch(process: subprocess.Popen[bytes], largest: list[int]) -> None:
    """Note the largest memory of a process and those that it has started, twenty times a second."""
    while process.poll() is None:
        family = [process.pid, *children(process.pid)]
        largest[0] = max(largest[0], sum(map(memory, family)))
        time.sleep(0.05)


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def memory(process: int) -> int:
    """Bytes of a process; pages that it shares count in part, so that a sum counts them once."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
