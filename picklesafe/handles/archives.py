"""Archives of the standard library: zip and tar, and the members that are open in them.

An archive stands on a file, its own or one that it was given, which travels as a handle of its own; the members that
were opened in it go on sharing that file.
"""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

from picklesafe.errors import NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles import derived, files
from picklesafe.handles.recipe import Recipe, undeclared
from picklesafe.handles.registry import register_handle

# tarfile and zipfile are imported where they are needed: whoever uses the one shouldn't have to wait for the other.


def _zip_mode(handle: Any) -> str:
    return "" if handle.fp is None or handle.mode == "r" else handle.mode


def _tar_mode(handle: Any) -> str:
    return "" if handle.closed or handle.mode == "r" else handle.mode


@register_handle("zipfile.ZipFile", in_child="reopen-descriptor", writes=_zip_mode)
# What zipfile.Path works with; the first two names are those of Python 3.10 and 3.11.
@register_handle("zipfile.CompleteDirs", in_child="reopen-descriptor", writes=_zip_mode)
@register_handle("zipfile.FastLookup", in_child="reopen-descriptor", writes=_zip_mode)
@register_handle("zipfile._path.CompleteDirs", in_child="reopen-descriptor", writes=_zip_mode)
@register_handle("zipfile._path.FastLookup", in_child="reopen-descriptor", writes=_zip_mode)
def zip_file(handle: Any) -> Recipe:
    """Restores the file under it, password and `metadata_encoding`; a closed one keeps its list of members."""
    if handle.fp is None:
        return Recipe(
            closed_zip, derived.kind_of(handle), handle.filename, handle.filelist, handle.comment, handle.mode
        )
    settings = {}
    if getattr(handle, "metadata_encoding", None):
        settings["metadata_encoding"] = handle.metadata_encoding  # since Python 3.11
    return Recipe(open_zip, handle.fp, derived.kind_of(handle), handle._filePassed, handle.pwd, settings)


@register_handle("zipfile.ZipExtFile", in_child="reopen-descriptor")
def zip_member(handle: Any) -> Recipe:
    """Restores the archive, the member that was open in it, the position and the password.

    Returning to a position in a compressed member means decompressing up to it.
    """
    if handle.closed:
        return Recipe(closed_zip_member, handle.name)
    import zipfile

    shared = handle._fileobj
    archive = getattr(getattr(shared, "_close", None), "__self__", None)
    if not isinstance(archive, zipfile.ZipFile):
        raise undeclared("a ZipExtFile that ZipFile.open didn't make")
    # The name isn't enough, several members may have it: the one whose header is the last before the data.
    start = handle._orig_compress_start
    index, member = max(
        ((index, info) for index, info in enumerate(archive.filelist) if info.header_offset < start),
        key=lambda found: found[1].header_offset,
    )
    if member.filename != handle.name:
        raise undeclared("a ZipExtFile whose archive has been changed")
    # An archive may be closed while members of it are open.
    below = shared._file if archive.fp is None else archive
    return Recipe(open_zip_member, below, index, handle._pwd, handle.tell())


@register_handle("tarfile.TarFile", in_child="reopen-descriptor", writes=_tar_mode)
def tar_file(handle: Any) -> Recipe:
    """Restores the file under it, also a compressed one, every setting, and how far it has been read.

    Not restored: that all members are known, which means reading through the archive; they are read when they are
    asked for. Archives opened as streams ("r|", `stream=True`) can't be read by two processes.
    """
    if handle.closed:
        return Recipe(closed_tar, derived.kind_of(handle), handle.name, handle.mode)
    if _is_stream(handle.fileobj) or getattr(handle, "stream", False):
        raise _stream()
    given = vars(handle)
    settings = {name: given[name] for name in _TAR_ARGUMENTS if name in given}
    attributes = {name: given[name] for name in ("fileobject", "extraction_filter") if name in given}
    first = handle.members[0].offset if handle.members else None
    # The first member isn't at the start where a header for the whole archive comes before it.
    start = 0 if first is None or handle.pax_headers or not handle._extfileobj else first
    seen = 0 if handle._loaded else len(handle.members)
    began = handle.firstmember is None and not handle._loaded
    place = (start, first, seen, began)
    given_file = handle._extfileobj
    kind = derived.kind_of(handle)
    return Recipe(open_tar, handle.fileobj, kind, handle.name, given_file, place, settings, attributes)


_TAR_ARGUMENTS = (
    "format",
    "tarinfo",
    "dereference",
    "ignore_zeros",
    "encoding",
    "errors",
    "debug",
    "errorlevel",
    "copybufsize",
)


@register_handle("tarfile.ExFileObject", in_child="reopen-descriptor")
def tar_member(handle: Any) -> Recipe:
    """Restores what `TarFile.extractfile` gave: the member and the position."""
    if handle.closed:
        return files.closed(handle)
    raw = handle.raw
    if _is_stream(raw.fileobj):
        raise _stream()
    # A sparse member keeps its blocks only in this form.
    blocks = [(start, stop - start) for is_data, start, stop, _ in raw.map if is_data]
    sparse = None if blocks == [(0, raw.size)] else blocks
    kind, position = derived.kind_of(handle), derived.base_of(handle).tell(handle)
    return Recipe(open_tar_member, raw.fileobj, kind, raw.offset, raw.size, raw.name, sparse, position)


