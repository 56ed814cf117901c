"""pyfastx, twobitreader, pyBigWig and py2bit in workers."""

from __future__ import annotations

import pickle
import random
import shutil
import struct
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from tests.handles import genomes
from tests.handles.apart import reads_apart
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
BASES = {"T": 0, "C": 1, "A": 2, "G": 3, "N": 0}


def write_two_bit(path: Path, sequences: dict[str, str]) -> Path:
    """As the format is described at UCSC: header, index, then for each sequence its blocks and its packed bases."""
    start = 16 + sum(1 + len(name) + 4 for name in sequences)
    index, body = b"", b""
    for name, letters in sequences.items():
        index += struct.pack("<B", len(name)) + name.encode() + struct.pack("<I", start + len(body))
        unknown, masked = (blocks(letters, kind) for kind in (lambda letter: letter == "N", str.islower))
        packed = bytearray((len(letters) + 3) // 4)
        for place, letter in enumerate(letters.upper()):
            packed[place // 4] |= BASES[letter] << (6 - 2 * (place % 4))
        body += struct.pack("<I", len(letters)) + unknown + masked + struct.pack("<I", 0) + bytes(packed)
    path.write_bytes(struct.pack("<IIII", 0x1A412743, 0, len(sequences), 0) + index + body)
    return path


def blocks(letters: str, kind: Any) -> bytes:
    starts, sizes, place = [], [], 0
    for is_kind, run in groupby(letters, kind):
        length = len(list(run))
        if is_kind:
            starts.append(place)
            sizes.append(length)
        place += length
    return struct.pack(f"<I{2 * len(starts)}I", len(starts), *starts, *sizes)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("genömes")
    return {
        "2bit": write_two_bit(folder / "a.2bit", genomes.sequences()),
        "other 2bit": write_two_bit(folder / "b.2bit", genomes.sequences(seed=9)),
        "fasta": genomes.write_fasta(folder / "a.fa"),
    }


@pytest.fixture
def two_bit(sources: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(sources["2bit"], tmp_path / "größe.2bit"))


@pytest.fixture
def fasta(sources: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(sources["fasta"], tmp_path / "größe.fa"))


def write_big_wig(path: Path, seed: int = 1) -> Path:
    values = random.Random(seed)
    with pytest.importorskip("pyBigWig").open(str(path), "w") as out:
        out.addHeader([("chr1", 500_000), ("chr2", 300_000)], maxZooms=3)
        for name in ("chr1", "chr2"):
            starts = list(range(0, 300_000, 10))
            out.addEntries(name, starts, values=[values.random() for _ in starts], span=10)
    return path


def read_fastx(dataset: Any) -> list[Any]:
    genome = dataset.genome
    read = [genome.fetch(name, (start + 1, end)) for name, start, end in genomes.windows()]
    # No slices beside fetch(): pyfastx itself then reads some of them wrong, in one process too.
    return [*read, list(genome.keys())]


def read_reads(dataset: Any) -> list[tuple[str, str]]:
    return [(dataset.reads[place].seq, dataset.reads[place].qual) for place in range(0, 9000, 71)]


def read_two_bit_file(dataset: Any) -> list[str]:
    return [dataset.genome[name][start:end] for name, start, end in genomes.windows(count=60)]


def read_sequence(dataset: Any) -> list[str]:
    return [dataset.sequence[start:end] for _, start, end in genomes.windows(count=60)]


def read_2bit(dataset: Any) -> list[Any]:
    read = [dataset.genome.sequence(name, start, end) for name, start, end in genomes.windows()]
    return [*read, dataset.genome.info(), dataset.genome.chroms()]


def read_track(dataset: Any) -> list[Any]:
    track = dataset.track
    return [track.stats(name, start, end) + track.values(name, start, start + 9) for name, start, end in WINDOWS]


WINDOWS = [place for place in genomes.windows() if place[0] != "chrM"]


# pyfastx


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("options", [{}, {"uppercase": True}], ids=str)
def test_a_pyfastx_genome_touched_in_the_parent_reads_the_same_in_every_worker(
    options: dict[str, Any], method: str, fasta: Path
) -> None:
    genome = pytest.importorskip("pyfastx").Fasta(str(fasta), **options)
    before = index_of(fasta)
    reads_the_same_in_workers(method, read_fastx, Holding(genome=genome))
    assert index_of(fasta) == before


def index_of(path: Path) -> tuple[int, int]:
    status = Path(f"{path}.fxi").stat()
    return status.st_mtime_ns, status.st_ino


@pytest.mark.parametrize("method", START_METHODS)
def test_pyfastx_names_by_a_function_are_in_the_index(method: str, fasta: Path) -> None:
    genome = pytest.importorskip("pyfastx").Fasta(str(fasta), key_func=lambda line: f"my_{line.split()[0]}")
    dataset = Holding(genome=genome)
    reads_the_same_in_workers(method, read_own_names, dataset)
    assert read_own_names(dataset)[0] == "my_chr1"


def read_own_names(dataset: Any) -> list[str]:
    return [*dataset.genome.keys(), dataset.genome["my_chr2"][7:99].seq]


@pytest.mark.parametrize("method", START_METHODS)
def test_pyfastx_reads_touched_in_the_parent_are_the_same_in_every_worker(method: str, tmp_path: Path) -> None:
    path = tmp_path / "reads.fq"
    letters = random.Random(4)
    with open(path, "w") as out:
        out.writelines(f"@r{n}\n{''.join(letters.choices('ACGT', k=80))}\n+\n{'I' * 80}\n" for n in range(9000))
    reads_the_same_in_workers(method, read_reads, Holding(reads=pytest.importorskip("pyfastx").Fastq(str(path))))


@ON_LINUX
def test_a_forked_child_reads_a_pyfastx_genome_at_an_offset_of_its_own(fasta: Path) -> None:
    reads_apart(Holding(genome=pytest.importorskip("pyfastx").Fasta(str(fasta))), read_fastx, fasta)


@pytest.mark.parametrize("options", [{"memory_index": True}, {"index_file": "elsewhere.fxi"}], ids=str)
def test_a_pyfastx_index_elsewhere_is_an_error(options: dict[str, Any], fasta: Path, tmp_path: Path) -> None:
    if "index_file" in options:
        options = {"index_file": str(tmp_path / options["index_file"])}
    genome = pytest.importorskip("pyfastx").Fasta(str(fasta), **options)
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.genome.*no index.*per_worker"):
        pickle.dumps(Holding(genome=genome))


def test_a_worker_builds_no_pyfastx_index(fasta: Path) -> None:
    packed = pickle.dumps(Holding(genome=pytest.importorskip("pyfastx").Fasta(str(fasta))))
    index = Path(f"{fasta}.fxi")
    index.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding\.genome.*\.fxi"):
        read_fastx(pickle.loads(packed))
    assert not index.exists()


def test_a_pyfastx_genome_without_an_index_is_an_error(fasta: Path) -> None:
    pyfastx = pytest.importorskip("pyfastx")
    genome = pyfastx.Fasta(str(fasta), build_index=False)
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.genome"):
        pickle.dumps(Holding(genome=genome))
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.reads.*how far.*per_worker"):
        pickle.dumps(Holding(reads=pyfastx.Fastx(str(fasta))))


# twobitreader


@pytest.mark.parametrize("method", START_METHODS)
def test_a_two_bit_file_touched_in_the_parent_reads_the_same_in_every_worker(method: str, two_bit: Path) -> None:
    genome = pytest.importorskip("twobitreader").TwoBitFile(str(two_bit))
    reads_the_same_in_workers(method, read_two_bit_file, Holding(genome=genome))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_two_bit_sequence_without_its_file_reads_the_same_in_every_worker(method: str, two_bit: Path) -> None:
    sequence = pytest.importorskip("twobitreader").TwoBitFile(str(two_bit))
    dataset = Holding(file=sequence, sequence=sequence["chr2"])
    reads_the_same_in_workers(method, read_sequence, dataset)


@ON_LINUX
def test_a_forked_child_reads_a_two_bit_file_at_an_offset_of_its_own(two_bit: Path) -> None:
    genome = pytest.importorskip("twobitreader").TwoBitFile(str(two_bit))
    reads_apart(Holding(genome=genome), read_two_bit_file, two_bit)


def test_a_two_bit_file_goes_by_an_absolute_path(
    two_bit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Holding(genome=pytest.importorskip("twobitreader").TwoBitFile(two_bit.name))
    monkeypatch.chdir("/")
    assert in_worker("spawn", read_two_bit_file, dataset) == read_two_bit_file(dataset)


# py2bit and pyBigWig, which the operating system must find


@ON_LINUX
@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("masked", [False, True])
def test_py2bit_touched_in_the_parent_reads_the_same_in_every_worker(
    masked: bool, method: str, two_bit: Path, sources: dict[str, Path]
) -> None:
    py2bit = pytest.importorskip("py2bit")
    other = py2bit.open(str(sources["other 2bit"]))
    dataset = Holding(genome=py2bit.open(str(two_bit), masked))
    reads_the_same_in_workers(method, read_2bit, dataset)
    assert read_2bit(dataset) != read_2bit(Holding(genome=other))


@ON_LINUX
@pytest.mark.parametrize("method", START_METHODS)
def test_a_track_touched_in_the_parent_reads_the_same_in_every_worker(method: str, tmp_path: Path) -> None:
    py_big_wig = pytest.importorskip("pyBigWig")
    other = py_big_wig.open(str(write_big_wig(tmp_path / "other.bw", seed=2)))
    dataset = Holding(track=py_big_wig.open(str(write_big_wig(tmp_path / "größe.bw"))))
    reads_the_same_in_workers(method, read_track, dataset)
    assert read_track(dataset) != read_track(Holding(track=other))


@ON_LINUX
def test_a_forked_child_reads_a_track_at_an_offset_of_its_own(tmp_path: Path) -> None:
    path = write_big_wig(tmp_path / "a.bw")
    reads_apart(Holding(track=pytest.importorskip("pyBigWig").open(str(path))), read_track, path)


@ON_LINUX
def test_of_two_copies_that_are_both_open_none_is_guessed(tmp_path: Path, two_bit: Path) -> None:
    py_big_wig, py2bit = pytest.importorskip("pyBigWig"), pytest.importorskip("py2bit")
    one = write_big_wig(tmp_path / "one.bw")
    for source, opener in ((one, py_big_wig.open), (two_bit, py2bit.open)):
        handle, copy = opener(str(source)), opener(str(shutil.copy(source, tmp_path / f"copy{source.suffix}")))
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.file.*reveal.*per_worker"):
            pickle.dumps(Holding(file=handle))
        copy.close()
        pickle.dumps(Holding(file=handle))


@ON_LINUX
def test_a_track_that_was_replaced_is_an_error(tmp_path: Path) -> None:
    path = write_big_wig(tmp_path / "a.bw")
    dataset = Holding(track=pytest.importorskip("pyBigWig").open(str(path)))
    packed = pickle.dumps(dataset)
    path.unlink()
    with pytest.raises(HandleMissingError, match=r"Holding\.track"):
        read_track(pickle.loads(packed))
    with pytest.raises(HandleMissingError, match=r"Holding\.track"):
        pickle.dumps(dataset)
    write_big_wig(path, seed=2)
    with pytest.raises(HandleChangedError, match=r"Holding\.track"):
        read_track(pickle.loads(packed))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_track_that_is_being_written_is_refused(method: str, tmp_path: Path) -> None:
    track = pytest.importorskip("pyBigWig").open(str(tmp_path / "out.bw"), "w")
    track.addHeader([("chr1", 1000)])
    with pytest.raises(UnsafeHandleError, match=r"Holding\.track.*mode 'w'"):
        in_worker(method, read_track, Holding(track=track))
    track.addEntries("chr1", [1], values=[1.0], span=5)
    track.close()


@ON_LINUX
def test_what_is_closed_is_named(tmp_path: Path, two_bit: Path) -> None:
    track = pytest.importorskip("pyBigWig").open(str(write_big_wig(tmp_path / "a.bw")))
    genome = pytest.importorskip("py2bit").open(str(two_bit))
    for handle in (track, genome):
        handle.close()
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.file: this .* file is closed"):
            pickle.dumps(Holding(file=handle))
