"""AnnData backed by an HDF5 file, in workers: the object pickles by its attributes, of which one holds the file."""

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

anndata = pytest.importorskip("anndata")
np = pytest.importorskip("numpy")
sparse = pytest.importorskip("scipy.sparse")


def write(path: Path, *, dense: bool = True, factor: int = 1) -> Path:
    x = np.arange(100 * 20, dtype="f4").reshape(100, 20) * factor
    cells = anndata.AnnData(x if dense else sparse.csr_matrix(x))
    cells.obs["batch"] = [f"b{number % 3}" for number in range(100)]
    cells.obsm["pca"] = np.arange(200.0).reshape(100, 2)
    cells.layers["counts"] = x * 2
    cells.uns["made"] = "for a test"
    cells.write_h5ad(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "cells.h5ad")


def read(dataset: Any) -> tuple[Any, ...]:
    cells = dataset.cells
    return (
        np.asarray(cells.X[3:60:7]).tolist(),
        cells[5].obs["batch"].tolist(),
        cells.obsm["pca"][9].tolist(),
        np.asarray(cells.layers["counts"][2]).tolist(),
        cells.uns["made"],
        cells.isbacked,
        Path(cells.filename).name,
        cells.shape,
        np.asarray(cells[:10].X).tolist(),
    )


@pytest.mark.parametrize("method", START_METHODS)
def test_backed_cells_read_the_same_in_every_worker(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read, Holding(cells=anndata.read_h5ad(path, backed="r")))


def read_parts(dataset: Any) -> tuple[Any, ...]:
    return (
        dataset.x[3:9].toarray().tolist(),
        dataset.view.X.toarray().tolist(),
        dataset.view.obs["batch"].tolist(),
        dataset.cells.X[7].toarray().tolist(),
        dataset.view.is_view,
    )


@pytest.mark.parametrize("method", START_METHODS)
def test_a_sparse_matrix_and_a_view_read_the_same_in_every_worker(method: str, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(write(tmp_path / "sparse.h5ad", dense=False), backed="r")
    reads_the_same_in_workers(method, read_parts, Holding(cells=cells, x=cells.X, view=cells[10:20]))


@pytest.mark.parametrize("method", START_METHODS)
def test_cells_in_memory_travel_as_ever(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_in_memory, Holding(cells=anndata.read_h5ad(path)))


def read_in_memory(dataset: Any) -> tuple[Any, ...]:
    return dataset.cells.X.tolist(), dataset.cells.isbacked


@pytest.mark.parametrize("arrive", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy], ids=["pickled", "deep"])
def test_a_copy_has_a_file_of_its_own(arrive: Any, path: Path) -> None:
    dataset = Holding(cells=anndata.read_h5ad(path, backed="r"))
    expected = read(dataset)
    arrived = arrive(dataset)
    assert arrived.cells.file._file.id.id != dataset.cells.file._file.id.id
    arrived.cells.file.close()
    assert read(dataset) == expected


def test_cells_that_can_write_are_refused_with_their_path(path: Path) -> None:
    dataset = Holding(cells=anndata.read_h5ad(path, backed="r+"))
    with pytest.raises(UnsafeHandleError) as raised:
        pickle.dumps(dataset)
    for part in ("Holding.cells", repr(str(path)), "'r+'", "read-only"):
        assert part in str(raised.value)
    assert read(dataset)[5]


def test_a_file_that_was_replaced_is_an_error(path: Path, tmp_path: Path) -> None:
    packed = pickle.dumps(Holding(cells=anndata.read_h5ad(path, backed="r")))
    path.rename(tmp_path / "moved.h5ad")
    with pytest.raises(HandleMissingError, match=r"Holding\.cells"):
        read(pickle.loads(packed))
    write(path, factor=2)
    with pytest.raises(HandleChangedError, match=r"Holding\.cells"):
        read(pickle.loads(packed))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class TestForked:
    def test_a_child_closes_the_inherited_file_and_opens_one_of_its_own(self, path: Path) -> None:
        dataset = Holding(cells=anndata.read_h5ad(path, backed="r"))
        expected = read(dataset)
        inherited["file"] = dataset.cells.file._file
        assert in_worker("fork", look_at_inherited, dataset) == (False, False, True)
        assert read(dataset) == expected

    def test_cells_that_can_write_are_refused_and_stay_whole(self, path: Path) -> None:
        dataset = Holding(cells=anndata.read_h5ad(path, backed="r+"))
        dataset.cells.X[0, 0] = 77
        with pytest.raises(UnsafeHandleError, match=r"Holding\.cells.*cells\.h5ad.*'r\+'"):
            in_worker("fork", read, dataset)
        dataset.cells.X[1, 1] = 78
        dataset.cells.file.close()
        after = anndata.read_h5ad(path).X
        assert (after[0, 0], after[1, 1], after[2, 2]) == (77, 78, 42)


inherited: dict[str, Any] = {}


def look_at_inherited(dataset: Any) -> tuple[Any, ...]:
    opened = dataset.cells.file._file
    return bool(inherited["file"]), opened is inherited["file"], bool(opened)
