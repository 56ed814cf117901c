"""`picklesafe check`, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .samples import GUARDED, UNGUARDED

FOUND = "bad.py:5:57: PKS111 [*] "


class TestExitStatus:
    def test_a_clean_project_passes(self, run, project):
        (project / "bad.py").unlink()
        result = run("check")
        assert (result.returncode, result.stdout, result.stderr) == (0, "All checks passed!\n", "")

    def test_a_finding_is_a_one(self, run):
        result = run("check", "--output-format", "concise")
        assert result.returncode == 1
        assert result.stdout.startswith(FOUND)
        assert result.stdout.endswith("Found 1 error.\n[*] 1 fixable with `--fix`.\n")

    def test_findings_can_be_told_to_be_a_zero(self, run):
        result = run("check", "--exit-zero")
        assert result.returncode == 0
        assert "PKS111" in result.stdout

    def test_a_path_that_does_not_exist_is_a_two_and_the_rest_is_checked(self, run):
        result = run("check", "--output-format", "concise", "nowhere.py", "bad.py")
        assert result.returncode == 2
        assert "nowhere.py" in result.stderr and result.stderr.count("\n") == 1
        assert result.stdout.startswith(FOUND)

    def test_a_missing_path_alone_is_not_called_clean(self, run):
        result = run("check", "nowhere.py")
        assert (result.returncode, result.stdout) == (2, "")

    def test_a_folder_without_python_passes_with_a_warning(self, run, project):
        (project / "empty").mkdir()
        result = run("check", "empty")
        assert result.returncode == 0
        assert "no Python files" in result.stderr

    @pytest.mark.parametrize("text", ["x = (\n", "x = '\0'\n"])
    def test_a_file_that_cannot_be_analysed_is_a_one_whatever_is_selected(self, run, project, text):
        (project / "bad.py").write_text("DataLoader(ds, num_workers=n, prefetch_factor=2)\n" + text)
        result = run("check", "--select", "PKS112", "bad.py", "--output-format", "concise")
        assert result.returncode == 1
        assert "PKS90" in result.stdout


class TestChoosing:
    def test_the_configuration_is_gone_by(self, run, project):
        (project / "pyproject.toml").write_text('[tool.picklesafe]\nignore = ["PKS11"]\n')
        assert run("check").returncode == 0
        assert run("check", "--isolated").returncode == 1
        assert run("check", "--select", "PKS1").returncode == 1

    def test_a_code_can_be_ignored_in_some_files(self, run, project):
        (project / "picklesafe.toml").write_text('per-file-ignores = {"b*.py" = ["PKS1"]}\n')
        assert run("check").returncode == 0

    def test_codes_are_separated_by_commas_or_options(self, run):
        assert run("check", "--ignore", "PKS101,PKS111").returncode == 0
        assert run("check", "--ignore", "PKS101", "--ignore", "PKS111").returncode == 0
        assert run("check", "--ignore", "PKS101", "--ignore", "PKS112").returncode == 1

    def test_a_comment_silences_its_line(self, run, project):
        (project / "bad.py").write_text(UNGUARDED.replace("=2)", "=2)  # noqa: PKS111"))
        assert run("check").returncode == 0

    def test_the_target_torch_decides_about_the_fix(self, run, project):
        fixed = run("check", "--diff", "--target-torch", "1.13")
        added = [line for line in fixed.stdout.splitlines() if line.startswith("+ ")]
        assert added and not any("None" in line for line in added)
        assert any("prefetch_factor=2 if num_workers > 0 else 2" in line for line in added)

    def test_files_are_shown_and_not_checked(self, run, project):
        result = run("check", "--show-files")
        assert result.stdout.splitlines() == [str(project / "bad.py"), str(project / "good.py")]
        assert result.returncode == 0

    def test_excluded_files_are_not_shown_unless_they_are_named(self, run, project):
        assert run("check", "--show-files", "--extend-exclude", "bad.py").stdout.splitlines() == [
            str(project / "good.py")
        ]
        assert "bad.py" in run("check", "--show-files", "--exclude", "bad.py", "bad.py").stdout
        assert "bad.py" not in run("check", "--show-files", "--force-exclude", "--exclude", "bad.py", "bad.py").stdout

    def test_showing_the_files_of_a_path_that_does_not_exist_is_a_two(self, run):
        result = run("check", "--show-files", "nowhere")
        assert result.returncode == 2
        assert result.stderr.count("\n") == 1


class TestOutput:
    def test_the_default_shows_the_code_and_the_fix(self, run):
        lines = run("check").stdout.splitlines()
        assert lines[1] == " --> bad.py:5:57"
        assert "help: " in "\n".join(lines)
        assert f"5 + {GUARDED.splitlines()[4]}" in lines

    def test_json_is_nothing_but_json(self, run, project):
        found = json.loads(run("check", "--output-format", "json").stdout)
        assert [finding["code"] for finding in found] == ["PKS111"]
        assert found[0]["filename"] == str(project / "bad.py")
        assert json.loads(run("check", "--output-format", "json", "good.py").stdout) == []

    def test_github_is_nothing_but_commands(self, run):
        lines = run("check", "--output-format", "github").stdout.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("::error title=picklesafe (PKS111),file=")

    def test_statistics_take_the_place_of_findings(self, run):
        assert run("check", "--statistics").stdout.startswith(
            "1\tPKS111\t[*] unguarded-prefetch-factor\nFound 1 error.\n"
        )
        assert json.loads(run("check", "--statistics", "--output-format", "json").stdout)[0]["count"] == 1

    def test_quiet_prints_findings_only(self, run):
        result = run("check", "-q", "--output-format", "concise")
        assert result.stdout.count("\n") == 1
        assert run("check", "-q", "good.py").stdout == ""

    def test_verbose_says_more_on_the_other_channel(self, run):
        plain, verbose = run("check"), run("check", "-v")
        assert plain.stdout == verbose.stdout
        assert (plain.stderr, verbose.stderr) == ("", "note: 2 files checked\n")

    @pytest.mark.parametrize(
        ("options", "variables", "coloured"),
        [
            ([], {}, False),
            (["--color", "always"], {}, True),
            (["--color", "always"], {"NO_COLOR": "1"}, True),
            ([], {"FORCE_COLOR": "1"}, True),
            ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
            (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ],
    )
    def test_colours_follow_the_option_then_the_environment(self, run, environment, options, variables, coloured):
        result = run("check", *options, env={**environment, **variables})
        assert ("\x1b[" in result.stdout) is coloured

    def test_a_terminal_gets_colours(self, project, environment):
        pty = pytest.importorskip("pty")
        ours, theirs = pty.openpty()
        environment = {**environment, "TERM": "xterm"}
        subprocess.run([sys.executable, "-m", "picklesafe", "check"], cwd=project, env=environment, stdout=theirs)
        assert b"\x1b[" in os.read(ours, 4096)

    def test_a_reader_that_has_seen_enough_is_no_error(self, project, environment):
        for number in range(300):
            (project / f"bad{number}.py").write_text(UNGUARDED)
        command = f"{sys.executable} -m picklesafe check | head -1"
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=project, env=environment, capture_output=True, text=True
        )
        assert result.stderr == ""
        assert result.returncode == 0
        assert result.stdout.startswith("PKS111")

    def test_an_output_that_knows_no_unicode_breaks_nothing(self, run, project, environment):
        (project / "bad.py").write_text(UNGUARDED.replace("dataset", "données"), encoding="utf-8")
        ascii_only = {**environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
        result = run("check", env=ascii_only)
        assert result.returncode == 1
        assert "donn\\xe9es" in result.stdout

    @pytest.mark.skipif(sys.platform != "linux", reason="names of files that are no text exist on Linux alone")
    @pytest.mark.parametrize("output_format", ["full", "concise", "json", "github"])
    def test_a_name_that_is_no_text_is_reported(self, run, project, output_format):
        with open(os.path.join(os.fsencode(project), b"\xff.py"), "w") as file:
            file.write(UNGUARDED)
        result = run("check", "--output-format", output_format)
        assert result.returncode == 1
        assert "udcff.py" in result.stdout


class TestFixing:
    def test_a_safe_fix_is_applied(self, run, project):
        result = run("check", "--fix")
        assert (result.returncode, result.stdout) == (0, "Found 1 error (1 fixed, 0 remaining).\n")
        assert (project / "bad.py").read_text() == GUARDED

    def test_fixing_again_changes_nothing(self, run, project):
        run("check", "--fix")
        assert run("check", "--fix").stdout == "All checks passed!\n"
        assert (project / "bad.py").read_text() == GUARDED

    def test_a_fix_can_be_told_to_be_a_one(self, run):
        assert run("check", "--fix", "--exit-non-zero-on-fix").returncode == 1
        assert run("check", "--fix", "--exit-non-zero-on-fix").returncode == 0

    def test_fixing_reports_what_is_left(self, run, project):
        (project / "left.py").write_text(UNGUARDED.replace("=num_workers,", "=-1,"))
        result = run("check", "--fix", "--output-format", "concise")
        assert result.returncode == 1
        assert "left.py" in result.stdout and "bad.py" not in result.stdout
        assert "(1 fixed, 1 remaining)" in result.stdout

    def test_a_diff_shows_and_changes_nothing(self, run, project):
        result = run("check", "--diff")
        assert result.returncode == 1
        assert result.stdout.startswith("--- bad.py\n+++ bad.py\n@@ ")
        assert result.stderr == "Would fix 1 error.\n"
        assert (project / "bad.py").read_text() == UNGUARDED

    def test_an_empty_diff_passes(self, run):
        result = run("check", "--diff", "good.py")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    @pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_diff_can_be_applied_whatever_the_file_is_written_in(self, project, environment, encoding, end):
        name = encoding.removesuffix("-sig")
        text = f"# coding: {name}\n# déjà vu\n{UNGUARDED}"
        (project / "bad.py").write_bytes(text.replace("\n", end).encode(encoding))
        command = [sys.executable, "-m", "picklesafe", "check", "-q"]
        diff = subprocess.run([*command, "--diff"], cwd=project, env=environment, stdout=subprocess.PIPE).stdout
        subprocess.run(["git", "apply", "-p0", "--whitespace=nowarn", "-"], cwd=project, input=diff, check=True)
        patched = (project / "bad.py").read_bytes()
        (project / "bad.py").write_bytes(text.replace("\n", end).encode(encoding))
        subprocess.run([*command, "--fix"], cwd=project, env=environment, check=True)
        assert patched == (project / "bad.py").read_bytes()
        assert patched == (f"# coding: {name}\n# déjà vu\n{GUARDED}").replace("\n", end).encode(encoding)

    @pytest.mark.skipif(os.name != "posix", reason="permissions")
    def test_a_file_that_cannot_be_written_stops_no_other(self, run, project):
        (project / "locked.py").write_text(UNGUARDED)
        (project / "locked.py").chmod(0o444)
        result = run("check", "--fix", "--output-format", "concise")
        assert result.returncode == 2
        assert "locked.py" in result.stderr and result.stderr.count("\n") == 1
        assert (project / "bad.py").read_text() == GUARDED
        assert (project / "locked.py").read_text() == UNGUARDED


class TestSuppressing:
    IGNORED = UNGUARDED.replace("=2)", "=2)  # picklesafe: ignore[PKS111]")

    def test_all_that_is_found_is_suppressed_from_then_on(self, run, project):
        result = run("check", "--add-ignore")
        assert (result.returncode, result.stdout, result.stderr) == (
            *(0, "All checks passed!\n"),
            "Suppressed 1 finding.\n",
        )
        assert (project / "bad.py").read_text() == self.IGNORED
        assert run("check", "--add-ignore").stderr == "Suppressed 0 findings.\n"
        assert (project / "bad.py").read_text() == self.IGNORED

    def test_what_cannot_be_suppressed_is_still_reported(self, run, project):
        (project / "broken.py").write_text(UNGUARDED + "x = (\n")
        result = run("check", "--add-ignore", "-q", "--output-format", "concise")
        assert (result.returncode, result.stderr) == (1, "")
        assert result.stdout.startswith("broken.py:6:5: PKS901 ") and "bad.py" not in result.stdout

    @pytest.mark.parametrize("option", ["--fix", "--diff"])
    def test_it_is_not_mixed_with_fixing(self, run, project, option):
        result = run("check", "--add-ignore", option)
        assert result.returncode == 2
        assert f"--add-ignore can't be combined with {option}" in result.stderr
        assert (project / "bad.py").read_text() == UNGUARDED

    def test_a_comment_is_removed_once_its_mistake_is_mended(self, run, project):
        (project / "bad.py").write_text(GUARDED.replace("None)", "None)  # picklesafe: ignore[PKS111]"))
        assert "bad.py:5:" in run("check", "--output-format", "concise").stdout
        assert run("check", "--fix").stdout == "Found 1 error (1 fixed, 0 remaining).\n"
        assert (project / "bad.py").read_text() == GUARDED

    def test_a_comment_is_found_useless_where_nothing_else_is_of_interest(self, run, project):
        (project / "good.py").write_text("x = 1  # noqa: PKS111\n")
        result = run("check", "--output-format", "concise", "good.py")
        assert result.stdout.startswith("good.py:1:8: PKS902 [*] `# noqa: PKS111` hides nothing")
        assert run("check", "--ignore", "PKS902", "good.py").returncode == 0

    @pytest.mark.skipif(os.name != "posix", reason="permissions")
    def test_a_file_that_cannot_be_written_stops_no_other(self, run, project):
        (project / "locked.py").write_text(UNGUARDED)
        (project / "locked.py").chmod(0o444)
        result = run("check", "--add-ignore")
        assert result.returncode == 2
        assert "error: locked.py: can't be written" in result.stderr
        assert (project / "bad.py").read_text() == self.IGNORED
