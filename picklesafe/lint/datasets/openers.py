"""The calls that open something, by their full names, and what pickling and forking do to the result."""

from __future__ import annotations

import ast
from typing import Final, NamedTuple

HANDLE, MEMMAP, STUCK = "handle", "memmap", "stuck"
SAFE, UNSAFE, REFUSED = "safe", "unsafe", "refused"

_OFFSET: Final = "forked workers share its file offset, so they read wrong data or fail"
_SQLITE: Final = "SQLite forbids the use of a connection in forked workers"
_READERS: Final = "forked workers use up its table of readers (MDB_READERS_FULL) unless it has lock=False"
_THREADS: Final = "forked workers lack its threads, so they hang or crash"
_RIGHT: Final = ""


class Opener(NamedTuple):
    """What a call gives.

    Args:
        type: as a message names it, the function that was called.
        kind: `handle` (an open file or the like), `memmap` (is copied whole when it is pickled), or
            `stuck` (can't be pickled, and there is nothing to open again).
        fork: what is wrong with it in forked workers; "" where it serves them well.
        registered: the types that it may have, as the runtime registers them.
        restored: whether the mixin opens it again without loss (SAFE), often (UNSAFE), or not at all (REFUSED).
        views: what gives handles on the same file: attributes and methods, `[]` for items.
        pickles: whether pickling it raises nothing.
    """

    type: str
    kind: str = HANDLE
    fork: str = _RIGHT
    registered: tuple[str, ...] = ()
    restored: str = SAFE
    views: tuple[str, ...] = ()
    pickles: bool = False

    @property
    def mends(self) -> bool:
        """Whether the mixin is a way out."""
        return self.restored != REFUSED


_FILE = ("_io.TextIOWrapper", "_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom", "_io.FileIO")
_HDF5 = ("[]", "attrs", "get", "require_group", "create_group", "require_dataset", "create_dataset")
_ARRAY = ("[]", "T", "reshape", "view", "ravel", "transpose", "swapaxes", "squeeze")
_NETCDF = ("[]", "variables", "groups")
_DUCKDB = ("duckdb.duckdb.DuckDBPyConnection", "_duckdb.DuckDBPyConnection")

