"""`--add-ignore`: what is found is suppressed, by as few characters as do."""

from __future__ import annotations

from pathlib import Path

import pytest

from picklesafe.lint.add_ignore import add_ignores, suppressible
from picklesafe.lint.engine import check
from picklesafe.lint.rewrite import FixError
from picklesafe.lint.selection import UNUSED

from .linting import MAKE
from .project import settings

LOADER = "    DataLoader(ds, num_workers=n, "
HEAD = "from torch.utils.data import DataLoader\n\n\ndef f(ds, n):\n"


@pytest.fixture
def suppressed(tmp_path: Path):
    """A text with the comments; nothing but those is found in it any more."""
    chosen = settings(tmp_path)
    chosen = chosen._replace(codes=chosen.codes | {UNUSED})

    def suppressed(text: str, others: dict[str, str] = {}, encoding: str = "utf-8") -> str:  # noqa: B006
        for name, content in others.items():
            (tmp_path / name).write_text(content)
        path = tmp_path / "a.py"
        path.write_bytes(text.encode(encoding))
        found = check([str(tmp_path)], chosen)
        own = [finding for finding in found.findings if finding.path == str(path) and suppressible(finding)]
        result = add_ignores(str(path), own, chosen, found.watched)
        path.write_bytes(result.before.encode(result.after))
        assert own and (result.applied, result.left) == (len(own), ())
        assert [f.code for f in check([str(tmp_path)], chosen).findings if f.path == str(path)] == []
        return result.after

    return suppressed


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            "    DataLoader(ds, num_workers=n, prefetch_factor=2)\n",
            "    DataLoader(ds, num_workers=n, prefetch_factor=2)  # picklesafe: ignore[PKS111]\n",
        ),
        (
            "    DataLoader(ds, num_workers=n, prefetch_factor=2)",
            "    DataLoader(ds, num_workers=n, prefetch_factor=2)  # picklesafe: ignore[PKS111]",
        ),
        (
            "    DataLoader(ds, num_workers=n, prefetch_factor=2, persistent_workers=True)  \r\n",
            "    DataLoader(ds, num_workers=n, prefetch_factor=2, persistent_workers=True)"
            "  # picklesafe: ignore[PKS111, PKS112]\r\n",
        ),
        (
            "    DataLoader(ds, num_workers=n, prefetch_factor=2)  # why\n",
            "    DataLoader(ds, num_workers=n, prefetch_factor=2)  # why  # picklesafe: ignore[PKS111]\n",
        ),
        (
            LOADER + "prefetch_factor=2, timeout=3)  # picklesafe: ignore[PKS111]: why\n",
            LOADER + "prefetch_factor=2, timeout=3)  # picklesafe: ignore[PKS111, PKS114]: why\n",
        ),
        (
            "    # picklesafe: ignore[PKS111]\n" + LOADER + "prefetch_factor=2, timeout=3)\n",
            "    # picklesafe: ignore[PKS111, PKS114]\n" + LOADER + "prefetch_factor=2, timeout=3)\n",
        ),
        (
            "    DataLoader(\n        ds,\n        num_workers=n,\n        prefetch_factor=2,\n"
            "        timeout=3,\n    )\n",
            "    DataLoader(\n        ds,\n        num_workers=n,\n"
            "        prefetch_factor=2,  # picklesafe: ignore[PKS111]\n"
            "        timeout=3,  # picklesafe: ignore[PKS114]\n    )\n",
        ),
        (
            "    DataLoader(ds, num_workers=n, \\\n        prefetch_factor=2, \\\n        pin_memory=True)\n",
            "    DataLoader(ds, num_workers=n, \\\n        prefetch_factor=2, \\\n"
            "        pin_memory=True)  # picklesafe: ignore[PKS111]\n",
        ),
        (
            '    DataLoader(ds, num_workers=n, prefetch_factor=2), """\n    """\n',
            '    DataLoader(ds, num_workers=n, prefetch_factor=2), """\n    """  # picklesafe: ignore[PKS111]\n',
        ),
        (
            "    x = '''\n''', DataLoader(ds, num_workers=n, prefetch_factor=2), \\\n    '''\n'''\n",
            "    x = '''\n''', DataLoader(ds, num_workers=n, prefetch_factor=2), \\\n    '''\n'''"
            "  # picklesafe: ignore[PKS111]\n",
        ),
        (
            "    f'''{\n    DataLoader(\n        ds, num_workers=n,\n        prefetch_factor=2,\n    )\n    }'''\n",
            "    f'''{\n    DataLoader(\n        ds, num_workers=n,\n        prefetch_factor=2,\n    )\n    }'''"
            "  # picklesafe: ignore[PKS111]\n",
        ),
        (
            LOADER + "prefetch_factor=2), '# noqa'  # type: ignore  # noqa: E501,F401 # pragma: no cover \t\n",
            LOADER + "prefetch_factor=2), '# noqa'  # type: ignore  # noqa: E501,F401 # pragma: no cover"
            "  # picklesafe: ignore[PKS111]\n",
        ),
        (
            LOADER + "prefetch_factor=2)  # noqa: pks111  # picklesafe: ignore[]\n",
            LOADER + "prefetch_factor=2)  # noqa: pks111  # picklesafe: ignore[PKS111]\n",
        ),
        (
            "\x0c\n" + LOADER + "prefetch_factor=2), DataLoader(ds, num_workers=n, timeout=3)\x0c\n",
            "\x0c\n" + LOADER + "prefetch_factor=2), DataLoader(ds, num_workers=n, timeout=3)"
            "  # picklesafe: ignore[PKS111, PKS114]\n",
        ),
        (
            "    DataLoader(DataLoader(ds, num_workers=n, prefetch_factor=3), num_workers=n, prefetch_factor=2)\n",
            "    DataLoader(DataLoader(ds, num_workers=n, prefetch_factor=3), num_workers=n, prefetch_factor=2)"
            "  # picklesafe: ignore[PKS111]\n",
        ),
    ],
    ids=[
        *("a line", "the last line", "two codes", "a comment", "ours", "ours above", "rows", "backslashes", "a string"),
        *("between strings", "in a string", "other tools' comments", "ours, empty", "form feeds", "nested"),
    ],
)
def test_the_comment_stands_where_it_counts(suppressed, body, after):
    assert suppressed(HEAD + body) == HEAD + after


