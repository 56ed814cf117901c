"""How fast `picklesafe check` is, beside ruff and TorchFix: `python benchmarks/lint.py`.

Installs pinned tools and public packages into `benchmarks/.work` (or `--work`), about 150 MB from
PyPI. The tools run in turns within one run, so that whatever else the machine does meets all of
them; every time printed is a median. "Cold" means that no tool uses a result cache; the files are in
the system's page cache, for all tools alike. Every exit status is checked, and picklesafe's
findings are compared with those of a run that parses every file instead of screening its bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from processes import Run, peak_of_all, run
from workplace import PACKAGES, Workplace, python_files

Command = Sequence["str | Path"]
MEGABYTE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="runs of each tool (default: 7)")
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / ".work", help="folder to install into")
    parser.add_argument("--package", action="append", choices=PACKAGES, help="only this one (may be repeated)")
    parser.add_argument("--torchfix", action="store_true", help="TorchFix on all of timm (minutes), not on a slice")
    arguments = parser.parse_args()
    place = Workplace(arguments.work.resolve())
    place.prepare()
    _print_packages(place, arguments.package or list(PACKAGES), arguments.repeats)
    _print_single_files(place, arguments.repeats)
    if "transformers" in (arguments.package or PACKAGES):
        _print_warm(place, arguments.repeats)
    _print_torchfix(place, arguments.torchfix)


def picklesafe(place: Workplace, *arguments: str | Path) -> list[str | Path]:
    """`picklesafe check` with all default rules, whatever is configured around here."""
    return [place.program("picklesafe-environment", "picklesafe"), "check", "--isolated", *arguments]


def ruff(place: Workplace, *arguments: str | Path) -> list[str | Path]:
    """`ruff check` without its cache, as terse as it gets, so that it isn't charged for drawing findings."""
    command = ("check", "--no-cache", "--isolated", "--output-format", "concise")
    return [place.program("ruff-environment", "ruff"), *command, *arguments]


def interleaved(commands: dict[str, Command], repeats: int) -> dict[str, list[Run]]:
    """Run the commands in turns; every run has to end with 0 (nothing found) or 1 (findings)."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for repeat in range(repeats + 1):
        for name, command in commands.items():
            result = checked(command)
            if repeat:  # the first turn only brings the files into the page cache
                runs[name].append(result)
    return runs


def checked(command: Command, **variables: str) -> Run:
    """Run a command that may end with 0 or 1 only; a traceback ends with 1 as well, so errors are looked at."""
    result = run(command, variables)
    if result.status not in (0, 1) or "Traceback" in result.errors or "internal error" in result.errors:
        sys.exit(f"exit status {result.status}: {' '.join(map(str, command))}\n{result.errors}")
    return result


def median(runs: Sequence[Run]) -> float:
    """The median time in milliseconds."""
    return statistics.median(one.seconds for one in runs) * 1000


def _print_packages(place: Workplace, names: Sequence[str], repeats: int) -> None:
    columns = "package, files, MB, ruff F401 ms, ruff default ms, picklesafe ms, / F401, / default, findings, peak MB"
    print("|", columns.replace(", ", " | "), "|")
    print("|---" * (columns.count(",") + 1) + "|")
    for name in names:
        print(_row(place, name, repeats), flush=True)


def _row(place: Workplace, name: str, repeats: int) -> str:
    folder = place.package(name)
    files = python_files(folder)
    ours = picklesafe(place, "--no-cache", "--output-format", "concise", folder)
    runs = interleaved(
        {"F401": ruff(place, "--select", "F401", folder), "default": ruff(place, folder), "ours": ours}, repeats
    )
    f401, default, own = (median(runs[tool]) for tool in ("F401", "default", "ours"))
    peak = max(*(one.peak for one in runs["ours"]), peak_of_all(ours) or 0)
    found = _same_without_screen(place, folder)
    size = sum(file.stat().st_size for file in files) / MEGABYTE
    return (
        f"| {name} | {len(files)} | {size:.1f} | {f401:.0f} | {default:.0f} | {own:.0f} "
        f"| {own / f401:.2f} | {own / default:.2f} | {found} | {peak / MEGABYTE:.0f} |"
    )


def _same_without_screen(place: Workplace, folder: Path) -> int:
    """The number of findings, once it is sure that the screen by bytes loses none."""
    command = picklesafe(place, "--no-cache", "--output-format", "json", folder)
    screened, whole = (json.loads(checked(command, **more).output) for more in ({}, {"PICKLESAFE_NO_SCREEN": "1"}))
    # Files that nobody would parse otherwise may hold syntax errors: reported only where the parser is reached.
    whole = [found for found in whole if found["code"] not in ("PKS901", "PKS903") or found in screened]
    if screened != whole:
        sys.exit(f"{folder}: the screen changes what is found: {len(screened)} findings with it, {len(whole)} without")
    return len(screened)


def _print_single_files(place: Workplace, repeats: int) -> None:
    folder = place.folder / "single"
    folder.mkdir(exist_ok=True)
    commands: dict[str, Command] = {
        "Python alone (`python -c pass`)": [place.program("picklesafe-environment", "python"), "-c", "pass"]
    }
    for name, file in _five_hundred_lines(folder).items():
        commands[name] = picklesafe(place, "--no-cache", file)
    print("\n| 500 lines, one file | ms | exit status |\n|---|---|---|")
    for name, runs in interleaved(commands, 3 * repeats).items():
        print(f"| {name} | {median(runs):.0f} | {runs[0].status} |", flush=True)


def _five_hundred_lines(folder: Path) -> dict[str, Path]:
    part = (
        "def step_{0}(values, factor={0}):\n    total = sum(value * factor for value in values)\n    return total\n\n\n"
    )
    head = "from torch.utils.data import DataLoader\n\n\n"
    tail = "def loader(dataset, n):\n    return DataLoader(dataset, num_workers=n, prefetch_factor={0})\n"
    filler = "".join(part.format(number) for number in range(99))
    texts = {
        "clean, no loader": filler + "#\n" * 5,
        "clean, a guarded loader": head + filler + tail.format("2 if n > 0 else None"),
        "one finding": head + filler + tail.format("2"),
    }
    files = {}
    for name, text in texts.items():
        assert text.count("\n") == 500, name
        files[name] = folder / f"{name.replace(', ', '_').replace(' ', '_')}.py"
        files[name].write_text(text)
    return files


def _print_warm(place: Workplace, repeats: int) -> None:
    cache = place.folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = picklesafe(place, "--cache-dir", cache, "--output-format", "concise", place.package("transformers"))
    first, runs = checked(command), [checked(command) for _ in range(repeats)]
    if any(one.output != first.output for one in runs):
        sys.exit("the cache changes what is found")
    print(f"\ntransformers, result cache: {first.seconds * 1000:.0f} ms to fill it, then {median(runs):.0f} ms warm")


def _print_torchfix(place: Workplace, whole: bool) -> None:
    folder = place.package("timm") if whole else place.package("timm") / "layers"
    theirs: Command = [place.program("torchfix-environment", "torchfix"), "--select=ALL", folder]
    runs = interleaved({"ours": picklesafe(place, "--no-cache", folder)}, 3)
    slow = checked(theirs)
    fast = median(runs["ours"])
    print(
        f"\ntimm{'' if whole else '/layers'}: TorchFix --select=ALL {slow.seconds:.1f} s, picklesafe {fast:.0f} ms, "
        f"1/{slow.seconds * 1000 / fast:.0f}"
    )


if __name__ == "__main__":
    main()
