"""Memory-mapped arrays and .npz archives in workers."""

from __future__ import annotations

import copy
import mmap
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, PickleSafeMixin
from picklesafe.handles.arrays import view_of_a_file
from picklesafe.handles.registry import describe
from tests.handles.holding import Holding, open_on, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker, in_workers

np = pytest.importorskip("numpy")

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}
VIEWS = {
    "whole": lambda array: array,
    "slice": lambda array: array[10:20, ::3],
    "transposed": lambda array: array.T,
    "reversed": lambda array: array[::-1, ::-1],
    "a row": lambda array: array[7],
    "a column": lambda array: array[:, 5:6],
    "a new axis": lambda array: array[:, None, 3:],
    "other items": lambda array: array.view("u1"),
    "read-only": lambda array: frozen(array[3:]),
    "broadcast": lambda array: np.broadcast_to(array[0], (5, array.shape[1]), subok=True),
    "windows": lambda array: np.lib.stride_tricks.sliding_window_view(array, 3, 0, subok=True),
    "diagonal": lambda array: np.lib.stride_tricks.as_strided(array, (50,), (808,), subok=True),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "größe.bin"
    np.arange(20_000, dtype="f4").tofile(where)
    return where


def opened(path: Any, mode: str = "r") -> Any:
    return np.memmap(path, "f4", mode, offset=4_000, shape=(90, 200))


def frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


class Derived(np.memmap):
    """A user's own class."""


def values_of(dataset: Any) -> Any:
    return dataset.array.tolist()


def looks_of(array: Any) -> tuple[Any, ...]:
    return (
        type(array),
        array.shape,
        array.strides,
        array.dtype,
        str(array.flags),
        array.filename,
        array.offset,
        array.mode,
    )


def sent(array: Any) -> Any:
    return pickle.loads(pickle.dumps(Holding(array=array))).array


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_views_read_the_same_in_every_worker(mode: str, method: str, path: Path) -> None:
    array = opened(path, mode)
    dataset = Holding(array=array, nested=[view(array) for view in VIEWS.values()])
    reads_the_same_in_workers(method, values_of_all, dataset)


def values_of_all(dataset: Any) -> Any:
    return [array.tolist() for array in [dataset.array, *dataset.nested]]


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_looks_the_same_once_and_twice_reopened(view: str, mode: str, path: Path) -> None:
    array = VIEWS[view](opened(path, mode))
    once = sent(array)
    twice = sent(once)
    for arrived in (once, twice):
        assert looks_of(arrived) == looks_of(array)
        assert np.array_equal(arrived, array)
        assert view_of_a_file(arrived) is not None
        assert isinstance(root_of(arrived), mmap.mmap)


def root_of(array: Any) -> Any:
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_reads_the_file_too(way: str, path: Path) -> None:
    array = opened(path)[5:]
    arrived = WAYS[way](Holding(array=array)).array
    assert arrived is not array and np.array_equal(arrived, array)
    assert isinstance(root_of(arrived), mmap.mmap)


@pytest.mark.parametrize("method", START_METHODS)
def test_what_a_worker_writes_goes_to_the_file(method: str, path: Path) -> None:
    array = opened(path, "r+")
    in_worker(method, write_into, Holding(array=array[10:]))
    assert array[12, 3] == -1.0
    assert opened(path)[12, 3] == -1.0


def write_into(dataset: Any) -> None:
    dataset.array[2, 3] = -1.0
    dataset.array.flush()


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_made_by_the_map_keeps_its_content(method: str, tmp_path: Path) -> None:
    array = np.memmap(tmp_path / "new", "i8", "w+", shape=(100,))
    array[:] = np.arange(100)
    dataset = Holding(array=array)
    assert in_worker(method, values_of, dataset) == list(range(100))
    assert array.tolist() == list(range(100))
    assert sent(array).mode == "r+"


def test_flush_reaches_the_file_from_every_view(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for view in (sent(opened(path, "r+")), sent(opened(path, "r+")[5:, ::2]), sent(opened(path, "r+").T)):
        assert isinstance(view.base, np.memmap) and isinstance(view.base.base, mmap.mmap)
        view.flush()


@ON_LINUX
@pytest.mark.parametrize("method", START_METHODS)
def test_a_copy_on_write_map_that_was_written_to_travels_by_value(method: str, path: Path) -> None:
    array = opened(path, "c")
    assert len(pickle.dumps(Holding(array=array))) < 1000
    array[3, 4] = -7.0
    reads_the_same_in_workers(method, values_of, Holding(array=array))
    arrived = sent(array)
    assert type(arrived) is np.memmap and arrived.flags.writeable and arrived[3, 4] == -7.0
    assert opened(path)[3, 4] == 1604.0


def test_what_one_view_of_a_copy_on_write_map_writes_no_other_sees(path: Path) -> None:
    array = opened(path, "c")
    arrived = pickle.loads(pickle.dumps(Holding(first=array, second=array[:])))
    arrived.first[0, 0] = -1.0
    assert arrived.second[0, 0] == array[0, 0] == 1000.0


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("make", [lambda a: a.copy(), lambda a: a + 1, lambda a: pickle.loads(pickle.dumps(a))[3:]])
def test_an_array_of_this_type_that_is_no_files_travels_by_value(make: Any, method: str, path: Path) -> None:
    array = make(opened(path))
    assert view_of_a_file(array) is None
    reads_the_same_in_workers(method, values_of, Holding(array=array, nested=[array]))
    arrived = pickle.loads(pickle.dumps(Holding(array=array, nested=[array, array])))
    assert type(arrived.array) is type(array) and arrived.array.flags.writeable == array.flags.writeable
    if isinstance(array, np.memmap):
        assert arrived.array is arrived.nested[0] is arrived.nested[1]
        assert arrived.array.filename is None


def test_the_data_of_a_copy_may_travel_out_of_band(path: Path) -> None:
    buffers: list[Any] = []
    packed = pickle.dumps(Holding(array=opened(path).copy()), 5, buffer_callback=buffers.append)
    assert len(packed) < 1000 and len(buffers) == 1
    assert np.array_equal(pickle.loads(packed, buffers=buffers).array, opened(path))


def test_outside_a_picklesafe_object_a_map_pickles_as_ever(path: Path) -> None:
    describe(opened(path))
    assert len(pickle.dumps(opened(path))) > 72_000
    assert type(pickle.loads(pickle.dumps(opened(path)))) is np.memmap


def test_a_derived_class_stays_what_it_is_with_its_attributes(path: Path) -> None:
    array = Derived(path, "f4", "r+", shape=(20, 10))
    array.unit = "m"
    arrived = sent(array[3:])
    assert type(arrived) is Derived and arrived.shape == (17, 10)
    arrived = sent(array)
    assert arrived.unit == "m"
    arrived.flush()


def test_bytes_names_file_objects_and_numbers_are_found(path: Path) -> None:
    for name in (os.fsencode(path), open(path, "rb"), os.fdopen(os.open(path, os.O_RDONLY), "rb")):
        array = np.memmap(name, "f4", "r")
        recipe = view_of_a_file(array)
        if sys.platform.startswith("linux"):
            assert recipe is not None
            assert np.array_equal(recipe.open(), array)


def test_paths_keep_their_type(path: Path) -> None:
    assert sent(opened(path)).filename == path
    assert sent(opened(str(path))).filename == str(path)


@pytest.mark.parametrize("described_before", [False, True])
@ON_LINUX
def test_a_file_replaced_while_it_was_mapped_is_noticed(described_before: bool, path: Path) -> None:
    array = opened(path)
    if described_before:
        sent(array)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding.array: '.*größe.bin' was deleted while it was mapped"):
        sent(array)
    path.write_bytes(content)
    with pytest.raises(HandleChangedError, match=r"Holding.array: .*größe.bin"):
        sent(array)


def test_a_file_written_to_on_the_way_is_noticed_but_not_by_a_map_that_writes(path: Path) -> None:
    os.utime(path, ns=(1, 1))
    reading, writing = pickle.dumps(Holding(array=opened(path))), pickle.dumps(Holding(array=opened(path, "r+")))
    opened(path, "r+")[0, 0] = 5.0
    os.utime(path)
    with pytest.raises(HandleChangedError, match=r"Holding.array: .*größe.bin"):
        pickle.loads(reading).array  # noqa: B018
    assert pickle.loads(writing).array[0, 0] == 5.0


def test_a_truncated_file_is_an_error_and_is_never_made_longer(path: Path) -> None:
    packed = pickle.dumps(Unchecked(array=opened(path, "r+")))
    os.truncate(path, 100)
    with pytest.raises(HandleMissingError, match=r"Unchecked.array: .*größe.bin has 100 bytes"):
        pickle.loads(packed).array  # noqa: B018
    assert path.stat().st_size == 100


class Unchecked(Holding):
    check_unchanged = False


def test_a_relative_path_leads_to_the_same_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    dataset = Holding(array=opened(path.name), of_file=opened(open(path.name, "rb")))
    monkeypatch.chdir("/")
    assert in_worker("spawn", values_of, dataset) == values_of(dataset)


@ON_LINUX
def test_many_views_of_one_file_take_one_descriptor(path: Path) -> None:
    array = opened(path)
    dataset = Holding(rows=[array[row] for row in range(90)], columns=[array[:, column] for column in range(200)])
    packed = pickle.dumps(dataset)
    assert len(packed) < 290 * 200
    assert in_workers("spawn", 1, descriptors_of, packed, str(path)) == [1]


def descriptors_of(packed: bytes, path: str) -> int:
    dataset = pickle.loads(packed)
    assert dataset.rows[3][5] == 1605.0
    return len(open_on(path))


@pytest.mark.parametrize("size", [1_000, 100_000_000])
def test_the_size_of_the_file_makes_no_difference(size: int, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(size)
    array = np.memmap(tmp_path / "big", "u1", "r")
    assert len(pickle.dumps(Holding(array=array[5:]))) < 700


def test_memory_maps_of_load_and_of_structured_arrays_travel(tmp_path: Path) -> None:
    records = np.zeros(50, np.dtype([("a", "i2"), ("b", "f8"), ("c", "S3")], align=True))
    records["b"] = np.arange(50)
    np.save(tmp_path / "records.npy", records)
    array = np.load(tmp_path / "records.npy", mmap_mode="r")
    dates = np.arange(30).view("M8[D]")
    np.save(tmp_path / "dates.npy", np.asfortranarray(dates.reshape(5, 6)))
    fortran = np.load(tmp_path / "dates.npy", mmap_mode="r+")
    arrived = pickle.loads(pickle.dumps(Holding(array=array, field=array["b"][::2], fortran=fortran)))
    assert arrived.array.dtype == array.dtype and arrived.array["c"].tolist() == array["c"].tolist()
    assert arrived.field.tolist() == list(range(0, 50, 2))
    assert arrived.fortran.flags.f_contiguous and arrived.fortran.tolist() == fortran.tolist()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    where = tmp_path / "größe.npz"
    np.savez(where, a=np.arange(1000), b=np.arange(500.0), c=np.array([{"an": "object"}], object))
    return where


def values_in(dataset: Any) -> Any:
    return [dataset.archive[name].tolist() for name in dataset.archive.files]


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["path", "file object"])
def test_an_npz_archive_reads_the_same_in_every_worker(kind: str, method: str, archive: Path) -> None:
    loaded = np.load(archive if kind == "path" else open(archive, "rb"), allow_pickle=True)
    reads_the_same_in_workers(method, values_in, Holding(archive=loaded))


def test_closing_an_npz_archive_closes_its_file(archive: Path) -> None:
    arrived = sent_archive(np.load(archive))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        arrived["c"]
    assert arrived.f.a[3] == 3
    file = arrived.fid
    arrived.close()
    assert file.closed
    again = sent_archive(arrived)
    assert again.files == ["a", "b", "c"] and again.zip is None


def sent_archive(archive: Any) -> Any:
    return pickle.loads(pickle.dumps(Holding(archive=archive))).archive


@pytest.mark.parametrize("view", [lambda array: array, lambda array: array[10:90:7], lambda array: array[::-1]])
def test_a_plain_array_on_a_map_travels_as_its_place_in_the_file(view: Any, tmp_path: Path) -> None:
    np.arange(100_000).tofile(tmp_path / "numbers")
    array = view(np.asarray(np.memmap(tmp_path / "numbers", dtype=np.int64, mode="r")))
    assert type(array) is np.ndarray
    packed = pickle.dumps(Holding(array=array))
    arrived = pickle.loads(packed)
    assert len(packed) < 1000
    assert type(arrived.array) is np.ndarray
    np.testing.assert_array_equal(arrived.array, array)
    (tmp_path / "numbers").unlink()
    with pytest.raises(HandleMissingError, match=r"Holding\.array"):
        pickle.loads(packed).array  # noqa: B018


class _WithDtypes(PickleSafeMixin):
    def __init__(self, dtype: Any, nested: Any) -> None:
        self.dtype, self.nested = dtype, nested


def test_a_dtype_is_no_array_and_travels() -> None:
    """It is its own base, which once was followed without end."""
    holder = _WithDtypes(dtype=np.dtype("float32"), nested=[np.dtype([("a", "i4")])])
    for arrived in (pickle.loads(pickle.dumps(holder)), copy.deepcopy(holder)):
        assert (arrived.dtype, arrived.nested) == (holder.dtype, holder.nested)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_row_of_a_structured_map_stays_one_and_looks_into_the_file(method: str, tmp_path: Path) -> None:
    kinds = np.dtype([("a", "i4"), ("b", "f8")])
    array = np.memmap(tmp_path / "rows", kinds, "w+", shape=5)
    array["a"] = range(5)
    read_only, records = np.memmap(tmp_path / "rows", kinds, "r"), array.view(np.dtype((np.record, kinds)))
    dataset = Holding(row=array[3], read_only=read_only[3], record=records[4], nested=[array[2]])
    reads_the_same_in_workers(method, row_of, dataset)
    arrived = sent(array[3])
    arrived["a"] = 7
    assert array[3]["a"] == 7 and sent(arrived) == array[3]


def row_of(dataset: Any) -> Any:
    rows = (dataset.row, dataset.read_only, dataset.record)
    return [(type(row), row.item(), row.dtype, row.flags.writeable) for row in rows], dataset.nested[0].item()


def test_an_empty_view_stays_read_only(path: Path) -> None:
    for array in (opened(path, "r")[3:3], np.asarray(opened(path, "r"))[:0]):
        arrived = sent(array)
        assert arrived.shape == array.shape and arrived.dtype == array.dtype and not arrived.flags.writeable


class Narrowed(np.lib.npyio.NpzFile):
    def __init__(self, path: Path) -> None:
        super().__init__(open(path, "rb"), own_fid=True)
        self.files = [name for name in self.files if name != "b"]


def test_an_archive_whose_class_has_left_out_arrays_is_refused_unless_it_is_closed(tmp_path: Path) -> None:
    np.savez(tmp_path / "file.npz", a=np.arange(3), b=np.arange(3))
    archive = Narrowed(tmp_path / "file.npz")
    arrived = pickle.loads(pickle.dumps(Holding(it=archive)))
    with pytest.raises(NotWorkerSafeError, match=r"^Holding\.it: this .*Narrowed had other content"):
        arrived.it.files  # noqa: B018
    archive.close()
    assert pickle.loads(pickle.dumps(Holding(it=archive))).it.files == ["a"]
