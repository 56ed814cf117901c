"""Results that are remembered, and when they are not believed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe.lint.cachefile import load
from picklesafe.lint.engine import Report, check
from picklesafe.lint.settings import Settings

from .project import CERTAIN, CLEAN, POSSIBLE, rule, settings

Write = Callable[[dict[str, "str | bytes"]], Path]

FILES: dict[str, str | bytes] = {
    "certain.py": CERTAIN,
    "possible.py": POSSIBLE,
    "clean.py": CLEAN,
    "plain.py": "x = 1\n",
    "bad.py": b"\xff",
}

_opened: list[str] = []
_listening = False


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        _opened.append(arguments[0])


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The paths that were opened, as Python itself tells them."""
    global _listening
    if not _listening:
        sys.addaudithook(_listen)
        _listening = True
    _opened.clear()
    yield _opened


def cached(root: Path, **changes: Any) -> Settings:
    return settings(root, cache_dir=root / ".cache", jobs=1, **changes)


def age(root: Path, seconds: float = 0) -> None:
    """Wait until what was just written counts as settled; `seconds` more make it certainly so."""
    newest = max(path.lstat().st_ctime for path in root.rglob("*.py"))
    time.sleep(max(0.0, newest + 2.05 + seconds - time.time()))


def index(root: Path) -> Path:
    (path,) = (root / ".cache").rglob("*.cache")
    return path


def read_again(opened: list[str], root: Path) -> list[str]:
    return sorted(os.path.relpath(path, root) for path in opened if path.startswith(str(root)) and path.endswith(".py"))


class TestUnchanged:
    def test_no_file_is_opened_again(self, write: Write, opened: list[str]) -> None:
        root = write({**FILES, "user.py": "from possible import make\n\nmake([1], num_workers=0)\n"})
        age(root)
        cold = check([root], cached(root))
        assert read_again(opened, root)[0] == "bad.py" and len(cold.findings) == 4
        opened.clear()
        assert check([root], cached(root)) == cold
        assert read_again(opened, root) == []

    def test_a_file_that_was_just_written_is_not_trusted(self, write: Write) -> None:
        root = write({"a.py": CLEAN})
        assert check([root], cached(root)).findings == ()
        status = (root / "a.py").stat()
        (root / "a.py").write_text(CERTAIN.ljust(len(CLEAN)))
        os.utime(root / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))
        changed = (root / "a.py").stat()
        assert (changed.st_mtime_ns, changed.st_size) == (status.st_mtime_ns, status.st_size)
        assert len(check([root], cached(root)).findings) == 1

    def test_a_touched_file_keeps_its_result(self, write: Write) -> None:
        root = write(FILES)
        cold = check([root], cached(root))
        for path in root.glob("*.py"):
            os.utime(path)
        assert check([root], cached(root)) == cold


class TestChanged:
    @pytest.mark.parametrize("settled", [False, True])
    def test_a_file_is_judged_anew_in_every_direction(self, write: Write, settled: bool) -> None:
        root = write({"a.py": CERTAIN})
        for content in (CLEAN, "x = 1\n", CERTAIN, "DataLoader(prefetch_factor = = 1)"):
            if settled:
                age(root)
            check([root], cached(root))
            write({"a.py": content})
            assert check([root], cached(root)) == check([root], settings(root))

    def test_what_a_file_imports_decides_with_it(self, write: Write) -> None:
        user = "from pkg.embed import make\n\nmake([1], num_workers=0, prefetch_factor=2)\n"
        bad = POSSIBLE.replace("num_workers):", "num_workers, prefetch_factor):").replace("=2", "=prefetch_factor")
        good = bad.replace("=prefetch_factor", "=prefetch_factor if num_workers else None")
        root = write({"user.py": user, "pkg/__init__.py": ""})
        codes = []
        for content in (None, good, bad, None, bad):
            if content is None:
                (root / "pkg/embed.py").unlink(missing_ok=True)
            else:
                write({"pkg/embed.py": content})
            codes.append([f.code for f in check([root / "user.py"], cached(root)).findings])
            assert check([root / "user.py"], cached(root)) == check([root / "user.py"], settings(root))
        assert codes == [[], [], ["PKS101"], [], ["PKS101"]]

    def test_a_hazard_that_is_gone_takes_its_findings_along(self, write: Write) -> None:
        root = write({"embed.py": POSSIBLE, "script.py": "from embed import make\n\nmake([1], num_workers=0)\n"})
        age(root)
        assert len(check([root], cached(root)).findings) == 2
        write({"embed.py": POSSIBLE.replace("prefetch_factor=2", "prefetch_factor=2 if num_workers else None")})
        assert check([root], cached(root)).findings == ()
        write({"embed.py": POSSIBLE})
        assert len(check([root], cached(root)).findings) == 2

    def test_a_file_that_is_gone_is_forgotten(self, write: Write) -> None:
        root = write(FILES)
        check([root], cached(root))
        (root / "certain.py").unlink()
        (root / "plain.py").unlink()
        write({"new.py": "x = 1\n"})
        assert check([root], cached(root)) == check([root], settings(root))
        assert "certain.py" not in index(root).read_text() and "plain.py" not in index(root).read_text()

    def test_a_file_without_permission_is_not_answered_from_memory(self, write: Write) -> None:
        root = write({"a.py": CERTAIN})
        age(root)
        check([root], cached(root))
        (root / "a.py").unlink()
        report = check([root / "a.py", root], cached(root))
        assert report.findings == () and len(report.errors) == 1


