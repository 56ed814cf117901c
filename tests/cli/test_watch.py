"""`--watch`, as a process that is told of real changes."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from .samples import GUARDED, UNGUARDED

pytest.importorskip("watchfiles")
PATIENCE = 30


class Watching:
    """A `picklesafe check --watch`, and the reports that it has printed."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, "-u", "-m", "picklesafe", "check", "--watch", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def report(self) -> str:
        """What is printed until it waits for changes again."""
        lines: list[str] = []
        while not lines or lines[-1] != "Watching for file changes.\n":
            lines.append(self._lines.get(timeout=PATIENCE))
        return "".join(lines)

    def is_silent(self) -> bool:
        """Whether nothing more is printed, for as long as a look at the configuration takes several times over."""
        try:
            self._lines.get(timeout=2)
        except Empty:
            return True
        return False


@pytest.fixture
def watching(project: Path, environment: dict[str, str]) -> Iterator[Watching]:
    started = Watching(project, environment, "--output-format", "concise")
    yield started
    started.process.kill()
    started.process.wait()


def test_it_reports_at_once_and_after_every_kind_of_change(watching: Watching, project: Path) -> None:
    first = watching.report()
    assert "Starting linter in watch mode...\n\nbad.py:5:57: PKS111" in first
    assert "\x1b" not in first
    (project / "bad.py").write_text(GUARDED)
    assert "File change detected...\n\nAll checks passed!" in watching.report()
    (project / "new.py").write_text(UNGUARDED)
    assert "new.py:5:57: PKS111" in watching.report()
    os.replace(project / "new.py", project / "renamed.py")
    assert "renamed.py:5:57: PKS111" in watching.report()
    (project / "renamed.py").unlink()
    assert "All checks passed!" in watching.report()


def test_a_changed_configuration_counts_and_a_broken_one_is_told(watching: Watching, project: Path) -> None:
    watching.report()
    (project / "pyproject.toml").write_text('[tool.picklesafe]\nignore = ["PKS111"]\n')
    assert "All checks passed!" in watching.report()
    (project / "pyproject.toml").write_text("[tool.picklesafe\n")
    assert "error: pyproject.toml: is not valid TOML" in watching.report()
    (project / "pyproject.toml").unlink()
    assert "bad.py:5:57: PKS111" in watching.report()


def test_it_does_not_answer_to_its_own_cache_or_to_other_files(watching: Watching, project: Path) -> None:
    watching.report()
    assert (project / ".picklesafe_cache").is_dir()
    (project / "notes.txt").write_text("nothing\n")
    assert watching.is_silent()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_on_a_terminal_each_report_begins_on_a_clear_screen(project: Path, environment: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "picklesafe", "check", "--watch"]
    with subprocess.Popen(command, cwd=project, env=environment, stdout=theirs, stderr=subprocess.STDOUT) as process:
        os.close(theirs)
        try:
            assert _until_it_waits(ours).startswith("\x1b[2J\x1b[H[")
            (project / "bad.py").write_text(GUARDED)
            assert _until_it_waits(ours).lstrip().startswith("\x1b[2J\x1b[H[")
        finally:
            process.kill()
            os.close(ours)


def _until_it_waits(terminal: int) -> str:
    sent = b""
    while b"Watching for file changes." not in sent:
        assert select.select([terminal], [], [], PATIENCE)[0], sent
        sent += os.read(terminal, 10_000)
    return sent.decode()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_it_without_a_traceback(watching: Watching) -> None:
    watching.report()
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(PATIENCE) == 130
    assert watching.is_silent()


def test_a_single_file_is_watched_through_its_replacement(project: Path, environment: dict[str, str]) -> None:
    watching = Watching(project, environment, "bad.py", "-q")
    try:
        assert "PKS111" in watching.report()
        (project / "other").write_text(GUARDED)
        os.replace(project / "other", project / "bad.py")
        assert "PKS111" not in watching.report()
        (project / "bad.py").write_text(UNGUARDED)
        assert "PKS111" in watching.report()
    finally:
        watching.process.kill()
        watching.process.wait()


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(project: Path, environment: dict[str, str]) -> None:
    folder = project / "package"
    folder.mkdir()
    (folder / "new.py").write_text(UNGUARDED)
    watching = Watching(project, environment, "package", "-q")
    try:
        assert "PKS111" in watching.report()
        shutil.rmtree(folder)
        while "error: package: no such file or folder" not in watching.report():
            pass
        folder.mkdir()
        (folder / "new.py").write_text(UNGUARDED)
        while "PKS111" not in watching.report():
            pass
        (folder / "new.py").write_text(GUARDED)
        assert "PKS111" not in watching.report()
    finally:
        watching.process.kill()
        watching.process.wait()


def test_a_path_that_is_missing_is_an_error_at_once(run) -> None:
    result = run("check", "--watch", "nowhere")
    assert result.returncode == 2
    assert result.stderr == "error: nowhere: no such file or folder\n"


@pytest.mark.parametrize("other", ["--fix", "--diff", "--add-ignore", "--show-files", "--output-file=x", "-"])
def test_it_contradicts_what_changes_files_or_is_done_once(run, other: str) -> None:
    result = run("check", "--watch", other, input="")
    assert result.returncode == 2
    assert "can't be combined with" in result.stderr


def test_without_watchfiles_the_way_out_is_told(run, environment, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("without")
    (folder / "watchfiles.py").write_text("raise ImportError\n")
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
    result = run("check", "--watch")
    assert result.returncode == 2
    assert result.stderr == (
        "error: --watch needs watchfiles, which isn't installed. pip install 'picklesafe[watch]'\n"
    )
