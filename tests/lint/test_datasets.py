"""What a dataset keeps is found where it is opened, wherever that is; what is dropped or read at once isn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from picklesafe.lint.analysis import analyze
from picklesafe.lint.edits import fix_file
from picklesafe.lint.engine import Report, check
from picklesafe.lint.finding import Finding
from picklesafe.lint.project import Project
from picklesafe.lint.source import Source
from picklesafe.lint.start_methods import Target

from .kept_idioms import FREE, HEAD, KEPT, Idiom
from .linting import NOWHERE, lint, mend, rules, source
from .project import settings

MIXIN = "from picklesafe import PickleSafeMixin\n"
DATASET = """\
from helper import Reader
from torch.utils.data import Dataset


class Lines(Dataset):{comment}
    def __init__(self, path):
        self.reader = Reader(path)
"""
HELPER = """\
class Reader:
    def __init__(self, path):
        self.file = {value}{comment}
"""
SHAPE = "    def __getitem__(self, i): ...\n    def __len__(self): ...\n"
CLASS = "class D(Dataset):\n    def __init__(self, p):\n        self.file = open(p)\n"


def write(
    folder: Path, dataset: str = "", beside_class: str = "", beside_handle: str = "", value: str = "open(path)"
) -> None:
    (folder / "data.py").write_text(dataset or DATASET.format(comment=beside_class))
    (folder / "helper.py").write_text(HELPER.format(value=value, comment=beside_handle))


def checked(folder: Path, *names: str) -> Report:
    return check([str(folder / name) for name in names] or [str(folder)], settings(folder))


def short(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{Path(f.path).name}:{f.start.row}:{f.start.column} {f.code}" for f in findings]


@pytest.mark.parametrize(("code", "idiom"), KEPT.values(), ids=KEPT)
def test_what_is_kept_is_found(code: str, idiom: Idiom) -> None:
    assert {finding.code for finding in lint(idiom.text)} == {code}


@pytest.mark.parametrize("idiom", FREE.values(), ids=FREE)
def test_what_is_not_kept_is_no_business_of_ours(idiom: Idiom) -> None:
    assert lint(idiom.text) == ()


@pytest.mark.parametrize(
    "bases",
    [
        "Dataset",
        "torch.utils.data.IterableDataset",
        "Dataset[int]",
        "fairseq.data.FairseqDataset",
        "torchvision.datasets.VisionDataset",
        "torch_geometric.data.InMemoryDataset",
    ],
)
def test_datasets_are_those_of_all_libraries(bases: str) -> None:
    imports = "import fairseq, torchvision, torch_geometric\n" + HEAD
    assert [f.code for f in lint(imports + CLASS.replace("(Dataset)", f"({bases})"))] == ["PKS201"]


@pytest.mark.parametrize("bases", ["object", "tf.data.Dataset", "PickleSafeMixin, Dataset", "Safe"])
def test_other_classes_and_safe_ones_are_left_alone(bases: str) -> None:
    head = "import tensorflow as tf\n" + HEAD + "class Safe(PickleSafeMixin, Dataset): ...\n"
    assert lint(head + CLASS.replace("(Dataset)", f"({bases})")) == ()


def test_a_class_that_is_called_so_and_can_be_indexed_is_a_dataset() -> None:
    text = CLASS.replace("class D(Dataset)", "class LinesDataset")
    assert lint(text) == ()
    assert [f.code for f in lint(text + SHAPE)] == ["PKS201"]


@pytest.mark.parametrize(
    ("value", "target", "certainty"),
    [
        ("open(p)", Target(), "certain"),
        ("h5py.File(p)", Target(), "possible"),
        ("h5py.File(p)", Target((3, 14)), "certain"),
        ("np.memmap(p)", Target(platforms=("windows",)), "certain"),
        ("open(p) if p else None", Target(), "possible"),
    ],
)
def test_it_is_certain_where_workers_fail_however_they_are_started(value: str, target: Target, certainty: str) -> None:
    text = HEAD + CLASS.replace("open(p)", value)
    (found,) = analyze(source(text), Project(NOWHERE), rules(), target=target).findings
    assert found.certainty == certainty


@pytest.mark.parametrize(
    ("value", "says", "silent"),
    [
        ("open(p)", "share its file offset", "copied"),
        ("h5py.File(p)", "can't be pickled", "offset"),
        ("h5py.File(p, driver='stdio')", "share its file offset", "copied"),
        ("sqlite3.connect(p)", "SQLite forbids", "offset"),
        ("np.memmap(p)", "the whole file is copied", "offset"),
        ("open(p, 'w')", "per_worker", "PickleSafeMixin"),
    ],
)
def test_the_message_says_what_is_true_of_the_type(value: str, says: str, silent: str) -> None:
    (found,) = lint(HEAD + CLASS.replace("open(p)", value))
    assert says in found.message
    assert silent not in found.message


class TestHelpersInOtherFiles:
    def test_the_handle_is_found_where_it_is_opened_once_for_all_datasets(self, tmp_path: Path) -> None:
        write(tmp_path)
        (tmp_path / "more.py").write_text(DATASET.format(comment="").replace("Lines", "Others"))
        found = checked(tmp_path).findings
        assert short(found) == ["helper.py:3:9 PKS201"]
        assert {Path(place.path).name for place in found[0].related} == {"data.py"}

    @pytest.mark.parametrize("where", ["dataset", "handle"])
    def test_only_a_comment_beside_the_handle_hides_it(self, tmp_path: Path, where: str) -> None:
        comment = "  # picklesafe: ignore[PKS201]"
        write(tmp_path, **{"beside_class" if where == "dataset" else "beside_handle": comment})
        assert ("PKS201" in "".join(short(checked(tmp_path).findings))) is (where == "dataset")

    def test_such_a_comment_is_never_useless(self, tmp_path: Path) -> None:
        write(tmp_path, beside_handle="  # picklesafe: ignore[PKS201]")
        every = settings(tmp_path)
        run = check([str(tmp_path / "helper.py")], every._replace(codes=every.codes | {"PKS902"}))
        assert run.findings == ()

    def test_a_helper_that_reads_its_file_at_once_is_fine(self, tmp_path: Path) -> None:
        write(tmp_path, value="open(path).read()")
        assert checked(tmp_path).findings == ()

    def test_the_helper_gets_the_mixin_in_its_own_file(self, tmp_path: Path) -> None:
        write(tmp_path)
        helper = str(tmp_path / "helper.py")
        result = fix_file(helper, settings(tmp_path), unsafe=False, keepers=[str(tmp_path / "data.py")])
        assert result.after.startswith(f"{MIXIN}\n\nclass Reader(PickleSafeMixin):\n")
        Path(helper).write_text(result.after)
        assert checked(tmp_path).findings == ()

    def test_a_parent_in_another_file_is_run_as_well(self, tmp_path: Path) -> None:
        write(tmp_path, "from helper import Reader\nclass LinesDataset(Reader):\n" + SHAPE)
        assert short(checked(tmp_path).findings) == ["helper.py:3:9 PKS201"]

    def test_an_editor_that_asks_about_one_file_is_told_at_the_dataset(self, tmp_path: Path) -> None:
        from picklesafe.lint.content import check_content

        write(tmp_path)
        path = tmp_path / "data.py"
        found = check_content(str(path), path.read_bytes(), settings(tmp_path)).findings
        assert short(found) == ["data.py:5:1 PKS201"]
        assert "helper.py" in [Path(place.path).name for place in found[0].related]
        assert found[0].fix is None


def test_the_way_from_the_loader_to_the_place_that_opens_is_shown(tmp_path: Path) -> None:
    loader = "from torch.utils.data import DataLoader\ndata = Lines('x')\nDataLoader(data, num_workers=2)\n"
    write(tmp_path, DATASET.format(comment="") + loader)
    (found,) = [one for one in checked(tmp_path).findings if one.code == "PKS201"]
    way = [f"{Path(place.path).name}:{place.start.row}:{place.start.column}" for place in found.related]
    assert way == ["data.py:10:1", "data.py:5:1", "data.py:7:23"]


def test_there_is_no_fix_where_a_child_names_the_mixin_before_the_class() -> None:
    """`class Safe(PickleSafeMixin, D)` can't be made once D has the mixin for a parent itself."""
    parent = HEAD + "class D(Dataset):\n    def __init__(self, p):\n        self.f = open(p)\n"
    child = "from picklesafe import PickleSafeMixin\nclass Safe({}):\n    pass\n"
    for bases, fixed in (("PickleSafeMixin, D", False), ("D, PickleSafeMixin", True), ("PickleSafeMixin, Other", True)):
        found = [one for one in lint(parent + child.format(bases)) if one.code == "PKS201"]
        assert [one.fix is not None for one in found] == [fixed], bases


