"""pyarrow's files and readers, and safetensors, in workers."""

from __future__ import annotations

import io
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.apart import reads_apart
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")
pytest.importorskip("pyarrow.fs")

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
ROWS = 20_000
FILES = {
    "memory map": lambda path: pa.memory_map(str(path)),
    "OSFile": lambda path: pa.OSFile(str(path)),
    "local file system": lambda path: pa.fs.LocalFileSystem().open_input_file(str(path)),
}


def table(made_for: Path, first: int = 0) -> Any:
    """Its metadata tell the tests' files apart: one that an earlier test has left open would be a copy."""
    numbers = list(range(first, first + ROWS))
    columns = {"number": numbers, "word": [f"w{number % 7}" for number in numbers]}
    return pa.table(columns).replace_schema_metadata({"made for": str(made_for)})


@pytest.fixture
def batches(tmp_path: Path) -> Path:
    path = tmp_path / "größe.arrow"
    with pa.ipc.new_file(str(path), table(path).schema) as out:
        out.write_table(table(path), max_chunksize=500)
    return path


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    path = tmp_path / "größe.parquet"
    pa.parquet.write_table(table(path), path, row_group_size=500)
    pa.parquet.write_table(table(path, first=5), tmp_path / "other.parquet", row_group_size=500)
    return path


def read_bytes(dataset: Any) -> list[bytes]:
    read = [dataset.file.read(40)]
    here = dataset.file.tell()
    for place in (90_000, 5, 61_234):
        dataset.file.seek(place)
        read.append(dataset.file.read(100))
    dataset.file.seek(here - 40)
    return read


def read_batches(dataset: Any) -> list[Any]:
    return [dataset.reader.get_batch(number).to_pydict() for number in (30, 2, 17)]


def read_groups(dataset: Any) -> list[Any]:
    tables = [dataset.reader.read_row_group(number) for number in (30, 2, 17)]
    return [*(read.to_pydict() for read in tables), str(tables[0].schema)]


@ON_LINUX
@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", FILES)
def test_a_file_goes_on_in_every_worker_where_the_parent_stood(kind: str, method: str, batches: Path) -> None:
    file = FILES[kind](batches)
    file.seek(777)
    assert Path(batches).read_bytes()[777:817] == read_bytes(Holding(file=file))[0]
    reads_the_same_in_workers(method, read_bytes, Holding(file=file))
    assert file.tell() == 777


@ON_LINUX
@pytest.mark.parametrize("kind", FILES)
def test_a_forked_child_reads_at_an_offset_of_its_own(kind: str, batches: Path) -> None:
    reads_apart(Holding(file=FILES[kind](batches)), read_bytes, batches)


@ON_LINUX
@pytest.mark.parametrize("method", START_METHODS)
def test_a_reader_of_mapped_batches_reads_the_same_in_every_worker(method: str, batches: Path, tmp_path: Path) -> None:
    alike = pa.memory_map(str(shutil.copy(batches, tmp_path / "copy.arrow")))
    reader = pa.ipc.open_file(pa.memory_map(str(batches)))
    reads_the_same_in_workers(method, read_batches, Holding(reader=reader))
    assert not alike.closed


@ON_LINUX
@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize(
    "options", [{}, {"memory_map": True}, {"read_dictionary": ["word"]}, {"pre_buffer": False}], ids=str
)
def test_a_parquet_file_touched_in_the_parent_reads_the_same_in_every_worker(
    options: dict[str, Any], method: str, parquet: Path
) -> None:
    other = pa.parquet.ParquetFile(parquet.with_name("other.parquet"))
    dataset = Holding(reader=pa.parquet.ParquetFile(parquet, **options))
    reads_the_same_in_workers(method, read_groups, dataset)
    assert read_groups(Holding(reader=other)) != read_groups(dataset)


@ON_LINUX
def test_common_metadata_is_restored(parquet: Path) -> None:
    common = pa.parquet.read_metadata(parquet)
    reader = pa.parquet.ParquetFile(parquet, common_metadata=common)
    assert pickle.loads(pickle.dumps(Holding(reader=reader))).reader.common_metadata.equals(common)


