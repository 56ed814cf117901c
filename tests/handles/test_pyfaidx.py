"""pyfaidx genomes and records in workers."""

from __future__ import annotations

import copy
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.registry import describe
from tests.handles import genomes
from tests.handles.apart import reads_apart
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

pyfaidx = pytest.importorskip("pyfaidx")

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}


class Unchecked(Holding):
    check_unchanged = False


class Derived(pyfaidx.Fasta):
    """A user's own class."""

    def __init__(self, path: Path, factor: int) -> None:
        super().__init__(path, as_raw=True)
        self.factor = factor

    def stride(self) -> str:
        return str(self["chr1"][:: self.factor])


class Narrowed(pyfaidx.Fasta):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        del self.records["chr2"]


class HoldingRecord(pyfaidx.Fasta):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.first = {"record": self["chr1"]}


def shortened(name: str) -> str:
    return name[-1]


def numbered(name: str) -> bool:
    return name != "chrM"


def read_records(dataset: Any) -> list[str]:
    return [str(dataset.genome[name][start:end]) for name, start, end in genomes.windows()]


def read_record(dataset: Any) -> list[str]:
    return [str(dataset.record[start:end]) for _, start, end in genomes.windows()]


def read_everything(dataset: Any) -> list[Any]:
    genome = dataset.genome
    return [
        [(name, len(record), record.long_name, repr(record[100:200])) for name, record in genome.items()],
        [repr(genome.get_seq(name, 199_900, 200_100)) for name in genome.keys()],  # noqa: SIM118
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return genomes.write_fasta(tmp_path / "größe.fa")


@pytest.mark.parametrize("method", START_METHODS)
def test_a_genome_touched_in_the_parent_reads_the_same_in_every_worker(method: str, path: Path) -> None:
    dataset = Holding(genome=pyfaidx.Fasta(path))
    reads_the_same_in_workers(method, read_records, dataset)


@ON_LINUX
def test_a_forked_child_reads_at_an_offset_of_its_own(path: Path) -> None:
    genome = pyfaidx.Fasta(path)
    reads_apart(Holding(genome=genome), read_records, path)
    reads_apart(Holding(record=genome["chr2"]), read_record, path)


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize(
    "options",
    [
        {"as_raw": True},
        {"sequence_always_upper": True},
        {"default_seq": "N"},
        {"strict_bounds": False, "one_based_attributes": False},
        {"read_ahead": 5000},
        {"split_char": "r", "duplicate_action": "longest"},
        {"read_long_names": True},
        {"key_function": shortened, "filt_function": numbered},
        {"rebuild": False},
    ],
    ids=lambda options: ",".join(options),
)
def test_every_option_is_restored(options: dict[str, Any], method: str, path: Path) -> None:
    genome = pyfaidx.Fasta(path, **options)
    settings = in_worker(method, settings_of, Holding(genome=genome))
    assert settings == settings_of(Holding(genome=genome))
    reads_the_same_in_workers(method, read_everything, Holding(genome=genome))


def settings_of(dataset: Any) -> dict[str, Any]:
    settings = dict(vars(dataset.genome.faidx))
    for name in ("index", "file", "lock", "buffer", "filename", "indexname"):
        del settings[name]
    # The defaults are lambdas, which each process makes for itself.
    return {name: getattr(value, "__qualname__", value) for name, value in settings.items()}


@pytest.mark.parametrize("method", START_METHODS)
def test_strict_bounds_are_restored(method: str, path: Path) -> None:
    dataset = Holding(genome=pyfaidx.Fasta(path, strict_bounds=True))
    assert in_worker(method, refuses_to_read_beyond, dataset)


def refuses_to_read_beyond(dataset: Any) -> bool:
    try:
        dataset.genome["chr1"][:300_000]
    except pyfaidx.FetchError:
        return True
    return False


@pytest.mark.parametrize("way", WAYS)
def test_records_and_the_faidx_follow_their_genome(way: str, path: Path) -> None:
    genome = pyfaidx.Fasta(path)
    dataset = Holding(genome=genome, record=genome["chr2"], others=[genome["chr1"], genome["chr2"]])
    arrived = WAYS[way](dataset)
    assert arrived.genome is not genome
    assert arrived.record is arrived.genome["chr2"]
    if way != "copied":  # what a shallow copy holds in a list stays shared
        assert arrived.others[1] is arrived.record
        assert arrived.others[0] is arrived.genome["chr1"]
    arrived.genome.close()
    assert str(dataset.record[5:90]) == genomes.sequences()["chr2"][5:90]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_record_without_its_genome_reads_the_same_in_every_worker(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_record, Holding(record=pyfaidx.Fasta(path)["chr2"]))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_faidx_alone_reads_the_same_in_every_worker(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_faidx, Holding(faidx=pyfaidx.Faidx(path, sequence_always_upper=True)))


def read_faidx(dataset: Any) -> list[str]:
    return [dataset.faidx.fetch(name, start + 1, end).seq for name, start, end in genomes.windows()]


@pytest.mark.parametrize("method", START_METHODS)
def test_a_class_derived_from_fasta_arrives_with_its_attributes(method: str, path: Path) -> None:
    reads_the_same_in_workers(method, read_derived, Holding(genome=Derived(path, 7)))


def read_derived(dataset: Any) -> tuple[str, str]:
    return type(dataset.genome).__name__, dataset.genome.stride()


@pytest.mark.parametrize("method", START_METHODS)
def test_a_genome_on_fsspec_reads_the_same_in_every_worker(method: str, path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    pyfaidx.Fasta(path)
    genome = pyfaidx.Fasta(fsspec.open(f"file://{path}", "rb"))
    reads_the_same_in_workers(method, read_records, Holding(genome=genome))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_block_compressed_genome_reads_the_same_in_every_worker(method: str, path: Path) -> None:
    pytest.importorskip("Bio.bgzf")
    pysam = pytest.importorskip("pysam")
    packed = path.with_suffix(".fa.gz")
    pysam.tabix_compress(str(path), str(packed))
    dataset = Holding(genome=pyfaidx.Fasta(packed))
    reads_the_same_in_workers(method, read_records, dataset)
    index = Path(f"{packed}.gzi")
    index.unlink()
    if method != "fork":
        with pytest.raises(HandleMissingError, match=r"Holding\.genome.*gzi"):
            in_worker(method, read_records, dataset)
        assert not index.exists()


def test_no_worker_rewrites_an_index_that_looks_stale(path: Path) -> None:
    dataset = Holding(genome=pyfaidx.Fasta(path))
    index = Path(f"{path}.fai")
    os.utime(index, ns=(0, 0))
    packed = pickle.dumps(dataset)
    before = index.stat()
    with pytest.warns(RuntimeWarning, match="older"):
        assert read_records(pickle.loads(packed)) == read_records(dataset)
    after = index.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


@pytest.mark.parametrize("cls", [Holding, Unchecked])
def test_a_worker_builds_no_index(cls: type[Holding], path: Path) -> None:
    packed = pickle.dumps(cls(genome=pyfaidx.Fasta(path)))
    index = Path(f"{path}.fai")
    index.unlink()
    with pytest.raises(HandleMissingError, match=r"\.genome.*\.fai"):
        read_records(pickle.loads(packed))
    assert not index.exists()


def test_an_index_elsewhere_is_found_again(path: Path, tmp_path: Path) -> None:
    index = tmp_path / "elsewhere.idx"
    genome = pyfaidx.Fasta(path, indexname=index)
    arrived = pickle.loads(pickle.dumps(Holding(genome=genome)))
    assert read_records(arrived) == read_records(Holding(genome=genome))
    assert arrived.genome.faidx.indexname == str(index)
    assert not Path(f"{path}.fai").exists()


def test_a_relative_path_leads_to_the_file_from_any_working_directory(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Holding(genome=pyfaidx.Fasta(path.name))
    expected = read_records(dataset)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert in_worker("spawn", read_records, dataset) == expected


@pytest.mark.parametrize("method", START_METHODS)
def test_a_mutable_genome_is_refused_with_its_path_and_mode(method: str, path: Path) -> None:
    genome = pyfaidx.Fasta(path, mutable=True)
    for handle in (genome, genome["chr1"], genome.faidx):
        with pytest.raises(UnsafeHandleError) as raised:
            in_worker(method, use, Holding(out=handle))
        for part in ("Holding.out", repr(str(path)), "'r+'", "read-only"):
            assert part in str(raised.value)
    genome["chr1"][0:4] = "AAAA"
    assert str(genome["chr1"][0:4]) == "AAAA"


def use(dataset: Any) -> str:
    return repr(dataset.out)


@pytest.mark.parametrize("name", ["key_function", "filt_function"])
def test_a_lambda_among_the_options_is_named(name: str, path: Path) -> None:
    genome = pyfaidx.Fasta(path, **{name: lambda text: text.strip()})
    with pytest.raises(
        NotWorkerSafeError, match=rf"Holding\.genome: .*{name}=.*<lambda>.*test_pyfaidx.*def at the top"
    ):
        pickle.dumps(Holding(genome=genome))


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
def test_a_lambda_among_the_options_reaches_a_forked_child(path: Path) -> None:
    dataset = Holding(genome=pyfaidx.Fasta(path, key_function=lambda text: text.strip()))
    reads_the_same_in_workers("fork", read_records, dataset)


def test_a_closed_genome_is_named(path: Path) -> None:
    genome = pyfaidx.Fasta(path)
    genome.close()
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.genome: this Faidx is closed"):
        pickle.dumps(Holding(genome=genome))


def test_a_file_that_was_replaced_or_deleted_is_an_error(path: Path, tmp_path: Path) -> None:
    dataset = Holding(genome=pyfaidx.Fasta(path))
    packed = pickle.dumps(dataset)
    moved = path.rename(tmp_path / "moved.fa")
    with pytest.raises(HandleMissingError, match=r"Holding\.genome"):
        read_records(pickle.loads(packed))
    genomes.write_fasta(path, seed=5)
    with pytest.raises(HandleChangedError, match=r"Holding\.genome"):
        read_records(pickle.loads(packed))
    # What is open goes by the file, whatever it is called now.
    assert read_records(pickle.loads(pickle.dumps(dataset))) == read_records(dataset)
    path.unlink()
    moved.rename(path)
    assert read_records(pickle.loads(packed)) == read_records(dataset)


def test_a_recipe_stays_small(path: Path) -> None:
    assert len(pickle.dumps(describe(pyfaidx.Fasta(path)))) < 1000


@pytest.mark.parametrize("way", WAYS)
def test_a_genome_and_its_faidx_in_two_attributes_stay_one_graph(way: str, path: Path) -> None:
    genome = pyfaidx.Fasta(path)
    for dataset in (Holding(index=genome.faidx, genome=genome), Holding(genome=genome, index=genome.faidx)):
        arrived = WAYS[way](dataset)
        assert arrived.genome.faidx is arrived.index is not genome.faidx
        assert str(arrived.genome["chr1"][:50]) == str(genome["chr1"][:50])


@pytest.mark.parametrize("method", START_METHODS[1:])
def test_a_faidx_of_a_genome_reads_the_same_without_it(method: str, path: Path) -> None:
    genome = pyfaidx.Fasta(path)
    reads_the_same_in_workers(method, read_faidx, Holding(faidx=genome.faidx))


def test_one_that_holds_a_record_of_its_own_is_refused(path: Path) -> None:
    plain = pyfaidx.Fasta(path)
    plain.first = plain["chr1"]
    for genome in (plain, HoldingRecord(path)):
        for send in (pickle.dumps, copy.deepcopy):
            with pytest.raises(NotWorkerSafeError, match=r"^Holding\.genome: .* holds itself.* its attribute first"):
                send(Holding(genome=genome))


def test_one_whose_class_has_left_out_records_is_refused(path: Path) -> None:
    arrived = pickle.loads(pickle.dumps(Holding(genome=Narrowed(path))))
    with pytest.raises(NotWorkerSafeError, match=r"^Holding\.genome: this .*Narrowed had other content"):
        arrived.genome.keys()
