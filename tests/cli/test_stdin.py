"""`picklesafe check -`: a buffer that an editor hasn't saved."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .samples import GUARDED, UNGUARDED


def test_a_finding_is_reported_under_the_name_that_was_given(run, project):
    result = run("check", "--stdin-filename", "src/new.py", "-", "--output-format", "concise", input=UNGUARDED)
    assert result.returncode == 1
    assert result.stdout.startswith("src/new.py:5:57: PKS111 [*] ")
    assert not (project / "src").exists()


@pytest.mark.parametrize("arguments", [["-"], ["-", "-"]])
def test_an_input_without_a_name_is_a_hyphen(run, arguments):
    result = run("check", *arguments, "--output-format", "json", input=UNGUARDED)
    assert [finding["filename"] for finding in json.loads(result.stdout)] == ["-"]


def test_the_name_alone_asks_for_standard_input(run, project):
    assert run("check", "--stdin-filename", "bad.py", input=GUARDED).stdout == "All checks passed!\n"
    found = json.loads(run("check", "--stdin-filename", "good.py", "--output-format", "json", input=UNGUARDED).stdout)
    assert [finding["filename"] for finding in found] == [str(project / "good.py")]


def test_a_file_can_still_be_called_a_hyphen(run, project):
    (project / "-").write_text(UNGUARDED)
    assert "PKS111" in run("check", "./-", input=GUARDED).stdout


@pytest.mark.parametrize("output_format", ["full", "sarif", "gitlab"])
def test_reports_show_the_input_and_not_what_the_file_holds(run, project, output_format):
    on_disk = run("check", "bad.py", "--output-format", output_format)
    (project / "bad.py").write_text("saved = 'long ago'\n")
    given = run("check", "--stdin-filename", "bad.py", "--output-format", output_format, input=UNGUARDED)
    assert given.stdout == on_disk.stdout


def test_nothing_is_kept_for_another_run(run, project):
    run("check", "--stdin-filename", "bad.py", "-", input=UNGUARDED)
    assert not (project / ".picklesafe_cache").exists()


class TestFixing:
    @pytest.mark.parametrize("name", [[], ["--stdin-filename", "bad.py"]])
    def test_the_mended_source_is_all_of_standard_output(self, run, project, name):
        result = run("check", "--fix", *name, "-", input=UNGUARDED)
        assert (result.returncode, result.stdout) == (0, GUARDED)
        assert result.stderr == "Found 1 error (1 fixed, 0 remaining).\n"
        assert (project / "bad.py").read_text() == UNGUARDED

    @pytest.mark.parametrize(
        "text", ["", "x = 1\n", UNGUARDED.replace("=num_workers,", "=-1,"), "prefetch_factor = (\n"]
    )
    def test_what_cannot_be_mended_comes_as_it_was(self, run, text):
        assert run("check", "--fix", "-", input=text).stdout == text

    def test_what_is_left_is_reported_beside_the_source(self, run):
        left = UNGUARDED.replace("def loader", "def other").replace("=num_workers,", "=-1,")
        result = run("check", "--fix", "-", "--output-format", "concise", input=UNGUARDED + left)
        assert (result.returncode, result.stdout) == (1, GUARDED + left)
        assert result.stderr.startswith("-:10:") and "(1 fixed, 1 remaining)" in result.stderr

    def test_the_report_of_a_fix_goes_into_a_file_if_one_is_named(self, run, project):
        result = run("check", "--fix", "-", "--output-file", "report.txt", input=UNGUARDED)
        assert (result.stdout, result.stderr) == (GUARDED, "")
        assert (project / "report.txt").read_text() == "Found 1 error (1 fixed, 0 remaining).\n"

    def test_a_fix_can_be_told_to_be_a_one(self, run):
        assert run("check", "--fix", "--exit-non-zero-on-fix", "-", input=UNGUARDED).returncode == 1

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig"])
    def test_bytes_that_no_fix_touches_stay(self, project, environment, encoding):
        head = f"# coding: {encoding.removesuffix('-sig')}\n# déjà vu\n"
        before, after = ((head + text).replace("\n", "\r\n").encode(encoding) for text in (UNGUARDED, GUARDED))
        command = [sys.executable, "-m", "picklesafe", "check", "--fix", "-"]
        result = subprocess.run(command, cwd=project, env=environment, input=before, capture_output=True)
        assert result.stdout == after

    def test_a_diff_is_shown_under_the_name(self, run, project):
        result = run("check", "--diff", "--stdin-filename", "bad.py", "-", input=UNGUARDED)
        assert result.returncode == 1
        assert result.stdout.startswith("--- bad.py\n+++ bad.py\n@@ ")
        assert result.stderr == "Would fix 1 error.\n"
        subprocess.run(["git", "apply", "-p0", "-"], cwd=project, input=result.stdout, text=True, check=True)
        assert (project / "bad.py").read_text() == GUARDED


class TestTheProjectAroundIt:
    def test_configuration_is_that_of_the_named_file(self, run, project):
        (project / "sub").mkdir()
        (project / "sub" / "picklesafe.toml").write_text("ignore = ['PKS111']\n")
        assert run("check", "--stdin-filename", "sub/a.py", "-", input=UNGUARDED).returncode == 0
        assert run("check", "--stdin-filename", "a.py", "-", input=UNGUARDED).returncode == 1

    def test_a_code_can_be_ignored_by_the_name(self, run, project):
        (project / "picklesafe.toml").write_text("per-file-ignores = {'tests/*' = ['PKS1']}\n")
        assert run("check", "--stdin-filename", "tests/a.py", "-", input=UNGUARDED).returncode == 0
        assert run("check", "--stdin-filename", "src/a.py", "-", input=UNGUARDED).returncode == 1

    def test_an_excluded_name_counts_only_if_excludes_are_forced(self, run):
        excluded = ["--exclude", "old", "--stdin-filename", "old/a.py", "-"]
        assert run("check", *excluded, input=UNGUARDED).returncode == 1
        result = run("check", "--force-exclude", *excluded, input=UNGUARDED)
        assert (result.returncode, result.stdout, result.stderr) == (0, "All checks passed!\n", "")
        assert run("check", "--force-exclude", "--fix", *excluded, input=UNGUARDED).stdout == UNGUARDED
        assert run("check", "--force-exclude", "-v", *excluded, input="").stderr == "note: old/a.py: is excluded\n"

    def test_other_files_are_consulted(self, run, project):
        named = ["--stdin-filename", "new.py", "-", "--output-format", "concise"]
        text = f"from settings import WORKERS\n{UNGUARDED.replace('=num_workers', '=WORKERS')}"
        (project / "settings.py").write_text("WORKERS = 0\n")
        assert run("check", *named, input=text).stdout.startswith("new.py:6:53: PKS101 ")
        (project / "settings.py").write_text("WORKERS = 4\n")
        assert run("check", *named, input=text).returncode == 0

    def test_what_a_baseline_knows_is_silent(self, run):
        run("check", "--write-baseline", "known.json", "bad.py")
        known = ["--baseline", "known.json", "--stdin-filename", "bad.py", "-"]
        assert run("check", *known, input=f"import os\n{UNGUARDED}").returncode == 0
        assert run("check", *known, input=UNGUARDED.replace("=2)", "=3)")).returncode == 1


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["-", "bad.py"], "standard input can't be checked together with paths (bad.py)"),
            (["--stdin-filename", "a.py", "bad.py"], "standard input can't be checked together with paths (bad.py)"),
            (["-", "--add-ignore"], "--add-ignore can't be combined with standard input"),
            (["-", "--write-baseline", "b.json"], "--write-baseline can't be combined with standard input"),
            (["-", "--show-files"], "--show-files can't be combined with standard input"),
            (["--stdin-filename", "."], "--stdin-filename must be the name of a file, and . is a folder"),
            (["--stdin-filename", "-"], "--stdin-filename must be the name of a file; leave it out for an input"),
            (["--stdin-filename", ""], "argument --stdin-filename: a path can't be empty"),
        ],
    )
    def test_what_contradicts_standard_input_is_said_in_one_line(self, run, project, arguments, said):
        result = run("check", *arguments, input=UNGUARDED)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {said}") and result.stderr.count("\n") == 2
        assert (project / "bad.py").read_text() == UNGUARDED

    def test_a_closed_input_is_said(self, project, environment):
        command = f"exec {sys.executable} -m picklesafe check - <&-"
        result = subprocess.run(["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (2, "error: standard input is closed\n")

    @pytest.mark.parametrize("text", ["x = '\0'\n", "prefetch_factor = num_workers = (\n"])
    def test_an_input_that_is_no_python_is_a_finding(self, run, text):
        result = run("check", "-", "--output-format", "concise", input=text)
        assert result.returncode == 1
        assert result.stdout.startswith("-:1:") and "PKS90" in result.stdout
