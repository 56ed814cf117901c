"""What PickleSafeMixin costs at run time, beside doing without it: `python benchmarks/runtime.py`.

Everything is a ratio of two figures of this one run: the variants take turns, and the least of all repeats counts,
which is what a machine that does other things as well disturbs least. Needs picklesafe installed or `PYTHONPATH=.`;
a library that isn't installed (torch, numpy, pyfaidx, h5py, lmdb, xarray) is named, and its figures are left out.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform

PARTS = {
    "import": "milliseconds that `import picklesafe` adds to Python's start",
    "access": "nanoseconds of an attribute, whatever it is",
    "pickle": "microseconds and bytes of a small object",
    "start": "time to the first batch of spawned workers with a memory map of 1 GB, and the bytes that each is sent",
    "fork": "milliseconds and memory of a fork with big lists, many objects, many files",
    "throughput": "samples per second in workers, beside files opened by hand in each",
}

EXAMPLES = """examples:
  python benchmarks/runtime.py                        everything, about five minutes
  python benchmarks/runtime.py access import          these parts
  python3.13 benchmarks/runtime.py access             on another Python; needs no library
  python benchmarks/runtime.py throughput --repeats 15
"""


def main() -> None:
    parts = "".join(f"  {name:12}{what}\n" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"parts:\n{parts}\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure (default: everything)")
    parser.add_argument("--repeats", type=int, default=7, help="turns that each variant gets (default: 7)")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))} (there are {', '.join(PARTS)})")
    # Without its .pyc files, Python's start would be measured with the compiler's time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"CPython {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores")
    for part in arguments.parts or PARTS:
        # Only now: a worker that is spawned imports this file, and should find nothing else in it.
        importlib.import_module(f"runtime_{part}").measure(arguments.repeats)


if __name__ == "__main__":
    main()