def test_a_call_into_another_file_is_suppressed_at_the_call(suppressed):
    call = "from make import make\n\nmake(\n    [1],\n    num_workers=0,\n)\n"
    assert suppressed(call, {"make.py": MAKE}) == call.replace("=0,", "=0,  # picklesafe: ignore[PKS101]")


@pytest.mark.parametrize("row", [3, 5, 6])
def test_a_call_into_another_file_can_be_suppressed_at_its_ends_as_well(tmp_path, row):
    lines = ["from make import make", "", "make(", "    [1],", "    num_workers=0,", ")"]
    lines[row - 1] += "  # noqa: PKS101"
    (tmp_path / "make.py").write_text(MAKE)
    (tmp_path / "a.py").write_text("\n".join(lines))
    found = check([str(tmp_path)], settings(tmp_path)).findings
    assert [finding.path for finding in found] == [str(tmp_path / "make.py")]


def test_the_encoding_of_the_file_stays(suppressed, tmp_path):
    text = "# coding: latin-1\n# é\n" + HEAD + "    DataLoader(ds, num_workers=n, timeout=3)\n"
    suppressed(text, encoding="latin-1")
    assert (tmp_path / "a.py").read_bytes().startswith(b"# coding: latin-1\n# \xe9\n")


def test_what_cannot_be_suppressed_by_its_line_is_not_tried(tmp_path):
    (tmp_path / "a.py").write_text("x = 1  # noqa: PKS111\n")
    (tmp_path / "b.py").write_text("x = (  # noqa: PKS111\n")
    chosen = settings(tmp_path)
    findings = check([str(tmp_path)], chosen._replace(codes=chosen.codes | {UNUSED})).findings
    assert [(finding.code, suppressible(finding)) for finding in findings] == [(UNUSED, False), ("PKS901", False)]


def test_a_file_that_has_changed_since_is_left_alone(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(HEAD + "    DataLoader(ds, num_workers=n, timeout=3)\n")
    findings = check([str(path)], settings(tmp_path)).findings
    path.write_text("")
    with pytest.raises(FixError, match="has changed"):
        add_ignores(str(path), findings, settings(tmp_path), frozenset())
