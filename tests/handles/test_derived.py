"""Handles of classes that derive from a library's, with an `__init__` of another signature."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import mmap
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picklesafe import NotWorkerSafeError, Recipe, register_handle
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS

CONTENT = b"".join(b"line %04d\n" % number for number in range(500))


class Labelled:
    """What all of them add; their `__init__` takes what no library's does, and counts how often it is called."""

    label: str
    made = 0

    def _label(self, label: str) -> None:
        self.label = label
        self.made += 1


class Raw(Labelled, io.FileIO):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(path, "rb")
        self._label(label)


class Buffered(Labelled, io.BufferedReader):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._label(label)


class AfterHeader(Raw):
    """Its positions count from the end of the first line."""

    def seek(self, place: int, whence: int = 0) -> int:
        return super().seek(place + 10, whence)

    def tell(self) -> int:
        return super().tell() - 10


class Text(Labelled, io.TextIOWrapper):
    def __init__(self, path: Path, label: str = "") -> None:
        super().__init__(open(path, "rb"), "utf-8")
        self._label(label)


class Gzip(Labelled, gzip.GzipFile):
    __slots__ = ("slot",)

    def __init__(self, label: str, path: Path) -> None:
        super().__init__(path, "rb")
        self._label(label)
        self.slot = label


class Bz2(Labelled, bz2.BZ2File):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(path, "rb")
        self._label(label)


class Lzma(Labelled, lzma.LZMAFile):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(path, "rb")
        self._label(label)


class Zip(Labelled, zipfile.ZipFile):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(path)
        self._label(label)


class Tar(Labelled, tarfile.TarFile):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(path)
        self._label(label)


class Map(Labelled, mmap.mmap):
    def __new__(cls, label: str, path: Path) -> Map:
        with open(path, "rb") as file:
            return super().__new__(cls, file.fileno(), 0, access=mmap.ACCESS_READ)

    def __init__(self, label: str, path: Path) -> None:
        self._label(label)


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("member", CONTENT)


def tarred(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("member")
        member.size = len(CONTENT)
        archive.addfile(member, io.BytesIO(CONTENT))


def plain(path: Path) -> None:
    path.write_bytes(CONTENT)


CASES: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "FileIO": (plain, lambda path: Raw("a", path)),
    "FileIO with positions of its own": (plain, lambda path: AfterHeader("a", path)),
    "BufferedReader": (plain, lambda path: Buffered("a", path)),
    "TextIOWrapper": (plain, lambda path: Text(path, "a")),
    "GzipFile": (lambda path: path.write_bytes(gzip.compress(CONTENT)), lambda path: Gzip("a", path)),
    "BZ2File": (lambda path: path.write_bytes(bz2.compress(CONTENT)), lambda path: Bz2("a", path)),
    "LZMAFile": (lambda path: path.write_bytes(lzma.compress(CONTENT)), lambda path: Lzma("a", path)),
    "ZipFile": (zipped, lambda path: Zip("a", path)),
    "TarFile": (tarred, lambda path: Tar("a", path)),
    "mmap": (plain, lambda path: Map("a", path)),
}


def read(dataset: Any) -> Any:
    handle = dataset.handle
    found = (type(handle).__name__, handle.label, handle.made, getattr(handle, "slot", None))
    if isinstance(handle, zipfile.ZipFile):
        return found, handle.read("member")
    if isinstance(handle, tarfile.TarFile):
        return found, handle.extractfile("member").read()  # type: ignore[union-attr]
    place = handle.tell()
    content = handle.read(25), handle.tell()
    handle.seek(place)
    return found, place, content


@pytest.mark.parametrize("kind", CASES)
def test_they_arrive_as_they_were_and_their_own_init_is_not_called(kind: str, tmp_path: Path) -> None:
    write, make = CASES[kind]
    write(tmp_path / "file")
    handle = make(tmp_path / "file")
    if not isinstance(handle, zipfile.ZipFile | tarfile.TarFile):
        handle.read(7)
    dataset = Holding(handle=handle, nested=[handle])
    expected = read(dataset)
    assert expected[0][1:3] == ("a", 1)
    for arrived in (pickle.loads(pickle.dumps(dataset)), copy.deepcopy(dataset), copy.copy(dataset)):
        assert read(arrived) == expected
    handle.close()
    closed = pickle.loads(pickle.dumps(Holding(handle=handle))).handle
    assert (type(closed), closed.label, closed.made) == (type(handle), "a", 1)


@pytest.mark.parametrize("method", START_METHODS)
def test_they_read_the_same_in_workers(method: str, tmp_path: Path) -> None:
    plain(tmp_path / "file")
    handles = [Raw("a", tmp_path / "file"), Text(tmp_path / "file", "a"), Map("a", tmp_path / "file")]
    for handle in handles:
        handle.read(7)
    reads_the_same_in_workers(method, read_all, Holding(handle=handles[0], handles=handles))


def read_all(dataset: Any) -> Any:
    return read(dataset), [read(Holding(handle=handle)) for handle in dataset.handles]


