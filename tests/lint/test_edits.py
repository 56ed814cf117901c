"""Fixes: applied where they hold, and written so that nothing can be lost."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from picklesafe.lint.edits import FixError, FixResult, apply, diff, fix_file, write
from picklesafe.lint.finding import Edit, Finding, Fix, Position
from picklesafe.lint.source import Source

from .project import CERTAIN, POSSIBLE, rule, settings

Write = Callable[[dict[str, "str | bytes"]], Path]

FIXED = POSSIBLE.replace("prefetch_factor=2", "prefetch_factor=2 if num_workers > 0 else None")


def mended(path: Path, unsafe: bool = False) -> bytes:
    """The bytes of a file after its fixes are written."""
    write(fix_file(path, settings(path.parent), unsafe))
    return path.read_bytes()


def by_rule(write_files: Write, body: str, text: str = CERTAIN, unsafe: bool = False) -> FixResult:
    """What becomes of a file under one made-up rule."""
    root = write_files({"a.py": text, "rules/mine.py": rule("ABC001", body)})
    chosen = settings(root, rules=("rules/mine.py",), codes=frozenset({"ABC001"}))
    return fix_file(root / "a.py", chosen, unsafe)


class TestApply:
    SOURCE = Source(Path("a.py"), b"one two\nthree\n")

    def finding(self, *edits: tuple[int, int, int, int, str]) -> Finding:
        fix = Fix("", tuple(Edit(Position(a, b), Position(c, d), text) for a, b, c, d, text in edits))
        return Finding("ABC001", "made-up", "a.py", Position(1, 1), Position(1, 2), "", fix=fix)

    def applied(self, *findings: Finding) -> tuple[str, list[int]]:
        text, taken = apply(self.SOURCE, findings)
        return text, [findings.index(finding) for finding in taken]

    def test_edits_of_several_fixes_compose(self) -> None:
        first, second = self.finding((2, 1, 2, 6, "3")), self.finding((1, 5, 1, 8, "2"), (1, 1, 1, 1, "# "))
        assert self.applied(first, second) == ("# one 2\n3\n", [0, 1])

    def test_of_two_that_overlap_the_later_one_waits(self) -> None:
        first, second = self.finding((1, 1, 1, 8, "x")), self.finding((1, 5, 2, 6, "y"))
        assert self.applied(first, second) == ("x\nthree\n", [0])
        assert self.applied(second, first) == ("one y\n", [0])

    def test_a_fix_is_applied_whole_or_not_at_all(self) -> None:
        first, second = self.finding((1, 1, 1, 4, "x")), self.finding((2, 1, 2, 6, "y"), (1, 2, 1, 3, "z"))
        assert self.applied(first, second) == ("x two\nthree\n", [0])

    def test_two_insertions_at_one_place_do_not_mix(self) -> None:
        same = [self.finding((1, 5, 1, 5, text)) for text in ("a ", "b ")]
        assert self.applied(*same) == ("one a two\nthree\n", [0])

    def test_neighbours_do_not_overlap(self) -> None:
        first, second = self.finding((1, 1, 1, 4, "x")), self.finding((1, 4, 1, 8, "y"))
        assert self.applied(first, second) == ("xy\nthree\n", [0, 1])


class TestFixFile:
    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize(("bom", "encoding"), [("", "utf-8"), ("\ufeff", "utf-8"), ("", "latin-1")])
    def test_nothing_but_the_argument_changes(self, write: Write, newline: str, bom: str, encoding: str) -> None:
        head = f"{bom}# coding: {encoding}\nname = 'ü'\t \n\x0c\n"
        before, after = ((head + text + "# ü").replace("\n", newline).encode(encoding) for text in (POSSIBLE, FIXED))
        assert mended(write({"a.py": before}) / "a.py") == after

    def test_it_is_idempotent(self, write: Write) -> None:
        path = write({"a.py": POSSIBLE + CERTAIN}) / "a.py"
        once = mended(path)
        assert once != (POSSIBLE + CERTAIN).encode()
        assert mended(path) == once and fix_file(path, settings(path.parent), True).applied == 0

    def test_several_fixes_in_one_call_compose(self, write: Write) -> None:
        text = POSSIBLE.replace("prefetch_factor=2", "timeout=3, prefetch_factor=2, persistent_workers=True")
        result = fix_file(write({"a.py": text}) / "a.py", settings(Path()), False)
        assert result.applied == 3 and not result.left
        assert "prefetch_factor=2 if num_workers > 0 else None, persistent_workers=num_workers > 0" in result.after

    def test_suppressed_and_disabled_findings_are_not_fixed(self, write: Write) -> None:
        root = write({"a.py": "# picklesafe: ignore-file\n" + CERTAIN, "b.py": CERTAIN})
        assert fix_file(root / "a.py", settings(root), True).applied == 0
        assert fix_file(root / "b.py", settings(root, codes=frozenset({"PKS111"})), True).applied == 0

    def test_an_unsafe_fix_is_applied_only_if_asked_for(self, write: Write) -> None:
        body = "return call.finding(case, '', Fix('', (Edit(start, end, 'None'),), safe=False))"
        assert by_rule(write, body).applied == 0
        assert by_rule(write, body, unsafe=True).applied == 1

    def test_fixes_that_overlap_come_one_after_another(self, write: Write) -> None:
        body = (
            "first = Position(1, 1)\n"
            "return call.finding(case, '', Fix('', (Edit(first, first, '# seen\\n'), Edit(start, end, 'None'))))"
        )
        result = by_rule(write, body, CERTAIN + CERTAIN)
        assert result.applied == 2
        assert result.after == "# seen\n" * 2 + (CERTAIN + CERTAIN).replace("factor=2", "factor=None")

    def test_a_new_line_ends_as_the_files_lines_do(self, write: Write) -> None:
        body = "return call.finding(case, '', Fix('', (Edit(start, end, '(\\nNone)'),)))"
        result = by_rule(write, body, CERTAIN.replace("\n", "\r\n"))
        assert result.after == CERTAIN.replace("=2", "=(\nNone)").replace("\n", "\r\n")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("None)", "the result would not be valid Python"),
            ("3", "the result would have ABC001 at 3:26"),
            ("None); DataLoader([], prefetch_factor=3", "the result would have ABC001 at 3:"),
            ("None, label='é'", "it can't be written in ascii"),
            ("None, label='\0'", "the result contains null bytes"),
        ],
    )
    def test_a_fix_that_does_not_hold_is_dropped_and_told(self, write: Write, content: str, reason: str) -> None:
        # The declaration takes the place of the empty line, so that rows stay.
        text = "# coding: ascii\n" + CERTAIN.replace("\n\n", "\n")
        result = by_rule(write, f"return call.finding(case, '', Fix('', (Edit(start, end, {content!r}),)))", text)
        assert result.applied == 0 and result.after == text and diff(result) == b""
        (told,) = result.left
        assert "a.py:3:26: ABC001 is not fixed: " + reason in told

    def test_a_fix_that_does_not_hold_stops_no_other(self, write: Write) -> None:
        body = (
            "content = 'None' if start.row > 3 else 'None)'\n"
            "return call.finding(case, '', Fix('', (Edit(start, end, content),)))"
        )
        result = by_rule(write, body, CERTAIN * 20)
        assert result.applied == 19 and len(result.left) == 1
        assert result.after == CERTAIN + (CERTAIN * 19).replace("=2", "=None")

    def test_positions_outside_the_file_are_a_dropped_fix(self, write: Write) -> None:
        body = "far = Position(999, 1)\nreturn call.finding(case, '', Fix('', (Edit(far, far, 'None'),)))"
        result = by_rule(write, body)
        assert result.applied == 0 and len(result.left) == 1

    def test_what_cannot_be_read_or_analysed_is_an_error_that_names_the_file(self, write: Write) -> None:
        root = write({"null.py": b"\0", "bad.py": "prefetch_factor = = 1"})
        for name, reason in [("gone.py", "can't be read"), ("null.py", "null bytes"), ("bad.py", "not valid Python")]:
            with pytest.raises(FixError, match=f"{name}: .*{reason}"):
                fix_file(root / name, settings(root), False)

    def test_an_error_of_ours_is_told_in_one_line(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PICKLESAFE_DEBUG", raising=False)
        with pytest.raises(
            FixError, match=r"a\.py: internal error, please report it: RuleError: rule ABC001 raises KeyError: 'oh'"
        ):
            by_rule(write, "raise KeyError('oh')")


@contextmanager
def small_files() -> Iterator[None]:
    """Within, no file may grow beyond a few bytes, as on a full disk; pytest's own output may, before and after."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestWrite:
    @pytest.fixture
    def path(self, write: Write) -> Path:
        return write({"pkg/a.py": POSSIBLE}) / "pkg/a.py"

    def test_permissions_are_kept(self, path: Path) -> None:
        path.chmod(0o741)
        assert mended(path) == FIXED.encode()
        assert stat.S_IMODE(path.stat().st_mode) == 0o741

    def test_a_link_stays_a_link_and_its_target_is_mended(self, path: Path) -> None:
        link = path.parent.parent / "link.py"
        link.symlink_to("pkg/a.py")
        assert mended(link) == FIXED.encode()
        assert link.is_symlink() and not path.is_symlink() and path.read_text() == FIXED

    def test_nothing_else_is_left_in_the_folder(self, path: Path) -> None:
        mended(path)
        assert os.listdir(path.parent) == ["a.py"]

    def test_a_reader_sees_the_old_file_or_the_new_one(self, path: Path) -> None:
        with open(path) as reader:
            mended(path)
            assert reader.read() == POSSIBLE
        assert path.read_text() == FIXED

    def test_a_file_that_changed_meanwhile_is_left_alone(self, path: Path) -> None:
        result = fix_file(path, settings(path.parent), False)
        path.write_text("x = 1\n")
        with pytest.raises(FixError, match="has changed while it was being checked"):
            write(result)
        assert path.read_text() == "x = 1\n"

    def test_a_file_that_is_gone_is_not_made_again(self, path: Path) -> None:
        result = fix_file(path, settings(path.parent), False)
        path.unlink()
        with pytest.raises(FixError, match=r"a\.py: can't be written: No such file"):
            write(result)
        assert os.listdir(path.parent) == []

    def test_a_read_only_file_is_left_alone(self, path: Path) -> None:
        path.chmod(0o444)
        with pytest.raises(FixError, match=r"a\.py: can't be written: it is read-only"):
            mended(path)
        assert path.read_text() == POSSIBLE

    def test_a_folder_without_permission_is_an_error(self, path: Path) -> None:
        path.parent.chmod(0o555)
        try:
            if os.access(path.parent, os.W_OK):
                pytest.skip("root may write in every folder")
            with pytest.raises(FixError, match=r"a\.py: can't be written: Permission denied"):
                mended(path)
        finally:
            path.parent.chmod(0o755)
        assert path.read_text() == POSSIBLE

    def test_where_there_is_no_room_the_file_stays_as_it_was(self, path: Path) -> None:
        with pytest.raises(FixError, match=r"a\.py: can't be written: File too large"), small_files():
            mended(path)
        assert path.read_text() == POSSIBLE and os.listdir(path.parent) == ["a.py"]


class TestDiff:
    @pytest.mark.parametrize("text", [POSSIBLE, POSSIBLE.rstrip("\n"), POSSIBLE.replace("\n", "\r\n")])
    @pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
    def test_it_can_be_applied_and_gives_what_is_written(
        self, write: Write, monkeypatch: pytest.MonkeyPatch, text: str, encoding: str
    ) -> None:
        content = f"# coding: {encoding}\nname = 'ü'\n{text}".encode(encoding)
        root = write({"a.py": content})
        monkeypatch.chdir(root)
        result = fix_file(Path("a.py"), settings(root), False)
        difference = diff(result)
        assert difference.startswith(b"--- a.py\n+++ a.py\n@@ ")
        subprocess.run(["git", "apply", "-p0", "--whitespace=nowarn"], input=difference, check=True)
        assert (root / "a.py").read_bytes() == result.before.encode(result.after) != content

    def test_of_a_clean_file_it_is_empty(self, write: Write) -> None:
        root = write({"a.py": FIXED})
        assert diff(fix_file(root / "a.py", settings(root), True)) == b""
