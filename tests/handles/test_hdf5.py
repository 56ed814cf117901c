"""h5py files, groups and datasets in workers."""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.registry import describe, handle_type
from tests.handles.holding import Holding, open_on, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

h5py = pytest.importorskip("h5py")
np = pytest.importorskip("numpy")

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "größe.h5"
    with h5py.File(where, "w") as file:
        file.create_dataset("x", data=np.arange(1000), chunks=(10,))
        file["deep/er/y"] = np.arange(500.0)
        file["deep"].attrs["unit"] = "m"
        file["text"] = ["ä", "b"]
        file["kind"] = np.dtype("i4")
        file["x"].dims[0].label = "row"
    return where


class Derived(h5py.File):
    """A user's own class."""

    def __init__(self, where: Path, factor: int) -> None:
        super().__init__(where, "r")
        self.factor = factor

    def scaled(self, index: int) -> int:
        return int(self["x"][index] * self.factor)


def read_x(dataset: Any) -> list[int]:
    return [int(dataset.x[index]) for index in range(0, 1000, 7)]


def read_everything(dataset: Any) -> tuple[Any, ...]:
    file = dataset.file
    return (
        file["x"][::3].tolist(),
        dataset.group["er/y"][:].tolist(),
        dataset.attributes["unit"],
        dataset.text[:].tolist(),
        dataset.halves[1],
        dataset.kind.dtype.str,
        dataset.dims[0].label,
        dataset.number.shape,
    )


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_and_what_it_holds_read_the_same_in_every_worker(method: str, path: Path) -> None:
    file = h5py.File(path, "r")
    dataset = Holding(
        file=file,
        group=file["deep"],
        attributes=file["deep"].attrs,
        text=file["text"].asstr(),
        halves=file["deep/er/y"].astype("f2"),
        kind=file["kind"],
        dims=file["x"].dims,
        number=file["x"].id,
    )
    reads_the_same_in_workers(method, read_everything, dataset)


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("driver", [None, "stdio", "core", "file object", "memory"])
def test_a_dataset_touched_in_the_parent_reads_the_same_whatever_it_is_opened_on(
    driver: str | None, method: str, path: Path
) -> None:
    if driver == "file object":
        file = h5py.File(open(path, "rb"), "r")
    elif driver == "memory":
        file = h5py.File(io.BytesIO(path.read_bytes()), "r")
    else:
        file = h5py.File(path, "r", driver=driver)
    reads_the_same_in_workers(method, read_x, Holding(x=file["x"]))


@pytest.mark.parametrize("way", WAYS)
def test_a_dataset_and_its_file_are_of_one_file_afterwards(way: str, path: Path) -> None:
    file = h5py.File(path, "r")
    arrived = WAYS[way](Holding(x=file["x"], y=file["deep/er/y"], file=file, nested=[file["x"], file]))
    assert arrived.file.id.id == arrived.x.file.id.id == arrived.y.file.id.id != file.id.id
    if way != "copied":  # what a shallow copy holds in a list stays shared
        assert arrived.nested[0].file.id.id == arrived.file.id.id
        assert arrived.nested[1] is arrived.file
    arrived.file.close()
    assert read_x(Holding(x=file["x"]))[1] == 7


@pytest.mark.parametrize(
    "settings",
    [
        {"driver": "stdio"},
        {"driver": "core", "block_size": 1 << 20},
        {"swmr": True},
        {"locking": False},
        {"locking": True},
        {"locking": "best-effort"},
        {"libver": "latest"},
        {"libver": ("v108", "v110")},
        {"rdcc_nslots": 1009, "rdcc_nbytes": 5_000_000, "rdcc_w0": 0.5},
    ],
    ids=str,
)
def test_the_settings_of_a_file_are_restored(settings: dict[str, Any], path: Path) -> None:
    file = h5py.File(path, "r", **settings)
    given = settings_of(file)
    recipe = pickle.loads(pickle.dumps(describe(file)))
    # Closed first: as long as a file is open, HDF5 gives its settings to whoever opens it again.
    file.close()
    assert settings_of(recipe.open()) == given


