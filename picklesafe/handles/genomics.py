"""Genomes and tracks through pyfastx, twobitreader, pyBigWig and py2bit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles.files import PER_WORKER, path_of
from picklesafe.handles.found import only_descriptor, reads_once, refuse_closed, refuse_replaced
from picklesafe.handles.places import meant_by
from picklesafe.handles.recipe import Recipe, resolve, undeclared
from picklesafe.handles.registry import register_handle

SAMPLE = 8
"""Sequences that tell what a pyfastx file was opened with."""

BASES = 65_536
"""How much of each is looked at."""

BIG_WIG = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
BIG_BED = (b"\xeb\xf2\x89\x87", b"\x87\x89\xf2\xeb")
TWO_BIT = (b"\x43\x27\x41\x1a", b"\x1a\x41\x27\x43")


# pyfastx doesn't say that its types are its own. Its index is an SQLite database, which it reads without moving an
# offset, so a forked child may go on with the inherited one.


@register_handle("builtins.Fasta", in_child="reopen-descriptor", found="pyfastx.Fasta", path=lambda h: h.file_name)
def pyfastx_fasta(handle: Any) -> Recipe:
    """Restores a pyfastx genome: its path, the names, which are in the index, and `uppercase`, which is found by
    reading the beginnings of eight sequences both ways. The index must lie beside the file, and isn't built.

    Not restored: an index elsewhere, in memory, or none at all; these are errors.
    """
    path, index = _with_index(handle)
    expected = list(_sample(handle))
    for given in ({}, {"uppercase": True}):
        if list(_sample(resolve("pyfastx.Fasta")(path, **given))) == expected:
            return Recipe(open_pyfastx, path, "pyfastx.Fasta", index, **given).reads(index)
    raise undeclared("pyfastx")


@register_handle("builtins.Fastq", in_child="reopen-descriptor", found="pyfastx.Fastq", path=lambda h: h.file_name)
def pyfastx_fastq(handle: Any) -> Recipe:
    """Restores the reads of pyfastx: path and phred offset. The index must lie beside the file, and isn't built.

    Not restored: an index elsewhere, which is an error.
    """
    path, index = _with_index(handle)
    return Recipe(open_pyfastx, path, "pyfastx.Fastq", index, phred=handle.phred).reads(index)


@register_handle("builtins.Fastx", in_child="reopen-descriptor", found="pyfastx.Fastx")
def pyfastx_fastx(handle: Any) -> Recipe:
    """Restores nothing: pyfastx reads it once from start to end, and doesn't tell how far. Sending it is an error."""
    raise reads_once(handle, "pyfastx")


@register_handle("twobitreader.TwoBitFile", in_child="reopen-descriptor", path=lambda handle: handle._filename)
def two_bit_file(handle: Any) -> Recipe:
    """Restores the path. A sequence kept without its file travels by itself, with a file of its own.

    Not restored: sequences that were added to the dict or taken out.
    """
    # It pickles by itself, but by a path that may be relative, and in a forked child it shares its offset.
    refuse_closed(handle, handle._file_handle.closed)
    descriptor = handle._file_handle.fileno()
    path = path_of(handle._filename, descriptor)
    return Recipe("twobitreader.TwoBitFile", path).reads(path, descriptor=descriptor)


def writes_big_wig(handle: Any) -> str:
    """A file that is being written refuses to show its header, in these words."""
    try:
        handle.header()
    except RuntimeError as error:
        return "w" if "opened for writing" in str(error) else ""
    return ""


@register_handle("pyBigWig.bigWigFile", in_child="reopen-descriptor", writes=writes_big_wig, found="pyBigWig.pyBigWig")
def big_wig(handle: Any) -> Recipe:
    """Restores a bigWig or bigBed file, whose path the operating system tells: it is the one open file that has the
    same header and the same chromosomes.

    Not restored: a remote file, or one of two copies that are both open; these are errors.
    """
    # isBigWig() of a closed file ends the process; header() raises.
    _refuse_if_closed(handle.header, "bigWig file")
    kind = BIG_WIG if handle.isBigWig() else BIG_BED
    descriptor = only_descriptor(
        kind, lambda path: _big_wig_says(resolve("pyBigWig.open")(path)) == _big_wig_says(handle)
    )
    return _by_descriptor(descriptor, "pyBigWig.open", "pyBigWig")


@register_handle("py2bit.pyTwoBit", in_child="reopen-descriptor", found="py2bit.py2bit")
def two_bit(handle: Any) -> Recipe:
    """Restores a 2bit file and storeMasked; the operating system tells the path: it is the one open file that has the
    same size, chromosomes and masked blocks.

    Not restored: one of two copies that are both open; that is an error.
    """
    _refuse_if_closed(handle.info, "2bit file")
    masked = "soft-masked length" in handle.info()
    descriptor = only_descriptor(
        TWO_BIT, lambda path: _two_bit_says(resolve("py2bit.open")(path, masked)) == _two_bit_says(handle)
    )
    return _by_descriptor(descriptor, "py2bit.open", "py2bit", *([True] if masked else []))


def open_pyfastx(path: str, opener: str, index: str, **options: Any) -> Any:
    """A Fasta or Fastq on the index that there is."""
    if not os.path.exists(index):
        raise FileNotFoundError(f"the index {index!r} isn't there, and a worker builds none")
    return resolve(opener)(path, **options)


def _with_index(handle: Any) -> tuple[str, str]:
    path = meant_by(handle.file_name)
    refuse_replaced(handle, path)
    index = f"{path}.fxi"
    if not os.path.exists(index):
        raise NotWorkerSafeError(
            f"there is no index {index!r}: pyfastx keeps this one's in memory or elsewhere, and doesn't reveal where",
            remedy=f"Let pyfastx build the index beside the file. {PER_WORKER}",
        )
    return path, index


def _sample(fasta: Any) -> Iterator[tuple[str, str]]:
    count = len(fasta)
    yield str(count), ""
    for place in range(min(count, SAMPLE)):
        sequence = fasta[place * count // min(count, SAMPLE)]
        yield sequence.name, sequence[: min(len(sequence), BASES)].seq


def _refuse_if_closed(ask: Any, kind: str) -> None:
    try:
        ask()
    except RuntimeError:
        raise NotWorkerSafeError(
            f"this {kind} is closed",
            remedy="Set the attribute to None, or keep it open until the workers have started",
        ) from None


def _by_descriptor(descriptor: int | None, opener: str, library: str, *more: Any) -> Recipe:
    if descriptor is None:
        raise undeclared(library)
    path = path_of(None, descriptor)
    return Recipe(opener, path, *more).reads(path, descriptor=descriptor)


def _big_wig_says(file: Any) -> str:
    # As text: sums may be NaN, which equals nothing.
    return repr((file.isBigWig(), sorted(file.header().items()), sorted(file.chroms().items())))


def _two_bit_says(file: Any) -> str:
    chromosomes = sorted(file.chroms().items())
    blocks = [file.hardMaskedBlocks(name) for name, _ in chromosomes[:SAMPLE]]
    return repr((sorted(file.info().items()), chromosomes, blocks))