_ROWS: Final = (
    # functions, what forked workers do with the result, its types, whether it is restored, what gives views
    ("open io.open os.fdopen io.FileIO io.TextIOWrapper io.BufferedReader io.BufferedRandom pathlib.Path.open",
     _OFFSET, _FILE, SAFE, ("buffer", "raw", "detach")),
    ("codecs.open", _OFFSET, ("codecs.StreamReaderWriter", *_FILE), SAFE, ()),
    ("tempfile.TemporaryFile tempfile.NamedTemporaryFile", _OFFSET,
     ("tempfile._TemporaryFileWrapper", *_FILE), REFUSED, ()),
    ("gzip.open gzip.GzipFile", _OFFSET, ("gzip.GzipFile", "_io.TextIOWrapper"), SAFE, ()),
    ("isal.igzip.open isal.igzip.IGzipFile", _OFFSET, ("isal.igzip.IGzipFile", "_io.TextIOWrapper"), SAFE, ()),
    ("zlib_ng.gzip_ng.open zlib_ng.gzip_ng.GzipNGFile", _OFFSET,
     ("zlib_ng.gzip_ng.GzipNGFile", "_io.TextIOWrapper"), SAFE, ()),
    ("bz2.open bz2.BZ2File", _OFFSET, ("bz2.BZ2File", "_io.TextIOWrapper"), SAFE, ()),
    ("lzma.open lzma.LZMAFile", _OFFSET, ("lzma.LZMAFile", "_io.TextIOWrapper"), SAFE, ()),
    ("zipfile.ZipFile", _OFFSET, ("zipfile.ZipFile",), SAFE, ("open",)),
    ("tarfile.open tarfile.TarFile", _OFFSET, ("tarfile.TarFile",), SAFE, ("extractfile",)),
    ("numpy.load", _OFFSET, ("numpy.lib.npyio.NpzFile",), SAFE, ()),
    ("h5py.File", _RIGHT, ("h5py._hl.files.File", "h5py._hl.group.Group", "h5py._hl.dataset.Dataset"), SAFE, _HDF5),
    ("h5py.Group h5py.Dataset", _RIGHT, ("h5py._hl.group.Group", "h5py._hl.dataset.Dataset"), SAFE, _HDF5),
    ("netCDF4.Dataset netCDF4.MFDataset", _RIGHT,
     ("netCDF4._netCDF4.Dataset", "netCDF4._netCDF4.MFDataset"), SAFE, _NETCDF),
    ("tables.open_file tables.File", _RIGHT, ("tables.file.File",), SAFE, ("root", "get_node")),
    ("pandas.HDFStore", _RIGHT, ("pandas.io.pytables.HDFStore", "pandas.HDFStore"), SAFE, ()),
    ("sqlite3.connect sqlite3.Connection", _SQLITE, ("sqlite3.Connection", "sqlite3.Cursor"), UNSAFE,
     ("cursor", "execute")),
    ("lmdb.open lmdb.Environment", _READERS, ("builtins.Environment", "lmdb.cffi.Environment"), SAFE,
     ("begin", "open_db")),
    ("pyfaidx.Fasta pyfaidx.Faidx pyfaidx.FastaRecord", _OFFSET,
     ("pyfaidx.Fasta", "pyfaidx.Faidx", "pyfaidx.FastaRecord"), SAFE, ("[]", "faidx")),
    ("pysam.FastaFile pysam.Fastafile", _OFFSET, ("pysam.libcfaidx.FastaFile",), SAFE, ()),
    ("pysam.FastxFile pysam.FastqFile", _OFFSET, ("pysam.libcfaidx.FastxFile",), REFUSED, ()),
    ("pysam.AlignmentFile pysam.Samfile", _OFFSET, ("pysam.libcalignmentfile.AlignmentFile",), SAFE, ()),
    ("pysam.VariantFile", _OFFSET, ("pysam.libcbcf.VariantFile",), SAFE, ()),
    ("pysam.TabixFile pysam.Tabixfile", _OFFSET, ("pysam.libctabix.TabixFile",), SAFE, ()),
    ("pyfastx.Fasta", _OFFSET, ("builtins.Fasta",), UNSAFE, ("[]",)),
    ("pyfastx.Fastq", _OFFSET, ("builtins.Fastq",), UNSAFE, ()),
    ("pyfastx.Fastx", _OFFSET, ("builtins.Fastx",), REFUSED, ()),
    ("twobitreader.TwoBitFile", _OFFSET, ("twobitreader.TwoBitFile",), SAFE, ("[]",)),
    ("pyBigWig.open", _OFFSET, ("pyBigWig.bigWigFile",), UNSAFE, ()),
    ("py2bit.open", _RIGHT, ("py2bit.pyTwoBit",), UNSAFE, ()),
    ("tifffile.TiffFile", _OFFSET, ("tifffile.tifffile.TiffFile",), SAFE, ("pages",)),
    ("rasterio.open", _OFFSET, ("rasterio.io.DatasetReader",), SAFE, ()),
    ("openslide.OpenSlide openslide.open_slide openslide.ImageSlide", _OFFSET,
     ("openslide.OpenSlide", "openslide.ImageSlide"), SAFE, ()),
    ("pyarrow.memory_map", _RIGHT, ("pyarrow.lib.MemoryMappedFile",), SAFE, ()),
    ("pyarrow.OSFile", _RIGHT, ("pyarrow.lib.OSFile",), SAFE, ()),
    ("pyarrow.parquet.ParquetFile", _RIGHT, ("pyarrow.parquet.core.ParquetFile",), UNSAFE, ()),
    ("pyarrow.ipc.open_file pyarrow.ipc.RecordBatchFileReader", _RIGHT,
     ("pyarrow.ipc.RecordBatchFileReader",), UNSAFE, ()),
    ("pyarrow.ipc.open_stream", _RIGHT, ("pyarrow.ipc.RecordBatchStreamReader",), REFUSED, ()),
    ("safetensors.safe_open", _RIGHT, ("builtins.safe_open",), REFUSED, ("get_slice",)),
    ("cv2.VideoCapture", _THREADS, ("cv2.VideoCapture",), REFUSED, ()),
    ("decord.VideoReader", _THREADS, ("decord.video_reader.VideoReader",), REFUSED, ()),
    ("decord.AudioReader", _THREADS, ("decord.audio_reader.AudioReader",), REFUSED, ()),
    ("decord.AVReader", _THREADS, ("decord.av_reader.AVReader",), REFUSED, ()),
    ("av.open", _THREADS, ("av.container.input.InputContainer", "av.container.output.OutputContainer"), UNSAFE,
     ("streams",)),
    ("duckdb.connect", _THREADS, _DUCKDB, UNSAFE, ("cursor", "execute", "sql")),
    ("plyvel.DB", _RIGHT, ("plyvel._plyvel.DB",), REFUSED, ()),
    ("rocksdict.Rdict", _RIGHT, ("builtins.Rdict",), UNSAFE, ()),
    ("mmap.mmap", _RIGHT, ("mmap.mmap",), UNSAFE, ()),
    ("zarr.ZipStore zarr.storage.ZipStore", _OFFSET, ("zarr.storage._zip.ZipStore",), SAFE, ("[]",)),
)  # fmt: skip
_MAPPED: Final = ("numpy.memmap", "numpy.lib.format.open_memmap", "tifffile.memmap")
_PICKLED: Final = frozenset({"twobitreader.TwoBitFile", "zarr.ZipStore", "zarr.storage.ZipStore"})
_ANNOTATED: Final = ("typing.TextIO", "typing.BinaryIO", "typing.IO")

