"""install() and defer(): datasets whose classes inherit nothing of ours."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import picklesafe
from tests import datasets
from tests.workers import START_METHODS, in_worker, in_workers

ROOT = Path(__file__).parent.parent


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


class ThirdParty(datasets.Records):
    """Knows nothing of picklesafe."""

    def __init__(self, path: Path, *, count: int = 1000) -> None:
        self.inner = [open(path, "rb")]
        self.count = count
        self.built_by = os.getpid()

    @property
    def file(self) -> Any:  # type: ignore[override]
        return self.inner[0]


INSTALLED = """
import multiprocessing, os, sys, threading, warnings
from pathlib import Path
import picklesafe
from tests.test_installing import ThirdParty
{body}
"""

READ = """
def read(dataset, queue):
    try:
        queue.put([dataset[7], dataset[993]])
    except Exception as error:
        queue.put(repr(error))

if __name__ == "__main__":
    picklesafe.install()
    picklesafe.install()
    context = multiprocessing.get_context({method!r})
    dataset = ThirdParty({path!r})
    assert dataset[3] == 3
    before = os.lseek(dataset.file.fileno(), 0, 1)
    queue = context.SimpleQueue()
    process = context.Process(target=read, args=(dataset, queue))
    process.start()
    print(queue.get())
    process.join()
    assert os.lseek(dataset.file.fileno(), 0, 1) == before
"""


def run(tmp_path: Path, body: str, **names: Any) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(INSTALLED.format(body=body.format(**names)))
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, script], capture_output=True, text=True, env=variables, timeout=60)


@pytest.mark.parametrize("method", START_METHODS)
def test_after_install_any_datasets_handles_travel(method: str, records: Path, tmp_path: Path) -> None:
    done = run(tmp_path, READ, method=method, path=str(records))
    assert done.stdout.strip() == "[7, 993]", done.stderr
    assert done.returncode == 0, done.stderr


def test_pickle_and_copy_stay_as_they_were(records: Path, tmp_path: Path) -> None:
    body = (
        "import copy, pickle\n"
        "picklesafe.install()\n"
        "for way in (pickle.dumps, copy.deepcopy):\n"
        "    try:\n        way(ThirdParty({path!r}))\n"
        "    except TypeError:\n        print('raises')\n"
    )
    done = run(tmp_path, body, path=str(records))
    assert done.stdout.split() == ["raises", "raises"], done.stderr


def test_locks_are_not_made_anew_behind_the_users_back(tmp_path: Path) -> None:
    body = (
        "from multiprocessing.reduction import ForkingPickler\n"
        "picklesafe.install()\n"
        "try:\n    ForkingPickler.dumps(threading.Lock())\n"
        "except TypeError as error:\n    print('raises')\n"
    )
    assert run(tmp_path, body).stdout.split() == ["raises"]


def test_a_library_imported_later_is_known(records: Path, tmp_path: Path) -> None:
    body = (
        "from multiprocessing.reduction import ForkingPickler\n"
        "picklesafe.install()\n"
        "import zipfile, pickle\n"
        "with zipfile.ZipFile({path!r}, 'w') as archive:\n    archive.writestr('a', 'content')\n"
        "arrived = pickle.loads(ForkingPickler.dumps([zipfile.ZipFile({path!r})]))\n"
        "print(arrived[0].read('a').decode())\n"
    )
    done = run(tmp_path, body, path=str(tmp_path / "a.zip"))
    assert done.stdout.split() == ["content"], done.stderr


SENDS_BACK = """
{more}

picklesafe.install()

def work(queue, received, changed):
    scratch = numpy.memmap({path!r}, dtype="i4", mode="r+")
    scratch[:] = 1
    queue.put(scratch[:2])
    queue.put(("nested", scratch))
    received.wait(30)
    scratch[:] = 2
    scratch.flush()
    changed.set()

if __name__ == "__main__":
    context = {package}.get_context({method!r})
    queue, received, changed = context.Queue(), context.Event(), context.Event()
    process = context.Process(target=work, args=(queue, received, changed))
    process.start()
    arrays = queue.get(), queue.get()[1]
    received.set()
    changed.wait(30)
    print(*(int(array[0]) for array in arrays), numpy.fromfile({path!r}, dtype="i4")[0])
    process.join()
