"""The calls that open something, by their full names, and what pickling and forking do to the result."""

from __future__ import annotations

import ast
from typing import NamedTuple

HANDLE, MEMMAP = "handle", "memmap"


class Opener(NamedTuple):
    """What a call gives.

    Args:
        kind: `handle` (can't be pickled, is shared by forks) or `memmap` (is copied whole).
        type: as a message names it.
        reopens: whether the runtime restores it without loss, so that the mixin is a safe fix.
    """

    kind: str
    type: str
    reopens: bool = False


_RESTORED = (
    "open", "io.open", "codecs.open", "gzip.open", "gzip.GzipFile", "bz2.open", "bz2.BZ2File", "lzma.open",
    "lzma.LZMAFile", "zipfile.ZipFile", "tarfile.open", "h5py.File", "pyfaidx.Fasta", "pysam.FastaFile",
    "pysam.Fastafile", "lmdb.open", "lmdb.Environment", "sqlite3.connect", "netCDF4.Dataset",
)  # fmt: skip
_DECLARED = (
    "pysam.AlignmentFile", "pysam.TabixFile", "pysam.VariantFile", "pyBigWig.open", "rasterio.open",
    "openslide.OpenSlide", "openslide.open_slide", "tables.open_file", "tifffile.TiffFile", "cv2.VideoCapture",
    "decord.VideoReader", "av.open", "duckdb.connect", "pyfastx.Fasta", "mmap.mmap", "safetensors.safe_open",
    "pyarrow.memory_map", "pyarrow.OSFile", "pyarrow.parquet.ParquetFile",
)  # fmt: skip
OPENERS = {
    **{name: Opener(HANDLE, name, reopens=True) for name in _RESTORED},
    **{name: Opener(HANDLE, name) for name in _DECLARED},
    "numpy.memmap": Opener(MEMMAP, "numpy.memmap", reopens=True),
    "numpy.lib.format.open_memmap": Opener(MEMMAP, "numpy.memmap", reopens=True),
}
_WRITING = frozenset("wax+")


def opened(name: str, call: ast.Call) -> Opener | None:
    """What the call of the function with that full name opens, or None."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "numpy.load":
        mode = given.get("mmap_mode", call.args[1] if len(call.args) > 1 else None)
        constant = isinstance(mode, ast.Constant) and isinstance(mode.value, str)
        return Opener(MEMMAP, "numpy.load(mmap_mode=…)", reopens=True) if constant else None
    if name == "torch.load":
        mapped = given.get("mmap")
        return Opener(MEMMAP, name) if isinstance(mapped, ast.Constant) and mapped.value is True else None
    found = OPENERS.get(name)
    return found._replace(reopens=_reads(name, call)) if found is not None and found.reopens else found


def _reads(name: str, call: ast.Call) -> bool:
    """Whether nothing is written through it: what writes is refused by the mixin."""
    if name in (
        "sqlite3.connect",
        "lmdb.open",
        "lmdb.Environment",
        "pyfaidx.Fasta",
        "pysam.FastaFile",
        "pysam.Fastafile",
    ):
        readonly = [keyword.value for keyword in call.keywords if keyword.arg == "readonly"]
        return name.startswith("py") or any(
            isinstance(value, ast.Constant) and value.value is True for value in readonly
        )
    at = 2 if name == "numpy.memmap" else 1
    mode = next((k.value for k in call.keywords if k.arg == "mode"), call.args[at] if len(call.args) > at else None)
    if mode is None:
        return name != "numpy.memmap"  # whose default is r+
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and _WRITING.isdisjoint(mode.value)
