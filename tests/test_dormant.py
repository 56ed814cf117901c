"""Dormant attributes: absent until used, opened once, then plain attributes of a class that is as it was."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, PickleSafeMixin, Recipe, dormant, register_handle
from tests import datasets


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


def sent(dataset: Any) -> Any:
    return pickle.loads(pickle.dumps(dataset))


class Connection:
    """A handle of our own, which counts how often it is opened."""

    opened = 0
    lock = threading.Lock()

    def __init__(self) -> None:
        with Connection.lock:
            Connection.opened += 1
        # Longer than a thread keeps the interpreter to itself.
        threading.Event().wait(0.05)


@register_handle(f"{Connection.__module__}.Connection")
def connection(handle: Connection) -> Recipe:
    return Recipe(Connection)


class Connected(PickleSafeMixin):
    def __init__(self) -> None:
        self.connection = Connection()


def test_it_is_opened_at_first_use_and_no_earlier(records: Path) -> None:
    dataset = sent(datasets.Plain(records))
    assert "file" not in vars(dataset)
    assert dataset[3] == 3
    assert "file" in vars(dataset)


def test_eight_threads_that_arrive_together_open_it_once() -> None:
    dataset = sent(Connected())
    Connection.opened = 0
    barrier = threading.Barrier(8)
    found: list[Connection] = []

    def use() -> None:
        barrier.wait()
        found.append(dataset.connection)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Connection.opened == 1
    assert len(found) == 8 and len(set(map(id, found))) == 1


@pytest.mark.parametrize("cls", [datasets.Plain, datasets.ClassDefault, datasets.OnlySlots, datasets.Data])
def test_afterwards_the_class_is_as_it_was(cls: Any, records: Path) -> None:
    before = dict(vars(cls))
    dataset = sent(cls(records))
    during = dict(vars(cls))
    assert isinstance(during["file"], dormant.Dormant)
    assert dataset[3] == 3
    after = dict(vars(cls))
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) <= {"__slotnames__"}


def test_the_class_serves_its_own_attribute_while_an_instance_is_dormant(records: Path) -> None:
    dataset = sent(datasets.ClassDefault(records))
    assert datasets.ClassDefault.file is None
    assert dataset.file is not None


def test_hasattr_and_an_attribute_that_never_was(records: Path) -> None:
    dataset = sent(datasets.Plain(records))
    assert hasattr(dataset, "file")
    assert not hasattr(dataset, "missing")
    fresh = datasets.Plain.__new__(datasets.Plain)
    dormant_one = sent(datasets.Plain(records))
    with pytest.raises(AttributeError, match="'Plain' object has no attribute 'file'"):
        fresh.file  # noqa: B018
    with pytest.raises(AttributeError, match="type object 'Plain' has no attribute 'file'"):
        datasets.Plain.file  # noqa: B018
    assert dormant_one[1] == 1


def test_a_getattr_of_the_users_is_asked_for_what_is_absent(records: Path) -> None:
    sleeping = sent(datasets.OwnGetattr(records))
    assert sleeping.colour == "no colour"
    fresh = datasets.OwnGetattr.__new__(datasets.OwnGetattr)
    assert fresh.file == "no file"
    assert sleeping[3] == 3


@pytest.mark.parametrize("cls", [datasets.Plain, datasets.OnlySlots])
def test_a_dormant_attribute_may_be_replaced(cls: Any, records: Path, tmp_path: Path) -> None:
    other = datasets.write_records(tmp_path / "other.txt")
    dataset = sent(cls(records))
    dataset.file = open(other, "rb")
    assert str(dataset.file.name) == str(other)
    assert str(sent(dataset).file.name) == str(other)


def test_a_dormant_slot_may_be_deleted(records: Path) -> None:
    dataset = sent(datasets.OnlySlots(records))
    del dataset.file
    with pytest.raises(AttributeError):
        dataset.file  # noqa: B018


class Collected(datasets.Plain):
    pass


def test_a_dormant_instance_that_is_collected_leaves_the_class_as_it_was(records: Path) -> None:
    sent(Collected(records))
    gc.collect()
    assert "file" not in vars(Collected)


class Failing(datasets.Plain):
    @property
    def failing(self) -> int:
        raise AttributeError("its own words")


class TestAfterManyRemovals:
    """Of a class whose descriptors have come and gone as often as its Python lets them."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dormant, "MAX_REMOVALS", 3)

    @staticmethod
    def used_often(base: type, records: Path) -> Any:
        cls = type("Often", (base,), {"__module__": __name__})
        globals()["Often"] = cls
        dataset = cls(records)
        for _ in range(8):
            arrived = sent(dataset)
            assert arrived.file.tell() == 0
            assert arrived[3] == 3
        return dataset

    def test_dormant_attributes_are_asked_for_without_a_descriptor(self, records: Path) -> None:
        dataset = self.used_often(Failing, records)
        arrived = sent(dataset)
        assert "file" not in vars(type(dataset))
        assert "file" not in vars(arrived)
        assert arrived[3] == 3
        assert "file" in vars(arrived)

    def test_what_is_missing_is_missing_and_errors_are_their_own(self, records: Path) -> None:
        arrived = sent(self.used_often(Failing, records))
        assert not hasattr(arrived, "missing")
        with pytest.raises(AttributeError, match="'Often' object has no attribute 'missing'"):
            arrived.missing  # noqa: B018
        with pytest.raises(AttributeError, match="its own words"):
            arrived.failing  # noqa: B018

    @pytest.mark.parametrize("base", [datasets.ClassDefault, datasets.OwnGetattr, datasets.Slots])
    def test_the_descriptor_stays_where_a_miss_would_not_be_noticed(self, base: type, records: Path) -> None:
        dataset = self.used_often(base, records)
        assert isinstance(vars(type(dataset))["file"], dormant.Dormant)
        arrived = sent(dataset)
        assert arrived[3] == 3

    def test_a_dormant_instance_from_before_finds_its_handle(self, records: Path) -> None:
        dataset = self.used_often(datasets.Plain, records)
        early, late = sent(dataset), sent(dataset)
        del late
        assert early[3] == 3