def test_the_page_buffer_is_restored(tmp_path: Path) -> None:
    where = tmp_path / "pages.h5"
    with h5py.File(where, "w", fs_strategy="page", fs_page_size=4096) as file:
        file["x"] = [1]
    file = h5py.File(where, "r", page_buf_size=8192, min_meta_keep=10, min_raw_keep=20)
    given = settings_of(file)
    recipe = describe(file)
    file.close()
    assert settings_of(recipe.open()) == given


def settings_of(file: Any) -> list[Any]:
    plist = file.id.get_access_plist()
    return [
        file.mode,
        file.driver,
        file.libver,
        file.swmr_mode,
        plist.get_cache(),
        plist.get_file_locking(),
        plist.get_page_buffer_size(),
        plist.get_fapl_core() if file.driver == "core" else None,
    ]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_class_derived_from_file_arrives_with_its_attributes(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_scaled, Holding(file=Derived(path, 3)))


def read_scaled(dataset: Any) -> tuple[Any, ...]:
    return type(dataset.file).__name__, dataset.file.scaled(7)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_in_memory_travels_by_value(method: str) -> None:
    file = h5py.File.in_memory()
    file["x"] = np.arange(1000)
    reads_the_same_in_workers(method, read_x, Holding(x=file["x"]))


def test_what_is_closed_arrives_closed(path: Path) -> None:
    file = h5py.File(path, "r")
    dataset = Holding(file=file, x=file["x"], group=file["deep"], kind=file["kind"])
    file.close()
    arrived = pickle.loads(pickle.dumps(dataset))
    assert not any([arrived.file, arrived.x, arrived.group, arrived.kind])
    assert isinstance(arrived.file, h5py.File) and isinstance(arrived.x, h5py.Dataset)


def test_an_external_link_leads_to_the_other_file(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "links.h5", "w") as links:
        links["there"] = h5py.ExternalLink(path.name, "/x")
    links = h5py.File(tmp_path / "links.h5", "r")
    dataset = Holding(x=links["there"])
    expected = read_x(dataset)
    monkeypatch.chdir("/")
    assert in_worker("spawn", read_x, dataset) == expected


