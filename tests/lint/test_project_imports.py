"""How files of a project find each other, and what happens where they don't."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from picklesafe.lint.engine import check
from picklesafe.lint.finding import Finding

from .linting import MAKE, TORCH, loads, short
from .project import settings

Write = Callable[[dict[str, "str | bytes"]], Path]
Lint = Callable[[dict[str, str]], dict[str, list[Finding]]]


@pytest.mark.parametrize(
    ("place", "imports"),
    [
        ("pack/use.py", "from .wrapper import make"),
        ("pack/use.py", "from . import wrapper; make = wrapper.make"),
        ("pack/sub/use.py", "from ..wrapper import make"),
        ("pack/sub/use.py", "from .. import wrapper; make = wrapper.make"),
        ("pack/sub/deep/use.py", "from ...wrapper import make"),
        ("pack/sub/__init__.py", "from ..wrapper import make"),
        ("use.py", "from pack.wrapper import make"),
        ("tests/use.py", "from pack.wrapper import make"),
    ],
)
def test_relative_and_absolute_imports_lead_to_the_same_file(lint: Lint, place: str, imports: str) -> None:
    packages = {f"{folder}/__init__.py": "" for folder in ("pack", "pack/sub", "pack/sub/deep")}
    files = {**packages, "pack/wrapper.py": MAKE, place: f"{imports}\nmake([1], num_workers=0)\n"}
    assert short(lint(files))[place] == ["2 PKS101 certain"]


def test_a_src_layout_is_found(lint: Lint) -> None:
    files = {"src/pack/__init__.py": "", "src/pack/wrapper.py": MAKE}
    found = lint({**files, "train.py": "from pack.wrapper import make\n\nmake([1], num_workers=0)\n"})
    assert short(found)["train.py"] == ["3 PKS101 certain"]


def test_a_folder_without_init_is_a_package_too(lint: Lint) -> None:
    files = {"pack/wrapper.py": MAKE, "pack/use.py": "from .wrapper import make\n\nmake([1], 0)\n"}
    assert short(lint(files))["pack/use.py"] == ["3 PKS101 certain"]


def test_a_module_beside_a_script_is_found(lint: Lint) -> None:
    files = {"scripts/wrapper.py": MAKE, "scripts/use.py": "from wrapper import make\n\nmake([1], 0)\n"}
    assert short(lint(files))["scripts/use.py"] == ["3 PKS101 certain"]


@pytest.mark.parametrize("first", ["from b import make\n", "import b\n", "from b import *\n"])
def test_import_cycles_end(lint: Lint, first: str) -> None:
    files = {
        "a.py": first + TORCH + "WORKERS = 0\n\n\ndef load():\n    return DataLoader([1], timeout=3)\n",
        "b.py": "from a import *\nfrom a import WORKERS, load\n" + MAKE + "\n\nmake([1], WORKERS)\n",
    }
    assert short(lint(files)) == {
        "a.py": ["9 PKS104 certain"],
        "b.py": ["7 PKS111 possible", "10 PKS101 certain"],
    }


def test_a_module_that_imports_itself_ends(lint: Lint) -> None:
    assert short(lint({"a.py": loads(head="from a import WORKERS, loader; from a import *")})) == {
        "a.py": ["4 PKS114 possible"]
    }


def test_two_constants_that_wait_for_each_other_end(lint: Lint) -> None:
    files = {"a.py": "from b import N\nM = N\n", "b.py": "from a import M\nN = M\n"}
    assert short(lint({**files, "use.py": loads("N", "from b import N")})) == {"use.py": ["4 PKS114 possible"]}


def test_a_class_that_is_its_own_parent_ends(lint: Lint) -> None:
    files = {
        "a.py": "from b import B\n\nclass A(B):\n    pass\n",
        "b.py": "from a import A\n\nclass B(A):\n    pass\n",
        "use.py": "from a import A\n\nA([1], num_workers=0, prefetch_factor=2)\n",
    }
    assert lint(files) == {}


@pytest.mark.parametrize("package", ["missing", ".missing", "..", "...missing"])
def test_a_constant_that_cannot_be_found_may_be_zero(lint: Lint, package: str) -> None:
    assert short(lint({"use.py": loads(head=f"from {package} import WORKERS")})) == {"use.py": ["4 PKS114 possible"]}


def test_of_a_wrapper_in_a_missing_module_nothing_is_said(lint: Lint) -> None:
    assert lint({"use.py": "from missing import make\n\nmake([1], num_workers=0, prefetch_factor=2)\n"}) == {}


def test_a_broken_module_is_reported_once_and_the_files_that_import_it_are_judged(lint: Lint) -> None:
    broken = "WORKERS = 0\ntimeout = DataLoader((\n"
    found = short(lint({"constants.py": broken, "use.py": loads("0", "from constants import WORKERS")}))
    assert found["use.py"] == ["4 PKS104 certain"]
    assert [entry.split()[1] for entry in found["constants.py"]] == ["PKS901"]


def test_what_a_broken_module_says_is_not_believed(lint: Lint) -> None:
    found = short(lint({"constants.py": "WORKERS = 0\nx = (\n", "use.py": loads(head="from constants import WORKERS")}))
    assert found["use.py"] == ["4 PKS114 possible"]


def test_an_undecodable_module_is_unknown_to_others(write: Write) -> None:
    head = "from constants import WORKERS"
    root = write({"constants.py": b"WORKERS = 0 # \xff\n", "use.py": loads(head=head), "fine.py": loads("0", head)})
    report = check([root / "use.py", root / "fine.py"], settings(root))
    assert [os.path.basename(f.path) for f in report.findings if f.certainty == "certain"] == ["fine.py"]


def test_a_file_called_torch_in_the_project_is_not_torch(lint: Lint) -> None:
    files = {"torch.py": "raise SystemExit\n", "use.py": loads("0")}
    assert short(lint(files)) == {"use.py": ["4 PKS104 certain"]}


def test_names_of_the_standard_library_are_not_looked_for_in_the_project(lint: Lint) -> None:
    files = {"os.py": "def cpu_count():\n    return 0\n", "use.py": loads("os.cpu_count()", "import os")}
    assert lint(files) == {}