def test_a_frozen_instance_of_init_gives_way_to_the_recipe(records: Path) -> None:
    # Whatever the class's own construction put there before __setstate__.
    dataset = datasets.Plain(records)
    dataset.file.seek(80)
    state = pickle.loads(pickle.dumps(dataset)).__getstate__()
    other = datasets.Plain(records)
    other.__setstate__(state)
    assert other.file.tell() == 80


class TestWhatCannotBeOpened:
    def test_a_file_that_is_gone_is_named(self, records: Path) -> None:
        dataset = sent(datasets.Plain(records))
        records.unlink()
        with pytest.raises(HandleMissingError, match=r"^Plain\.file: .*records\.txt is gone.*16,000 bytes"):
            dataset[3]
        with pytest.raises(HandleMissingError):
            hasattr(dataset, "file")

    def test_it_opens_once_the_file_is_back(self, records: Path) -> None:
        dataset = sent(datasets.Plain(records))
        moved = records.rename(records.with_name("moved"))
        with pytest.raises(HandleMissingError):
            dataset[3]
        moved.rename(records)
        assert dataset[3] == 3

    def test_a_file_that_is_shorter_is_named(self, records: Path) -> None:
        dataset = sent(datasets.Plain(records))
        with open(records, "r+b") as file:
            file.truncate(100)
        with pytest.raises(HandleMissingError, match=r"Plain\.file: .*was 16,000 bytes.*now it is 100 bytes"):
            dataset[3]

    def test_a_file_that_was_replaced_is_named(self, records: Path) -> None:
        dataset = sent(datasets.Plain(records))
        new = datasets.write_records(records.with_name("new"))
        new.replace(records)
        with pytest.raises(HandleChangedError, match=r"Plain\.file: .*inode .*check_unchanged = False"):
            dataset[3]

    def test_a_file_that_was_replaced_before_it_was_dropped_is_noticed(self, records: Path) -> None:
        dataset = datasets.Plain(records)
        new = datasets.write_records(records.with_name("new"))
        new.replace(records)
        arrived = sent(dataset)
        with pytest.raises(HandleChangedError):
            arrived[3]

    def test_check_unchanged_turns_it_off(self, records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(datasets.Plain, "check_unchanged", False)
        dataset = sent(datasets.Plain(records))
        datasets.write_records(records.with_name("new")).replace(records)
        assert dataset[3] == 3

    def test_a_nested_one_raises_at_its_use_not_on_arrival(self, records: Path) -> None:
        dataset = datasets.Nested(records)
        pickled = pickle.dumps(dataset)
        records.unlink()
        arrived = pickle.loads(pickled)
        assert arrived.reader.owner is arrived
        with pytest.raises(HandleMissingError, match=r"Nested\.dict\['train'\]: .* is gone"):
            arrived.dict["train"].read()

    def test_the_error_pickles_with_all_it_has(self, records: Path) -> None:
        dataset = sent(datasets.Plain(records))
        records.unlink()
        with pytest.raises(HandleMissingError) as caught:
            dataset[3]
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again) == str(caught.value)
        assert again.attribute == "Plain.file"

    def test_a_copy_on_another_host_is_compared_by_size_alone(
        self, records: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pickled = pickle.dumps(datasets.Plain(records))
        datasets.write_records(records.with_name("new")).replace(records)
        monkeypatch.setattr("picklesafe.handles.fingerprint.host", lambda: "elsewhere")
        assert pickle.loads(pickled)[3] == 3
        datasets.write_records(records, 1001)
        with pytest.raises(HandleChangedError):
            pickle.loads(pickled)[3]


def test_relative_paths_are_made_absolute_when_dropped(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = datasets.Plain(Path(records.name))
    pickled = pickle.dumps(dataset)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pickle.loads(pickled)[3] == 3


SCRIPT = """
import pickle, sys
sys.path.insert(0, {root!r})
from picklesafe import PickleSafeMixin
class Dataset(PickleSafeMixin):
    def __init__(self):
        self.file = open({path!r}, "rb")
    def __getitem__(self, i):
        self.file.seek(i * 16)
        return int(self.file.read(16))
dataset = Dataset()
asleep = pickle.loads(pickle.dumps(dataset))
import {library}
sys.stdout.buffer.write({library}.dumps([dataset, asleep]))
"""

READ = """
import sys
sys.path.insert(0, {root!r})
import {library}
for dataset in {library}.load(sys.stdin.buffer):
    assert dataset[3] == 3, dataset[3]
    assert dataset[993] == 993
    assert not hasattr(dataset, "missing")
print("read")
"""


@pytest.mark.parametrize("library", ["cloudpickle", "dill"])
def test_a_class_of_main_travels_by_value_while_an_instance_is_dormant(library: str, records: Path) -> None:
    pytest.importorskip(library)
    names = {"root": str(Path(__file__).parent.parent), "path": str(records), "library": library}
    sent = subprocess.run([sys.executable, "-c", SCRIPT.format(**names)], capture_output=True, check=True)
    read = subprocess.run([sys.executable, "-c", READ.format(**names)], input=sent.stdout, capture_output=True)
    assert read.stdout.strip() == b"read", read.stderr.decode()


BACK_AGAIN = """
back = [{library}.loads({library}.dumps(each)) for each in (dataset, asleep, dataset)]
assert [each[3] for each in (*back, asleep, dataset)] == [3] * 5
assert "file" not in vars(Dataset)
print("read")
"""


@pytest.mark.parametrize("library", ["cloudpickle", "dill"])
def test_a_class_of_main_comes_back_to_where_another_instance_is_dormant(library: str, records: Path) -> None:
    # cloudpickle sets the class's attributes again, dill gives the object the class that is there.
    pytest.importorskip(library)
    names = {"root": str(Path(__file__).parent.parent), "path": str(records), "library": library}
    script = SCRIPT.rpartition("sys.stdout")[0] + BACK_AGAIN
    done = subprocess.run([sys.executable, "-c", script.format(**names)], capture_output=True)
    assert done.stdout.strip() == b"read", done.stderr.decode()


def test_a_copy_of_a_dormant_one_has_its_own_handle(records: Path) -> None:
    sleeping = sent(datasets.Plain(records))
    one, other = copy.copy(sleeping), copy.deepcopy(sleeping)
    assert len({id(dataset.file) for dataset in (sleeping, one, other)}) == 3


def test_what_was_assigned_while_it_was_dormant_stays(records: Path) -> None:
    dataset = datasets.Plain(records)
    dataset.other = dataset.file  # type: ignore[attr-defined]
    arrived = sent(dataset)
    arrived.file = None
    assert arrived.other.read(3) == b"000"
    assert arrived.file is None


class Holder(PickleSafeMixin):
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Wrapping(PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        vars(self)["file"] = open(path, "rb")

    @property
    def file(self) -> tuple[str, Any]:
        return "wrapped", vars(self)["file"]


def test_a_property_of_the_same_name_is_asked_at_once(records: Path) -> None:
    arrived = pickle.loads(pickle.dumps(Wrapping(records)))
    assert arrived.file[0] == "wrapped"
    assert arrived.file[1].read(4) == b"0000"


def test_an_instance_that_is_collected_amid_a_change_is_counted_after_it(records: Path) -> None:
    # The garbage collector may strike between any two lines; here it strikes at a known one.
    sent = pickle.dumps(Collected(records))
    one, other = pickle.loads(sent), pickle.loads(sent)
    del other
    with dormant._section:
        del one
        assert "file" in vars(Collected)
    assert "file" not in vars(Collected)


def test_copies_of_a_dormant_one_share_nothing_of_what_is_below_its_handle(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"line {number}\n" for number in range(5_000)))
    dormant_one = sent(Holder(file=open(path)))
    one = copy.copy(dormant_one)
    other = copy.copy(one)
    for dataset in (one, other, dormant_one):
        assert dataset.file.readline() == "line 0\n"
    assert len({id(dataset.file.buffer) for dataset in (one, other, dormant_one)}) == 3


@pytest.mark.parametrize("journey", [sent, copy.copy, copy.deepcopy])
def test_of_two_views_of_one_handle_one_may_be_awake_when_it_travels_on(journey: Any) -> None:
    file = open(__file__)
    half = sent(Holder(text=file, buffer=file.buffer))
    assert half.buffer.readable()
    arrived = journey(half)
    assert arrived.text.buffer is arrived.buffer is not half.buffer
