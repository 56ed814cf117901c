"""@per_worker: one resource in each process, opened at first use, never sent."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

import picklesafe
from picklesafe import HandleMissingError, NotWorkerSafeError, PickleSafeMixin, per_worker, resources
from tests import datasets
from tests.workers import START_METHODS, in_worker, in_workers


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


def use(dataset: datasets.PerWorker) -> tuple[int, int, int, int]:
    return dataset[7], dataset[993], dataset.opened, os.getpid()


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("touched", [True, False])
def test_each_worker_opens_its_own_once(method: str, touched: bool, records: Path) -> None:
    dataset = datasets.PerWorker(records)
    if touched:
        assert dataset[3] == 3
    answers = in_workers(method, 2, use, dataset)
    assert [answer[:2] for answer in answers] == [(7, 993)] * 2
    assert {answer[2] for answer in answers} == {1 + touched}
    assert len({answer[3] for answer in answers}) == 2
    assert dataset.opened == touched


def test_it_stays_out_of_pickles_and_copies(records: Path) -> None:
    dataset = datasets.PerWorker(records)
    file = dataset.file
    for arrived in (pickle.loads(pickle.dumps(dataset)), copy.copy(dataset), copy.deepcopy(dataset)):
        assert "file" not in vars(arrived)
        assert arrived.file is not file
    assert dataset.file is file


class Logs(PickleSafeMixin):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @per_worker
    def log(self) -> Any:
        return open(self.folder / f"{os.getpid()}.log", "w")


def write_a_line(logs: Logs) -> int:
    logs.log.write("line\n")
    return os.getpid()


@pytest.mark.parametrize("method", START_METHODS)
def test_it_may_write_and_is_closed_at_the_end_of_the_worker(method: str, tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    write_a_line(logs)
    for pid in in_workers(method, 2, write_a_line, logs, fresh=True):
        assert (tmp_path / f"{pid}.log").read_text() == "line\n"


class Slow(PickleSafeMixin):
    opened = 0

    @per_worker
    def resource(self) -> object:
        """What it is."""
        threading.Event().wait(0.05)
        type(self).opened += 1
        return object()

    @per_worker
    def from_another(self) -> list[object]:
        return [self.resource]


def test_eight_threads_get_one() -> None:
    slow, found = Slow(), []
    barrier = threading.Barrier(8)

    def get() -> None:
        barrier.wait()
        found.append(slow.from_another[0])

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1 and Slow.opened == 1


def test_an_error_is_the_methods_own_and_the_next_use_tries_again() -> None:
    class Fails(PickleSafeMixin):
        times = 0

        @per_worker
        def resource(self) -> str:
            Fails.times += 1
            if Fails.times == 1:
                raise ZeroDivisionError
            return "opened"

    fails = Fails()
    with pytest.raises(ZeroDivisionError):
        fails.resource  # noqa: B018
    assert fails.resource == "opened"


def test_after_an_error_the_threads_that_waited_get_one_resource_with_those_that_come_later() -> None:
    class FailsFirst(PickleSafeMixin):
        running = at_once = times = 0

        @per_worker
        def resource(self) -> object:
            FailsFirst.times += 1
            FailsFirst.running += 1
            FailsFirst.at_once = max(FailsFirst.at_once, FailsFirst.running)
            first = FailsFirst.times == 1
            (failing if first else succeeding).wait(5)
            FailsFirst.running -= 1
            if first:
                raise ZeroDivisionError
            return object()

    failing, succeeding, found = threading.Event(), threading.Event(), []
    fails = FailsFirst()

    def get() -> None:
        with contextlib.suppress(ZeroDivisionError):
            found.append(fails.resource)

    def start(count: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=get) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    early = start(3)
    wait_until(lambda: FailsFirst.times == 1)
    failing.set()
    wait_until(lambda: FailsFirst.times == 2)  # one that waited is in the method now
    late = start(2)
    time.sleep(0.05)  # long enough for the late ones to enter the method, if nothing kept them out
    succeeding.set()
    for thread in early + late:
        thread.join()
    assert FailsFirst.at_once == 1 and FailsFirst.times == 2
    assert len(found) == 4 and len(set(map(id, found))) == 1
    assert not resources._openings


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)


class Configured(PickleSafeMixin):
    """Asks its configuration for what it lacks, as many classes do."""

    @per_worker
    def genome(self) -> Any:
        return open(self.missing_path)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("there is no path" if name == "missing_path" else name)


def test_an_attribute_error_in_the_method_is_told_whatever_the_class_makes_of_it() -> None:
    with pytest.raises(HandleMissingError, match=r"^Configured\.genome: .* AttributeError: there is no path") as caught:
        Configured().genome  # noqa: B018
    assert str(caught.value.__cause__) == "there is no path"
    with pytest.raises(HandleMissingError, match="there is no path"):
        hasattr(Configured(), "genome")
    with pytest.raises(HandleMissingError, match="there is no path"):
        in_worker("fork", getattr, Configured(), "genome")


class Recursive(PickleSafeMixin):
    @per_worker
    def genome(self) -> Any:
        return self.index

    @per_worker
    def index(self) -> Any:
        return self.genome


def test_a_method_that_uses_its_own_attribute_is_one_error_that_names_it() -> None:
    recursive = Recursive()
    for name in ("genome", "index", "genome"):
        with pytest.raises(HandleMissingError, match=rf"^Recursive\.{name}: .*while the method that opens it runs"):
            getattr(recursive, name)
    assert not resources._openings


class Wrapped:
    """Closes as some libraries do: not twice, and not after what it looks into."""

    closed: ClassVar[list[str]] = []

    def __init__(self, name: str, inner: Any = None) -> None:
        self.name = name
        self.inner = inner
        self.is_open = True

    def close(self) -> None:
        assert self.is_open and (self.inner is None or self.inner.is_open)
        self.is_open = False
        self.closed.append(self.name)


class Overridden(PickleSafeMixin):
    @per_worker
    def genome(self) -> Any:
        return Wrapped("inner")

    def plain(self) -> Any:
        return self.genome


class Overriding(Overridden):
    @per_worker
    def genome(self) -> Any:
        assert "genome" not in vars(self)
        return Wrapped("outer", super().genome)

    def overridden(self) -> Any:
        return super().genome


class OverridingTwice(Overriding):
    @per_worker
    def genome(self) -> Any:
        return super().genome


class OverridingByProperty(Overridden):
    @property
    def genome(self) -> Any:
        return super().genome


def names_of(dataset: Any) -> list[Any]:
    return [dataset.genome.name, dataset.genome.inner.name, dataset.genome.inner is dataset.overridden(), os.getpid()]


class TestOverriding:
    @pytest.fixture(autouse=True)
    def nothing_closed(self) -> None:
        Wrapped.closed.clear()

    @pytest.mark.parametrize("cls", [Overriding, OverridingTwice])
    def test_super_gives_what_the_overridden_method_opened_once(self, cls: Any) -> None:
        dataset = cls()
        assert dataset.genome is dataset.genome is dataset.plain()
        assert dataset.genome.name == "outer" and dataset.genome.inner is dataset.overridden()
        assert Overridden().genome.name == "inner"

    @pytest.mark.parametrize("cls", [Overriding, OverridingTwice])
    def test_both_are_closed_the_outer_one_first_and_open_again(self, cls: Any) -> None:
        dataset = cls()
        before = dataset.genome
        picklesafe.close(dataset)
        assert Wrapped.closed == ["outer", "inner"]
        assert dataset.genome is not before and dataset.genome.is_open and dataset.genome.inner.is_open

    @pytest.mark.parametrize("cls", [Overriding, OverridingTwice])
    @pytest.mark.parametrize("method", START_METHODS)
    def test_neither_reaches_a_worker_or_a_copy(self, method: str, cls: Any) -> None:
        dataset = cls()
        dataset.genome.inner.name = "touched"
        assert in_worker(method, names_of, dataset)[:3] == ["outer", "inner", True]
        assert copy.copy(dataset).genome.inner.name == "inner"
        assert len(vars(pickle.loads(pickle.dumps(dataset)))) == 0

    def test_a_property_may_override_it_too(self) -> None:
        dataset = OverridingByProperty()
        assert dataset.genome is dataset.genome
        assert len(vars(pickle.loads(pickle.dumps(dataset)))) == 0
        picklesafe.close(dataset)
        assert Wrapped.closed == ["inner"]

    def test_the_end_of_the_process_closes_both(self) -> None:
        script = "from tests.test_resources import *\ndataset = OverridingTwice()\ndataset.genome\n"
        script += "Wrapped.close = lambda self, close=Wrapped.close: (close(self), print(self.name))\n"
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=Path(__file__).parent.parent)
        assert run.stdout.split() == [b"outer", b"inner"], run.stderr.decode()


def test_without_the_mixin_it_is_an_error_at_class_creation() -> None:
    # Before Python 3.12 a RuntimeError is wrapped around what __set_name__ raises.
    with pytest.raises((NotWorkerSafeError, RuntimeError)) as caught:

        class Dataset:
            @per_worker
            def genome(self) -> None: ...

    error = caught.value if isinstance(caught.value, NotWorkerSafeError) else caught.value.__cause__
    assert str(error).startswith("Dataset.genome: @per_worker in a class without PickleSafeMixin")
    assert "class Dataset(PickleSafeMixin, …)" in str(error)


def test_without_a_dict_it_is_an_error_at_class_creation() -> None:
    with pytest.raises((NotWorkerSafeError, RuntimeError)) as caught:

        class Dataset(PickleSafeMixin):
            __slots__ = ()

            @per_worker
            def genome(self) -> None: ...

    error = caught.value if isinstance(caught.value, NotWorkerSafeError) else caught.value.__cause__
    assert "__slots__" in str(error)


def test_on_the_class_it_is_itself_and_keeps_its_docstring() -> None:
    assert isinstance(Slow.resource, per_worker)
    assert Slow.resource.__doc__ == "What it is."


class TestClose:
    def test_it_closes_resources_and_handles_which_open_again_at_their_next_use(self, records: Path) -> None:
        for dataset in (datasets.PerWorker(records), datasets.Plain(records), datasets.OnlySlots(records)):
            dataset[7]
            file = dataset.file
            place = file.tell()
            picklesafe.close(dataset)
            assert file.closed
            assert dataset.file is not file
            if not isinstance(dataset, datasets.PerWorker):
                assert dataset.file.tell() == place
            assert dataset[993] == 993

    def test_a_pool_closes_its_handles(self, records: Path) -> None:
        dataset = datasets.Plain(records)
        dataset.pool = picklesafe.HandlePool(open)  # type: ignore[attr-defined]
        with dataset.pool[records] as file:  # type: ignore[attr-defined]
            pass
        picklesafe.close(dataset)
        assert file.closed

    def test_again_it_does_nothing(self, records: Path) -> None:
        dataset = datasets.PerWorker(records)
        picklesafe.close(dataset)
        picklesafe.close(dataset)

    def test_what_cannot_be_reopened_stays_closed(self, tmp_path: Path) -> None:
        dataset = datasets.Plain.__new__(datasets.Plain)
        dataset.file = open(tmp_path / "log", "w")
        picklesafe.close(dataset)
        assert dataset.file.closed

    def test_an_object_that_is_neither_is_an_error(self) -> None:
        with pytest.raises(TypeError, match="takes an object with PickleSafeMixin, not int"):
            picklesafe.close(3)

    def test_an_object_with_a_close_of_its_own(self, records: Path) -> None:
        file = open(records)
        picklesafe.close(file)
        assert file.closed


def test_it_is_closed_at_the_end_of_the_process(tmp_path: Path) -> None:
    script = (
        "from picklesafe import PickleSafeMixin, per_worker\n"
        "class Resource:\n"
        "    def close(self): print('closed')\n"
        "class Dataset(PickleSafeMixin):\n"
        "    @per_worker\n"
        "    def resource(self): return Resource()\n"
        "dataset = Dataset()\n"
        "dataset.resource\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=Path(__file__).parent.parent)
    assert run.stdout.split() == [b"closed"], run.stderr.decode()
