"""PKS101 to PKS104 in YAML, JSON and TOML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picklesafe.lint.engine import Report, check
from tests.lint.project import settings

Write = Callable[[dict[str, "str | bytes"]], Path]

GUARDED = (
    "from torch.utils.data import DataLoader\n\n\ndef build(cfg, data):\n    n = cfg.data.num_workers\n"
    "    return DataLoader(data, num_workers=n, prefetch_factor=cfg.data.prefetch_factor if n else None)\n"
)
UNGUARDED = (
    "from torch.utils.data import DataLoader\n\n\ndef evaluate(cfg, data):\n"
    "    return DataLoader(data, num_workers=cfg.data.num_workers, prefetch_factor=cfg.data.prefetch_factor)\n"
)
OLMO = (
    "data:\n  pad_direction: right\n  num_workers: 0\n  prefetch_factor: 16\n  persistent_workers: true\n  timeout: 0\n"
)


@pytest.fixture
def report(write: Write) -> Callable[..., Report]:
    def check_all(files: dict[str, str | bytes], **changes: object) -> Report:
        root = write(files)
        return check([str(root)], settings(root, **changes))

    return check_all


def said(report: Report) -> list[str]:
    return [f"{f.start.row}:{f.start.column} {f.code}" for f in report.findings]


FOUND = {
    "a mapping": ("c.yaml", OLMO, ["4:3 PKS101", "5:3 PKS102"]),
    "a mapping in braces": ("c.yml", "a: {num_workers: 0, prefetch_factor: 2}\n", ["1:21 PKS101"]),
    "quoted keys": ("c.yaml", "'num_workers': 0\n'prefetch_factor': 2\n", ["2:2 PKS101"]),
    "an anchor": ("c.yaml", "n: &n 0\na:\n  num_workers: *n\n  prefetch_factor: 2\n", ["4:3 PKS101"]),
    "a merge key": ("c.yaml", "b: &b\n  num_workers: 0\na:\n  <<: *b\n  prefetch_factor: 2\n", ["5:3 PKS101"]),
    "a reference": ("c.yaml", "n: 0\na:\n  num_workers: ${n}\n  prefetch_factor: 2\n", ["4:3 PKS101"]),
    "a reference beside": ("c.yaml", "a:\n  n: 0\n  num_workers: ${.n}\n  prefetch_factor: 2\n", ["4:3 PKS101"]),
    "a second document": ("c.yaml", "x: 1\n---\nnum_workers: 0\npersistent_workers: true\n", ["4:1 PKS102"]),
    "a list": ("c.yaml", "- num_workers: 0\n  multiprocessing_context: spawn\n", ["2:3 PKS103"]),
    "a timeout of a loader": ("c.yaml", "num_workers: 0\nbatch_size: 2\ntimeout: 30\n", ["3:1 PKS104"]),
    "TrainingArguments": ("c.yaml", "dataloader_num_workers: 0\ndataloader_prefetch_factor: 2\n", ["2:1 PKS101"]),
    "Hydra": ("c.yaml", "_target_: torch.utils.data.DataLoader\nnum_workers: 0\nprefetch_factor: 2\n", ["3:1 PKS101"]),
    "JSON": ("c.json", '{"num_workers": 0,\n "prefetch_factor": 2}\n', ["2:3 PKS101"]),
    "JSON with comments": (
        "c.json",
        '{ // x "\n\t"num_workers": 0, /* y */ "prefetch_factor": 2,\n}\n',
        ["2:29 PKS101"],
    ),
    "a TOML table": ("c.toml", "[a.b]\nnum_workers = 0\nprefetch_factor = 2\n", ["3:1 PKS101"]),
    "a list of TOML tables": ("c.toml", "[[a]]\nx = 1\n[[a]]\nnum_workers = 0\nprefetch_factor = 2\n", ["5:1 PKS101"]),
    "an inline TOML table": ("c.toml", "a = { num_workers = 0, prefetch_factor = 2 }\n", ["1:24 PKS101"]),
    "a TOML text before": ("c.toml", 'x = """\n[b]\n"""\n[a]\nnum_workers=0\nprefetch_factor=2\n', ["6:1 PKS101"]),
}


@pytest.mark.parametrize(("name", "text", "expected"), FOUND.values(), ids=FOUND.keys())
def test_what_a_loader_would_refuse_is_reported_at_its_key(name, text, expected, report) -> None:
    found = report({name: text})
    assert said(found) == expected
    assert {finding.fix for finding in found.findings} == {None}


FINE = {
    "workers": ("c.yaml", "num_workers: 4\nprefetch_factor: 2\n"),
    "no number of workers": ("c.yaml", "x_num_workers: 0\nprefetch_factor: 2\n"),
    "elsewhere": ("c.yaml", "a: {num_workers: 0}\nb: {prefetch_factor: 2}\n"),
    "what stands for nothing": ("c.yaml", "num_workers: 0\nprefetch_factor: null\npersistent_workers: false\n"),
    "an environment variable": ("c.yaml", "num_workers: ${oc.env:WORKERS}\nprefetch_factor: 2\n"),
    "a reference out of the file": ("c.yaml", "num_workers: ${n}\nprefetch_factor: 2\n"),
    "a tag": ("c.yaml", "num_workers: !ref <n>\nprefetch_factor: 2\n"),
    "a merge key that is overridden": (
        "c.yaml",
        "b: &b {num_workers: 0}\na:\n  <<: *b\n  num_workers: 2\n  prefetch_factor: 2\n",
    ),
    "a timeout of something else": ("c.yaml", "num_workers: 0\ntimeout: 30\n"),
    "something that is no loader": ("c.yaml", "_target_: ray.Pool\nnum_workers: 0\nprefetch_factor: 2\n"),
    "a comment": ("c.yaml", "num_workers: 0\nprefetch_factor: 2  # picklesafe: ignore[PKS101]\n"),
    "a comment in TOML": ("c.toml", "num_workers = 0  # picklesafe: ignore\nprefetch_factor = 2\n"),
}


@pytest.mark.parametrize(("name", "text"), FINE.values(), ids=FINE.keys())
def test_what_is_fine_or_unknown_is_not(name, text, report) -> None:
    assert said(report({name: text})) == []


@pytest.mark.parametrize("name", ["c.yaml", "c.json", "c.toml"])
def test_a_file_that_is_something_else_is_skipped_with_a_note(name, report) -> None:
    found = report({name: "a: [num_workers, { prefetch_factor\n"})
    assert (found.findings, found.errors) == ((), ())
    assert found.notes[0].endswith("so it is skipped")


def test_bytes_that_are_no_text_are_skipped(report) -> None:
    found = report({"c.yaml": b"num_workers: 0\nprefetch_factor: \xff\n"})
    assert found.findings == () and "skipped" in found.notes[0]


def test_a_file_of_more_than_a_megabyte_is_skipped(report) -> None:
    assert report({"c.yaml": OLMO + "#" * 1_000_000}).findings == ()


def test_loaders_that_all_guard_the_argument_make_it_fine(report) -> None:
    assert said(report({"c.yaml": OLMO, "build.py": GUARDED})) == ["5:3 PKS102"]


def test_one_loader_that_does_not_is_enough(report) -> None:
    found = report({"c.yaml": OLMO, "build.py": GUARDED, "evaluate.py": UNGUARDED})
    assert [finding.code for finding in found.findings] == ["PKS101", "PKS102"]


def test_the_code_counts_where_the_configuration_alone_is_named(write: Write) -> None:
    root = write({"c.yaml": OLMO, "build.py": GUARDED})
    assert [finding.code for finding in check([str(root / "c.yaml")], settings(root)).findings] == ["PKS102"]


def test_files_of_tools_are_not_looked_for(report) -> None:
    assert report({"pyproject.toml": "[tool.x]\nnum_workers = 0\nprefetch_factor = 2\n"}).checked == 0


def test_an_alias_that_holds_itself_ends(report) -> None:
    assert said(report({"c.yaml": "a: &a\n  b: *a\n  num_workers: 0\n  prefetch_factor: 2\n"})) == ["4:3 PKS101"]
