"""What CI servers are given: held against their own schemas, and the action's scripts run as a runner runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.thoroughness import on_one_python

pytestmark = on_one_python

ROOT = Path(__file__).parent.parent.parent
ACTION = ROOT / "action.yml"
WRONG = "from torch.utils.data import DataLoader\n\nloader = DataLoader([], num_workers=0, prefetch_factor=2)\n"
GITHUB, GITLAB = "vendor.github-workflows", "vendor.gitlab-ci"

needs_bash = pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="bash isn't installed")


def is_valid(path: Path, schema: str) -> bool:
    """Whether check-jsonschema, which brings the schemas of CI servers, accepts a file."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def snippets() -> list[Any]:
    """The YAML of docs/ci.md, each with its schema."""
    text = (ROOT / "docs" / "ci.md").read_text()
    found = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [pytest.param(snippet, GITHUB if "runs-on" in snippet else GITLAB) for snippet in found]


def test_the_action_is_one() -> None:
    assert is_valid(ACTION, "vendor.github-actions")


def test_a_wrong_action_would_be_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "action.yml"
    wrong.write_text(ACTION.read_text().replace("using: composite", "using: compost"))
    assert not is_valid(wrong, "vendor.github-actions")


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").iterdir()), ids=lambda path: path.name)
def test_our_own_workflows_are_valid(path: Path) -> None:
    assert is_valid(path, GITHUB)


@pytest.mark.parametrize(("snippet", "schema"), snippets())
def test_what_the_docs_show_is_valid(snippet: str, schema: str, tmp_path: Path) -> None:
    (tmp_path / "shown.yml").write_text(snippet)
    assert is_valid(tmp_path / "shown.yml", schema)


def test_what_the_docs_give_the_action_are_inputs_of_it() -> None:
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    text = (ROOT / "docs" / "ci.md").read_text()
    table = re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE)
    assert [name for name, _ in table] == list(inputs)
    for step in re.findall(r"uses: OWNER/picklesafe@.*?\n(.*?)```", text, re.DOTALL):
        assert set(yaml.safe_load(step)["with"]) <= set(inputs)


def test_no_script_of_the_action_has_an_input_in_its_text() -> None:
    for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


class Runner:
    """Runs the scripts of the action's steps, with the variables that GitHub's runner gives them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.output = folder / "output"
        self.summary = folder / "summary"
        self.path = folder / "path"

    def run(self, identity: str, *, programs: str | None = None, **inputs: str) -> subprocess.CompletedProcess[str]:
        steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
        (step,) = (step for step in steps if step.get("id") == identity)
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_PATH": str(self.path),
            "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
            **inputs,
        }
        variables["PATH"] = os.pathsep.join(filter(None, [programs, variables["PATH"]]))
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / "repository",
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def check(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        given = {"PATHS": ".", "OPTIONS": "", "UPLOAD": "true"} | inputs
        return self.run("check", programs=sysconfig.get_path("scripts"), **given)

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "train.py").write_text(WRONG)
    return Runner(tmp_path)


@needs_bash
class TestAction:
    def test_findings_are_in_the_report_and_in_the_status(self, runner: Runner) -> None:
        done = runner.check()
        assert done.returncode == 0, done.stderr
        assert "train.py:3:40: PKS101" in done.stdout
        assert runner.outputs["status"] == "1"
        report = json.loads(Path(runner.outputs["sarif"]).read_text())
        assert [result["ruleId"] for result in report["runs"][0]["results"]] == ["PKS101"]
        assert runner.run("fail", STATUS=runner.outputs["status"]).returncode == 1

    def test_a_clean_project_passes(self, runner: Runner) -> None:
        runner.check(OPTIONS="--ignore=PKS101\n\n--ignore=PKS102\n")
        assert runner.outputs["status"] == "0"
        assert runner.run("fail", STATUS="0").returncode == 0

    def test_without_an_upload_findings_are_annotations_and_a_summary(self, runner: Runner) -> None:
        done = runner.check(UPLOAD="false")
        assert "::error title=picklesafe (PKS101),file=" in done.stdout
        assert "| train.py:3:40 | PKS101 |" in runner.summary.read_text()

    def test_an_error_fails_the_step(self, runner: Runner) -> None:
        done = runner.check(PATHS="missing.py")
        assert done.returncode == 2
        assert "missing.py: no such file or folder" in done.stderr
        assert not runner.output.exists()

    def test_inputs_are_words_and_no_commands(self, runner: Runner) -> None:
        name = "$(touch stolen) `touch stolen`; touch stolen"
        (runner.folder / "repository" / f"{name}.py").write_text(WRONG)
        done = runner.check(PATHS=f"{name}.py\n-x.py", OPTIONS="--ignore=PKS102")
        assert done.returncode == 2  # for -x.py
        assert "-x.py: no such file" in done.stderr
        assert runner.check(PATHS=f"{name}.py").returncode == 0
        assert not (runner.folder / "repository" / "stolen").exists()

    def test_it_installs_itself(self, runner: Runner) -> None:
        done = runner.run("install", VERSION="")
        assert done.returncode == 0, done.stderr
        programs = runner.path.read_text().strip()
        done = runner.run("check", programs=programs, PATHS=".", OPTIONS="", UPLOAD="true")
        assert (done.returncode, runner.outputs["status"]) == (0, "1")
