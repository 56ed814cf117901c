"""Thousands of files that nobody here wrote: the installed packages of the environment that runs the tests."""

from __future__ import annotations

import ast
import sysconfig
from functools import cache
from pathlib import Path

import libcst
import pytest

from picklesafe.lint.analysis import analyze
from picklesafe.lint.edits import FixError, diff, fix_file
from picklesafe.lint.engine import check
from picklesafe.lint.finding import Finding
from picklesafe.lint.project import Project
from picklesafe.lint.registry import load_rules
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError

SITE = Path(sysconfig.get_path("purelib"))
PARTS = 8
FORCED = 60
LARGE = 300_000
"""Bytes: tables of data rather than code, and slow to parse."""


def settings() -> Settings:
    return Settings(root=SITE, codes=frozenset(rule.code for rule in load_rules()))


@cache
def packages() -> tuple[Path, ...]:
    """Every file, in an order that mixes the packages and is the same on every run."""
    found = [path for path in SITE.rglob("*.py") if path.is_file() and path.stat().st_size < LARGE]
    return tuple(sorted(found, key=lambda path: (hash_of(path), path)))


def hash_of(path: Path) -> int:
    return sum(position * byte for position, byte in enumerate(str(path.relative_to(SITE)).encode(), 1)) % 9973


def test_checking_all_of_site_packages_ends_without_an_internal_error() -> None:
    report = check([SITE], settings())
    assert report.checked > 500
    assert [message for message in (*report.errors, *report.warnings) if "internal" in message] == []
    assert report.errors == ()


def test_every_fix_in_site_packages_parses() -> None:
    """Unsafe fixes as well: the syntax is not what they are unsafe about."""
    report = check([SITE], settings())
    for path in sorted({Path(finding.path) for finding in report.findings if finding.fix}):
        result = fix_file(path, settings(), unsafe=True)
        after = result.before.encode(result.after)
        ast.parse(after)
        libcst.parse_module(after)
        assert result.applied == 0 or diff(result)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_sample_goes_through_the_analysis_without_the_screen(part: int) -> None:
    rules = load_rules()
    project = Project(SITE)
    sample = packages()[:: max(1, len(packages()) // (PARTS * FORCED))]
    for path in sample[part::PARTS]:
        for finding in analyzed(path, project, rules):
            assert finding.path


def analyzed(path: Path, project: Project, rules: list) -> tuple[Finding, ...]:  # type: ignore[type-arg]
    try:
        return analyze(Source.read(path), project, rules, target_torch=(2, 0)).findings
    except (SourceError, FixError):
        return ()  # there are files among them that are no Python, on purpose
    except Exception as error:
        raise AssertionError(f"{path}: {error!r}") from error
