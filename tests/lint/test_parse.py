"""From bytes to a tree: newer syntax, odd line ends and encodings, code that is no Python, code nested too deeply."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import picklesafe
from picklesafe.lint.finding import Position
from picklesafe.lint.source import InvalidSyntax, Source, SourceError, UnreadableFile

from .linting import lint, source

Write = Callable[[dict[str, "str | bytes"]], Path]

HEAD = "from torch.utils.data import DataLoader\n"
LOADER = "loader = DataLoader([1], timeout=9)\n"

# Valid since Python 3.11, 3.12, 3.13 or 3.14; each ends just before the loader.
NEWER = {
    "type alias": "type Pairs[T] = list[tuple[T, T]]\n",
    "type alias over lines": "type Pairs = (\n    int  # one\n    | str\n)\n",
    "type alias before a semicolon": "type Pairs = int; ",
    "two type aliases in one line": "type Pairs = int; type Others = str; ",
    "type parameters of a function": "def first[T: (int, str), *Ts, **P](x: T) -> T: ...\n",
    "type parameters over lines": "def first[\n    T,\n    U,\n](x: T, y: U) -> T: ...\n",
    "type parameters over lines with comments": "class Box[  # box\n    T,  # it's\n    # nothing\n](list): ...\n",
    "type parameters over lines, one empty": "class Box[  # box\n    T,\n\n    U,\n](list): ...\n",
    "type parameters over lines, one empty, of no parent": "class Box[\n\n    T\n]:\n    x = 1\n",
    "type parameters over lines of a function": "def first[\n    T,\n\n](x: T, *, y: int = 1) -> T: ...\n",
    "type parameters before a space": "def first[T] (x: T) -> T: ...\n",
    "type parameters of a class": "class Box[T](list[T]): ...\n",
    "type parameter with a default": "def first[T = int](x: T) -> T: ...\n",
    "except*": "try:\n    pass\nexcept* ValueError:\n    pass\n",
    "except* of several": "try:\n    pass\nexcept  *  (ValueError, TypeError) as error:\n    pass\n",
    "the same quotes within an f-string": "name = f'{'a'}'\n",
    "the same quotes on the loader's line": "name = f'{'a' + f'{'b'}'}'; ",
    "a comment within an f-string": "name = f'''{\n    1  # one\n}'''; ",
    "an f-string that ends in a row of its own": "name = f'{\n    1\n}'\n",
    "an f-string that begins with a row": "name = f'{\n1}'\n",
    "a short f-string over rows": "name = f'{\n1\n}'; ",
    "unpacking in a subscript": "x[*y]\n",
    "unpacking in an annotation": "def first(*args: *Ts): ...\n",
    "a backslash within an f-string": "name = f'{'\\n'.join([])}'; ",
    "wide letters within an f-string": "name = f'ü{'𝄞'}'; ",
    "a template string": "name = t'{1}'; ",
    "parenthesised context managers": "with (open('a') as a, open('b') as b,):\n    ",
}


def refused(content: str | bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        lint(content)
    return caught.value


@pytest.mark.parametrize("name", NEWER)
def test_newer_syntax_is_read_whatever_python_runs_with_every_row_and_column_in_its_place(name: str) -> None:
    text = HEAD + NEWER[name] + LOADER
    (found,) = lint(text)
    assert source(text).slice(found.start, found.end) == "timeout=9"


@pytest.mark.parametrize(
    "call",
    [
        "DataLoader(f'{'a'}', timeout=9)",
        "DataLoader([f'{'a'}', f'{'b'}'], shuffle=f'{'c'}' == '', timeout=9)",
        "DataLoader(\n    f'{'a'}',\n    timeout=9,\n)",
    ],
)
def test_newer_syntax_may_stand_within_the_call(call: str) -> None:
    text = f"{HEAD}def load[T](x: T) -> DataLoader[T]:\n    return {call}\n"
    (found,) = lint(text)
    assert source(text).slice(found.start, found.end) == "timeout=9"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("x = = 2\n", 1),
        ("def f(:\n    pass\n", 1),
        ("print 'x'\n", 1),
        ("if 1:\nx\n", 2),
        ("if 1:\n\tx = 1\n        y = 1\n", 3),
        ("x = 1\ny = (\n", 2),
        ("x = 1\n<<<<<<< HEAD\n", 2),
        ("type X = int\ny = = 2\n", 2),
        ("def first[T](x: T): ...\n\ny = )\n", 3),
    ],
)
def test_what_no_python_takes_is_a_syntax_error_in_its_row(text: str, row: int) -> None:
    error = refused(text)
    assert isinstance(error, InvalidSyntax) and error.code == "PKS901"
    assert error.position.row == row and error.message.startswith("is not valid Python: ")


@pytest.mark.parametrize("text", ["x = 1\ny = '\n", "(\n" * 3, "x = 1\\", "\n\n\ndef f():\n"])
def test_the_place_of_a_syntax_error_is_within_the_file(text: str) -> None:
    error = refused(text)
    assert 1 <= error.position.row <= len(text.splitlines())


@pytest.mark.parametrize("text", ["return DataLoader([1], timeout=9)\n", "await x; " + LOADER, "nonlocal x; " + LOADER])
def test_what_only_the_compiler_refuses_is_analysed(text: str) -> None:
    assert [finding.code for finding in lint(HEAD + text)] == ["PKS104"]


def test_an_invalid_escape_warns_nobody(recwarn: pytest.WarningsRecorder) -> None:
    assert len(lint(HEAD + "name = '\\d'\n" + LOADER)) == 1 and not recwarn.list


class TestLines:
    @pytest.mark.parametrize(
        ("text", "place"),
        [
            (HEAD + LOADER, (2, 26)),
            ((HEAD + LOADER).rstrip("\n"), (2, 26)),
            ((HEAD + LOADER).replace("\n", "\r"), (2, 26)),
            ((HEAD + LOADER).replace("\n", "\r\n"), (2, 26)),
            (HEAD.replace("\n", "\r") + "x = 1\r\n" + LOADER, (3, 26)),
            ("\x0c" + HEAD + "\x0c\n\x0c" + LOADER, (3, 27)),
            (HEAD + "x = 1\x0c; " + LOADER, (2, 34)),
            (HEAD + "x = '\x0b\x1c\x85\u2028'; " + LOADER + LOADER, (2, 38)),
            (HEAD + "if x:\n\tloader = DataLoader([1],\ttimeout=9)\n", (3, 27)),
            (HEAD + "'ü𝄞é'; " + LOADER, (2, 33)),
            (HEAD + "größe = 0; loader = DataLoader([1], num_workers=größe, timeout=9)\n", (2, 56)),
            ("\ufeff" + HEAD + LOADER, (2, 26)),
        ],
        ids=[
            "LF", "no end", "CR", "CRLF", "mixed", "form feeds at the start", "a form feed within a line",
            "separators in a string", "tabs", "wide letters", "wide names", "byte order mark",
        ],
    )  # fmt: skip
    def test_rows_end_where_python_ends_them_and_columns_count_characters(
        self, text: str, place: tuple[int, int]
    ) -> None:
        found = lint(text)
        assert found[0].start == place
        assert {source(text).slice(one.start, one.end) for one in found} == {"timeout=9"}


class TestEncodings:
    @pytest.mark.parametrize(
        ("head", "encoding", "letter"),
        [
            ("# coding: latin-1\n", "latin-1", "ü"),
            ("#!/usr/bin/python\n# -*- coding: cp1252 -*-\n", "cp1252", "€"),
            ("# vim: set fileencoding=utf-8 :\n", "utf-8", "𝄞"),
            ("# coding: gbk\n", "gbk", "中"),
            ("", "utf-8", "ü"),
            ("\ufeff", "utf-8", "ü"),
        ],
    )
    def test_a_declared_encoding_is_used(self, head: str, encoding: str, letter: str) -> None:
        data = f"{head}{HEAD}'{letter}'; {LOADER}".encode(encoding)
        (found,) = lint(data)
        file = Source(Path("a.py"), data)
        assert found.start.column == 31 and file.slice(found.start, found.end) == "timeout=9"
        assert file.encode(file.text) == data

    def test_a_declaration_in_the_third_line_is_a_comment(self) -> None:
        text = f"{HEAD}\n# coding: latin-1\n'ü'; {LOADER}"
        assert lint(text)[0].start == (4, 31)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"name = '\xfc'\n", "is not valid utf-8 (byte 0xfc in line 1)"),
            (b"x = 1\n\n# coding: latin-1\nname = '\xfc'\n", "is not valid utf-8 (byte 0xfc in line 4)"),
            (b"# coding: ascii\nname = '\xfc'\n", "is not valid ascii (byte 0xfc in line 2)"),
            (b"x = '\xed\xa0\x80'\n", "is not valid utf-8 (byte 0xed in line 1)"),
            (b"# coding: nonsense\n", "declares the unknown encoding 'nonsense'"),
            (b"# coding: rot13\n", "declares the unknown encoding 'rot13'"),
            (b"# coding: hex\n", "declares the unknown encoding 'hex'"),
            (b"x = 1\0\n", "contains null bytes"),
        ],
    )
    def test_what_cannot_be_decoded_is_unreadable_and_says_why(self, data: bytes, reason: str) -> None:
        error = refused(data)
        assert isinstance(error, UnreadableFile) and error.code == "PKS903"
        assert reason in error.message

    def test_an_undecodable_byte_is_reported_in_its_row(self) -> None:
        assert refused(b"x = 1\ny = 2 # \xff\n").position == Position(2, 1)


# What is repeated, and what it stands between; each of these has taken some parser down.
DEEP = {
    "parentheses": ("(" * 5_000, ")" * 5_000),
    "brackets": ("[" * 150, "]" * 150),
    "signs": ("-" * 20_000, ""),
    "not": ("not " * 20_000, ""),
    "sums": ("1 + " * 20_000, ""),
    "powers": ("1 ** " * 20_000, ""),
    "attributes": ("", ".b" * 20_000),
    "lambdas": ("lambda: " * 20_000, ""),
    "ternaries": ("1 if 2 else " * 20_000, ""),
    "comparisons": ("1 < " * 20_000, ""),
    "and": ("a and " * 20_000, ""),
    "awaits": ("await " * 20_000, ""),
    "f-strings": ("f'{" * 60, "}'" * 60),
}


def test_deep_nesting_is_one_line_and_the_rest_goes_on(write: Write) -> None:
    files: dict[str, str | bytes] = {}
    for name, (before, after) in DEEP.items():
        # With newer syntax in front, libcst has to judge where the running Python is too old.
        for kind, front in {"plain": "", "newer": "type X = int\n"}.items():
            files[f"{name} {kind}.py"] = f"{front}x = {before}a{after}\n{HEAD}{LOADER}"
    blocks = "".join(" " * depth + "if 1:\n" for depth in range(150)) + " " * 150 + "x\n"
    files["blocks.py"] = blocks + HEAD + LOADER
    files["elif.py"] = "if 1: pass\n" + "elif 1: pass\n" * 5_000 + HEAD + LOADER
    files["zz good.py"] = HEAD + LOADER
    root = write(files)
    command = [
        sys.executable,
        "-m",
        "picklesafe",
        "check",
        "--isolated",
        "--no-cache",
        "--output-format",
        "concise",
        ".",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(picklesafe.__file__).parent.parent)}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (1, "")
    said = dict(line.split(":", 1) for line in result.stdout.splitlines() if ".py:" in line)
    assert set(said) == set(files)
    assert all("PKS104" in text or "PKS903 is nested too deeply to be analysed" in text for text in said.values())
    assert "PKS104" in said["zz good.py"] and "PKS104" in said["brackets plain.py"]
    assert "PKS903" in said["parentheses plain.py"] and "PKS903" in said["signs newer.py"]
