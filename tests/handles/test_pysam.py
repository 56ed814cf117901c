"""pysam files in workers: FASTA, alignments, variants, tabix, block gzip."""

from __future__ import annotations

import itertools
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.registry import describe
from tests.handles import genomes
from tests.handles.apart import offsets, reads_apart
from tests.handles.holding import Holding, open_on, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

pysam = pytest.importorskip("pysam")

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
REGIONS = [("chr1", 1000, 1500), ("chr2", 150_000, 150_400), ("chr1", 90_000, 90_300), ("chr2", 10, 900)]


class Files:
    """Every kind of file, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fasta = genomes.write_fasta(folder / "größe.fa")
        self.packed = self._packed_fasta()
        self.header = pysam.AlignmentHeader.from_dict(
            {
                "HD": {"VN": "1.6", "SO": "coordinate"},
                "SQ": [{"SN": name, "LN": genomes.LENGTH} for name in genomes.NAMES],
            }
        )
        self.bam, self.sam, self.cram = (self._alignments(kind) for kind in ("bam", "sam", "cram"))
        self.vcf, self.vcf_gz, self.bcf = (self._variants(kind) for kind in ("vcf", "vcf.gz", "bcf"))
        self.bed = self._bed()

    def _packed_fasta(self) -> Path:
        packed = self.folder / "packed.fa.gz"
        pysam.tabix_compress(str(self.fasta), str(packed))
        pysam.faidx(str(self.fasta))
        pysam.faidx(str(packed))
        return packed

    def _alignments(self, kind: str) -> Path:
        path = self.folder / f"reads.{kind}"
        mode = {"bam": "wb", "sam": "wh", "cram": "wc"}[kind]
        letters = random.Random(3)
        with pysam.AlignmentFile(path, mode, header=self.header, format_options=[b"no_ref=1"]) as out:
            for number, (reference, start) in enumerate(itertools.product((0, 1), range(0, 190_000, 40))):
                read = pysam.AlignedSegment(self.header)
                read.query_name = f"read{number}"
                read.reference_id, read.reference_start, read.flag, read.mapping_quality = reference, start, 0, 30
                read.query_sequence = "".join(letters.choices("ACGT", k=100))
                read.cigarstring = "100M"
                out.write(read)
        if kind != "sam":
            pysam.index(str(path))
        return path

    def _variants(self, kind: str) -> Path:
        path = self.folder / f"variants.{kind}"
        header = pysam.VariantHeader()
        for name in genomes.NAMES:
            header.contigs.add(name, length=genomes.LENGTH)
        header.formats.add("GT", 1, "String", "Genotype")
        for sample in ("anna", "berta", "clara"):
            header.add_sample(sample)
        with pysam.VariantFile(path, {"vcf": "w", "vcf.gz": "wz", "bcf": "wb"}[kind], header=header) as out:
            for name, start in itertools.product(("chr1", "chr2"), range(50, 190_000, 40)):
                record = out.new_record(contig=name, start=start, alleles=("A", "C"), id=f"{name}:{start}")
                for number, sample in enumerate(("anna", "berta", "clara")):
                    record.samples[sample]["GT"] = (0, number % 2)
                out.write(record)
        if kind == "vcf.gz":
            pysam.tabix_index(str(path), preset="vcf", force=True)
        elif kind == "bcf":
            pysam.bcftools.index(str(path), catch_stdout=False)
        return path

    def _bed(self) -> Path:
        plain = self.folder / "regions.bed"
        with open(plain, "w", encoding="latin-1") as file:
            for name in ("chr1", "chr2"):
                file.writelines(f"{name}\t{start}\t{start + 5}\tgröße{start}\n" for start in range(0, 190_000, 20))
        return Path(pysam.tabix_index(str(plain), preset="bed", keep_original=True))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    import pysam.bcftools  # noqa: F401  # not there until it is asked for

    return Files(tmp_path_factory.mktemp("pysam"))


class Unchecked(Holding):
    check_unchanged = False


def read_fasta(dataset: Any) -> list[str]:
    return [dataset.file.fetch(*place) for place in genomes.windows()]


def read_alignments(dataset: Any) -> list[list[tuple[str, str]]]:
    return [[(read.query_name, read.query_sequence) for read in dataset.file.fetch(*region)] for region in REGIONS]


def read_variants(dataset: Any) -> list[list[str]]:
    return [[str(record) for record in dataset.file.fetch(*region)] for region in REGIONS]


def read_rows(dataset: Any) -> list[list[str]]:
    return [[str(row) for row in dataset.file.fetch(*region)] for region in REGIONS]


def next_three(dataset: Any) -> list[str]:
    return [str(record) for record in itertools.islice(dataset.file, 3)]


READING: dict[str, tuple[Callable[[Files], Any], Callable[[Any], Any]]] = {
    "FASTA": (lambda files: pysam.FastaFile(str(files.fasta)), read_fasta),
    "packed FASTA": (lambda files: pysam.FastaFile(str(files.packed)), read_fasta),
    "BAM": (lambda files: pysam.AlignmentFile(files.bam), read_alignments),
    "BAM, 3 threads": (lambda files: pysam.AlignmentFile(files.bam, threads=3), read_alignments),
    "CRAM": (lambda files: pysam.AlignmentFile(files.cram), read_alignments),
    "packed VCF": (lambda files: pysam.VariantFile(files.vcf_gz), read_variants),
    "packed VCF, 3 threads": (lambda files: pysam.VariantFile(files.vcf_gz, threads=3), read_variants),
    "BCF": (lambda files: pysam.VariantFile(files.bcf), read_variants),
    "tabix": (lambda files: pysam.TabixFile(str(files.bed), encoding="latin-1"), read_rows),
}


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", READING)
def test_a_file_touched_in_the_parent_reads_the_same_in_every_worker(kind: str, method: str, files: Files) -> None:
    opened, read = READING[kind]
    reads_the_same_in_workers(method, read, Holding(file=opened(files)))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_in_a_list_reads_the_same_in_every_worker(method: str, files: Files) -> None:
    dataset = Holding(files=[pysam.AlignmentFile(files.bam, threads=3), pysam.FastaFile(str(files.fasta))])
    reads_the_same_in_workers(method, read_nested, dataset)


def read_nested(dataset: Any) -> list[Any]:
    return [read_alignments(Holding(file=dataset.files[0])), read_fasta(Holding(file=dataset.files[1]))]


@ON_LINUX
@pytest.mark.parametrize("kind", ["FASTA", "packed FASTA", "tabix"])
def test_a_forked_child_reads_at_an_offset_of_its_own(kind: str, files: Files) -> None:
    opened, read = READING[kind]
    handle = opened(files)
    reads_apart(Holding(file=handle), read, os.fsdecode(handle.filename))


@ON_LINUX
@pytest.mark.parametrize("kind", ["BAM", "BAM, 3 threads", "packed VCF", "packed VCF, 3 threads"])
def test_a_forked_child_opens_an_alignment_or_variant_file_anew(kind: str, files: Files) -> None:
    opened, read = READING[kind]
    dataset = Holding(file=opened(files))
    path = os.fsdecode(dataset.file.filename)
    expected = read(dataset)
    here = offsets(path)
    result, descriptors = in_worker("fork", read_and_count, dataset, read, path)
    assert result == expected
    assert set(here) < set(descriptors)
    # The parent's own threads read ahead.
    assert offsets(path) == here or "threads" in kind


def read_and_count(dataset: Any, read: Callable[[Any], Any], path: str) -> tuple[Any, list[int]]:
    return read(dataset), open_on(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize("name", ["bam", "vcf_gz"])
def test_a_forked_child_that_has_no_use_for_a_file_with_threads_still_ends(name: str, files: Files) -> None:
    opener = "AlignmentFile" if name == "bam" else "VariantFile"
    script = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", ENDING, opener, str(getattr(files, name))]
    ended = subprocess.run(script, timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


ENDING = """
import os, sys, pysam
from tests.handles.holding import Holding
dataset = Holding(file=getattr(pysam, sys.argv[1])(sys.argv[2], threads=3))
next(dataset.file)
pid = os.fork()
if not pid:
    # Freeing the file, now or when the interpreter ends, would wait for threads that aren't there.
    vars(dataset).clear()
    sys.exit(0)
