"""Where a worker lacks what its parent had: room on the disk, an index, the library itself."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleMissingError, PickleSafeMixin
from tests.workers import START_METHODS, in_worker

ROOT = Path(__file__).parent.parent
LETTERS = "ACGTTGCA" * 2_000


class Genome(PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.genome: Any = pytest.importorskip("pyfaidx").Fasta(str(path))
        self.nested = [self.genome["chr1"]]

    def read(self) -> tuple[str, str]:
        return str(self.genome["chr1"][1000:1100]), str(self.nested[0][5:9])


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    lines = [LETTERS[start : start + 60] for start in range(0, len(LETTERS), 60)]
    path.write_text("\n".join([">chr1", *lines, ""]))
    return path


def read_on_a_full_disk(dataset: Genome, folder: str) -> tuple[str, str]:
    """With a limit of no bytes on every file that is written, which a full disk amounts to."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with pytest.raises(OSError) as caught, open(os.path.join(folder, "probe"), "wb", buffering=0) as probe:
        probe.write(b"x")
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
    return dataset.read()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("method", START_METHODS)
class TestOnAFullDisk:
    def test_a_worker_reads_with_the_index_that_is_there(self, method: str, fasta: Path) -> None:
        dataset = Genome(fasta)
        expected = dataset.read()
        assert expected == (LETTERS[1000:1100], LETTERS[5:9])
        assert in_worker(method, read_on_a_full_disk, dataset, str(fasta.parent), fresh=True) == expected

    def test_an_index_that_is_gone_is_named_and_none_is_begun(self, method: str, fasta: Path) -> None:
        # What arrives in a worker that reads nothing until then.
        sent = pickle.dumps(Genome(fasta))
        index = Path(f"{fasta}.fai")
        index.unlink()
        with pytest.raises(HandleMissingError, match=r"Genome\.genome: .*genome\.fa\.fai is gone.*Bring it back"):
            in_worker(method, read_what_was_sent, sent, str(fasta.parent), fresh=True)
        assert not index.exists()


def read_what_was_sent(sent: bytes, folder: str) -> tuple[str, str]:
    return read_on_a_full_disk(pickle.loads(sent), folder)


def test_a_worker_without_the_library_is_told_what_to_install(fasta: Path) -> None:
    dataset = Genome(fasta)
    script = (
        f"import pickle, sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from picklesafe import PickleSafeMixin\n"
        "module = type(sys)('tests.test_workers_in_trouble')\n"
        "sys.modules[module.__name__] = module\n"
        "module.Genome = type('Genome', (PickleSafeMixin,), {'__module__': module.__name__})\n"
        "dataset = pickle.load(sys.stdin.buffer)\n"
        "for use in (lambda: dataset.genome['chr1'], lambda: dataset.nested[0][0]):\n"
        "    try: print(use())\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    # -S: without the installed packages.
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], input=pickle.dumps(dataset), capture_output=True, check=True
    )
    wanted = (
        "pyfaidx can't be imported in this process (No module named 'pyfaidx'). Install pyfaidx where the workers run"
    )
    # The record in the list follows its file, which is the attribute's.
    assert (
        done.stdout.decode().splitlines() == [f"HandleMissingError Genome.genome: can't be opened again: {wanted}"] * 2
    )
