"""GitHub's step summary, written beside the annotations."""

from __future__ import annotations

import json
import os

import pytest

from .samples import UNGUARDED

GITHUB = ("check", "--output-format", "github")


@pytest.fixture
def summary(environment, tmp_path_factory):
    path = tmp_path_factory.mktemp("runner") / "summary.md"
    environment["GITHUB_STEP_SUMMARY"] = str(path)
    return path


def test_findings_are_added_to_it_as_a_table(run, summary):
    summary.write_text("# what another step wrote\n")
    assert run(*GITHUB).returncode == 1
    lines = summary.read_text().splitlines()
    assert lines[:4] == ["# what another step wrote", "### picklesafe: 1 finding", "", "| place | code | |"]
    assert lines[5].startswith("| bad.py:5:57 | PKS111 | with num\\_workers=0 DataLoader gets prefetch\\_factor=2")


def test_a_clean_run_and_other_formats_add_nothing(run, summary):
    run("check", "--output-format", "concise")
    run(*GITHUB, "good.py")
    assert not summary.exists()


def test_names_cannot_write_markdown(run, summary, project):
    (project / "a|b`<b>c.py").write_text(UNGUARDED)
    run(*GITHUB)
    assert "| a\\|b\\`\\<b\\>c.py:5:57 |" in summary.read_text()


def test_of_very_many_only_some_are_in_it(run, summary, project):
    body = UNGUARDED.partition("\n\n\n")[2]
    (project / "many.py").write_text("from torch.utils.data import DataLoader\n" + body * 600)
    run(*GITHUB, "many.py")
    assert len(summary.read_bytes()) < 1_000_000
    assert summary.read_text().endswith("\n… and 100 more\n\n")


def test_one_that_cannot_be_written_is_a_warning(run, environment):
    environment["GITHUB_STEP_SUMMARY"] = os.path.join(os.sep, "nowhere", "summary.md")
    result = run(*GITHUB)
    assert result.returncode == 1
    assert result.stderr == "warning: GitHub's step summary can't be written: No such file or directory\n"


def test_a_place_in_a_notebook_names_its_cell(run, summary, project):
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": UNGUARDED}
    text = {"cell_type": "markdown", "metadata": {}, "source": "a title"}
    book = {"cells": [text, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (project / "book.ipynb").write_text(json.dumps(book))
    run(*GITHUB, "book.ipynb")
    assert "| book.ipynb:cell 2:5:57 | PKS111 |" in summary.read_text()