class TestSettings:
    def test_other_choices_have_other_results(self, write: Write) -> None:
        root = write(FILES)
        choices: list[dict[str, Any]] = [
            {},
            {"codes": frozenset({"PKS101"})},
            {"target_torch": (1, 13)},
            {"per_file_ignores": (("certain.py", ("PKS101",)),)},
        ]
        for _ in range(2):
            for changes in choices:
                assert check([root], cached(root, **changes)) == check([root], settings(root, **changes))

    def test_a_rule_that_changed_judges_anew(self, write: Write) -> None:
        root = write({"a.py": CERTAIN, "rules/mine.py": rule("ABC001", "return call.finding(case, 'old')")})
        script = (
            "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path\n"
            "from tests.lint.project import settings; from picklesafe.lint.engine import check\n"
            "root = Path(sys.argv[1])\n"
            "mine = {'rules': ('rules/mine.py',), 'codes': frozenset({'ABC001'})}\n"
            "found = check([root / 'a.py'], settings(root, cache_dir=root / '.cache', **mine)).findings\n"
            "print([f.message for f in found])"
        )
        said = []
        for word in ("old", "newer"):
            write({"rules/mine.py": rule("ABC001", f"return call.finding(case, {word!r})")})
            command = [sys.executable, "-c", script, str(root), str(Path(__file__).parents[2])]
            said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        assert said == ["['old']", "['newer']"]

    def test_paths_are_named_as_this_run_names_them(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        root = write({"pkg/a.py": CERTAIN})
        for folder, given, named in [
            (root, Path(), "pkg/a.py"),
            (root / "pkg", Path(), "a.py"),
            (root / "pkg", Path("../pkg"), "../pkg/a.py"),
            (root, root, str(root / "pkg/a.py")),
        ]:
            monkeypatch.chdir(folder)
            assert [f.path for f in check([given], cached(root)).findings] == [named]


class TestDamage:
    @pytest.fixture
    def root(self, write: Write) -> Path:
        root = write(FILES)
        check([root], cached(root))
        return root

    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: b"",
            lambda data: data[: len(data) // 2],
            lambda data: data[:-1],
            lambda data: data.replace(b"PKS101", b"PKS102"),
            lambda data: b"\0" * len(data),
            lambda data: data + b" ",
            lambda data: b"00000000\n",
            lambda data: b"not json at all\n{}",
            lambda data: b"[" * 100_000,
        ],
    )
    def test_a_damaged_cache_is_no_cache(self, root: Path, damage: Callable[[bytes], bytes]) -> None:
        path = index(root)
        path.write_bytes(damage(path.read_bytes()))
        assert check([root], cached(root)) == check([root], settings(root))
        assert load(str(path), json.loads(path.read_bytes().partition(b"\n")[2])["stamp"])["outcomes"]

    @pytest.mark.parametrize("content", ["{}", "[]", "null", '{"stamp": 1}', "[" * 50_000])
    def test_foreign_content_with_a_right_checksum_is_no_cache(self, root: Path, content: str) -> None:
        from binascii import crc32

        index(root).write_bytes(b"%08x\n" % crc32(content.encode()) + content.encode())
        assert check([root], cached(root)) == check([root], settings(root))

    @pytest.mark.parametrize("where", ["file", "inside a file", "folder in place of the file"])
    def test_where_no_cache_can_be_written_the_run_goes_on_and_says_so(self, root: Path, where: str) -> None:
        (root / "file").write_text("")
        chosen = cached(root)._replace(cache_dir=root / "file" if where == "file" else root / "file" / "below")
        if where.startswith("folder"):
            chosen = cached(root)
            path = index(root)
            path.unlink()
            path.mkdir()
        report = check([root], chosen)
        assert report.findings == check([root], settings(root)).findings and not report.errors
        assert len(report.warnings) == 1 and "the cache can't be written" in report.warnings[0]
        assert not list(root.rglob("*.cache.*"))


