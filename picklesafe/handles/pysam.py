"""Files through pysam: FASTA, alignments (SAM, BAM, CRAM), variants (VCF, BCF), tabix, and block gzip.

Alignment and variant files that are opened with `threads=` have threads of their own, which a forked child lacks: it
would wait for them for ever, also when the file is freed. Hence those types are kept in a child, and opened anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from picklesafe.errors import NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.found import reads_once, refuse_closed, refuse_replaced
from picklesafe.handles.places import meant_by
from picklesafe.handles.recipe import Recipe, resolve
from picklesafe.handles.registry import register_handle

PARSERS = {
    "TupleProxy": "asTuple",
    "BedProxy": "asBed",
    "GTFProxy": "asGTF",
    "GFF3Proxy": "asGFF3",
    "VCFProxy": "asVCF",
}
"""The parser of a tabix file, by the type of the rows that it gives."""

_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block at the end of a whole file."""


def can_write(handle: Any) -> str:
    """The mode of an alignment or variant file that writes."""
    mode = "" if handle.closed else _text(handle.mode)
    return "" if mode.startswith("r") else mode


def path_of_file(handle: Any) -> str:
    """pysam gives names back as bytes."""
    return _text(handle.filename)


@register_handle("pysam.libcfaidx.FastaFile", in_child="reopen-descriptor", path=path_of_file)
def fasta_file(handle: Any) -> Recipe:
    """Restores the path; the index must be the one beside the file, and isn't built.

    Not restored: an index elsewhere, which pysam doesn't reveal; that is an error.
    """
    refuse_closed(handle, handle.closed)
    path = _path(handle)
    if "://" in path:
        return Recipe("pysam.FastaFile", path)
    if _lengths(f"{path}.fai") != dict(zip(handle.references, handle.lengths, strict=True)):
        raise NotWorkerSafeError(
            f"{path!r} was opened with another index than {path + '.fai'!r}, and pysam doesn't reveal with which",
            remedy=f"Put the index beside the file. {PER_WORKER}",
        )
    # Named, the index is read; left out, a missing one would be built.
    return Recipe("pysam.FastaFile", path, f"{path}.fai").reads(f"{path}.fai", f"{path}.gzi")


@register_handle("pysam.libcfaidx.FastxFile", in_child="reopen-descriptor", path=path_of_file)
def fastx_file(handle: Any) -> Recipe:
    """Restores nothing: it is read once from start to end, and doesn't tell how far. Sending it is an error."""
    raise reads_once(handle, "pysam")


@register_handle("pysam.libcalignmentfile.AlignmentFile", in_child="keep", writes=can_write, path=path_of_file)
def alignment_file(handle: Any) -> Recipe:
    """Restores path, mode, index, reference, threads and the position of SAM and BAM; reads through an index as well as
    in order. A truncated file that was accepted is accepted again.

    Not restored: format_options. CRAM doesn't tell its position: with an index it starts anew, read without one it is
    an error.
    """
    path = _opened_by_path(handle)
    options = _options(handle)
    if handle.reference_filename:
        options["reference_filename"] = _text(handle.reference_filename)
    recipe = Recipe(open_alignments, path, _text(handle.mode), _position(handle, path), _references(handle), **options)
    return recipe.reads(*_beside(options))


@register_handle("pysam.libcbcf.VariantFile", in_child="keep", writes=can_write, path=path_of_file)
def variant_file(handle: Any) -> Recipe:
    """Restores path, mode, index, threads, position, drop_samples, the subset of samples, and lines that were added to
    the header. A truncated file that was accepted is accepted again.

    Not restored: header lines that were changed or removed.
    """
    path = _opened_by_path(handle)
    options = _options(handle)
    if handle.drop_samples:
        options["drop_samples"] = True
    with resolve("pysam.VariantFile")(path, **options) as fresh:
        samples, lines = list(fresh.header.samples), set(str(fresh.header).splitlines())
    kept = list(handle.header.samples)
    added = [line for line in str(handle.header).splitlines() if line not in lines and line.startswith("##")]
    subset = kept if kept != samples else None
    recipe = Recipe(open_variants, path, _text(handle.mode), handle.tell(), subset, added, **options)
    return recipe.reads(*_beside(options))


@register_handle("pysam.libctabix.TabixFile", in_child="reopen-descriptor", path=path_of_file)
def tabix_file(handle: Any) -> Recipe:
    """Restores path, index, parser and encoding.

    Not restored: where its iterators stand, which can't be sent.
    """
    refuse_closed(handle, handle.closed)
    path = _path(handle)
    index = path_beside(_text(handle.filename_index), _text(handle.filename), path)
    # Neither is an attribute. But fetch() tells the encoding to whatever parser it is given, and its iterator's type
    # and the type of its rows tell the parser. An iterator that isn't read from leaves the file where it is; to read
    # a row, `multiple_iterators` opens the file once more.
    told = resolve("pysam.asTuple")()
    handle.fetch(parser=told)
    parser = None
    if type(handle.fetch()).__name__ == "TabixIteratorParsed":
        row = next(handle.fetch(multiple_iterators=True), None)
        parser = PARSERS.get(type(row).__name__)
    return Recipe(open_tabix, path, index, parser, told.get_encoding()).reads(index)


