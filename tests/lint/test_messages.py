"""What a user reads: what is wrong here, what torch does then, what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picklesafe.cli.main import main

from .linting import lint

Write = Callable[[dict[str, "str | bytes"]], Path]

HEAD = """\
from timm.data import create_loader
from torch.utils.data import DataLoader
from transformers import TrainingArguments


def make(ds, num_workers=0, **options):
    return DataLoader(ds, num_workers=num_workers, **options)


def load(ds, nw, cfg, flag, prefetch=2):
    return """


REPORT = """\
PKS111 [*] with num_workers=0 DataLoader gets prefetch_factor=2, which torch refuses (ValueError); \
let it follow the number of workers
  --> embedder.py:9:13
   |
 7 |             genes,
 8 |             num_workers=num_workers,
 9 |             prefetch_factor=2,
   |             ^^^^^^^^^^^^^^^^^
10 |             persistent_workers=num_workers > 0,
11 |         )
   |
help: Let `prefetch_factor` follow the number of workers
   |
8  |             num_workers=num_workers,
   -             prefetch_factor=2,
9  +             prefetch_factor=2 if num_workers > 0 else None,
10 |             persistent_workers=num_workers > 0,
   |

PKS101 with num_workers=0 this call makes DataLoader (embedder.py:6) get prefetch_factor=2, \
which torch refuses (ValueError); \
give it workers, or let prefetch_factor follow the number of workers there
 --> script.py:3:28
  |
1 | from embedder import Embedder
2 |
3 | Embedder().parse(['chr1'], num_workers=0)
  |                            ^^^^^^^^^^^^^
  |
 ::: embedder.py:6:16
  |
6 |         return DataLoader(
  |                ----------- DataLoader is called here

Found 2 errors.
[*] 1 fixable with `--fix`.
"""


def message(call: str) -> str:
    (found,) = lint(HEAD + call + "\n")
    return found.message


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "DataLoader(ds, prefetch_factor=2)",
            "without num_workers DataLoader gets prefetch_factor=2, which torch refuses (ValueError); "
            "write prefetch_factor=None, or give it workers",
        ),
        (
            "DataLoader(ds, num_workers=0, persistent_workers=True)",
            "with num_workers=0 DataLoader gets persistent_workers=True, which torch refuses (ValueError); "
            "write persistent_workers=False, or give it workers",
        ),
        (
            "DataLoader(ds, multiprocessing_context='spawn')",
            "without num_workers DataLoader gets multiprocessing_context='spawn', which torch refuses (ValueError); "
            "write multiprocessing_context=None, or give it workers",
        ),
        (
            "DataLoader(ds, num_workers=False, timeout=30)",
            "with num_workers=0 DataLoader gets timeout=30, and its first iteration raises AssertionError; "
            "write timeout=0, or give it workers",
        ),
        (
            "DataLoader(ds, num_workers=nw, prefetch_factor=2)",
            "with nw = 0 DataLoader gets prefetch_factor=2, which torch refuses (ValueError); "
            "let it follow the number of workers",
        ),
        (
            "DataLoader(ds, num_workers=cfg.data.workers, timeout=30)",
            "with cfg.data.workers = 0 DataLoader gets timeout=30, and its first iteration raises AssertionError; "
            "let it follow the number of workers",
        ),
        (
            "DataLoader(ds, num_workers=-1)",
            "DataLoader gets num_workers=-1, which torch refuses; write a whole number of workers, 0 for none",
        ),
        (
            "DataLoader(ds, num_workers=2, prefetch_factor=0)",
            "DataLoader gets prefetch_factor=0, which torch refuses; write at least 1, or None for the default",
        ),
        (
            "make(ds, 0, prefetch_factor=2)",
            "with num_workers=0 this call makes DataLoader (line 7) get prefetch_factor=2, "
            "which torch refuses (ValueError); write prefetch_factor=None, or give it workers",
        ),
    ],
)
def test_a_message_says_what_is_wrong_what_torch_does_and_what_to_write(call: str, expected: str) -> None:
    assert message(call) == expected


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("DataLoader(ds, num_workers=nw, prefetch_factor=prefetch)", "prefetch_factor=2"),
        ("DataLoader(ds, num_workers=nw, persistent_workers=cfg.get('keep', True))", "persistent_workers=True"),
        ("DataLoader(ds, num_workers=nw, prefetch_factor=4 if nw > 0 else 0)", "prefetch_factor=0"),
        ("DataLoader(ds, num_workers=nw, timeout=60 * 2)", "timeout=120"),
    ],
)
def test_the_value_is_the_one_that_torch_gets(call: str, given: str) -> None:
    assert f"DataLoader gets {given}, " in message(call)


@pytest.mark.parametrize(
    ("workers", "supposed"),
    [
        ("nw", "with nw = 0 "),
        ("cfg['workers']", "with cfg['workers'] = 0 "),
        ("min(nw, 4)", "with nw = 0 "),
        ("len(ds)", "with len(ds) = 0 "),
        ("0 if flag else 4", "with num_workers=0 "),
    ],
)
def test_what_has_to_be_zero_is_named_as_it_is_written(workers: str, supposed: str) -> None:
    assert message(f"DataLoader(ds, num_workers={workers}, timeout=9)").startswith(supposed)


def test_other_loaders_are_called_by_their_own_names() -> None:
    assert message("create_loader(ds, 224, 8, num_workers=nw)").startswith(
        "with nw = 0 create_loader gets persistent_workers=True, "
    )
    assert message("TrainingArguments('.', dataloader_num_workers=nw, dataloader_prefetch_factor=2)").startswith(
        "with nw = 0 TrainingArguments gets dataloader_prefetch_factor=2, "
    )


def test_the_whole_report_names_both_places(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder = """\
from torch.utils.data import DataLoader


class Embedder:
    def parse(self, genes, num_workers=4):
        return DataLoader(
            genes,
            num_workers=num_workers,
            prefetch_factor=2,
            persistent_workers=num_workers > 0,
        )
"""
    script = "from embedder import Embedder\n\nEmbedder().parse(['chr1'], num_workers=0)\n"
    monkeypatch.chdir(write({"embedder.py": embedder, "script.py": script}))
    assert main(["check", "--isolated", "--no-cache", "--color", "never"]) == 1
    assert capsys.readouterr().out == REPORT
