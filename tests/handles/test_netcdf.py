"""netCDF4 datasets, groups and variables in workers."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

netCDF4 = pytest.importorskip("netCDF4")
np = pytest.importorskip("numpy")

WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}
FORMATS = ["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"]


def write(path: Path, kind: str = "NETCDF4", first: int = 0) -> Path:
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        dataset.createDimension("t", None)
        dataset.createDimension("letters", 3)
        x = dataset.createVariable("x", "i4", ("t",), fill_value=-1)
        x[:] = np.arange(first, first + 100)
        x[5] = -1
        x.scale_factor = 2.0
        dataset.createVariable("name", "S1", ("letters",))[:] = np.array([b"a", b"b", b"c"])
        dataset["name"]._Encoding = "ascii"
        dataset.title = "made for a test"
        if kind == "NETCDF4":
            dataset.createGroup("deep/er").createVariable("y", "f8", ("t",))[:] = np.arange(100) / 2
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "größe.nc")


def read_x(dataset: Any) -> tuple[Any, ...]:
    return dataset.x[:20].tolist(), dataset.x[3:90:7].tolist(), np.ma.isMA(dataset.x[:])


def read_everything(dataset: Any) -> tuple[Any, ...]:
    return (
        *read_x(dataset),
        dataset.file.title,
        dataset.file["deep/er/y"][7],
        dataset.group.path,
        dataset.y[:].tolist(),
        len(dataset.t),
        dataset.t.isunlimited(),
        dataset.name[:].tolist(),
    )


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("settings", [{}, {"keepweakref": True}, {"diskless": True}], ids=str)
def test_a_dataset_and_what_it_holds_read_the_same_in_every_worker(
    settings: dict[str, Any], method: str, path: Path
) -> None:
    file = netCDF4.Dataset(path, **settings)
    dataset = Holding(
        file=file,
        x=file["x"],
        group=file["deep"],
        y=file["deep/er/y"],
        t=file.dimensions["t"],
        name=file["name"],
    )
    reads_the_same_in_workers(method, read_everything, dataset)


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_variable_reads_the_same_whatever_the_format(kind: str, method: str, tmp_path: Path) -> None:
    reads_the_same_in_workers(method, read_x, Holding(x=netCDF4.Dataset(write(tmp_path / "x.nc", kind))["x"]))


@pytest.mark.parametrize("way", WAYS)
def test_a_variable_and_its_dataset_are_of_one_dataset_afterwards(way: str, path: Path) -> None:
    file = netCDF4.Dataset(path)
    arrived = WAYS[way](Holding(x=file["x"], y=file["deep/er/y"], deep=file["deep"], file=file))
    assert arrived.x.group() is arrived.file is arrived.deep.parent
    assert arrived.y.group().parent.parent is arrived.file
    assert arrived.file is not file
    arrived.file.close()
    assert file["x"][7] == 14


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("switch", ["set_auto_mask", "set_auto_scale", "set_always_mask", "set_auto_chartostring"])
def test_what_was_switched_off_stays_switched_off(switch: str, method: str, path: Path) -> None:
    whole, single = netCDF4.Dataset(path), netCDF4.Dataset(path)
    getattr(whole, switch)(False)
    getattr(single["x"], switch)(False)
    reads_the_same_in_workers(method, read_switched, Holding(whole=whole, x=single["x"], name=single["name"]))


def read_switched(dataset: Any) -> list[Any]:
    read = [dataset.x, dataset.name, *(dataset.whole[name] for name in ("x", "name", "deep/er/y"))]
    return [
        (variable[:].tolist(), np.ma.isMA(variable[:]), variable.mask, variable.scale, variable.chartostring)
        for variable in read
    ]


@pytest.mark.parametrize("method", START_METHODS)
def test_several_files_joined_into_one_read_the_same_in_every_worker(method: str, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}.nc", "NETCDF4_CLASSIC", 100 * number) for number in range(3)]
    joined = netCDF4.MFDataset([str(file) for file in files], master_file=str(files[1]), exclude=["z"])
    joined.set_auto_mask(False)
    dataset = Holding(joined=joined, x=joined.variables["x"])
    reads_the_same_in_workers(method, read_joined, dataset)


def read_joined(dataset: Any) -> tuple[Any, ...]:
    return (
        dataset.x[:].tolist(),
        np.ma.isMA(dataset.x[:]),
        dataset.joined.variables["x"][250],
        dataset.joined.title,
        len(dataset.joined.dimensions["t"]),
        dataset.x._dset is dataset.joined,
    )


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["w", "r+", "a"])
def test_a_dataset_that_can_write_is_refused_with_its_path(mode: str, kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "out.nc", kind)
    file = netCDF4.Dataset(path, mode, format=kind)
    if mode == "w":
        file.createDimension("t", 3)
        file.createVariable("x", "i4", ("t",))[:] = [1, 2, 3]
    for handle in (file, file["x"], file.dimensions["t"]):
        with pytest.raises(UnsafeHandleError) as raised:
            pickle.dumps(Holding(out=handle))
        for part in ("Holding.out", repr(str(path)), "read-only"):
            assert part in str(raised.value)
    file["x"][0] = 78
    file.close()
    assert netCDF4.Dataset(path)["x"][0] == 78


def test_a_relative_path_means_the_file_that_was_opened_by_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that no file of another test has, which may still be open.
    path = path.rename(tmp_path / "relative.nc")
    monkeypatch.chdir(tmp_path)
    dataset = Holding(x=netCDF4.Dataset(path.name)["x"])
    expected = read_x(dataset)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(tmp_path / "elsewhere" / path.name, first=5000)
    assert in_worker("spawn", read_x, dataset) == expected


def test_a_dataset_in_memory_is_an_error_that_says_so(path: Path) -> None:
    memory = netCDF4.Dataset("no such file", memory=path.read_bytes())
    with pytest.raises(HandleMissingError, match=r"Holding\.file: .*memory.*per_worker"):
        pickle.dumps(Holding(file=memory))


def test_a_file_that_was_replaced_is_an_error(path: Path, tmp_path: Path) -> None:
    packed = pickle.dumps(Holding(x=netCDF4.Dataset(path)["x"]))
    path.rename(tmp_path / "moved.nc")
    with pytest.raises(HandleMissingError, match=r"Holding\.x"):
        read_x(pickle.loads(packed))
    with netCDF4.Dataset(path, "w") as other:
        other.createDimension("t", 10_000)
        other.createVariable("x", "f8", ("t",))[:] = 0
    with pytest.raises(HandleChangedError, match=r"Holding\.x"):
        read_x(pickle.loads(packed))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForked:
    def test_a_child_closes_the_inherited_dataset_and_opens_one_of_its_own(self, path: Path) -> None:
        dataset = Holding(file=netCDF4.Dataset(path))
        inherited["file"] = dataset.file
        assert in_worker("fork", look_at_inherited, dataset) == (False, False, 14)
        assert dataset.file.isopen() and dataset.file["x"][7] == 14

    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_dataset_that_can_write_is_refused_and_stays_whole(self, kind: str, tmp_path: Path) -> None:
        path = write(tmp_path / "out.nc", kind)
        file = netCDF4.Dataset(path, "a")
        file["x"].scale_factor = 3.0
        with pytest.raises(UnsafeHandleError, match=r"Holding\.x: .*out\.nc"):
            in_worker("fork", read_x, Holding(x=file["x"]))
        file["x"][100:200] = np.arange(300, 600, 3)
        file.close()
        assert netCDF4.Dataset(path)["x"][100:].tolist() == list(range(300, 600, 3))


inherited: dict[str, Any] = {}


def look_at_inherited(dataset: Any) -> tuple[Any, ...]:
    opened = dataset.file
    return inherited["file"].isopen(), opened is inherited["file"], int(opened["x"][7])