def refused(parquet: Path, batches: Path) -> dict[str, Any]:
    """What doesn't reveal its file, or has none."""
    stream = batches.with_name("stream.arrows")
    with pa.ipc.new_stream(str(stream), table(stream).schema) as out:
        out.write_table(table(stream))
    return {
        "parquet on a file object": pa.parquet.ParquetFile(open(parquet, "rb")),
        "parquet in memory": pa.parquet.ParquetFile(pa.BufferReader(parquet.read_bytes())),
        "batches that aren't mapped": pa.ipc.open_file(pa.OSFile(str(batches))),
        "batches in memory": pa.ipc.open_file(pa.BufferReader(batches.read_bytes())),
        "a stream of batches": pa.ipc.open_stream(str(stream)),
        "a stream": pa.fs.LocalFileSystem().open_input_stream(str(batches)),
        "a buffer": pa.BufferReader(b"xx"),
        "a Python file": pa.PythonFile(io.BytesIO(b"xx"), mode="r"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "parquet on a file object",
        "parquet in memory",
        "batches that aren't mapped",
        "batches in memory",
        "a stream of batches",
        "a stream",
        "a buffer",
        "a Python file",
    ],
)
def test_what_does_not_reveal_its_file_is_an_error(kind: str, parquet: Path, batches: Path) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file: pyarrow.* doesn't (reveal|tell).*per_worker"):
        pickle.dumps(Holding(file=refused(parquet, batches)[kind]))


@ON_LINUX
def test_of_two_copies_that_are_both_open_none_is_guessed(parquet: Path, tmp_path: Path) -> None:
    one = pa.parquet.ParquetFile(parquet)
    copy = pa.parquet.ParquetFile(shutil.copy(parquet, tmp_path / "copy.parquet"))
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.reader.*reveal"):
        pickle.dumps(Holding(reader=one))
    copy.close()
    pickle.dumps(Holding(reader=one))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_that_writes_is_refused(method: str, batches: Path, tmp_path: Path) -> None:
    for file in (pa.memory_map(str(batches), "r+"), pa.OSFile(str(tmp_path / "out"), "wb")):
        with pytest.raises(UnsafeHandleError, match=r"Holding\.file.*open for writing"):
            in_worker(method, read_bytes, Holding(file=file))


@ON_LINUX
def test_a_closed_file_is_named(batches: Path, parquet: Path) -> None:
    for handle in (pa.memory_map(str(batches)), pa.OSFile(str(batches)), pa.parquet.ParquetFile(parquet)):
        handle.close()
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.file: this .* is closed"):
            pickle.dumps(Holding(file=handle))


@ON_LINUX
def test_a_file_that_was_replaced_or_deleted_is_an_error(batches: Path, tmp_path: Path) -> None:
    file = pa.memory_map(str(batches))
    dataset = Holding(file=file, reader=pa.ipc.open_file(file))
    packed = pickle.dumps(dataset)
    moved = batches.rename(tmp_path / "moved")
    with pytest.raises(HandleMissingError, match=r"Holding\.file"):
        read_bytes(pickle.loads(packed))
    shutil.copy(moved, batches)
    with pytest.raises(HandleChangedError, match=r"Holding\.file"):
        read_bytes(pickle.loads(packed))
    # What is open goes by the file, whatever it is called now.
    assert read_batches(pickle.loads(pickle.dumps(dataset))) == read_batches(dataset)


# safetensors


@pytest.mark.parametrize("method", START_METHODS)
def test_safetensors_reach_forked_workers_alone(method: str, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    safetensors = pytest.importorskip("safetensors")
    path = tmp_path / "weights.safetensors"
    write = pytest.importorskip("safetensors.numpy").save_file
    write({"x": pytest.importorskip("numpy").arange(50_000.0).reshape(500, 100)}, path)
    file = safetensors.safe_open(path, framework="np")
    dataset = Holding(file=file, part=file.get_slice("x"))
    if method == "fork":
        reads_the_same_in_workers(method, read_tensors, dataset)
    else:
        with pytest.raises(
            NotWorkerSafeError, match=r"Holding\.(file: safetensors|part: this PySafeSlice).*per_worker"
        ):
            in_worker(method, read_tensors, dataset)


def read_tensors(dataset: Any) -> list[Any]:
    return [dataset.part[40:45, 3].tolist(), dataset.file.get_tensor("x").sum()]