class TestFolder:
    def test_version_control_and_backups_leave_it_out(self, write: Write) -> None:
        root = write(FILES)
        check([root], cached(root))
        assert (root / ".cache/.gitignore").read_text().endswith("*\n")
        assert (root / ".cache/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")

    @pytest.mark.parametrize("linked", [False, True])
    def test_in_a_folder_that_holds_something_else_nothing_else_is_written(self, write: Write, linked: bool) -> None:
        root = write({**FILES, ".gitignore": "build\n"})
        if linked:
            # As a repository might bring it along.
            (root / ".cache").symlink_to(root, target_is_directory=True)
        check([root], cached(root) if linked else cached(root)._replace(cache_dir=root))
        assert (root / ".gitignore").read_text() == "build\n" and not (root / "CACHEDIR.TAG").exists()
        assert list(root.glob("*/*.cache"))

    def test_what_killed_runs_have_left_half_written_goes_once_nobody_can_be_at_it(self, write: Write) -> None:
        root = write(FILES)
        check([root], cached(root))
        left, young = (index(root).with_name(f"0123abcd.cache.{number}-0") for number in (1, 2))
        for path in (left, young):
            path.write_text("{")
        os.utime(left, (0, 0))
        write({"new.py": "x = 1\n"})
        check([root], cached(root))
        assert young.exists() and not left.exists()

    def test_one_that_comes_with_the_project_from_elsewhere_is_not_believed(self, write: Write, tmp_path: Path) -> None:
        from binascii import crc32

        root = write({f"here/{name}": text for name, text in FILES.items()})
        there = root / "there"
        age(root)
        check([root / "here"], cached(root / "here"))
        body = json.loads(index(root / "here").read_bytes().partition(b"\n")[2])
        for outcomes in body["outcomes"].values():
            for packed, _ in outcomes.values():
                packed[0] = []
        content = json.dumps(body, separators=(",", ":")).encode()
        index(root / "here").write_bytes(b"%08x\n" % crc32(content) + content)
        assert check([root / "here"], cached(root / "here")).findings == ()  # so that it would hide what is wrong
        shutil.copytree(root / "here", there)
        assert check([there], cached(there)).findings == check([there], settings(there)).findings != ()

    def test_a_warm_run_writes_nothing(self, write: Write) -> None:
        root = write(FILES)
        age(root)
        check([root], cached(root))
        before = index(root).stat()
        check([root], cached(root))
        after = index(root).stat()
        # Not all of it: reading may set the time of access.
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is one process")
    def test_runs_at_the_same_time_do_not_disturb_each_other(self, write: Write) -> None:
        root = write({**FILES, **{f"more{number}.py": CERTAIN for number in range(30)}})
        expected = check([root], settings(root))
        children = []
        for _ in range(4):
            child = os.fork()
            if not child:
                try:
                    right = all(_same(check([root], cached(root)), expected) for _ in range(5))
                    os._exit(0 if right else 1)
                finally:
                    os._exit(2)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert _same(check([root], cached(root)), expected)


def _same(one: Report, other: Report) -> bool:
    return one.findings == other.findings and not one.notes and not one.errors
