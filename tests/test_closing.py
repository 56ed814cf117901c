"""close(): views before what they look into, all of them open again at their next use, locks left alone."""

from __future__ import annotations

import pickle
import queue
import sqlite3
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import picklesafe
from picklesafe import PickleSafeMixin, per_worker
from tests import datasets


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


class Holder(PickleSafeMixin):
    """What it is given, in that order."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class TestWhatThreadsShare:
    def test_an_event_that_another_thread_waits_for_is_still_the_one_that_is_set(self, records: Path) -> None:
        holder = Holder(file=open(records), stop=threading.Event())
        seen: list[bool] = []
        thread = threading.Thread(target=lambda stop: seen.append(stop.wait(5)), args=[holder.stop])
        thread.start()
        picklesafe.close(holder)
        holder.stop.set()
        thread.join()
        assert seen == [True]

    def test_a_lock_stays_held_and_queues_and_executors_are_left_alone(self, records: Path) -> None:
        with ThreadPoolExecutor(1) as executor:
            shared: dict[str, Any] = {"lock": threading.Lock(), "queue": queue.Queue(), "executor": executor}
            holder = Holder(file=open(records), **shared)
            file = holder.file
            with holder.lock:
                picklesafe.close(holder)
                assert holder.lock.locked()
            assert file.closed
            assert all(getattr(holder, name) is value for name, value in shared.items())
            assert holder.executor.submit(int, "5").result() == 5


def first_five(file: Any) -> bytes:
    file.seek(0)
    found: bytes = file.read(5)
    return found


def text_and_buffer(folder: Path) -> Any:
    file = open(datasets.write_records(folder / "records.txt"), encoding="ascii")
    return file, file.buffer, first_five


def raw_file(folder: Path) -> Any:
    file = open(datasets.write_records(folder / "records.txt"), "rb")
    return file, file.raw, first_five


def connection_and_cursor(folder: Path) -> Any:
    connection = sqlite3.connect(folder / "a.db")
    connection.execute("create table t as select 7 a")
    connection.commit()
    return connection, connection.cursor(), lambda cursor: cursor.execute("select a from t").fetchall()


def archive_and_member(folder: Path) -> Any:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    archive = zipfile.ZipFile(folder / "a.zip")
    return archive, archive.open("a.txt"), first_five


def hdf5_file_and_dataset(folder: Path) -> Any:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"] = [1, 2, 3]
    file = h5py.File(folder / "a.h5")
    return file, file["x"], lambda dataset: dataset[1]


def genome_and_record(folder: Path) -> Any:
    pyfaidx = pytest.importorskip("pyfaidx")
    (folder / "a.fa").write_text(">chr1\n" + "ACGT" * 9 + "\n")
    genome = pyfaidx.Fasta(str(folder / "a.fa"))
    return genome, genome["chr1"], lambda record: str(record[:6])


def environment_and_transaction(folder: Path) -> Any:
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(folder / "a.lmdb")) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"a", b"b")
    environment = lmdb.open(str(folder / "a.lmdb"), readonly=True, lock=False)
    return environment, environment.begin(), lambda transaction: transaction.get(b"a")


def netcdf_and_variable(folder: Path) -> Any:
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(folder / "a.nc", "w") as file:
        file.createDimension("x", 3)
        file.createVariable("v", "i4", ("x",))[:] = [1, 2, 3]
    file = netcdf.Dataset(folder / "a.nc")
    return file, file["v"], lambda variable: int(variable[1])


VIEWS = [
    text_and_buffer,
    raw_file,
    connection_and_cursor,
    archive_and_member,
    hdf5_file_and_dataset,
    genome_and_record,
    environment_and_transaction,
    netcdf_and_variable,
]


@pytest.mark.parametrize("views", VIEWS)
class TestViews:
    @pytest.mark.parametrize("first", ["file", "view"])
    @pytest.mark.parametrize("order", [("file", "view"), ("view", "file")])
    def test_file_and_view_open_again_whichever_is_used_first(
        self, views: Any, order: tuple[str, str], first: str, tmp_path: Path
    ) -> None:
        file, view, use = views(tmp_path)
        expected = use(view)
        pair = {"file": file, "view": view}
        holder = Holder(**{name: pair[name] for name in order})
        for _ in range(2):
            picklesafe.close(holder)
            getattr(holder, first)
            assert use(holder.view) == expected
        assert holder.file is not file and holder.view is not view

    def test_a_view_that_was_not_used_since_opens_a_file_that_was_closed_again(
        self, views: Any, tmp_path: Path
    ) -> None:
        file, view, use = views(tmp_path)
        expected = use(view)
        holder = Holder(file=file, view=view)
        picklesafe.close(holder)
        holder.file  # noqa: B018
        picklesafe.close(holder)
        assert use(holder.view) == expected

    def test_it_reaches_another_process_closed(self, views: Any, tmp_path: Path) -> None:
        file, view, use = views(tmp_path)
        expected = use(view)
        holder = Holder(file=file, view=view)
        picklesafe.close(holder)
        arrived = pickle.loads(pickle.dumps(holder))
        assert use(arrived.view) == expected


def test_a_file_that_a_view_has_opened_is_closed_under_the_name_that_was_not_used(records: Path) -> None:
    text = open(records)
    holder = Holder(text=text, buffer=text.buffer)
    picklesafe.close(holder)
    buffer = holder.buffer
    picklesafe.close(holder)
    assert buffer.closed
    assert holder.text.buffer is holder.buffer


def test_two_names_for_one_handle_stay_one(records: Path) -> None:
    file = open(records)
    holder = Holder(one=file, other=file)
    picklesafe.close(holder)
    assert file.closed
    assert holder.one is holder.other


def test_a_cursor_of_a_database_that_is_being_written_is_closed_before_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("create table t (a)")
    connection.execute("insert into t values (1)")  # an open transaction: it can't be reopened
    holder = Holder(connection=connection, cursor=connection.cursor())
    picklesafe.close(holder)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("select 1")


class ViewOfResource(PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.path = path

    @per_worker
    def text(self) -> Any:
        return open(self.path)


def test_an_attribute_that_looks_into_a_resource_opens_again(records: Path) -> None:
    holder = ViewOfResource(records)
    holder.buffer = holder.text.buffer  # type: ignore[attr-defined]
    line = holder.text.readline()
    picklesafe.close(holder)
    holder.buffer.seek(0)  # type: ignore[attr-defined]
    assert holder.buffer.readline().decode() == line == holder.text.readline()  # type: ignore[attr-defined]


def test_a_map_is_closed_after_the_array_that_looks_into_it(records: Path) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.memmap(records, dtype="u1", mode="r")
    mapped = array._mmap
    holder = Holder(mapped=mapped, array=array)
    first = int(array[0])
    del array
    picklesafe.close(holder)
    assert mapped.closed
    assert holder.array[0] == first


def test_a_value_given_to_a_closed_attribute_stays(records: Path) -> None:
    holder = Holder(file=open(records))
    picklesafe.close(holder)
    holder.file = None
    picklesafe.close(holder)
    assert holder.file is None