OPENERS: Final = {
    **{
        name: Opener(name, HANDLE, fork, registered, restored, views, pickles=name in _PICKLED)
        for names, fork, registered, restored, views in _ROWS
        for name in names.split()
    },
    **{name: Opener(name, MEMMAP, registered=("numpy.memmap",), views=_ARRAY) for name in _MAPPED},
}
"""What each function or class gives that is called; `opened` knows what depends on its arguments."""

TENSOR: Final = Opener("torch.from_numpy", MEMMAP, restored=REFUSED, views=_ARRAY)
"""A tensor on a memory map: the mixin can't tell which file it is of."""
BUFFER: Final = Opener("numpy.frombuffer", MEMMAP, restored=REFUSED, views=_ARRAY)
"""An array on an mmap: pickle copies it, as it does any array."""

_WITHOUT_MODE: Final = frozenset(
    {"sqlite3.connect", "mmap.mmap", "pyfaidx.Fasta", "pyfaidx.Faidx", "io.TextIOWrapper", "io.BufferedReader"}
    | {"pysam.FastaFile", "pysam.Fastafile", "twobitreader.TwoBitFile", "openslide.OpenSlide", "openslide.open_slide"}
)
_WRITING: Final = frozenset("wax+")


def opened(name: str, call: ast.Call, *, on_a_file: bool = False) -> Opener | None:
    """What the call of the function with that full name opens, or None.

    Args:
        on_a_file: whether its first argument is a handle rather than a path.
    """
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "numpy.load":
        return _numpy_load(call, given)
    if name in ("torch.load", "torch.from_file"):
        mapped = given.get("mmap" if name == "torch.load" else "shared")
        return Opener(name, MEMMAP, restored=REFUSED) if is_constant(mapped, True) else None
    if name == "anndata.read_h5ad":
        mode = given.get("backed", call.args[1] if len(call.args) > 1 else None)
        registered = ("anndata._core.file_backing.AnnDataFileManager",)
        return Opener(name, registered=registered, restored=UNSAFE) if _is_text(mode) else None
    found = OPENERS.get(name)
    if found is None or name in ("h5py.Group", "h5py.Dataset"):
        return None
    if name == "h5py.File" and (on_a_file or not _by_position(given.get("driver"))):
        found = found._replace(fork=_OFFSET)
    if name.startswith("lmdb.") and is_constant(given.get("lock"), False):
        found = found._replace(fork=_RIGHT)
    return found._replace(restored=_worse(found.restored, _restored(name, call, given)))


def annotated(name: str) -> Opener | None:
    """The handle that a parameter with the class of that full name for its annotation takes."""
    if name in _ANNOTATED:
        return OPENERS["open"]._replace(type=name, restored=UNSAFE)
    found = OPENERS.get(name)
    is_class = name.rpartition(".")[2][:1].isupper() or name in ("numpy.memmap", "mmap.mmap")
    # What it was opened with isn't seen.
    return found._replace(restored=_worse(found.restored, UNSAFE)) if found and is_class else None


def _worse(one: str, other: str) -> str:
    return min(one, other, key=(REFUSED, UNSAFE, SAFE).index)


def is_constant(node: ast.expr | None, value: object) -> bool:
    """Whether a node is that constant."""
    return isinstance(node, ast.Constant) and node.value is value


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _numpy_load(call: ast.Call, given: dict[str | None, ast.expr]) -> Opener | None:
    mode = given.get("mmap_mode", call.args[1] if len(call.args) > 1 else None)
    if _is_text(mode):
        return Opener("numpy.load(mmap_mode=…)", MEMMAP, registered=("numpy.memmap",), views=_ARRAY)
    path = call.args[0] if call.args else None
    if isinstance(path, ast.JoinedStr) and path.values:
        path = path.values[-1]
    elif isinstance(path, ast.BinOp):
        path = path.right
    if isinstance(path, ast.Constant) and isinstance(path.value, str) and path.value.endswith(".npz"):
        return OPENERS["numpy.load"]
    return None


def _by_position(driver: ast.expr | None) -> bool:
    """Whether an HDF5 file is read by position: not so with C's stdio or a Python file object."""
    return driver is None or (isinstance(driver, ast.Constant) and driver.value not in ("stdio", "fileobj"))


def _restored(name: str, call: ast.Call, given: dict[str | None, ast.expr]) -> str:
    """What the arguments leave of it: the mixin refuses what writes, but for arrays."""
    if any(isinstance(value, ast.Lambda) for value in given.values()):
        return UNSAFE  # pyfaidx keeps functions, and those have to be pickled as well
    if name in _MAPPED or name in _WITHOUT_MODE:
        return SAFE
    if name.startswith("lmdb."):
        return SAFE if is_constant(given.get("readonly"), True) else UNSAFE
    at = 0 if name == "pathlib.Path.open" else 1
    mode = given.get("mode", call.args[at] if at < len(call.args) else None)
    if mode is None:
        return UNSAFE if name.startswith(("zarr.", "pandas.")) else SAFE  # these append unless told otherwise
    if not isinstance(mode, ast.Constant) or not isinstance(mode.value, str):
        return UNSAFE
    return SAFE if _WRITING.isdisjoint(mode.value) else REFUSED