derived.sets(
    lambda base: vars(closed_zip(base, None, [], b"", "r")),
    *("zipfile.ZipFile", "zipfile.CompleteDirs", "zipfile.FastLookup"),
    *("zipfile._path.CompleteDirs", "zipfile._path.FastLookup"),
)
derived.sets(
    lambda base: [*vars(closed_tar(base, None, "r")), *_TAR_ARGUMENTS, "fileobject", "extraction_filter"],
    "tarfile.TarFile",
)
derived.sets(lambda base: [], "tarfile.ExFileObject")
derived.shows(
    lambda handle: [*(info.filename for info in handle.filelist), *handle.NameToInfo],
    *("zipfile.ZipFile", "zipfile.CompleteDirs", "zipfile.FastLookup"),
    *("zipfile._path.CompleteDirs", "zipfile._path.FastLookup"),
)


def _tar_members(handle: Any) -> list[tuple[int, str]] | None:
    """Where all of them are known, and don't lie one after the other: then the whole archive must be read, to compare.

    That they do lie so is what is true of most, and can be told without reading.
    """
    if not handle._loaded or handle.closed:
        return None
    ends = [member.offset_data + _length(member) for member in handle.members]
    starts = [member.offset for member in handle.members[1:]]
    begins = bool(ends) and (handle.members[0].offset == 0 or handle._extfileobj or bool(handle.pax_headers))
    return (
        None
        if begins and [*starts, handle.offset] == ends
        else [(member.offset, member.name) for member in handle.members]
    )


def _length(member: Any) -> int:
    data = member.size if member.isreg() or member.type not in sys.modules["tarfile"].SUPPORTED_TYPES else 0
    return -(-data // 512) * 512


derived.shows(_tar_members, "tarfile.TarFile")


# What the recipes call.


def open_zip(file: Any, kind: Any, given: int, password: bytes | None, settings: dict[str, Any]) -> Any:
    archive = derived.new(kind, file, **settings)
    archive._filePassed = given  # whether close() leaves the file open
    if password:
        derived.base_of(archive).setpassword(archive, password)
    return derived.refuse_narrowed(archive, kind)


def open_zip_member(below: Any, index: int, password: bytes | None, position: int) -> Any:
    import zipfile

    archive = below if isinstance(below, zipfile.ZipFile) else open_zip(below, zipfile.ZipFile, 0, None, {})
    member = archive.open(archive.filelist[index], pwd=password)
    if archive is not below:
        archive.close()  # the file is closed with its last member
    if position:
        member.seek(position)
    return member


def closed_zip(kind: Any, name: str | None, members: list[Any], comment: bytes, mode: str) -> Any:
    """A closed archive, which still tells what is in it."""
    # The shortest archive: nothing but its end.
    archive = derived.new(kind, io.BytesIO(b"PK\5\6" + bytes(18)))
    archive.filename, archive.mode, archive._comment = name, mode, comment
    archive.filelist = members
    archive.NameToInfo.update({info.filename: info for info in members})
    derived.base_of(archive).close(archive)
    return archive


def closed_zip_member(name: str) -> Any:
    import zipfile

    member = zipfile.ZipExtFile(io.BytesIO(), "r", zipfile.ZipInfo(name))
    member.close()
    return member


def open_tar(
    file: Any,
    kind: Any,
    name: str | None,
    given: bool,
    place: tuple[int, int | None, int, bool],
    settings: dict[str, Any],
    attributes: dict[str, Any],
) -> Any:
    start, first, seen, began = place
    file.seek(start)
    archive = derived.new(kind, name, "r", fileobj=file, **settings)
    to_compare = isinstance(kind, derived.Derived) and kind.shown is not None
    if not to_compare and (archive.members[0].offset if archive.members else None) != first:
        raise UnsafeHandleError(
            "the archive begins in the middle of the file object that it was opened on, at a place that can't be told",
            remedy="Open it by its path, or in a method decorated with @picklesafe.per_worker",
        )
    archive._extfileobj = given  # whether close() leaves the file open
    vars(archive).update(attributes)
    base = derived.base_of(archive)
    while len(archive.members) < seen and base.next(archive) is not None:
        pass
    if began:
        archive.firstmember = None
    while to_compare and base.next(archive) is not None:
        pass
    return derived.refuse_narrowed(archive, kind)


def open_tar_member(
    file: Any, kind: Any, offset: int, size: int, name: str, sparse: list[tuple[int, int]] | None, position: int
) -> Any:
    archive = SimpleNamespace(fileobj=file)
    member = derived.new(kind, archive, SimpleNamespace(offset_data=offset, size=size, name=name, sparse=sparse))
    if position:
        derived.base_of(member).seek(member, position)
    return member


def closed_tar(kind: Any, name: str | None, mode: str) -> Any:
    archive = derived.new(kind, name, "r", fileobj=io.BytesIO(bytes(1024)))
    archive.mode = mode
    derived.base_of(archive).close(archive)
    return archive


def _is_stream(file: Any) -> bool:
    return type(file).__name__ == "_Stream" and type(file).__module__ == "tarfile"


def _stream() -> NotWorkerSafeError:
    return NotWorkerSafeError(
        "an archive opened as a stream gives each member once, in order, so that two processes can't both read it",
        remedy='Open it with mode "r", which can go to any member, or in a method decorated with '
        "@picklesafe.per_worker",
    )