def test_attributes_of_a_file_arrive_and_name_the_same_file_as_others_do(tmp_path: Path) -> None:
    plain(tmp_path / "file")
    below = open(tmp_path / "file", "rb", buffering=0)
    file = Buffered("a", tmp_path / "file")
    file.beside, file.list = below, [1]  # type: ignore[attr-defined]
    arrived = pickle.loads(pickle.dumps(Holding(file=file, below=below)))
    assert arrived.file.beside is arrived.below and arrived.file.list == [1]
    raw = io.FileIO(tmp_path / "file")
    raw.label = "plain, with a label"  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(Holding(raw=raw))).raw.label == "plain, with a label"


class Calling(Raw):
    def __init__(self, label: str, path: Path) -> None:
        super().__init__(label, path)
        self.callback = self.read


def test_one_that_holds_itself_is_refused_with_its_place(tmp_path: Path) -> None:
    plain(tmp_path / "file")
    file = Calling("a", tmp_path / "file")
    for send in (pickle.dumps, copy.deepcopy):
        with pytest.raises(NotWorkerSafeError, match=r"^Holding\.files\[0\].*: this .*Calling holds itself"):
            send(Holding(files=[file]))


class HoldingMembers(zipfile.ZipFile):
    def __init__(self, path: Path, deep: bool) -> None:
        super().__init__(path)
        self.member: Any = {"a": [*range(5000), self.open("a")]} if deep else self.open("a")


@pytest.mark.parametrize("deep", [False, True])
def test_one_that_holds_what_is_open_in_it_is_refused(tmp_path: Path, deep: bool) -> None:
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as made:
        made.writestr("a", "content")
    archive = HoldingMembers(tmp_path / "file.zip", deep)
    for send in (pickle.dumps, copy.deepcopy):
        for holding in (Holding(it=archive), Holding(them=[archive])):
            with pytest.raises(NotWorkerSafeError, match=r"^Holding\.(it|them).*HoldingMembers holds itself"):
                send(holding)
    with pytest.raises(NotWorkerSafeError, match="holds itself"):
        pickle.dumps(Holding(member=archive.open("a")))


class Images(zipfile.ZipFile):
    def __init__(self, path: Path, names: list[str]) -> None:
        super().__init__(path)
        self.filelist = [self.NameToInfo[name] for name in names]


class Members(tarfile.TarFile):
    def __init__(self, path: Path, names: list[str]) -> None:
        super().__init__(path)
        known = {member.name: member for member in self.getmembers()}
        self.members = [known[name] for name in names]


NAMES = ["a", "b", "c"]


def images(path: Path, names: list[str]) -> Any:
    with zipfile.ZipFile(path, "w") as made:
        for name in NAMES:
            made.writestr(name, name)
    return Images(path, names)


def members(path: Path, names: list[str]) -> Any:
    with tarfile.open(path, "w") as made:
        for size, name in enumerate(NAMES):
            member = tarfile.TarInfo(name)
            member.size = size * 500
            made.addfile(member, io.BytesIO(bytes(member.size)))
    return Members(path, names)


@pytest.mark.parametrize("make", [images, members])
def test_what_a_subclass_shows_of_an_archive_arrives_or_is_refused(make: Callable[..., Any], tmp_path: Path) -> None:
    whole = pickle.loads(pickle.dumps(Holding(it=make(tmp_path / "file", NAMES)))).it
    assert [*getattr(whole, "namelist", getattr(whole, "getnames", None))()] == NAMES
    for names in (["a", "b"], ["b", "c"], ["a", "c"], [], ["a", "c", "b"]):
        narrowed = Holding(it=make(tmp_path / "file", names))
        for send in (copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
            with pytest.raises(NotWorkerSafeError, match=r"^Holding\.it: this .* had other content"):
                send(narrowed).it.close()


def test_an_archive_with_gaps_between_its_members_arrives_whole(tmp_path: Path) -> None:
    members(tmp_path / "file", NAMES)
    header = tarfile.TarInfo.create_pax_global_header({"comment": "between"})
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content[:512] + header + content[512:])
    archive = Members(tmp_path / "file", NAMES)
    assert pickle.loads(pickle.dumps(Holding(it=archive))).it.getnames() == NAMES == archive.getnames()


class Taught:
    def __init__(self, path: str) -> None:
        self.path = path


class Unknown(Taught):
    def __init__(self, label: str) -> None:
        super().__init__("path")


@register_handle(f"{Taught.__module__}.Taught")
def taught(handle: Taught) -> Recipe:
    return Recipe(Taught, handle.path)


def test_one_whose_recipe_opens_another_class_is_refused_with_the_way_out(tmp_path: Path) -> None:
    assert pickle.loads(pickle.dumps(Holding(it=Taught("x")))).it.path == "x"
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.it: .*Unknown derives from .*Taught.*register_handle"):
        pickle.dumps(Holding(it=Unknown("a")))
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file["data"] = [1, 2, 3]

    class Data(h5py.Dataset):  # type: ignore[misc,name-defined]
        pass

    with h5py.File(tmp_path / "file.h5") as file:
        data = Data(file["data"].id)
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.it: .*Data derives from h5py\._hl\.dataset\.Dataset"):
            pickle.dumps(Holding(it=data))
        del data