"""


@pytest.mark.parametrize("package", ["multiprocessing", "torch.multiprocessing"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_a_worker_sends_back_is_not_changed_by_what_it_does_later(
    method: str, package: str, tmp_path: Path
) -> None:
    pytest.importorskip("numpy").zeros(4, "i4").tofile(tmp_path / "scratch")
    pytest.importorskip(package)
    body = SENDS_BACK.replace("{more}", f"import numpy\nimport {package}")
    done = run(tmp_path, body, path=str(tmp_path / "scratch"), method=method, package=package)
    assert done.stdout.split() == ["1", "1", "2"], done.stdout + done.stderr


def test_a_map_among_a_workers_arguments_is_still_mapped_there(tmp_path: Path) -> None:
    pytest.importorskip("numpy").arange(4, dtype="i4").tofile(tmp_path / "numbers")
    body = (
        "import numpy\n"
        "def tell(array, queue):\n    queue.put((type(array).__name__, array[3]))\n"
        "if __name__ == '__main__':\n"
        "    picklesafe.install()\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    queue = context.SimpleQueue()\n"
        "    array = numpy.memmap({path!r}, dtype='i4', mode='r')\n"
        "    process = context.Process(target=tell, args=(array, queue))\n"
        "    process.start()\n"
        "    print(*queue.get())\n"
        "    process.join()\n"
    )
    done = run(tmp_path, body, path=str(tmp_path / "numbers"))
    assert done.stdout.split() == ["memmap", "3"], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_what_it_cannot_cover_is_warned_about_when_a_worker_is_forked(records: Path, tmp_path: Path) -> None:
    body = (
        "def nothing(*args): ...\n"
        "picklesafe.install()\n"
        "dataset = ThirdParty({path!r})\n"
        "dataset.log = open({path!r} + '.log', 'w')\n"
        "context = multiprocessing.get_context('fork')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    process = context.Process(target=nothing, args=(1, dataset))\n"
        "    process.start()\n"
        "    process.join()\n"
        "print([str(warning.message) for warning in caught if warning.category is RuntimeWarning])\n"
    )
    done = run(tmp_path, body, path=str(records))
    assert done.stdout.count("a worker is being forked with") == 1, done.stdout + done.stderr
    assert ".log" in done.stdout and "open for writing (mode 'w')" in done.stdout


class TestDefer:
    @pytest.mark.parametrize("method", START_METHODS)
    @pytest.mark.parametrize("touched", [True, False])
    def test_each_worker_builds_its_own(self, method: str, touched: bool, records: Path) -> None:
        dataset = picklesafe.defer(ThirdParty, records, count=12)
        if touched:
            assert len(dataset) == 1000
        answers = in_workers(method, 2, read_deferred, dataset)
        assert [answer[0] for answer in answers] == [[7, 993, 12]] * 2
        assert all(pid == built_by for _, pid, built_by in answers)

    def test_it_has_the_datasets_attributes(self, records: Path) -> None:
        dataset = picklesafe.defer(ThirdParty, records)
        assert dataset.count == 1000
        assert not hasattr(dataset, "missing")
        assert "ThirdParty" in repr(dataset)

    def test_a_factory_that_fails_says_so(self) -> None:
        dataset = picklesafe.defer(fails_with_attribute_error)
        with pytest.raises(picklesafe.PickleSafeError, match="AttributeError: broken"):
            len(dataset)

    def test_a_lambda_is_named(self) -> None:
        with pytest.raises(picklesafe.NotWorkerSafeError, match=r"Deferred\._factory: a lambda"):
            pickle.dumps(picklesafe.defer(lambda: []))

    @pytest.mark.parametrize("method", START_METHODS)
    def test_a_dataset_that_is_iterated(self, method: str) -> None:
        pytest.importorskip("torch")
        from tests.iterable import Counting

        dataset = picklesafe.defer(Counting, 3)
        from torch.utils.data import DataLoader, IterableDataset

        assert isinstance(dataset, IterableDataset)
        assert in_worker(method, list, dataset) == [0, 1, 2]
        assert sorted(DataLoader(dataset, batch_size=None, num_workers=1, multiprocessing_context=method)) == [0, 1, 2]

    @pytest.mark.parametrize("method", START_METHODS)
    def test_two_datasets_that_are_iterated(self, method: str) -> None:
        pytest.importorskip("torch")
        from tests.iterable import Counting

        train, validation = picklesafe.defer(Counting, 3), picklesafe.defer(Counting, 2)
        assert type(train) is type(validation)
        assert in_worker(method, list, train) == [0, 1, 2]
        assert in_worker(method, list, validation) == [0, 1]

    def test_a_function_that_gives_a_dataset_that_is_iterated_is_told_what_to_give_instead(self) -> None:
        pytest.importorskip("torch")
        from torch.utils.data import DataLoader

        dataset = picklesafe.defer(counting)
        for use in (len, lambda dataset: dataset[0], lambda dataset: list(DataLoader(dataset))):
            with pytest.raises(
                picklesafe.NotWorkerSafeError, match=r"Give defer\(\) the class, as in defer\(Counting, …"
            ):
                use(dataset)


def counting() -> Any:
    from tests.iterable import Counting

    return Counting(3)


def fails_with_attribute_error() -> None:
    raise AttributeError("broken")


def read_deferred(dataset: Any) -> tuple[list[int], int, int]:
    return [dataset[7], dataset[993], dataset.count], os.getpid(), dataset.built_by
