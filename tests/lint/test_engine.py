"""One run over a project, with everything that can be wrong with files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from picklesafe.lint.engine import Report, check
from picklesafe.lint.judge import Judge
from picklesafe.lint.plugins import RuleError
from picklesafe.lint.registry import load_rules

from .project import CERTAIN, CLEAN, POSSIBLE, rule, settings

Write = Callable[[dict[str, "str | bytes"]], Path]


def places(report: Report, root: Path) -> list[tuple[str, str, int]]:
    return [(os.path.relpath(f.path, root), f.code, f.start.row) for f in report.findings]


class TestFindings:
    def test_they_are_sorted_by_path_and_place(self, write: Write) -> None:
        root = write({"b.py": CERTAIN + CERTAIN, "a/c.py": POSSIBLE, "clean.py": CLEAN})
        report = check([root], settings(root))
        assert places(report, root) == [("a/c.py", "PKS111", 5), ("b.py", "PKS101", 3), ("b.py", "PKS101", 6)]
        assert report.checked == 3 and not report.errors and not report.warnings

    def test_only_enabled_rules_report(self, write: Write) -> None:
        root = write({"a.py": CERTAIN, "b.py": POSSIBLE})
        report = check([root], settings(root, codes=frozenset({"PKS111"})))
        assert places(report, root) == [("b.py", "PKS111", 5)]

    def test_comments_hide_them(self, write: Write) -> None:
        line = "loader = DataLoader([1], prefetch_factor=2)"
        root = write(
            {
                "a.py": CERTAIN.replace(line, f"{line}  # noqa: PKS101"),
                "b.py": CERTAIN.replace(line, f"{line}  # picklesafe: ignore[PKS111]"),
                "c.py": "# picklesafe: ignore-file\n" + CERTAIN,
            }
        )
        assert places(check([root], settings(root)), root) == [("b.py", "PKS101", 3)]

    @pytest.mark.parametrize(
        ("pattern", "left"),
        [
            ("tests/*", ["a.py", "src/tests.py"]),
            ("tests.py", ["a.py", "tests/b.py"]),
            ("**/*.py", []),
            ("!src/*", ["src/tests.py"]),
        ],
    )
    def test_per_file_ignores_hide_them(self, write: Write, pattern: str, left: list[str]) -> None:
        root = write({"a.py": CERTAIN, "tests/b.py": CERTAIN, "src/tests.py": CERTAIN})
        report = check([root], settings(root, per_file_ignores=((pattern, ("PKS101",)),)))
        assert [path for path, _, _ in places(report, root)] == left

    def test_a_rule_of_a_third_party_reports_among_them(self, write: Write) -> None:
        root = write({"a.py": CERTAIN, "rules/mine.py": rule("ABC001", "return call.finding(case, 'mine')")})
        report = check([root / "a.py"], settings(root, rules=("rules/mine.py",), codes=frozenset({"ABC001"})))
        assert [(f.code, f.name, f.message) for f in report.findings] == [("ABC001", "made-up-rule", "mine")]


class TestAcrossFiles:
    FILES: ClassVar = {
        "embed.py": POSSIBLE,
        "script.py": "from embed import make\n\nmake([1], num_workers=0)\n",
        "fine.py": "from embed import make\n\nmake([1], num_workers=2)\n",
        "other.py": "def make(data, num_workers):\n    pass\n\n\nmake([1], num_workers=0)\n",
    }

    def test_a_call_that_leads_to_a_loader_is_found_in_a_file_without_trigger_words(self, write: Write) -> None:
        renamed = {
            name: text.replace("num_workers", "n").replace("n=n", "num_workers=n") for name, text in self.FILES.items()
        }
        root = write(renamed)
        report = check([root], settings(root))
        certain = [(path, row) for path, code, row in places(report, root) if code == "PKS101"]
        assert certain == [("script.py", 3)] and report.watched == {"make"}

    def test_the_order_of_the_paths_does_not_matter(self, write: Write) -> None:
        root = write(dict(self.FILES))
        one = check([root / name for name in sorted(self.FILES)], settings(root))
        other = check([root / name for name in sorted(self.FILES, reverse=True)], settings(root))
        assert one == other and len(one.findings) == 2


class TestBadFiles:
    def test_a_syntax_error_is_reported_whatever_is_selected(self, write: Write) -> None:
        root = write({"bad.py": "prefetch_factor = = 2\n", "good.py": CERTAIN})
        report = check([root], settings(root, codes=frozenset({"PKS101", "PKS111"})))
        assert places(report, root) == [("bad.py", "PKS901", 1), ("good.py", "PKS101", 3)]

    def test_a_syntax_error_in_a_file_that_cannot_matter_is_not_looked_for(self, write: Write) -> None:
        root = write({"bad.py": "x = = 2\n"})
        assert check([root], settings(root)).findings == ()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"name = '\xfc'\n", "is not valid utf-8 (byte 0xfc in line 1)"),
            (b"x = 1\n\0\n", "contains null bytes"),
            ("x = 1\n".encode("utf-16"), "contains null bytes"),
            (b"# coding: nonsense\nname = '\xfc'\n", "declares the unknown encoding 'nonsense'"),
            (b"x = 1\n" * 9_000_000, "is too large to analyse (54 MB, the limit is 10 MB)"),
            (b"prefetch_factor = " + b"(" * 30_000 + b")" * 30_000, "is nested too deeply"),
            (b"prefetch_factor = " + b"-" * 100_000 + b"1", "is nested too deeply"),
        ],
        ids=["undecodable", "null", "utf-16", "unknown encoding", "huge", "brackets", "signs"],
    )
    def test_a_file_that_is_no_source_is_one_finding_and_the_rest_goes_on(
        self, write: Write, content: bytes, reason: str
    ) -> None:
        root = write({"bad.py": content, "good.py": CERTAIN})
        report = check([root], settings(root, codes=frozenset({"PKS101"})))
        assert places(report, root)[1:] == [("good.py", "PKS101", 3)]
        assert report.findings[0].code in ("PKS903", "PKS901") and reason in report.findings[0].message
        assert not report.errors

    def test_a_declared_encoding_is_followed(self, write: Write) -> None:
        root = write({"a.py": "# coding: latin-1\nname = 'ü'\n".encode("latin-1") + CERTAIN.encode()})
        assert places(check([root], settings(root)), root) == [("a.py", "PKS101", 5)]

    def test_links_that_lead_nowhere_are_findings(self, write: Write) -> None:
        root = write({"good.py": CERTAIN})
        (root / "broken.py").symlink_to("nowhere.py")
        (root / "loop.py").symlink_to("loop.py")
        report = check([root], settings(root))
        assert [path for path, code, _ in places(report, root) if code == "PKS903"] == ["broken.py", "loop.py"]
        assert places(report, root)[1] == ("good.py", "PKS101", 3)

    def test_a_file_without_permission_is_a_finding(self, write: Write) -> None:
        root = write({"closed.py": CERTAIN, "good.py": CERTAIN})
        (root / "closed.py").chmod(0)
        if os.access(root / "closed.py", os.R_OK):
            pytest.skip("root may read every file")
        report = check([root], settings(root))
        assert places(report, root) == [("closed.py", "PKS903", 1), ("good.py", "PKS101", 3)]
        assert report.findings[0].message == "can't be read: Permission denied"

    def test_a_file_that_vanishes_during_the_run_is_a_finding(self, write: Write) -> None:
        vanish = "import os\nos.unlink(call.module.path.with_name('b.py'))\nreturn None"
        root = write({"a.py": CERTAIN, "b.py": CERTAIN, "c.py": CERTAIN, "rules/r.py": rule("ABC001", vanish)})
        paths = [root / name for name in ("a.py", "b.py", "c.py")]
        chosen = settings(root, rules=("rules/r.py",))
        (root / "c.py").write_text(CLEAN)
        report = check(paths, chosen)
        assert places(report, root) == [("a.py", "PKS101", 3), ("b.py", "PKS903", 1)]

    def test_a_path_that_does_not_exist_is_an_error_and_the_rest_is_checked(self, write: Write) -> None:
        root = write({"good.py": CERTAIN})
        report = check([root / "missing.py", root / "good.py"], settings(root))
        assert report.errors == (f"{root / 'missing.py'}: no such file or folder",)
        assert places(report, root) == [("good.py", "PKS101", 3)]


class TestErrors:
    BROKEN = rule("ABC001", "if call.module.path.name == 'a.py':\n    raise KeyError('oh')\nreturn None")
    PLACELESS = rule("ABC001", "return call.finding(case, 'wrong')._replace(start=None)")

    def test_of_a_rule_name_the_file_and_the_rule_and_the_rest_goes_on(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PICKLESAFE_DEBUG", raising=False)
        root = write({"a.py": CERTAIN, "b.py": CERTAIN, "rules/broken.py": self.BROKEN})
        report = check([root / "a.py", root / "b.py"], settings(root, rules=("rules/broken.py",)))
        assert places(report, root) == [("b.py", "PKS101", 3)]
        (error,) = report.errors
        assert error.startswith(
            f"{root / 'a.py'}: rule ABC001 raises KeyError: 'oh' ({root / 'rules/broken.py'}, line "
        )
        assert "\n" not in error

    def test_of_our_own_ask_to_be_reported(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PICKLESAFE_DEBUG", raising=False)
        root = write({"a.py": CERTAIN, "rules/placeless.py": self.PLACELESS})
        (error,) = check([root / "a.py"], settings(root, rules=("rules/placeless.py",))).errors
        assert error.startswith(f"{root / 'a.py'}: internal error: ") and "; please report this" in error

    def test_come_through_for_debugging(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PICKLESAFE_DEBUG", "1")
        root = write({"a.py": CERTAIN, "rules/broken.py": self.BROKEN})
        with pytest.raises(RuleError) as raised:
            check([root / "a.py"], settings(root, rules=("rules/broken.py",)))
        assert isinstance(raised.value.__cause__, KeyError)


class TestManyFiles:
    @pytest.fixture
    def large(self, write: Write) -> Path:
        """Enough files to be scanned, and enough source to be analysed, by several processes."""
        filler = "# " + "x" * 70 + "\n"
        files: dict[str, str | bytes] = {f"pkg/m{number}.py": "x = 1\n" for number in range(1200)}
        files |= {f"pkg/c{number}.py": CERTAIN + filler * 700 for number in range(40)}
        files |= {
            "pkg/embed.py": POSSIBLE.replace("make", "make_it"),
            "pkg/bad.py": b"\xff",
            "pkg/worse.py": "DataLoader =",
        }
        files["pkg/script.py"] = "from pkg.embed import make_it\nmake_it([1], 0)\n"
        return write(files)

    def test_the_number_of_processes_does_not_matter(self, large: Path) -> None:
        reports = [check([large], settings(large, jobs=jobs)) for jobs in (1, 2, 5)]
        assert reports[0] == reports[1] == reports[2]
        assert len(reports[0].findings) == 43 and reports[0].checked == 1244

    def test_the_screen_changes_nothing(self, large: Path) -> None:
        chosen = settings(large)
        judge = Judge(load_rules(), chosen)
        unscreened = [
            finding
            for path in sorted(large.rglob("*.py"))
            for finding in judge.judge(str(path), frozenset({"make_it"})).findings
            if finding.code != "PKS901"
        ]
        assert unscreened == [finding for finding in check([large], chosen).findings if finding.code != "PKS901"]

    @pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
    def test_memory_stays_small(self, large: Path) -> None:
        # Not getrusage: what it tells of a new process begins with the peak of the one that started it.
        program = (
            "import sys; from pathlib import Path; from picklesafe.lint.config import Options, settings_for\n"
            "from picklesafe.lint.engine import check; paths = [Path(sys.argv[1])]\n"
            "check(paths, settings_for(paths, Options(no_cache=True, jobs=1)))\n"
            "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
        )
        run = subprocess.run([sys.executable, "-c", program, large], capture_output=True, text=True, check=True)
        assert int(run.stdout) < 100_000
