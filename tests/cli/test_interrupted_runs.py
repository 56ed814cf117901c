"""Runs that are killed, interrupted, disturbed or out of space: the next one finds what a run without a cache does.

A rule of the project's own stops a run in the middle: it waits for as long as the test wants.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .samples import GUARDED, UNGUARDED

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no groups of processes")

WAITS = '''\
"""TEAM001 waits: for a test."""

import os
import pathlib
import time

from picklesafe.lint import rule


@rule(triggers=["wait_here"])
def check(call):
    if "GATE" in os.environ:
        gate = pathlib.Path(os.environ["GATE"])
        (gate / "reached").touch()
        with open(gate / "judged", "a") as judged:
            judged.write(f"{call.module.source.path}\\n")
        while not (gate / "open").exists():
            time.sleep(0.01)
'''
GATE = f"# wait_here\n{UNGUARDED}"
CLEAN = "import torch\n\nx = 1\n"
CALLER = "from helper import loader\n\n\nloader([1], num_workers=0)\n"


class Stopped:
    """A run that waits in the middle of its work."""

    def __init__(self, process: subprocess.Popen[str], gate: Path) -> None:
        self.process, self._gate = process, gate
        assert in_time((gate / "reached").exists)

    def go_on(self) -> tuple[str, str]:
        """Let it run to its end; gives what it prints."""
        self.open_gate()
        return self.process.communicate(timeout=60)

    def open_gate(self) -> None:
        (self._gate / "open").touch()

    def judged(self) -> set[str]:
        """The files that the rule has been asked about."""
        return set((self._gate / "judged").read_text().splitlines())


def in_time(condition: Callable[[], bool]) -> bool:
    """Whether something becomes true before long."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def large(project: Path) -> Path:
    """A project that two processes work at, with a rule that waits."""
    (project / "pyproject.toml").write_text('[tool.picklesafe]\nrules = ["rules/waits.py"]\nextend-select = ["TEAM"]\n')
    (project / "rules").mkdir()
    # Not beside the rest: where something changes beside a rule, nothing is remembered.
    (project / "rules/waits.py").write_text(WAITS)
    (project / "gate.py").write_text(GATE)
    for number in range(110):
        (project / f"module{number}.py").write_text(UNGUARDED if number % 10 == 0 else CLEAN)
    return project


