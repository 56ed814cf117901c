"""`--write-baseline` and `--baseline` on the command line."""

from __future__ import annotations

import json

import pytest

from .samples import GUARDED, UNGUARDED

ANOTHER = UNGUARDED.replace("def loader", "def another")


@pytest.fixture
def known(run, project):
    assert run("check", "--write-baseline", "known.json").returncode == 0
    return project / "known.json"


def test_a_baseline_is_written_and_nothing_reported(run, project):
    result = run("check", "--write-baseline", "known.json")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "Wrote 1 finding to known.json.\n")
    assert list(json.loads((project / "known.json").read_text())["files"]) == ["bad.py"]


def test_with_it_the_project_passes(run, known):
    result = run("check", "--baseline", "known.json")
    assert (result.returncode, result.stdout, result.stderr) == (0, "All checks passed!\n", "")


def test_it_holds_in_every_format_and_for_statistics(run, known):
    assert json.loads(run("check", "--baseline", "known.json", "--output-format", "json").stdout) == []
    assert run("check", "--baseline", "known.json", "--statistics").stdout == "All checks passed!\n"


def test_with_it_new_findings_are_a_one(run, project, known):
    (project / "good.py").write_text(ANOTHER)
    result = run("check", "--baseline", "known.json", "--output-format", "concise")
    assert result.returncode == 1
    assert "good.py:5:" in result.stdout and "bad.py" not in result.stdout


def test_what_is_mended_is_told_and_no_failure(run, project, known):
    (project / "bad.py").write_text(GUARDED)
    result = run("check", "--baseline", "known.json")
    assert (result.returncode, result.stdout) == (0, "All checks passed!\n")
    assert result.stderr == (
        "warning: 1 finding of known.json isn't there any more and can be removed with --write-baseline\n"
        "  bad.py: PKS111 prefetch_factor=2 in loader\n"
    )
    assert run("check", "--baseline", "known.json", "-q").stderr == ""


def test_of_many_that_are_mended_some_are_named(run, project):
    (project / "bad.py").write_text("".join(UNGUARDED.replace("loader(", f"loader{i}(") for i in range(12)))
    run("check", "--write-baseline", "known.json")
    (project / "bad.py").write_text(GUARDED)
    lines = run("check", "--baseline", "known.json").stderr.splitlines()
    assert lines[0].startswith("warning: 12 findings of known.json aren't there any more")
    assert (len(lines), lines[-1]) == (12, "  and 2 more (-v shows all)")
    assert len(run("check", "--baseline", "known.json", "-v").stderr.splitlines()) == 1 + 12 + 2


def test_those_who_ask_are_told_how_much_is_left_out(run, known):
    assert "note: 1 finding left out, as known.json has them" in run("check", "--baseline", "known.json", "-v").stderr


def test_it_holds_in_another_folder_of_the_project(run, project, known):
    (project / "pyproject.toml").write_text("[tool.picklesafe]\n")
    (project / "sub").mkdir()
    result = run("check", "--baseline", "../known.json", "..", cwd=project / "sub")
    assert (result.returncode, result.stdout) == (0, "All checks passed!\n")


def test_fixing_mends_what_is_known_as_well(run, project, known):
    result = run("check", "--baseline", "known.json", "--fix", "-q")
    assert result.returncode == 0
    assert (project / "bad.py").read_text() == GUARDED


def test_what_is_fixed_first_does_not_get_into_the_baseline(run, project):
    assert run("check", "--fix", "--write-baseline", "known.json").stderr == "Wrote 0 findings to known.json.\n"
    assert json.loads((project / "known.json").read_text())["files"] == {}


def test_an_incomplete_run_writes_no_baseline(run, project, known):
    before = known.read_text()
    result = run("check", "bad.py", "nowhere.py", "--write-baseline", "known.json")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "error: known.json is not written, as not everything could be checked"
    assert known.read_text() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--baseline", "nowhere.json"], "there is no file 'nowhere.json'"),
        (["--baseline", "bad.py"], "bad.py is no baseline: it is not valid JSON"),
        (["--write-baseline", "nowhere/known.json"], "can't write to nowhere/known.json: there is no folder nowhere"),
        (["--write-baseline", "x", "--baseline", "good.py"], "--write-baseline can't be combined with --baseline"),
        (["--write-baseline", "x", "--diff"], "--write-baseline can't be combined with --diff"),
        (["--write-baseline", "x", "--output-file", "y"], "--write-baseline can't be combined with --output-file"),
        (["--add-ignore", "--baseline", "good.py"], "--add-ignore can't be combined with --baseline"),
    ],
)
def test_a_mistake_is_one_clear_line(run, project, options, said):
    result = run("check", *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr.splitlines()[0]
