"""Whatever a fixable file looks like, the fixer changes the values that are wrong and no other byte.

`PICKLESAFE_EXAMPLES` sets how many files are tried, at random then.
"""

from __future__ import annotations

import ast
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

import libcst
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from picklesafe.lint.edits import FixResult, diff, fix_file, write
from picklesafe.lint.registry import load_rules
from picklesafe.lint.settings import Settings
from tests.thoroughness import share

EXAMPLES = os.environ.get("PICKLESAFE_EXAMPLES")
many = settings(
    max_examples=int(EXAMPLES or share(60)),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# «…» is a value that the fixer must change; \n and \t stand for the file's line ends and indents,
# {w} for a parameter, {c} for the text of a comment and {s} for that of a string.
FIXABLE = (
    "def load{i}(data, {w}):\n\treturn DataLoader(data, num_workers={w}, prefetch_factor=«2»)\n",
    "def load{i}(data, {w}):  # {c}\n\treturn DataLoader(  # {c}\n\t\tdata,\n\t\tnum_workers={w},  # {c}\n"
    "\t\tprefetch_factor = «2» ,  # {c}\n\t\t# {c}\n\t\tpersistent_workers=«True»,  # {c}\n\t)  # {c}\n",
    "def load{i}(data, {w}):\n\treturn DataLoader(data, num_workers={w}, prefetch_factor=«2»,)\n",
    "def load{i}(data, {w}):\n\treturn DataLoader(data, num_workers={w}, \\\n\t\ttimeout=\\\n«5» \\\n\t)\n",
    'def load{i}(data, {w}):\n\tname = "{s}"; loader = DataLoader(data, num_workers={w}, prefetch_factor=«2»); '
    'print(name, "{s}")\n\treturn loader\n',
    'def load{i}(data, {w}, name="{s}"):\n\treturn wrap("{s}", DataLoader(data, timeout=«30.0», num_workers={w}))\n',
    "def load{i}(data, {w}):\n\treturn DataLoader(data, 4, False, None, None, {w}, None, False, False, «30»)\n",
    'def load{i}(data, {w}):\n\tkwargs = {{"num_workers": {w}, "prefetch_factor": «4»,  # {c}\n\t\t}}\n'
    "\treturn DataLoader(data, **kwargs)\n",
    'def load{i}(data, {w}):\n\tkwargs = dict(num_workers={w})\n\tkwargs["multiprocessing_context"] = «"fork"»  # {c}\n'
    "\treturn DataLoader(data, **kwargs)\n",
    "def load{i}(data, {w}):\n\tif data:\n\t\tif {w} < 9:  # {c}\n\t\t\treturn DataLoader(data,\n\n"
    "\t\t\t\t\tnum_workers={w}, prefetch_factor=(  # {c}\n\t\t\t\t\t\t«2»  # {c}\n\t\t\t\t\t))\n",
    "def load{i}(data, {w}, big=1):\n\treturn DataLoader(data, prefetch_factor=«4 if big else 2», num_workers={w})\n",
    "def load{i}(data, {w}):\n\treturn DataLoader(data, num_workers={w}, prefetch_factor=«2 + \\\n\t2»)\n",
    "class Module{i}:\n\tdef __init__(self, {w}):\n\t\tself.{w} = {w}\n\n\tdef loader(self, data):\n"
    '\t\t"""{s}\n\t\t{s}"""\n\t\treturn DataLoader(data, num_workers=self.{w}, persistent_workers=«True»)  # {c}\n',
    "def load{i}(data): return DataLoader(data, prefetch_factor=«2»)  # {c}\n",
    'def load{i}(data):\n\treturn [DataLoader(data, num_workers=0, multiprocessing_context=«"spawn"», timeout=«5»)]\n',
    "loader{i} = DataLoader([1], num_workers=0, persistent_workers=«True»)\n",
)
HARMLESS = (
    "# {c}\n",
    "\n",
    "\f\n",
    "\f# {c}\n",
    " \t\n",
    'text = "{s}"\n',
    'text = """{s}\n{s}"""  # {c}\n',
    "size = 1 + \\\n\t2\n",
    "# the coding=klingon of names\n",
    "def load_well(data, {w}):\n\treturn DataLoader(data, num_workers={w}, prefetch_factor=2 if {w} > 0 else None)\n",
    "if True:\n\tpass  # {c}\n",
)
HEAD = "from torch.utils.data import DataLoader\n\n\ndef wrap(*things):\n\treturn things[1]\n"

# Characters that other tools take for line ends, where the encoding has them.
LINE_LIKE = "\x0b\x0c\x1c\x1d\x85\u2028\u2029"


class File(NamedTuple):
    """A file to be fixed. `pieces`: its bytes, unchanging and changing ones in turn."""

    data: bytes
    pieces: tuple[str, ...]
    encoding: str
    bom: bool


class Encoding(NamedTuple):
    codec: str
    declaration: str = ""
    bom: bool = False


ENCODINGS = (
    Encoding("utf-8"),
    Encoding("utf-8", bom=True),
    Encoding("utf-8", "# -*- coding: utf-8 -*-", bom=True),
    Encoding("utf-8", "# vim: set fileencoding=UTF-8 :"),
    Encoding("latin-1", "# -*- coding: latin-1 -*-"),
    Encoding("latin-1", "#!/usr/bin/env python\n# coding=ISO-8859-1"),
    Encoding("cp1252", "# coding: cp1252"),
    Encoding("ascii", "# coding: us-ascii"),
)


@st.composite
def files(draw: st.DrawFn) -> File:
    """A file with something to fix, however it is written."""
    encoding = draw(st.sampled_from(ENCODINGS))
    indent = draw(st.sampled_from(("\t", "  ", "    ", " ", "\t  ")))
    newline = draw(st.sampled_from(("\n", "\r\n", "\r", "mixed")))
    blocks = draw(st.lists(st.sampled_from(FIXABLE + HARMLESS), max_size=6))
    blocks.insert(draw(st.integers(0, len(blocks))), draw(st.sampled_from(FIXABLE)))
    text = "".join(_filled(draw, block, number, encoding) for number, block in enumerate(blocks))
    head = draw(st.sampled_from((HEAD, "\f\n" + HEAD, '"""{s}"""\n' + HEAD, "# {c}\n# {c}\n# {c}\n" + HEAD)))
    text = (encoding.declaration and encoding.declaration + "\n") + _filled(draw, head, 0, encoding) + text
    text = re.sub(r"(?m)^\t+|(?<=\\\n)\t+", lambda found: indent * len(found[0]), text)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return _file(_with_newlines(draw, text, newline), encoding)


def _filled(draw: st.DrawFn, block: str, number: int, encoding: Encoding) -> str:
    word = draw(st.sampled_from(("num_workers", "n", "größe"))) if encoding.codec != "ascii" else "num_workers"
    text = st.text(
        st.characters(codec=encoding.codec, exclude_categories=("Cc", "Cs"), exclude_characters="\"\\'{}«»")
        | st.sampled_from([c for c in LINE_LIKE if _encodable(c, encoding.codec)]),
        max_size=8,
    )
    block = block.replace("{w}", word).replace("{i}", str(number)).replace("{{", "{").replace("}}", "}")
    return re.sub(r"\{[cs]\}", lambda _: draw(text), block)


def _encodable(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _with_newlines(draw: st.DrawFn, text: str, newline: str) -> str:
    if newline != "mixed":
        return text.replace("\n", newline)
    ends = draw(st.lists(st.sampled_from(("\n", "\r\n", "\r")), min_size=3, max_size=5))
    *lines, last = text.split("\n")
    # An empty line ends in "\r\n": the "\r" of the line before and a "\n" alone would be one line end.
    return "".join(line + (ends[i % len(ends)] if line else "\r\n") for i, line in enumerate(lines)) + last


def _file(text: str, encoding: Encoding) -> File:
    pieces = tuple(re.split("[«»]", text))
    bom = b"\xef\xbb\xbf" if encoding.bom else b""
    return File(bom + "".join(pieces).encode(encoding.codec), pieces, encoding.codec, encoding.bom)


def plain(text: str, newline: str = "\n") -> File:
    """A UTF-8 file, for examples."""
    return _file(("# Loaders\n" + HEAD.replace("\t", "    ") + text).replace("\n", newline), ENCODINGS[0])


LINES_THAT_ARE_NONE = plain(
    'def f(n):\n    x = "\u2028é\x85"; return DataLoader([x], num_workers=n, prefetch_factor=«2»)'
)
NO_DECLARATION = plain("loader = DataLoader([1], prefetch_factor=«2»)\n# the coding=klingon of names\n", "\r")


def fixed(path: Path) -> FixResult:
    codes = frozenset(rule.code for rule in load_rules())
    return fix_file(path, Settings(root=path.parent, codes=codes), unsafe=False)


@many
@given(files())
@example(LINES_THAT_ARE_NONE)
@example(NO_DECLARATION)
def test_the_fixed_file_parses_and_only_the_wrong_values_are_changed(file: File) -> None:
    ast.parse(file.data)  # else the template is wrong
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.py")
        path.write_bytes(file.data)
        result = fixed(path)
        wrong = len(file.pieces) // 2
        assert (result.applied, result.left) == (wrong, ())
        write(result)
        after = path.read_bytes()
    ast.parse(after)
    text = after.decode(file.encoding)
    # The text, as libcst takes "\r" for a line end in a text, but not in a file that declares its encoding.
    libcst.parse_module(text.removeprefix("\ufeff"))
    bom = "\ufeff" if file.bom else ""
    changed = re.fullmatch(re.escape(bom) + "(.{1,120}?)".join(map(re.escape, file.pieces[::2])), text, re.DOTALL)
    assert changed
    assert not [value for value, old in zip(changed.groups(), file.pieces[1::2], strict=True) if value == old]


@many
@given(files())
def test_a_second_fix_changes_nothing(file: File) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.py")
        path.write_bytes(file.data)
        write(fixed(path))
        after = path.read_bytes()
        again = fixed(path)
        assert (again.applied, again.after, diff(again)) == (0, again.before.text, b"")
        write(again)
        assert path.read_bytes() == after


@many
@given(files())
def test_the_diff_is_made_of_the_lines_of_the_files(file: File) -> None:
    """Taking the added lines out and the removed ones in again gives the file as it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.py")
        path.write_bytes(file.data)
        result = fixed(path)
        shown = diff(result)
        write(result)
        after = path.read_bytes()
    removed, added = (_marked(shown, mark) for mark in (b"-", b"+"))
    assert removed and added
    assert all(line in file.data for line in removed)
    assert all(line in after for line in added)


def _marked(shown: bytes, mark: bytes) -> list[bytes]:
    body = shown.split(b"\n", 2)[2]
    return [line[1:] for line in body.split(b"\n") if line.startswith(mark)]
