"""What the linter knows of handles is what the runtime knows of them: no fix promises what the mixin doesn't keep."""

from __future__ import annotations

import ast
import inspect
import os
import pickle

import pytest

from picklesafe import NotWorkerSafeError, PickleSafeMixin
from picklesafe.handles.recipe import resolve
from picklesafe.handles.registry import HandleType, all_types
from picklesafe.lint.datasets.library import STUCK_NAMES
from picklesafe.lint.datasets.openers import HANDLE, OPENERS, REFUSED, SAFE, UNSAFE, Opener, opened

TYPES = all_types()
_PARTS = (
    "_io.BufferedRWPair codecs.StreamReader codecs.StreamWriter fsspec.core.PickleableTextIOWrapper "
    "tarfile.ExFileObject zipfile.ZipExtFile zipfile.CompleteDirs zipfile.FastLookup zipfile._path.CompleteDirs "
    "zipfile._path.FastLookup tifffile.tifffile.TiffFrame tifffile.tifffile.TiffPage tifffile.tifffile.TiffPages "
    "tifffile.tifffile.TiffPageSeries h5py._hl.attrs.AttributeManager h5py._hl.datatype.Datatype "
    "h5py._hl.dims.DimensionManager h5py.h5d.DatasetID h5py.h5f.FileID h5py.h5g.GroupID netCDF4._netCDF4.Group "
    "netCDF4._netCDF4.Variable netCDF4._netCDF4.Dimension netCDF4._netCDF4._Variable tables.node.Node "
    "tables.table.Column tables.table.Cols builtins.Transaction builtins._Database lmdb.cffi.Transaction "
    "lmdb.cffi._Database av.stream.Stream rasterio.vrt.WarpedVRT rasterio.io.BufferedDatasetWriter "
    "rasterio.io.DatasetWriter pysam.libcbgzf.BGZFile pysam.libchtslib.HFile pyarrow.lib.NativeFile "
    "dbm.dumb._Database cv2.VideoWriter"
)
PARTS = frozenset(_PARTS.split())
"""Types that stand on a handle that was opened before, or that nobody is seen to open by a name of its own."""
BY_URL = "fsspec."
OPENED_HERE = [pytest.param(opener, id=name) for name, opener in OPENERS.items()]


def _said(entry: HandleType) -> str:
    return inspect.getdoc(entry.describe) or ""


def _is_refused(entry: HandleType) -> bool:
    says = _said(entry)
    return says.startswith("Restores nothing") or "an open one doesn't reveal its file" in says


@pytest.mark.parametrize("opener", OPENED_HERE)
def test_every_type_that_is_opened_is_registered_under_the_name_that_is_known_here(opener: Opener) -> None:
    assert opener.registered
    assert set(opener.registered) <= set(TYPES)


@pytest.mark.parametrize("opener", [param for param in OPENED_HERE if param.values[0].restored != REFUSED])
def test_the_mixin_opens_again_what_it_is_offered_for(opener: Opener) -> None:
    assert not any(_is_refused(TYPES[name]) for name in opener.registered[:1])


@pytest.mark.parametrize("opener", [param for param in OPENED_HERE if param.values[0].restored == REFUSED])
def test_nothing_is_offered_for_what_the_mixin_refuses_or_would_only_half_restore(opener: Opener) -> None:
    entry = TYPES[opener.registered[0]]
    error = "is an error" in _said(entry) or "is refused" in _said(entry)
    assert _is_refused(entry) or error or entry.name.startswith("tempfile.")


def test_no_type_that_the_runtime_opens_again_is_unknown_here() -> None:
    known = {name for opener in OPENERS.values() for name in opener.registered}
    missing = {
        name
        for name, entry in TYPES.items()
        if entry.travels and not _is_refused(entry) and name not in known and not name.startswith((*BY_URL, "tests."))
    }
    assert {name for name in missing if not name.startswith(("anndata.", "loguru."))} <= PARTS


def test_what_forked_workers_may_share_is_nothing_to_complain_of() -> None:
    for name, opener in OPENERS.items():
        if all(TYPES[one].in_child == "share" for one in opener.registered):
            assert opener.fork == "", name


ARGUMENTS = {"Barrier": (1,), "Timer": (1, print), "FileHandler": (os.devnull,)}
STANDARD = ("threading", "queue", "concurrent.futures", "logging")


class Holder(PickleSafeMixin):
    def __init__(self, held: object) -> None:
        self.held = held


@pytest.mark.parametrize("name", [name for name in STUCK_NAMES if name.rpartition(".")[0] in STANDARD])
def test_the_mixin_is_offered_for_what_it_makes_anew(name: str) -> None:
    last = name.rpartition(".")[2]
    made = resolve(name)(*ARGUMENTS.get(last, ()))
    with pytest.raises(TypeError):
        pickle.dumps(made)
    if STUCK_NAMES[name].restored == SAFE:
        assert type(pickle.loads(pickle.dumps(Holder(made))).held) is type(made)
    else:
        with pytest.raises(NotWorkerSafeError):
            pickle.dumps(Holder(made))


@pytest.mark.parametrize(
    ("call", "restored"),
    [
        ("open(path)", SAFE),
        ("open(path, 'rb')", SAFE),
        ("open(path, mode)", UNSAFE),
        ("open(path, 'w')", REFUSED),
        ("h5py.File(path, mode='a')", REFUSED),
        ("lmdb.open(path, readonly=True)", SAFE),
        ("lmdb.open(path)", UNSAFE),
        ("numpy.memmap(path, mode='r+')", SAFE),
        ("pyfaidx.Fasta(path, key_function=lambda name: name)", UNSAFE),
        ("pyfaidx.Fasta(path)", SAFE),
    ],
)
def test_a_fix_is_safe_where_nothing_is_written(call: str, restored: str) -> None:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    found = opened(ast.unparse(node.func), node)
    assert found is not None and found.restored == restored


@pytest.mark.parametrize("call", ["h5py.File(path, driver='stdio')", "h5py.File(path, driver=driver)"])
def test_hdf5_files_that_arent_read_by_position_share_an_offset(call: str) -> None:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    found = opened("h5py.File", node)
    assert found is not None and found.kind == HANDLE and "offset" in found.fork
    assert OPENERS["h5py.File"].fork == ""