@register_handle(
    "pysam.libcbgzf.BGZFile",
    in_child="reopen-descriptor",
    writes=lambda handle: "wb" if not handle.closed and handle.writable() else "",
)
def block_gzip(handle: Any) -> Recipe:
    """Restores path and position."""
    refuse_closed(handle, handle.closed)
    return Recipe(open_at, meant_by(_text(handle.name)), "pysam.BGZFile", "rb", handle.tell())


@register_handle(
    "pysam.libchtslib.HFile",
    in_child="reopen-descriptor",
    writes=lambda handle: "" if handle.closed or handle.mode.startswith("r") else handle.mode,
)
def hfile(handle: Any) -> Recipe:
    """Restores path or URL, and position."""
    refuse_closed(handle, handle.closed)
    if not isinstance(handle.name, str | bytes) or handle.name == "-":
        raise _by_number(handle)
    return Recipe(open_at, _absolute(_text(handle.name)), "pysam.HFile", handle.mode, handle.tell())


# What the recipes call.


def open_alignments(path: str, mode: str, position: int | None, references: Mapping[str, int], **options: Any) -> Any:
    """An AlignmentFile. The original was accepted without @SQ lines, if it has none; so is this one."""
    opener = resolve("pysam.AlignmentFile")
    file = opener(path, mode, check_sq=False, **options)
    if references and not file.references:
        file.close()
        names = {"reference_names": list(references), "reference_lengths": list(references.values())}
        file = opener(path, mode, **names, **options)
    if position is not None:
        file.seek(position)
    return file


def open_variants(
    path: str, mode: str, position: int, samples: Sequence[str] | None, added: Sequence[str], **options: Any
) -> Any:
    """A VariantFile."""
    file = resolve("pysam.VariantFile")(path, mode, **options)
    if samples is not None:
        file.subset_samples(samples)
    for line in added:
        file.header.add_line(line)
    file.seek(position)
    return file


def open_tabix(path: str, index: str, parser: str | None, encoding: str) -> Any:
    """A TabixFile."""
    made = None if parser is None else resolve(f"pysam.{parser}")()
    return resolve("pysam.TabixFile")(path, index=index, parser=made, encoding=encoding)


def open_at(path: str, opener: str, mode: str, position: int) -> Any:
    """A file of bytes."""
    file = resolve(opener)(path, mode)
    file.seek(position)
    return file


# What is asked of a file.


def _text(name: str | bytes) -> str:
    return os.fsdecode(name)


def _absolute(name: str) -> str:
    return name if "://" in name else meant_by(name)


def _path(handle: Any) -> str:
    path = _absolute(_text(handle.filename))
    if "://" not in path:
        refuse_replaced(handle, path)
    return path


def path_beside(name: str, of: str, path: str) -> str:
    """The absolute path of an index that is closed by now; one named after the file itself lies where that does."""
    return path + name[len(of) :] if name.startswith(of) else _absolute(name)


def _opened_by_path(handle: Any) -> str:
    refuse_closed(handle, handle.closed)
    if not isinstance(handle.filename, bytes) or handle.is_stream:
        raise _by_number(handle)
    return _path(handle)


def _by_number(handle: Any) -> UnsafeHandleError:
    return UnsafeHandleError(
        f"this {type(handle).__qualname__} was opened on a file object, a descriptor or standard input, and pysam "
        f"doesn't tell its position there",
        remedy="Open it by its path",
    )


def _options(handle: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if handle.index_filename:
        options["index_filename"] = path_beside(_text(handle.index_filename), _text(handle.filename), _path(handle))
    if handle.threads != 1:
        options["threads"] = handle.threads
    if _is_truncated(handle):
        # It was refused when it was opened, unless this was given.
        options["ignore_truncation"] = True
    return options


def _is_truncated(handle: Any) -> bool:
    # Not check_truncation(), which moves the file, maybe under the hands of another thread.
    if handle.compression != "BGZF" or handle.is_remote:
        return False
    with open(_path(handle), "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(_END)))
        return file.read() != _END


def _beside(options: dict[str, Any]) -> list[str]:
    return [options[name] for name in ("index_filename", "reference_filename") if name in options]


def _position(handle: Any, path: str) -> int | None:
    """Where reading in order goes on; None for the start."""
    if handle.is_sam and handle.threads > 1:
        # It reads ahead, and tells where it has read to.
        raise reads_once(handle, "pysam with threads= on SAM")
    if not handle.is_cram:
        position: int = handle.tell()
        return position
    # seek() isn't there for CRAM, and tell() speaks of what was decoded.
    if not handle.has_index():
        with resolve("pysam.AlignmentFile")(path, check_sq=False) as fresh:
            if fresh.tell() != handle.tell():
                raise reads_once(handle, "pysam on CRAM without an index")
    return None


def _references(handle: Any) -> dict[str, int]:
    """What a SAM file without a header was given for it."""
    return dict(zip(handle.references, handle.lengths, strict=True)) if handle.is_sam else {}


def _lengths(index: str) -> dict[str, int]:
    lengths: dict[str, int] = {}
    with open(index, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            name, length = line.split("\t")[:2]
            lengths.setdefault(name, int(length))
    return lengths