sys.exit(os.waitpid(pid, 0)[1])
"""


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("name", ["bam", "sam", "vcf", "vcf_gz", "bcf"])
@pytest.mark.parametrize("threads", [1, 2])
def test_reading_in_order_goes_on_where_the_parent_stood(threads: int, name: str, method: str, files: Files) -> None:
    if name == "sam" and threads > 1:
        pytest.skip("refused; see below")
    opener = pysam.AlignmentFile if name in ("bam", "sam") else pysam.VariantFile
    file = opener(getattr(files, name), threads=threads)
    next(itertools.islice(file, 1500, None))
    assert in_worker(method, next_three, Holding(file=file)) == next_three(Holding(file=file))


@pytest.mark.parametrize("method", START_METHODS)
def test_block_gzip_and_bytes_go_on_where_the_parent_stood(method: str, files: Files) -> None:
    for file in (pysam.BGZFile(str(files.bed)), pysam.HFile(str(files.bam))):
        file.readline()
        file.readline()
        assert in_worker(method, read_line, Holding(file=file)) == file.readline()


def read_line(dataset: Any) -> bytes:
    return bytes(dataset.file.readline())


def test_cram_without_an_index_travels_only_unread(files: Files, tmp_path: Path) -> None:
    alone = shutil.copy(files.cram, tmp_path)
    file = pysam.AlignmentFile(alone)
    arrived = pickle.loads(pickle.dumps(Holding(file=file)))
    assert next_three(arrived) == next_three(Holding(file=pysam.AlignmentFile(alone)))
    next(file)
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file.*CRAM.*how far"):
        pickle.dumps(Holding(file=file))


def test_sam_with_threads_is_refused(files: Files) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file.*threads= on SAM.*how far"):
        pickle.dumps(Holding(file=pysam.AlignmentFile(files.sam, threads=2)))


def test_sam_without_a_header_keeps_the_references_it_was_given(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "bare.sam"
    with (
        pysam.AlignmentFile(files.bam) as reads,
        pysam.AlignmentFile(path, "w", header=files.header, add_sam_header=False) as out,
    ):
        for read in itertools.islice(reads, 10):
            out.write(read)
    names = {"reference_names": list(genomes.NAMES), "reference_lengths": [genomes.LENGTH] * 3}
    file = pysam.AlignmentFile(path, **names)
    next(file)
    arrived = pickle.loads(pickle.dumps(Holding(file=file)))
    assert next(arrived.file).reference_name == "chr1"
    next(file)
    assert next_three(arrived) == next_three(Holding(file=file))
    assert arrived.file.references == file.references


def test_settings_of_an_alignment_file_are_restored(files: Files, tmp_path: Path) -> None:
    index = shutil.copy(f"{files.bam}.bai", tmp_path / "elsewhere.bai")
    file = pysam.AlignmentFile(files.bam, "rb", index_filename=str(index), threads=2)
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert (arrived.mode, arrived.threads, arrived.has_index()) == (file.mode, 2, True)
    assert arrived.index_filename == file.index_filename
    file = pysam.AlignmentFile(files.cram, reference_filename=str(files.fasta))
    assert pickle.loads(pickle.dumps(Holding(file=file))).file.reference_filename == file.reference_filename


def test_samples_and_header_lines_of_a_variant_file_are_restored(files: Files) -> None:
    file = pysam.VariantFile(files.bcf)
    file.subset_samples(["clara", "anna"])
    file.header.add_line('##INFO=<ID=XX,Number=1,Type=String,Description="added">')
    next(file)
    arrived = pickle.loads(pickle.dumps(Holding(file=file)))
    assert str(arrived.file.header) == str(file.header)
    assert next_three(arrived) == next_three(Holding(file=file))
    assert pickle.loads(pickle.dumps(Holding(file=pysam.VariantFile(files.bcf, drop_samples=True)))).file.drop_samples


def test_header_lines_that_reading_added_are_restored(tmp_path: Path) -> None:
    path = tmp_path / "terse.vcf"
    lines = "".join(f"chrZ\t{place}\t.\tA\tC\t.\tq10\tDP=3\n" for place in range(1, 9))
    path.write_text(f"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{lines}")
    file = pysam.VariantFile(path)
    next(file)
    arrived = pickle.loads(pickle.dumps(Holding(file=file)))
    assert str(arrived.file.header) == str(file.header)
    assert next_three(arrived) == next_three(Holding(file=file))


@pytest.mark.parametrize("parser", [None, "asTuple", "asBed"])
def test_parser_and_encoding_of_a_tabix_file_are_restored(parser: str | None, files: Files) -> None:
    made = getattr(pysam, parser)() if parser else None
    file = pysam.TabixFile(str(files.bed), parser=made, encoding="latin-1")
    row = next(file.fetch("chr1", 1000, 2000))
    other = next(pickle.loads(pickle.dumps(Holding(file=file))).file.fetch("chr1", 1000, 2000))
    assert (type(other), str(other)) == (type(row), str(row))
    assert "größe" in str(other)
    assert pickle.loads(pickle.dumps(describe(file))).args[-1] == "latin-1"


def test_gene_annotations_keep_their_parser(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf"
    path.write_text(
        "".join(f'chr1\tx\texon\t{place}\t{place + 9}\t.\t+\t.\tgene_id "g{place}";\n' for place in range(1, 99, 9))
    )
    packed = pysam.tabix_index(str(path), preset="gff")
    for parser in (pysam.asGTF(), pysam.asGFF3()):
        file = pysam.TabixFile(packed, parser=parser)
        arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
        assert type(next(arrived.fetch())) is type(next(file.fetch()))


def test_the_position_of_a_running_tabix_iterator_is_left_alone(files: Files) -> None:
    file = pysam.TabixFile(str(files.bed), encoding="latin-1")
    rows, alike = file.fetch("chr1"), pysam.TabixFile(str(files.bed), encoding="latin-1").fetch("chr1")
    assert next(rows) == next(alike)
    describe(file)
    assert list(rows) == list(alike)


@pytest.mark.filterwarnings("ignore:no BGZF EOF marker")
def test_a_truncated_file_that_was_accepted_is_accepted_again(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "cut.bam"
    path.write_bytes(files.bam.read_bytes()[:-28])
    file = pysam.AlignmentFile(path, ignore_truncation=True)
    next(file)
    assert next_three(pickle.loads(pickle.dumps(Holding(file=file)))) == next_three(Holding(file=file))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_file_that_writes_is_refused_with_its_path_and_mode(method: str, files: Files, tmp_path: Path) -> None:
    header = pysam.VariantFile(files.vcf).header
    writers = {
        "out.bam": pysam.AlignmentFile(tmp_path / "out.bam", "wb", header=files.header),
        "out.vcf": pysam.VariantFile(tmp_path / "out.vcf", "w", header=header),
        "out.gz": pysam.BGZFile(str(tmp_path / "out.gz"), "w"),
    }
    for name, writer in writers.items():
        with pytest.raises(UnsafeHandleError) as raised:
            in_worker(method, next_three, Holding(file=writer))
        for part in ("Holding.file", str(tmp_path / name), "'w"):
            assert part in str(raised.value)
        writer.close()


def test_an_index_that_the_library_does_not_reveal_is_an_error(files: Files, tmp_path: Path) -> None:
    path = shutil.copy(files.fasta, tmp_path / "alone.fa")
    index = shutil.copy(f"{files.fasta}.fai", tmp_path / "other.idx")
    dataset = Holding(file=pysam.FastaFile(str(path), filepath_index=str(index)))
    with pytest.raises(UnsafeHandleError, match=r"Holding\.file.*alone\.fa\.fai"):
        pickle.dumps(dataset)
    Path(f"{path}.fai").write_text("chr1\t50\t6\t60\t61\n")
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file.*another index.*per_worker"):
        pickle.dumps(dataset)
    if "fork" in START_METHODS:
        reads_the_same_in_workers("fork", read_fasta, dataset)


@pytest.mark.parametrize("cls", [Holding, Unchecked])
def test_a_worker_builds_no_index(cls: type[Holding], files: Files, tmp_path: Path) -> None:
    path = Path(shutil.copy(files.fasta, tmp_path / "alone.fa"))
    packed = pickle.dumps(cls(file=pysam.FastaFile(str(path))))
    index = Path(f"{path}.fai")
    index.unlink()
    with pytest.raises(HandleMissingError, match=r"\.file.*\.fai"):
        read_fasta(pickle.loads(packed))
    assert not index.exists()


def test_what_is_read_once_or_through_a_descriptor_is_an_error(files: Files) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file.*how far.*per_worker"):
        pickle.dumps(Holding(file=pysam.FastxFile(str(files.fasta))))
    with open(files.bam, "rb") as under:
        for given in (under, under.fileno()):
            under.seek(0)
            with pytest.raises(UnsafeHandleError, match=r"Holding\.file.*Open it by its path"):
                pickle.dumps(Holding(file=pysam.AlignmentFile(given)))


@pytest.mark.parametrize("kind", READING)
def test_a_closed_file_is_named(kind: str, files: Files) -> None:
    file = READING[kind][0](files)
    file.close()
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.file: this .*File is closed"):
        pickle.dumps(Holding(file=file))


@pytest.mark.parametrize("kind", ["FASTA", "BAM", "packed VCF", "tabix"])
def test_a_file_that_was_replaced_or_deleted_is_an_error(kind: str, files: Files, tmp_path: Path) -> None:
    shutil.copytree(files.folder, tmp_path / "copy")
    local = Files.__new__(Files)
    for name, value in vars(files).items():
        setattr(local, name, tmp_path / "copy" / value.name if isinstance(value, Path) else value)
    opened, read = READING[kind]
    dataset = Holding(file=opened(local))
    path = Path(os.fsdecode(dataset.file.filename))
    packed = pickle.dumps(dataset)
    moved = path.rename(tmp_path / "moved")
    with pytest.raises(HandleMissingError, match=r"Holding\.file"):
        read(pickle.loads(packed))
    shutil.copy(moved, path)
    with pytest.raises(HandleChangedError, match=r"Holding\.file"):
        read(pickle.loads(packed))
    with pytest.raises(HandleChangedError, match=r"Holding\.file.*replaced"):
        pickle.dumps(dataset)
    moved.rename(path)
    assert read(pickle.loads(packed)) == read(dataset)


def test_a_relative_path_leads_to_the_file_from_any_working_directory(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.folder)
    handles = {
        "bam": (pysam.AlignmentFile(files.bam.name), read_alignments),
        "fasta": (pysam.FastaFile(files.fasta.name), read_fasta),
        "tabix": (pysam.TabixFile(files.bed.name, encoding="latin-1"), read_rows),
    }
    monkeypatch.chdir(tmp_path)
    for handle, read in handles.values():
        dataset = Holding(file=handle)
        assert in_worker("spawn", read, dataset) == read(dataset)


def test_recipes_stay_small(files: Files) -> None:
    for opened, _ in READING.values():
        assert len(pickle.dumps(describe(opened(files)))) < 1000
