"""PKS902: comments that hide nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from picklesafe.lint.edits import fix_file
from picklesafe.lint.engine import check
from picklesafe.lint.finding import Finding
from picklesafe.lint.selection import UNUSED
from picklesafe.lint.settings import Settings

from . import project
from .linting import MAKE

CALL = "loader = DataLoader([1], prefetch_factor=2)"
TORCH = "from torch.utils.data import DataLoader\n"


def settings(root: Path, **changes: object) -> Settings:
    chosen = project.settings(root, **changes)
    return chosen if "codes" in changes else chosen._replace(codes=chosen.codes | {UNUSED})


@pytest.fixture
def found(tmp_path: Path):
    """What is found in a text, or in files of which only `a.py` is checked."""

    def found(text: str, others: dict[str, str] = {}, **changes: object) -> list[Finding]:  # noqa: B006
        for name, content in {**others, "a.py": text}.items():
            (tmp_path / name).write_text(content)
        return list(check([str(tmp_path / "a.py")], settings(tmp_path, **changes)).findings)

    return found


@pytest.fixture
def mended(tmp_path: Path):
    """A text without the comments that hide nothing."""

    def mended(text: str) -> str:
        (tmp_path / "a.py").write_bytes(text.encode())
        result = fix_file(str(tmp_path / "a.py"), settings(tmp_path), unsafe=False)
        return result.after

    return mended


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("comment", "after"),
    [
        ("# noqa: PKS111", ""),
        ("# noqa:PKS111,PKS112", ""),
        ("# noqa: E501, PKS111", "  # noqa: E501"),
        ("# noqa: PKS111, E501", "  # noqa: E501"),
        ("# noqa: E501,PKS111 F401", "  # noqa: E501 F401"),
        ("# noqa: PKS111  # type: ignore", "  # type: ignore"),
        ("# type: ignore  # noqa: PKS111", "  # type: ignore"),
        ("# noqa: PKS111 as it is slow", "  # as it is slow"),
        ("# picklesafe: ignore", ""),
        ("# picklesafe: ignore[PKS111]", ""),
        ("# picklesafe: ignore[PKS111]: it is slow", "  # it is slow"),
        ("# picklesafe: ignore-file[PKS1]", ""),
        ("# picklesafe: ignore-file", ""),
        ("# noqa: F401  # picklesafe: ignore[ PKS111 , PKS112 ]", "  # noqa: F401"),
        ("# picklesafe: ignore[PKS111]  # noqa: PKS112", ""),
        ("# noqa: PKS999", ""),
        ("# picklesafe: ignore[XYZ]", ""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_comment_that_hides_nothing_goes_and_leaves_what_is_not_ours(found, mended, comment, after, end):
    assert set(codes(found(f"x = 1  {comment}{end}"))) == {UNUSED}
    assert mended(f"x = 1  {comment}{end}") == f"x = 1{after}{end}"


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: E501",
        "# noqa: TEAM1",
        "# noqa: PKS111, PKS902",
        "# picklesafe: ignore[PKS111, PKS902]",
        "# picklesafe ignore[PKS111]",
        "'# noqa: PKS111'",
    ],
)
def test_what_other_tools_may_need_or_somebody_wants_to_keep_is_left_alone(found, comment):
    assert found(f"x = 1, {comment}\n") == [] if comment.startswith("'") else found(f"x = 1  {comment}\n") == []


def test_a_comment_alone_on_its_line_goes_with_its_line(mended):
    assert mended("a = 1\n    # picklesafe: ignore[PKS111]\nb = 2\n") == "a = 1\nb = 2\n"
    assert mended("# noqa: PKS111\n") == ""
    assert mended("a = 1\n# picklesafe: ignore-file[PKS111]") == "a = 1\n"


@pytest.mark.parametrize("comment", ["# noqa: PKS101", "# noqa: PKS1", "# picklesafe: ignore", "# noqa: PKS"])
def test_a_comment_that_hides_something_stays(found, comment):
    assert found(f"{TORCH}{CALL}  {comment}\n") == []


def test_of_several_codes_only_the_useless_ones_go(found, mended):
    text = f"{TORCH}{CALL}  # picklesafe: ignore[PKS111, PKS101, PKS102]\n"
    (finding,) = found(text)
    assert finding.message == "PKS111, PKS102 in this comment hide nothing; remove them"
    assert mended(text) == f"{TORCH}{CALL}  # picklesafe: ignore[PKS101]\n"


def test_the_message_says_what_is_wrong(found):
    messages = [
        found(f"x = 1  {text}\n")[0].message for text in ("# noqa: PKS111", "# noqa: PKS999", "# noqa: E1, PKS111")
    ]
    assert messages == [
        "`# noqa: PKS111` hides nothing; remove it",
        "there is no rule PKS999 to suppress; remove the code",
        "PKS111 in this comment hides nothing; remove it",
    ]


def test_the_place_is_that_of_the_directive(found):
    (finding,) = found("x = 'é'  # type: ignore # noqa: PKS111 b\n")
    assert (finding.start, finding.end) == ((1, 25), (1, 39))


def test_a_comment_for_the_whole_file_is_needed_if_any_line_needs_it(found):
    text = f"# picklesafe: ignore-file[PKS101]\n{TORCH}{CALL}\n"
    assert found(text) == []
    assert codes(found(text.replace("prefetch_factor=2", ""))) == [UNUSED]


def test_a_code_that_this_run_leaves_out_is_not_judged(found, tmp_path):
    left_out = settings(tmp_path).codes - {"PKS111"}
    assert found("x = 1  # noqa: PKS111\n", codes=left_out) == []
    assert found("x = 1  # picklesafe: ignore\n", codes=left_out) == []
    assert codes(found("x = 1  # noqa: PKS112\n", codes=left_out)) == [UNUSED]
    assert found("x = 1  # noqa: PKS111\n", per_file_ignores=(("a.py", ("PKS111",)),)) == []


def test_it_can_be_left_out_itself(found, tmp_path):
    assert found("x = 1  # noqa: PKS111\n", codes=settings(tmp_path).codes - {UNUSED}) == []
    assert found("x = 1  # noqa: PKS111\n", per_file_ignores=(("a.py", (UNUSED,)),)) == []


def test_a_comment_needed_by_a_call_into_another_file_stays_when_that_file_is_not_checked(found):
    call = "from make import make\n\nmake([1], num_workers=0)  # noqa: PKS101\n"
    assert found(call, {"make.py": MAKE}) == []
    assert found(call.replace("import make", "import make as m").replace("\nmake(", "\nm("), {"make.py": MAKE}) == []
    assert codes(found(call, {"make.py": "def make(data, num_workers): pass\n"})) == [UNUSED]


@pytest.mark.parametrize(
    "text",
    [
        "from make import make\n\n\nclass A:\n    def f(self):\n        make([1], num_workers=0)  # noqa: PKS101\n",
        "import make\n\n\ndef f():\n    make.make(\n        [1],\n        num_workers=0,\n    )  # noqa: PKS101\n",
        "# picklesafe: ignore-file[PKS101]\nimport make\n\n\ndef f():\n    return make.make([1], num_workers=0)\n",
        "from make import make\n\nif True:\n    make([1], num_workers=0)  # picklesafe: ignore\n",
    ],
    ids=["a method", "a module and the last row", "the file", "a block"],
)
def test_that_holds_wherever_the_call_stands(found, text):
    assert found(text, {"make.py": MAKE}) == []


def test_the_cache_forgets_a_comment_when_the_file_that_needs_it_changes(tmp_path):
    chosen = settings(tmp_path, cache_dir=str(tmp_path / "cache"))
    (tmp_path / "a.py").write_text("from make import make\n\nmake([1], num_workers=0)  # noqa: PKS101\n")
    results = []
    for content in (MAKE, MAKE, MAKE.replace("=2)", "=None)"), MAKE.replace("=2)", "=None)"), MAKE):
        (tmp_path / "make.py").write_text(content)
        # One path at a time: the other file is known only by what was consulted.
        results.append(codes(list(check([str(tmp_path / "a.py")], chosen).findings)))
    assert results == [[], [], [UNUSED], [UNUSED], []]


def test_the_cache_keeps_what_was_found(tmp_path):
    chosen = settings(tmp_path, cache_dir=str(tmp_path / "cache"))
    (tmp_path / "a.py").write_text("x = 1  # noqa: PKS101\n")
    first, second = (check([str(tmp_path)], chosen).findings for _ in range(2))
    assert first == second and codes(list(first)) == [UNUSED]


def test_a_file_that_is_no_python_is_not_judged_by_its_comments(found):
    assert codes(found("x = (  # noqa: PKS111\n")) == ["PKS901"]
    assert found("# picklesafe: ignore-file\nx = (\n") == []


def test_the_finding_can_be_silenced_for_its_file(found):
    assert found("x = 1  # noqa: PKS111\n# picklesafe: ignore-file[PKS902]\n") == []


def test_a_comment_that_says_everything_does_not_hide_that_it_is_useless(found):
    assert codes(found("x = 1  # picklesafe: ignore\n")) == [UNUSED]
    assert codes(found("# picklesafe: ignore-file\nx = 1\n")) == [UNUSED]