@pytest.fixture
def stopped(
    large: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Stopped]]:
    """`stopped("--jobs=2")`: a run in the middle of its work."""
    processes: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Stopped:
        gate = tmp_path_factory.mktemp("gate")
        command = [sys.executable, "-m", "picklesafe", "check", "--output-format=concise", *options]
        process = subprocess.Popen(
            command,
            cwd=large,
            env={**environment, "GATE": str(gate)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return Stopped(process, gate)

    yield start
    for process in processes:
        process.kill()
        process.wait()


@contextmanager
def same_times(path: Path) -> Iterator[None]:
    """What is done to a file meanwhile leaves its time of modification as it was."""
    status = path.stat()
    yield
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def agree(run: Callable[..., subprocess.CompletedProcess[str]], *arguments: str) -> None:
    """Whether runs with the cache, before and after it is renewed, say what one without says."""
    expected = run("check", "--output-format=json", "--no-cache", *arguments)
    for _ in range(2):
        found = run("check", "--output-format=json", *arguments)
        assert (found.returncode, found.stdout, found.stderr) == (1, expected.stdout, "")


def members(group: int) -> list[str]:
    """The living processes of a group."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return [" ".join(row) for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


def all_end(group: int) -> bool:
    """Whether nobody of a group is left in the end."""
    return in_time(lambda: not members(group))


@pytest.mark.parametrize("jobs", ["--jobs=1", "--jobs=2"])
def test_an_interrupt_ends_all_processes_at_once_and_without_a_word(stopped, run, jobs):
    found = stopped(jobs)
    os.killpg(found.process.pid, signal.SIGINT)
    said = found.process.communicate(timeout=60)
    assert (found.process.returncode, said) == (130, ("", ""))
    assert all_end(found.process.pid)
    agree(run)


def test_an_interrupt_of_the_first_process_alone_ends_the_others_too(stopped):
    found = stopped("--jobs=2")
    os.kill(found.process.pid, signal.SIGINT)
    assert found.process.communicate(timeout=60) == ("", "")
    assert found.process.returncode == 130
    assert all_end(found.process.pid)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_where_the_first_process_is_killed_the_others_take_up_nothing_new(stopped, run, large, sent):
    for path in large.glob("module*.py"):
        path.write_text(GATE)
    found = stopped("--jobs=2")
    os.kill(found.process.pid, sent)
    assert found.process.wait(timeout=60) == -sent
    found.open_gate()
    assert all_end(found.process.pid)
    assert len(found.judged()) <= 2
    agree(run)


def test_a_run_that_is_killed_leaves_the_cache_as_it_was(stopped, run, large):
    run("check")
    (cache,) = (large / ".picklesafe_cache").rglob("*.cache")
    before = cache.read_bytes()
    (large / "gate.py").write_text(f"{GATE}\n# changed\n")
    (large / "module1.py").write_text(UNGUARDED)
    found = stopped()
    found.process.kill()
    found.go_on()
    assert list((large / ".picklesafe_cache").rglob("*.cache*")) == [cache] and cache.read_bytes() == before
    agree(run)


def test_what_is_edited_during_a_run_is_not_answered_from_memory(stopped, run, large):
    found = stopped("--jobs=1")
    for number in range(30):
        path = large / f"module{number}.py"
        with same_times(path):
            path.write_text(CLEAN if number % 10 == 0 else UNGUARDED)
    found.go_on()
    agree(run)


def test_a_helper_that_was_another_one_during_a_run_and_is_back_is_not_taken_for_that_one(stopped, run, large):
    (large / "helper.py").write_text(GUARDED)
    (large / "user.py").write_text(CALLER)
    time.sleep(2.1)  # so that what the first run remembers of them will be believed
    run("check", str(large))
    (large / "gate.py").write_text(f"{GATE}\n# changed\n")
    (large / "user.py").write_text(f"{CALLER}# changed\n")
    found = stopped("--jobs=1", str(large))
    (large / "helper.py").write_text(UNGUARDED)
    said, _ = found.go_on()
    assert "user.py:4:" in said
    (large / "helper.py").write_text(GUARDED)
    agree(run, str(large))


def test_a_run_that_ends_after_a_later_one_does_not_undo_what_that_one_knows(stopped, run, large):
    first, second = stopped(), stopped("--select=PKS1,TEAM")
    (large / "module1.py").write_text(UNGUARDED)
    run("check")
    run("check", "--select=PKS1,TEAM")
    (large / "module2.py").write_text(UNGUARDED)
    (large / "module10.py").write_text(GUARDED)
    first.go_on()
    second.go_on()
    agree(run)
    selected = ("check", "--select=PKS1,TEAM", "--output-format=json")
    assert run(*selected).stdout == run(*selected, "--no-cache").stdout


def test_a_full_disk_leaves_the_old_cache_and_is_said_in_a_line(run, large):
    import resource

    run("check")
    (cache,) = (large / ".picklesafe_cache").rglob("*.cache")
    before = cache.read_bytes()
    (large / "module1.py").write_text(UNGUARDED)
    full = run("check", "-q", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    place = large / ".picklesafe_cache"
    assert full.stderr == f"warning: the cache can't be written to {place}: File too large\n"
    assert full.returncode == 1 and "module1.py:5:" in full.stdout
    assert list(place.rglob("*.cache*")) == [cache] and cache.read_bytes() == before
    agree(run)


@pytest.mark.skipif(sys.platform != "linux", reason="nobody may make a folder below /sys, root included")
def test_a_folder_that_is_only_to_be_read_is_no_mistake_and_said_to_those_who_ask(run):
    assert run("check", "--cache-dir=/sys/picklesafe").stderr == ""
    assert (
        "note: the cache can't be written to /sys/picklesafe"
        in run("check", "-v", "--cache-dir=/sys/picklesafe").stderr
    )