def test_a_relative_path_leads_to_the_file_from_any_working_directory(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Holding(x=h5py.File(path.name, "r")["x"])
    expected = read_x(dataset)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert in_worker("spawn", read_x, dataset) == expected


@pytest.mark.parametrize("mode", ["w", "r+", "a", "x"])
def test_a_file_that_can_write_is_refused_with_its_path_and_mode(mode: str, tmp_path: Path) -> None:
    where = tmp_path / "out.h5"
    if mode != "x":
        h5py.File(where, "w").close()
    file = h5py.File(where, mode)
    file["x"] = [1]
    for handle in (file, file["x"], file["/"], file.attrs, file["x"].id):
        with pytest.raises(UnsafeHandleError) as raised:
            pickle.dumps(Holding(out=handle))
        # h5py reports r+ for every mode that writes.
        for part in ("Holding.out", repr(str(where)), "'r+'", "read-only"):
            assert part in str(raised.value)
    assert file["x"][:].tolist() == [1]


def test_a_file_that_was_replaced_or_deleted_is_an_error(path: Path, tmp_path: Path) -> None:
    packed = pickle.dumps(Holding(x=h5py.File(path, "r")["x"]))
    moved = path.rename(tmp_path / "moved.h5")
    with pytest.raises(HandleMissingError, match=r"Holding\.x"):
        read_x(pickle.loads(packed))
    with h5py.File(path, "w") as other:
        other.create_dataset("x", data=np.arange(5000))
    with pytest.raises(HandleChangedError, match=r"Holding\.x"):
        read_x(pickle.loads(packed))
    path.unlink()
    moved.rename(path)
    assert read_x(pickle.loads(packed))[1] == 7


def test_a_file_replaced_while_it_was_open_is_noticed(path: Path) -> None:
    dataset = Holding(x=h5py.File(path, "r")["x"])
    path.unlink()
    with h5py.File(path, "w") as other:
        other["x"] = np.zeros(5000)
    with pytest.raises(HandleChangedError, match=r"Holding\.x"):
        read_x(pickle.loads(pickle.dumps(dataset)))


def test_a_name_that_several_file_objects_bear_is_an_error(path: Path) -> None:
    under, _alike = open(path, "rb"), open(path, "rb")
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file.*2 objects are"):
        pickle.dumps(Holding(file=h5py.File(under, "r")))


def test_the_file_object_under_a_file_is_shared_with_its_other_names(path: Path) -> None:
    under = open(path, "rb")
    arrived = pickle.loads(pickle.dumps(Holding(file=h5py.File(under, "r"), under=under)))
    arrived.under.seek(0)
    assert arrived.file["deep/er/y"][3] == 3
    assert arrived.under.tell() != 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForked:
    def test_a_child_closes_the_inherited_file_and_opens_one_of_its_own(self, path: Path) -> None:
        dataset = Holding(file=h5py.File(path, "r"))
        dataset.same = inherited["file"] = dataset.file
        assert read_x(Holding(x=dataset.file["x"]))[1] == 7
        number = dataset.file.id.id
        assert in_worker("fork", look_at_inherited, dataset) == (False, False, True, 7)
        assert dataset.file.id.id == number and read_x(Holding(x=dataset.file["x"]))[1] == 7

    @pytest.mark.parametrize("mode", ["w", "r+", "a"])
    def test_a_file_that_can_write_is_refused_at_first_use(self, mode: str, path: Path) -> None:
        file = h5py.File(path, mode)
        file["z"] = [1]
        with pytest.raises(UnsafeHandleError, match=r"Holding\.z.*.*\.h5.*'r\+'"):
            in_worker("fork", first_of_z, Holding(z=file["z"]))
        assert file["z"][:].tolist() == [1]

    def test_a_file_that_the_parent_writes_keeps_all_its_groups(self, tmp_path: Path) -> None:
        assert groups_after_a_child(tmp_path / "kept.h5", lambda file: Holding(file=file)) == 600

    def test_without_picklesafe_the_same_child_destroys_the_file(self, tmp_path: Path) -> None:
        # What the test above is about, so that it can fail.
        assert groups_after_a_child(tmp_path / "lost.h5", lambda file: [file]) != 600

    @ON_LINUX
    def test_the_parents_offset_stays_where_it_is(self, path: Path) -> None:
        under = open(path, "rb")
        dataset = Holding(x=h5py.File(under, "r")["x"])
        before = os.lseek(under.fileno(), 0, os.SEEK_CUR)
        in_worker("fork", read_x, dataset)
        assert os.lseek(under.fileno(), 0, os.SEEK_CUR) == before
        assert len(open_on(path)) == 1


inherited: dict[str, Any] = {}


def look_at_inherited(dataset: Any) -> tuple[Any, ...]:
    opened = dataset.file
    return bool(inherited["file"]), opened is inherited["file"], dataset.same is opened, int(opened["x"][7])


def first_of_z(dataset: Any) -> int:
    return int(dataset.z[0])


def groups_after_a_child(path: Path, hold: Any) -> int:
    """A child inherits a file that the parent goes on to fill and closes; then the child drops what it holds."""
    file = h5py.File(path, "w")
    for number in range(200):
        file.create_group(f"early{number}")
    file.flush()
    holder = [hold(file)]
    closed, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(closed, 1)
        holder.clear()
        del file
        gc.collect()
        os._exit(0)
    for number in range(400):
        file.create_group(f"late{number}")
    file.close()
    os.write(tell, b"x")
    os.waitpid(child, 0)
    try:
        with h5py.File(path, "r") as after:
            return len(after)
    except (OSError, RuntimeError):
        return 0


@ON_LINUX
@pytest.mark.parametrize("driver", [None, "stdio", "core"])
def test_the_descriptors_by_which_a_file_writes_are_told(driver: str | None, path: Path) -> None:
    with h5py.File(path, "r+", driver=driver) as file:
        for handle in (file, file["x"], file["x"].id, file["deep"].attrs, file["x"].dims):
            entry = handle_type(type(handle))
            assert entry is not None
            assert list(entry.written_through(handle)) == open_on(path)
            assert len(open_on(path)) == 1