def test_where_it_was_opened_is_shown_if_it_is_stored_elsewhere() -> None:
    (found,) = lint(HEAD + "class D(Dataset):\n    def __init__(self, p):\n        f = open(p)\n        self.f = f\n")
    assert [place.message for place in found.related] == ["`open` opens it here"]


class TestTheFix:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("import torch\nfrom h5py import File\nfrom tqdm import tqdm\n", "from h5py import File\n" + MIXIN),
            ("import os\n\nfrom . import local\n", "import os\n\n" + MIXIN + "\nfrom . import local\n"),
            ("from . import local\n", MIXIN + "\nfrom . import local\n"),
            ("from picklesafe import per_worker\n", "from picklesafe import PickleSafeMixin, per_worker\n"),
            ('"""A text."""\n\n', '"""A text."""\n\n' + MIXIN + "\n\nclass"),
            ("", MIXIN + "\n\nclass"),
        ],
    )
    def test_the_import_stands_where_isort_has_it(self, before: str, after: str) -> None:
        mended = mend(before + CLASS.replace("class D(Dataset)", "class LinesDataset") + SHAPE).text
        assert after in mended
        assert "class LinesDataset(PickleSafeMixin):" in mended

    @pytest.mark.parametrize(
        ("line", "after"),
        [
            ("class D(Dataset):", "class D(PickleSafeMixin, Dataset):"),
            ("class D(Dataset, metaclass=Meta):", "class D(PickleSafeMixin, Dataset, metaclass=Meta):"),
            ("class D(\n    Dataset,\n):", "class D(\n    PickleSafeMixin, Dataset,\n):"),
        ],
    )
    def test_the_mixin_comes_first(self, line: str, after: str) -> None:
        assert after in mend(HEAD + CLASS.replace("class D(Dataset):", line)).text

    def test_the_name_under_which_picklesafe_is_imported_is_used(self) -> None:
        head = HEAD.replace("from picklesafe import PickleSafeMixin, per_worker", "import picklesafe as ps")
        assert "class D(ps.PickleSafeMixin, Dataset):" in mend(head + CLASS).text

    @pytest.mark.parametrize(
        ("value", "safe"),
        [("open(p)", True), ("open(p, p)", False), ("sqlite3.connect(p)", False), ("open(p, 'w')", None)],
    )
    def test_it_is_safe_where_the_file_is_only_read_and_opened_again_without_loss(self, value: str, safe: bool) -> None:
        assert mend(HEAD + CLASS.replace("open(p)", value)).safe is safe

    def test_there_is_none_where_the_class_keeps_something_else_that_the_mixin_refuses(self) -> None:
        text = HEAD + CLASS + "        self.log = open(p, 'w')\n"
        assert [finding.fix for finding in lint(text)] == [None, None]

    def test_two_files_of_a_class_are_one_fix_and_two_findings_less(self, tmp_path: Path) -> None:
        path = tmp_path / "data.py"
        path.write_text(HEAD + CLASS + "        self.other = open(p)\n" + CLASS.replace("D(", "E("))
        result = fix_file(str(path), settings(tmp_path), unsafe=False)
        assert result.applied == 3
        assert lint(result.after) == ()


def test_a_class_that_does_too_much_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    many = "".join(f"        self.a{n} = {n}\n" for n in range(90))
    assert lint(HEAD + CLASS + many) != ()
    monkeypatch.setattr("picklesafe.lint.datasets.run._STEPS", 90)
    assert lint(HEAD + CLASS + many) == ()


def test_code_that_calls_itself_comes_to_an_end() -> None:
    loop = Idiom("self.a()", "def a(self):\n    self.b()\ndef b(self):\n    self.file = open('x')\n    self.a()")
    assert {finding.code for finding in lint(loop.text)} == {"PKS201"}


def test_a_source_without_a_dataset_is_not_run() -> None:
    assert analyze(Source("x.py", b"file = open('x')\n"), Project(NOWHERE), rules()).findings == ()
