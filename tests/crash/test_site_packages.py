"""Thousands of files that nobody here wrote: the installed packages of the environment that runs the tests."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import libcst
import pytest

from picklesafe.lint.analysis import analyze
from picklesafe.lint.edits import diff, fix_file
from picklesafe.lint.engine import check
from picklesafe.lint.project import Project
from picklesafe.lint.registry import load_rules
from picklesafe.lint.settings import Settings
from picklesafe.lint.source import Source, SourceError
from tests.thoroughness import share

SITE = Path(sysconfig.get_path("purelib"))
PARTS = 8
FORCED = share(480)
MENDED = share(80)
LARGE = 100_000
"""Bytes: above it stand tables of data rather than code, slow to parse. `check` looks at them all the same."""

WRONG = """

def loader_of_picklesafe(n):
    from torch.utils.data import DataLoader

    return DataLoader([n], num_workers=n, prefetch_factor=2)
"""


def settings(root: Path = SITE) -> Settings:
    return Settings(root=root, codes=frozenset(rule.code for rule in load_rules()))


@cache
def packages() -> tuple[Path, ...]:
    """The files, in an order that mixes the packages and is the same in every process."""
    found = [path for path in SITE.rglob("*.py") if path.is_file() and path.stat().st_size < LARGE]
    return tuple(sorted(found, key=lambda path: (path.stem[::-1], path)))


def sample(count: int, part: int) -> Sequence[Path]:
    """One part of `count` files of all packages."""
    return packages()[:: max(1, len(packages()) // count)][part::PARTS]


def test_checking_all_of_site_packages_ends_without_an_internal_error_and_every_fix_parses() -> None:
    report = check([SITE], settings())
    assert report.checked > 500
    assert [message for message in (*report.errors, *report.warnings) if "internal" in message] == []
    assert report.errors == ()
    for path in sorted({Path(finding.path) for finding in report.findings if finding.fix}):
        # Unsafe fixes as well: the syntax is not what they are unsafe about.
        result = fix_file(path, settings(), unsafe=True)
        parse(result.before, result.after)
        assert bool(diff(result)) == bool(result.applied)


@pytest.mark.parametrize("part", range(PARTS))
def test_files_go_through_the_analysis_without_the_screen(part: int) -> None:
    rules = load_rules()
    project = Project(SITE)
    for path in sample(FORCED, part):
        try:
            analyze(Source.read(path), project, rules, target_torch=(2, 0))
        except SourceError:
            pass  # there are files among them that are no Python, on purpose
        except Exception as error:
            raise AssertionError(f"{path}: {error!r}") from error


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_wrong_at_the_end_of_a_file_is_mended_there_and_nowhere_else(part: int, tmp_path: Path) -> None:
    copy = tmp_path / "copy.py"
    for path in sample(MENDED, part):
        if not parses(path):
            continue
        newline = b"\r\n" if b"\r\n" in path.read_bytes() else b"\n"
        data = path.read_bytes() + newline + WRONG.encode().replace(b"\n", newline)
        copy.write_bytes(data)
        result = fix_file(copy, settings(tmp_path), unsafe=False)
        assert result.applied == 1, f"{path}: {result.left}"
        parse(result.before, result.after)
        after = result.before.encode(result.after)
        start = data.rindex(b"=2)") + 1
        assert (after[:start], after[-len(data) + start + 1 :]) == (data[:start], data[start + 1 :]), path
        assert after[start : -len(data) + start + 1] == b"2 if n > 0 else None", path


def parses(path: Path) -> bool:
    try:
        return bool(Source.read(path).tree.body)
    except (SourceError, RecursionError):
        return False


def parse(source: Source, text: str) -> None:
    ast.parse(source.encode(text))
    libcst.parse_module(text)
