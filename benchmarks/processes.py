"""Runs a command and says how long it took, how much memory it held, and what it printed."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One run of a command: `peak` is the largest memory of one of its processes, in bytes."""

    seconds: float
    peak: int
    status: int
    output: str
    errors: str


def run(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> Run:
    """Run `command` to its end, its output to a file as in a CI job."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = _start(command, variables, output.fileno(), errors.fileno())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen doesn't wait for it once more
        texts = [(file.seek(0), file.read().decode(errors="replace"))[1] for file in (output, errors)]
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return Run(seconds, usage.ru_maxrss * unit, process.returncode, texts[0], texts[1])


def peak_of_all(command: Sequence[str | Path]) -> int | None:
    """The most memory that `command` and the processes it starts hold together; None where there is no /proc.

    Pages that processes share count once, in parts. Sampling slows the run down, so it isn't timed.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    process = _start(command, None, subprocess.DEVNULL, subprocess.DEVNULL)
    ended = threading.Event()
    peaks = [0]

    def sample() -> None:
        while not ended.wait(0.002):
            peaks[0] = max(peaks[0], sum(map(_proportional_size, _session(process.pid))))

    thread = threading.Thread(target=sample)
    thread.start()
    process.wait()
    ended.set()
    thread.join()
    return peaks[0]


def _start(
    command: Sequence[str | Path], variables: Mapping[str, str] | None, output: int, errors: int
) -> subprocess.Popen[bytes]:
    # A session of its own: what it starts can be found by it.
    return subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )


def _session(leader: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                # The name in parentheses may hold spaces; state, parent, group, session follow it.
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                found.append(int(name))
    return found


def _proportional_size(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
