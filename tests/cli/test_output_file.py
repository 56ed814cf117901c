"""`--output-file`: the report in a file, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest


def test_the_report_goes_into_the_file_and_nowhere_else(run, project):
    result = run("check", "--output-format", "json", "--output-file", "found.json")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
    assert [found["code"] for found in json.loads((project / "found.json").read_text())] == ["PKS111"]


def test_the_summary_goes_with_it(run, project):
    printed = run("check").stdout
    run("check", "--output-file", "found.txt")
    assert (project / "found.txt").read_text() == printed


def test_a_clean_project_leaves_a_report_that_says_so(run, project):
    result = run("check", "good.py", "--output-format", "sarif", "--output-file", "found.sarif")
    assert result.returncode == 0
    assert json.loads((project / "found.sarif").read_text())["runs"][0]["results"] == []


def test_no_colours_get_into_the_file(project, environment):
    pty = pytest.importorskip("pty")
    _, theirs = pty.openpty()
    command = [sys.executable, "-m", "picklesafe", "check", "--output-file", "found.txt"]
    subprocess.run(command, cwd=project, env={**environment, "TERM": "xterm"}, stdout=theirs)
    assert "\x1b" not in (project / "found.txt").read_text()


def test_a_diff_and_a_list_of_files_go_there_as_well(run, project):
    assert run("check", "--diff", "--output-file", "fix.patch").stdout == ""
    assert (project / "fix.patch").read_text().startswith("--- bad.py\n+++ bad.py\n")
    assert run("check", "--show-files", "--output-file", "files.txt").stdout == ""
    assert (project / "files.txt").read_text().splitlines() == [str(project / "bad.py"), str(project / "good.py")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere/found.json", "there is no folder nowhere"), ("folder", "it is a folder")],
)
def test_a_place_that_cannot_be_written_to_is_one_line_and_a_two(run, project, name, reason):
    (project / "folder").mkdir()
    result = run("check", "--output-file", name)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: can't write to {name}: {reason}\n"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions")
def test_a_folder_that_cannot_be_written_to_is_one_line_and_a_two(run, project):
    (project / "folder").mkdir(mode=0o555)
    result = run("check", "--output-file", "folder/found.json")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


def test_a_run_that_fails_leaves_the_old_report_and_nothing_else(run, project):
    (project / "found.json").write_text("old")
    before = set(project.iterdir())
    result = run("check", "--select", "NOPE", "--output-file", "found.json")
    assert result.returncode == 2
    assert (project / "found.json").read_text() == "old"
    assert set(project.iterdir()) == before


@pytest.mark.skipif(os.name != "posix", reason="permissions and links")
def test_permissions_and_links_stay(run, project):
    (project / "real.txt").write_text("old")
    (project / "real.txt").chmod(0o640)
    (project / "link.txt").symlink_to("real.txt")
    run("check", "--output-file", "link.txt")
    assert (project / "link.txt").is_symlink()
    assert "PKS111" in (project / "real.txt").read_text()
    assert stat.S_IMODE((project / "real.txt").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_new_report_may_be_read_by_whom_the_umask_says(run, project):
    run("check", "--output-file", "found.txt")
    (project / "other").touch()
    assert (project / "found.txt").stat().st_mode == (project / "other").stat().st_mode


@pytest.mark.skipif(not os.path.exists("/dev/stderr"), reason="there is no such file")
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_a_stream_of_this_process_can_be_named(run, project, kind):
    with open(project / "log.txt", "w+") as log:
        log.write("above\n")
        log.flush()
        stderr = log if kind == "file" else subprocess.PIPE
        command = {"stdout": subprocess.PIPE, "stderr": stderr, "capture_output": False}
        result = run("check", "--output-format", "concise", "-q", "--output-file", "/dev/stderr", **command)
        log.seek(0)
        assert (log.read() if kind == "file" else "above\n" + result.stderr).startswith("above\nbad.py:5:57: PKS111")
