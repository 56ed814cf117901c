"""cloudpickle and dill: a class of `__main__` goes to a fresh Python by value, and what they alone can send they do."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from picklesafe import NotWorkerSafeError, PickleSafeMixin, UnsafeHandleError
from tests import datasets
from tests.interplay import samples

ROOT = Path(__file__).parent.parent.parent
LIBRARIES = ["cloudpickle", "dill"]

SEND = """
import sys, {library}
import numpy as np
from pathlib import Path
from picklesafe import PickleSafeMixin, per_worker

class Reader:
    def __init__(self, path):
        self.file = open(path, "rb")

class Dataset(PickleSafeMixin):
    def __init__(self, folder):
        self.path = folder / "records.txt"
        self.file = open(self.path, "rb")
        self.readers = {{"train": [Reader(self.path)]}}
        self.numbers = np.memmap(folder / "numbers", "<i8", "r")[:999:-1]
        self.transform = lambda numbers: [*map(int, numbers)]

    @per_worker
    def own(self):
        return open(self.path)

    def __getitem__(self, index):
        numbers = [self.numbers[index]]
        for file in (self.file, self.readers["train"][0].file, self.own):
            file.seek(index * 16)
            numbers.append(file.read(16))
        return self.transform(numbers)

dataset = Dataset(Path({folder!r}))
assert dataset[7] == [7] * 4
sys.stdout.buffer.write({library}.dumps(dataset))
"""

# Twice, since what arrived must be fit to travel on.
READ = "import sys, {library}; d = {library}.load(sys.stdin.buffer); d[7]; print(d[993], {library}.copy(d)[7])"
READ_CLOUDPICKLE = (
    "import sys, cloudpickle; d = cloudpickle.load(sys.stdin.buffer); d[7]; "
    "print(d[993], cloudpickle.loads(cloudpickle.dumps(d))[7])"
)


def python(script: str, sent: bytes = b"") -> bytes:
    done = subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_class_of_main_arrives_in_a_fresh_python(library: str, folder: Path) -> None:
    pytest.importorskip("numpy")
    pytest.importorskip(library)
    sent = python(SEND.format(library=library, folder=str(folder)))
    script = READ_CLOUDPICKLE if library == "cloudpickle" else READ.format(library=library)
    assert python(script, sent).decode().strip() == "[993, 993, 993, 993] [7, 7, 7, 7]"


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_handle_arrives(library: str, dataset: samples.Everywhere) -> None:
    pickler = pytest.importorskip(library)
    arrived = pickler.loads(pickler.dumps(dataset))
    assert samples.read(arrived, [993, 7])[0] == samples.expected([993, 7])
    assert not {id(file) for file in arrived.files()} & {id(file) for file in dataset.files()}


class Calling(datasets.Plain):
    """With something that can't be imported by name."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.transforms = [lambda item: item + 1]

    def __getitem__(self, index: int) -> int:
        return self.transforms[0](super().__getitem__(index))  # type: ignore[no-any-return]


@pytest.fixture
def calling(tmp_path: Path) -> Calling:
    return Calling(datasets.write_records(tmp_path / "records.txt"))


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_object_with_a_lambda_goes_on_travelling_with_them(library: str, calling: Calling) -> None:
    pickler = pytest.importorskip(library)
    assert pickler.loads(pickler.dumps(calling))[7] == 8
    with pytest.raises(NotWorkerSafeError, match=r"Calling\.transforms\[0\]: a lambda"):
        pickle.dumps(calling)


def test_an_object_with_a_lambda_goes_on_being_copied(calling: Calling) -> None:
    for copied in (copy.copy(calling), copy.deepcopy(calling)):
        assert copied[7] == 8
        assert copied.file is not calling.file


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("nested", [False, True], ids=["attribute", "nested"])
def test_a_file_that_writes_is_refused_and_keeps_its_content(
    nested: bool, library: str, calling: Calling, tmp_path: Path
) -> None:
    pickler = pytest.importorskip(library)
    log = open(tmp_path / "log", "w")
    log.write("written")
    log.flush()
    calling.log = [log] if nested else log  # type: ignore[attr-defined]
    with pytest.raises(UnsafeHandleError, match=r"Calling\.log") as caught:
        # dill's own rule for files opens it in mode "w" again.
        pickler.loads(pickler.dumps(calling))
    assert caught.value.attribute == ("Calling.log[0]" if nested else "Calling.log")
    assert (tmp_path / "log").read_text() == "written"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_lock_that_is_held_arrives_free(library: str, calling: Calling) -> None:
    pickler = pytest.importorskip(library)
    calling.locks = [threading.Lock(), threading.RLock()]  # type: ignore[attr-defined]
    with calling.locks[0], calling.locks[1]:  # type: ignore[attr-defined]
        arrived = pickler.loads(pickler.dumps(calling))
    assert all(lock.acquire(blocking=False) for lock in arrived.locks)


class Nested(PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.texts = {"train": [open(path)]}


@pytest.mark.parametrize("name", ["cloudpickle", "ray.cloudpickle"])
def test_a_nested_text_file_arrives_as_a_file_and_not_as_its_content(name: str, tmp_path: Path) -> None:
    pickler: Any = pytest.importorskip(name)
    nested = Nested(datasets.write_records(tmp_path / "records.txt"))
    nested.texts["train"][0].read(20)
    sent = pickler.dumps(nested)
    assert len(sent) < 1000
    (file,) = pickle.loads(sent).texts["train"]
    assert (file.name, file.tell(), file.read(6)) == (nested.texts["train"][0].name, 20, "000000")
    # Outside of an object of picklesafe it is as ever.
    assert isinstance(pickle.loads(pickler.dumps(nested.texts))["train"][0], StringIO)
