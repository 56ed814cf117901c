"""zip and tar archives, and their members, in workers."""

from __future__ import annotations

import copy
import io
import os
import pickle
import random
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_workers

CONTENT = {f"folder/größe {number}": random.Random(number).randbytes(3000) + b"line\n" * 2000 for number in range(12)}
TARS = {"tar": "w:", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    where = tmp_path / "größe.zip"
    with zipfile.ZipFile(where, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"a comment"
        for name, content in CONTENT.items():
            archive.writestr(name, content)
    return where


def tarred(folder: Path, kind: str = "tar", **settings: Any) -> Path:
    where = folder / f"größe.{kind}"
    with tarfile.open(where, TARS[kind], **settings) as archive:
        for name, content in CONTENT.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return where


class DerivedZip(zipfile.ZipFile):
    """A user's own class."""


class DerivedTar(tarfile.TarFile):
    """A user's own class."""


def read_zip(dataset: Any) -> list[bytes]:
    return [dataset.archive.read(name) for name in dataset.archive.namelist()]


def read_tar(dataset: Any) -> list[bytes]:
    return [dataset.archive.extractfile(name).read() for name in CONTENT]


def read_members(dataset: Any) -> list[bytes]:
    found = []
    for place in (10_000, 0, 2_990):
        for member in dataset.members:
            member.seek(place)
            found.append(member.read(100))
    return found


def read_the_rest(dataset: Any) -> list[bytes]:
    return [member.read() for member in dataset.members]


def sent(**handles: Any) -> Any:
    return pickle.loads(pickle.dumps(Holding(**handles)))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["path", "file object", "memory", "in front of it a program"])
def test_a_zip_archive_reads_the_same_in_every_worker(kind: str, method: str, zipped: Path) -> None:
    if kind == "in front of it a program":
        zipped.write_bytes(b"#!/bin/sh\n" * 100 + zipped.read_bytes())
    opened: Any = zipped
    if kind == "file object":
        opened = open(zipped, "rb")
    elif kind == "memory":
        opened = io.BytesIO(zipped.read_bytes())
    reads_the_same_in_workers(method, read_zip, Holding(archive=zipfile.ZipFile(opened)))


@pytest.mark.parametrize("method", START_METHODS)
def test_an_archive_within_an_archive_reads_the_same_in_every_worker(method: str, zipped: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(zipped, "inner.zip")
    outer = zipfile.ZipFile(tmp_path / "outer.zip")
    reads_the_same_in_workers(method, read_zip, Holding(archive=zipfile.ZipFile(outer.open("inner.zip"))))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", TARS)
def test_a_tar_archive_reads_the_same_in_every_worker(kind: str, method: str, tmp_path: Path) -> None:
    reads_the_same_in_workers(method, read_tar, Holding(archive=tarfile.open(tarred(tmp_path, kind))))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["zip", *TARS])
def test_workers_go_on_in_a_member_and_leave_the_parent_where_it_is(
    kind: str, method: str, zipped: Path, tmp_path: Path
) -> None:
    dataset = Holding(members=opened_members(zipped if kind == "zip" else tarred(tmp_path, kind)))
    for member in dataset.members:
        member.read(4_321)
    rest = in_workers(method, 2, read_the_rest, dataset)
    expected = read_the_rest(dataset)
    assert rest == [expected, expected]
    assert expected[1] == list(CONTENT.values())[3][4_321:]
    assert in_workers(method, 1, read_members, dataset) == [read_members(dataset)]


def opened_members(path: Path) -> list[Any]:
    names = list(CONTENT)[2:4]
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return [archive.open(name) for name in names]
    tar = tarfile.open(path)
    return [tar.extractfile(name) for name in names]


@pytest.mark.skipif("fork" not in START_METHODS, reason="needs fork")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_forked_worker_does_not_move_the_parents_offset(kind: str, zipped: Path, tmp_path: Path) -> None:
    archive = zipfile.ZipFile(zipped) if kind == "zip" else tarfile.open(tarred(tmp_path))
    file = archive.fp if isinstance(archive, zipfile.ZipFile) else archive.fileobj
    assert file is not None
    dataset = Holding(archive=archive)
    read = read_zip if kind == "zip" else read_tar
    before = os.lseek(file.fileno(), 0, os.SEEK_CUR)
    assert in_workers("fork", 1, read, dataset) == [list(CONTENT.values())]
    assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == before


@pytest.mark.parametrize("way", WAYS)
def test_members_and_their_archive_stay_one(way: str, zipped: Path) -> None:
    archive = zipfile.ZipFile(zipped)
    arrived = WAYS[way](Holding(archive=archive, member=archive.open(next(iter(CONTENT)))))
    assert arrived.member._fileobj._file is arrived.archive.fp is not archive.fp
    arrived.archive.close()
    assert arrived.member.read() == next(iter(CONTENT.values()))
    assert read_zip(Holding(archive=archive)) == list(CONTENT.values())


def test_members_and_their_tar_archive_stay_one(tmp_path: Path) -> None:
    archive = tarfile.open(tarred(tmp_path))
    arrived = sent(archive=archive, member=archive.extractfile(next(iter(CONTENT))))
    assert arrived.member.raw.fileobj is arrived.archive.fileobj


def test_a_member_outlives_its_archive(zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        member = archive.open("folder/größe 5")
    member.read(100)
    arrived = sent(member=member).member
    assert arrived.read() == CONTENT["folder/größe 5"][100:]


def test_of_members_with_the_same_name_the_right_one_arrives(zipped: Path) -> None:
    with zipfile.ZipFile(zipped, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("folder/größe 5", b"another")
    archive = zipfile.ZipFile(zipped)
    both = [info for info in archive.filelist if info.filename == "folder/größe 5"]
    assert read_the_rest(sent(members=[archive.open(info) for info in both])) == [CONTENT["folder/größe 5"], b"another"]


def test_a_password_travels(tmp_path: Path) -> None:
    where = tmp_path / "secret.zip"
    where.write_bytes(ENCRYPTED)
    archive = zipfile.ZipFile(where)
    member = archive.open("a", pwd=b"secret")
    member.read(2)
    assert sent(member=member).member.read() == b"cdef\n"
    archive.setpassword(b"secret")
    assert sent(archive=archive).archive.read("a") == b"abcdef\n"


# One file with the seven bytes abcdef\n, under the password "secret"; zipfile itself can't write one.
ENCRYPTED = bytes.fromhex(
    "504b0304140001000000000021004377290213000000070000000100000061c889c95bb4deac0e5a9d7e63e0cef5a8894c9a"
    "504b01021400140001000000000021004377290213000000070000000100000000000000000000000000000000006150"
    "4b050600000000010001002f000000320000000000"
)


def test_text_in_a_member_goes_on_where_it_stood(zipped: Path) -> None:
    text = io.TextIOWrapper(zipfile.ZipFile(zipped).open("folder/größe 1"), "latin-1", newline="")
    text.readline()
    arrived = sent(text=text).text
    assert arrived.read() == text.read()


def test_paths_within_an_archive_go_on_reading(zipped: Path) -> None:
    folder = zipfile.Path(zipped) / "folder"
    assert (sent(folder=folder).folder / "größe 1").read_bytes() == CONTENT["folder/größe 1"]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_closed_zip_archive_still_tells_what_was_in_it(method: str, zipped: Path) -> None:
    archive = zipfile.ZipFile(zipped)
    member = archive.open("folder/größe 1")
    member.close()
    archive.close()
    zipped.unlink()
    dataset = Holding(archive=archive, member=member)
    assert in_workers(method, 1, use_closed_zip, dataset) == [use_closed_zip(dataset)]


def use_closed_zip(dataset: Any) -> tuple[Any, ...]:
    archive = dataset.archive
    with pytest.raises(ValueError, match="already closed"):
        archive.read("folder/größe 1")
    with pytest.raises(ValueError, match="closed file"):
        dataset.member.read()
    size = archive.getinfo("folder/größe 1").file_size
    return archive.namelist(), archive.comment, archive.filename, size, dataset.member.name, dataset.member.closed


def test_a_closed_tar_archive_arrives_closed(tmp_path: Path) -> None:
    archive = tarfile.open(tarred(tmp_path))
    member = archive.extractfile(next(iter(CONTENT)))
    assert member is not None
    member.close()
    archive.close()
    arrived = sent(archive=archive, member=member)
    assert arrived.member.closed and arrived.archive.closed and arrived.archive.name == archive.name
    with pytest.raises(OSError, match="is closed"):
        arrived.archive.getnames()


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["zip", "zip added to", "tar", "tar added to", "tar.gz"])
def test_an_archive_that_is_written_is_refused_and_stays_whole(
    kind: str, method: str, zipped: Path, tmp_path: Path
) -> None:
    where = zipped if kind == "zip added to" else tarred(tmp_path) if kind == "tar added to" else tmp_path / "out"
    archive: Any
    if "zip" in kind:
        archive = zipfile.ZipFile(where, "a" if "added" in kind else "w")
        archive.writestr("new", b"content")
    else:
        archive = tarfile.open(where, "a" if "added" in kind else TARS[kind])
        archive.addfile(tarfile.TarInfo("new"))
    with pytest.raises(UnsafeHandleError, match=r"Holding.archive: '.*' is open for writing \(mode '.'\)"):
        in_workers(method, 1, read_zip if "zip" in kind else read_tar, Holding(archive=archive))
    archive.close()
    names = zipfile.ZipFile(where).namelist() if "zip" in kind else tarfile.open(where).getnames()
    assert names == [*(CONTENT if "added" in kind else []), "new"]


@pytest.mark.parametrize("kind", TARS)
@pytest.mark.parametrize("steps", [0, 1, 5, 12])
def test_next_goes_on_where_the_parent_stands(steps: int, kind: str, tmp_path: Path) -> None:
    archive = tarfile.open(tarred(tmp_path, kind))
    for _ in range(steps):
        archive.next()
    arrived = sent(archive=archive).archive
    following, expected = arrived.next(), archive.next()
    assert (following and following.name) == (expected and expected.name)
    assert arrived.getnames() == list(CONTENT)


def test_the_settings_of_a_tar_archive_are_restored(tmp_path: Path) -> None:
    where = tarred(tmp_path, format=tarfile.PAX_FORMAT, pax_headers={"comment": "for all"})
    settings: dict[str, Any] = {"encoding": "latin-1", "errors": "strict", "ignore_zeros": True, "debug": 1}
    archive = DerivedTar(where, errorlevel=2, dereference=True, **settings)
    archive.extraction_filter = tarfile.fully_trusted_filter  # type: ignore[method-assign]
    arrived = sent(archive=archive).archive
    assert type(arrived) is DerivedTar
    for name in ("name", "mode", "errorlevel", "dereference", "extraction_filter", "pax_headers", *settings):
        assert getattr(arrived, name) == getattr(archive, name)


def test_closing_an_archive_closes_the_file_below_only_if_it_is_its_own(zipped: Path, tmp_path: Path) -> None:
    files = [open(zipped, "rb"), open(tarred(tmp_path), "rb")]
    arrived = sent(files=files, archives=[zipfile.ZipFile(files[0]), tarfile.open(fileobj=files[1])])
    for archive in arrived.archives:
        archive.close()
    assert [file.closed for file in arrived.files] == [False, False]
    own = sent(zip=zipfile.ZipFile(zipped), tar=tarfile.open(tarred(tmp_path)))
    below = [own.zip.fp, own.tar.fileobj]
    own.zip.close()
    own.tar.close()
    assert [file.closed for file in below] == [True, True]


def test_a_tar_archive_in_the_middle_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(512) * 3 + b"x" * 512 + tarred(tmp_path).read_bytes())
    file = open(tmp_path / "file", "rb")
    file.seek(2048)
    assert sent(archive=tarfile.open(fileobj=file)).archive.getnames() == list(CONTENT)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs GNU tar")
def test_a_sparse_member_arrives_whole(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1_000_000)
        file.seek(500_000)
        file.write(b"hello")
    subprocess.run(["tar", "-S", "-cf", "out.tar", "sparse"], cwd=tmp_path, check=True)
    member = tarfile.open(tmp_path / "out.tar").extractfile("sparse")
    assert member is not None
    assert sent(member=member).member.read() == (tmp_path / "sparse").read_bytes()
    member.seek(499_998)
    assert sent(member=member).member.read(10) == b"\0\0hello\0\0\0"


@pytest.mark.parametrize("what", ["archive", "member"])
def test_an_archive_read_as_a_stream_cannot_travel(what: str, tmp_path: Path) -> None:
    archive = tarfile.open(tarred(tmp_path, "tar.gz"), "r|gz")
    handle: Any = archive if what == "archive" else archive.extractfile(next(iter(archive)))
    with pytest.raises(NotWorkerSafeError, match=r'Holding.handle: .*as a stream.*mode "r"'):
        pickle.dumps(Holding(handle=handle))


def test_derived_archives_stay_what_they_are(zipped: Path) -> None:
    assert type(sent(archive=DerivedZip(zipped)).archive) is DerivedZip


def test_an_archive_that_was_replaced_is_noticed(zipped: Path) -> None:
    archive = zipfile.ZipFile(zipped)
    content = zipped.read_bytes()
    zipped.unlink()
    zipped.write_bytes(content)
    with pytest.raises(HandleChangedError, match=r"Holding.archive: .*größe.zip"):
        sent(archive=archive).archive  # noqa: B018
