"""HandlePool where descriptors are few: 64 of them, a thousand files."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCARCE = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    import os, threading
    from pathlib import Path
    from picklesafe import HandlePool

    folder = Path(sys.argv[1])
    paths = [folder / f"{number}.txt" for number in range(1000)]
    for number, path in enumerate(paths):
        path.write_text(str(number))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
class TestFewDescriptors:
    def run(self, folder: Path, script: str) -> str:
        code = textwrap.dedent(SCARCE) + textwrap.dedent(script)
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_a_thousand_shards_are_read_where_64_descriptors_are_allowed(self, tmp_path: Path) -> None:
        script = """
            pool = HandlePool(open)
            values = []
            for number in [*range(1000), *range(1000)]:
                with pool[paths[number]] as file:
                    file.seek(0)
                    values.append(int(file.read()))
            assert values == [*range(1000), *range(1000)]
            free = os.dup(0)
            print(len(pool), free)
        """
        kept, free = map(int, self.run(tmp_path, script).split())
        # It kept what it could, and left some for others.
        assert 30 < kept < 52
        assert free <= 52

    def test_eight_threads_on_64_descriptors(self, tmp_path: Path) -> None:
        script = """
            pool, wrong = HandlePool(lambda path: os.open(path, os.O_RDONLY), close=os.close), []
            def use(first):
                try:
                    for number in range(first, 1000, 8):
                        with pool[paths[number]] as descriptor:
                            if int(os.pread(descriptor, 9, 0)) != number:
                                wrong.append(number)
                except Exception as error:
                    wrong.append(repr(error))
            threads = [threading.Thread(target=use, args=(first,)) for first in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            print(wrong)
        """
        assert self.run(tmp_path, script) == "[]\n"

    def test_two_pools_share_the_limit(self, tmp_path: Path) -> None:
        script = """
            one, other = HandlePool(open), HandlePool(open)
            for path in paths[:200]:
                with one[path]: pass
            with other[paths[0]]: pass
            for path in paths[:200]:
                with other[path]: pass
            print(len(one) + len(other) < 52, len(one) > 10, len(other) > 10)
        """
        assert self.run(tmp_path, script) == "True True True\n"

    def test_a_child_forked_from_a_full_pool_keeps_handles_too(self, tmp_path: Path) -> None:
        script = """
            pool = HandlePool(open)
            def read():
                values = []
                for number in range(200):
                    with pool[paths[number]] as file:
                        file.seek(0)
                        values.append(int(file.read()))
                assert values == [*range(200)]
                return len(pool)
            print(read(), flush=True)
            if os.fork() == 0:
                print(read(), flush=True)
            else:
                os.wait()
        """
        parent, child = map(int, self.run(tmp_path, script).split())
        assert parent > 30
        assert child > 8

    def test_when_others_have_taken_the_rest_an_idle_handle_gives_way(self, tmp_path: Path) -> None:
        # No descriptor is left, so that the opener itself fails; then one of the pool's comes free.
        script = """
            pool = HandlePool(open)
            for path in paths[:20]:
                with pool[path]: pass
            taken = []
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            with pool[paths[500]] as file:
                print(file.read(), len(pool) <= 20)
        """
        assert self.run(tmp_path, script) == "500 True\n"

    def test_when_nothing_can_give_way_the_openers_own_error_is_raised(self, tmp_path: Path) -> None:
        script = """
            pool = HandlePool(open)
            taken = []
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            try:
                with pool[paths[0]]: pass
            except OSError as error:
                print(error.errno, len(pool))
        """
        assert self.run(tmp_path, script) == "24 0\n"

    @pytest.mark.parametrize(
        ("library", "opener"), [("h5py", "h5py.File"), ("pysam", "pysam.FastaFile"), ("rasterio", "rasterio.open")]
    )
    def test_libraries_that_word_it_in_their_own_way_are_understood(
        self, library: str, opener: str, tmp_path: Path
    ) -> None:
        pytest.importorskip(library)
        script = f"""
            import numpy, {library}
            makers = {{
                "h5py": lambda path: {library}.File(path, "w").close(),
                "pysam": lambda path: (path.write_text(">a\\nACGT\\n"), {library}.faidx(str(path))),
                "rasterio": lambda path: {library}.open(
                    path, "w", driver="GTiff", width=2, height=2, count=1, dtype="uint8").close(),
            }}
            import warnings; warnings.simplefilter("ignore")
            for path in paths[:30]:
                path.unlink(); makers["{library}"](path)
            pool, taken = HandlePool("{opener}"), []
            with pool[str(paths[0])]: pass
            for path in paths[1:8]:
                with pool[str(path)]: pass
            while True:
                try:
                    taken.append(os.dup(0))
                except OSError:
                    break
            for path in paths[8:30]:
                with pool[str(path)]: pass
            print("fine")
        """
        assert self.run(tmp_path, script) == "fine\n"
