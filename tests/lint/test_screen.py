"""Which files can matter, told from their bytes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picklesafe.lint.registry import Rule, load_rules
from picklesafe.lint.screen import (
    HIT,
    MISS,
    call_pattern,
    forms,
    gate,
    last_change,
    read,
    scan,
    shared_parts,
    state_of,
    triggered,
)
from picklesafe.lint.source import MAX_BYTES
from picklesafe.lint.triggers import invalid_workers


def rule(code: str, *triggers: str | tuple[str, ...]) -> Rule:
    words = tuple(tuple(w.encode() for w in ([t] if isinstance(t, str) else t)) for t in triggers)
    return Rule(code, code.lower(), "", words, lambda fact: None, ModuleType(code))


RULES = [
    rule("A1", "prefetch_factor"),
    rule("A2", "persistent_workers", "keep_workers"),
    rule("A3", ("timeout", "num_workers")),
]


class TestTriggered:
    @pytest.mark.parametrize(
        ("text", "codes"),
        [
            ("", []),
            ("x = 1", []),
            ("DataLoader(ds, prefetch_factor=2)", ["A1"]),
            ("keep_workers", ["A2"]),
            ("timeout=3", []),
            ("num_workers=3", []),
            ("num_workers=3, timeout=3", ["A3"]),
            ("persistent_workers prefetch_factor timeout num_workers", ["A1", "A2", "A3"]),
        ],
    )
    def test_rules_are_triggered_by_their_words(self, text: str, codes: list[str]) -> None:
        assert [found.code for found in triggered(text.encode(), RULES)] == codes

    def test_a_rule_without_triggers_is_never_triggered(self) -> None:
        assert triggered(b"anything", [rule("A9")]) == []

    def test_a_rule_that_asks_for_nothing_looks_at_every_file(self) -> None:
        rules = [*RULES, rule("A9", ())]
        assert [found.code for found in triggered(b"anything", rules)] == ["A9"]
        assert any(word in b"anything" for word in gate(rules))


class TestGate:
    def test_similar_words_are_searched_as_one(self) -> None:
        assert shared_parts([b"persistent_workers", b"num_workers", b"keep_workers"]) == (b"_workers",)

    def test_words_with_little_in_common_stay_apart(self) -> None:
        assert set(shared_parts([b"prefetch_factor", b"persistent_workers"])) == {
            b"prefetch_factor",
            b"persistent_workers",
        }

    def test_a_short_word_that_another_one_holds_stands_for_both(self) -> None:
        assert shared_parts([b"run(", b"trainrun("]) == (b"run(",)

    @given(st.lists(st.lists(st.text("abc_", min_size=1, max_size=12), min_size=1, max_size=3), max_size=5), st.data())
    def test_a_file_that_triggers_a_rule_passes(self, words: list[list[str]], data: st.DataObject) -> None:
        rules = [rule(f"R{number}", tuple(trigger)) for number, trigger in enumerate(words)]
        text = data.draw(st.text("abc_", max_size=60)).encode()
        if rules and data.draw(st.booleans()):
            text += b" ".join(data.draw(st.sampled_from(rules)).triggers[0])
        if triggered(text, rules):
            assert any(word in text for word in gate(rules))


class TestScan:
    def test_files_with_a_word_or_no_text_are_hits(self, tmp_path: Path) -> None:
        contents = [b"x = 1\n", b"prefetch_factor", "ü".encode(), b"\xfc", b"a\0b", b""]
        paths = _write(tmp_path, contents)
        assert [look for look, _ in scan(paths, [b"prefetch_factor"])] == [MISS, HIT, MISS, HIT, HIT, MISS]

    def test_where_calls_are_looked_for_only_calls_are_hits(self, tmp_path: Path) -> None:
        contents = [
            b"run(1)",
            b"a.run (1)",
            b"def run(x):",
            b"class run(X):",
            b"rerun(1)",
            b"run",
            b"\xff",
            b"def run():\n run()",
        ]
        paths = _write(tmp_path, contents)
        looks = scan(paths, [b"run"], call_pattern({"run", "other"}))
        assert [look for look, _ in looks] == [HIT, HIT, MISS, MISS, MISS, MISS, MISS, HIT]

    def test_a_file_that_cannot_be_read_is_told_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        paths = _write(tmp_path, [b"x", b"word"])
        looks = scan([str(tmp_path / "gone.py"), *paths], [b"word"])
        assert [look for look, _ in looks] == ["No such file or directory", MISS, HIT]

    def test_states_are_those_of_the_files_as_they_were_read(self, tmp_path: Path) -> None:
        paths = _write(tmp_path, [b"x", b"word"])
        looks = scan([*paths, str(tmp_path / "gone.py")], [b"word"])
        assert [state for _, state in looks] == [*map(state_of, map(os.stat, paths)), None]
        assert [last_change(state_of(status)) for status in map(os.stat, paths)] == [
            max(status.st_mtime_ns, status.st_ctime_ns) for status in map(os.stat, paths)
        ]

    def test_a_huge_file_is_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.py"
        with open(path, "wb") as file:
            file.truncate(MAX_BYTES + 1)
        status, data = read(str(path))
        assert data == b"" and status.st_size == MAX_BYTES + 1
        assert scan([str(path)], [])[0][0] == HIT

    @pytest.mark.parametrize("size", [0, 1, 4096, 1 << 20])
    def test_a_file_is_read_whole(self, tmp_path: Path, size: int) -> None:
        (path,) = _write(tmp_path, [bytes(range(1, 251)) * (size // 250 + 1)])
        assert read(path)[1] == Path(path).read_bytes()


def test_the_built_in_rules_need_few_words() -> None:
    rules = load_rules()
    words = gate(rules)
    assert 0 < len(words) <= 6
    for trigger in (trigger for rule in rules for trigger in rule.triggers):
        text = b" ".join(word for word in trigger if isinstance(word, bytes))
        assert any(word in text for word in words)


@pytest.mark.parametrize("given", [b"n.", b"self.", b"...", b"."])
def test_a_number_of_workers_may_end_in_dots(given: bytes) -> None:
    assert not invalid_workers(b"# As many as num_workers=%s\nn = 4\n" % given)


def test_the_end_of_a_sentence_is_no_part_of_a_name() -> None:
    assert invalid_workers(b"# As many as num_workers=n.\nn = -1\n")


def _write(folder: Path, contents: list[bytes]) -> list[str]:
    paths = [folder / f"{number}.py" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [str(path) for path in paths]


def asking(code: str, word: str, *more: str) -> Rule:
    """A rule that looks for a class beside its words."""
    return rule(code)._replace(triggers=((word.encode(), *map(str.encode, more), re.compile(rb"class \w+\(Dataset")),))


def test_a_word_that_needs_something_beside_it_is_a_hit_only_with_that(tmp_path: Path) -> None:
    texts = {"class": "class Lines(Dataset): ...\n", "word": "lines: Dataset\n", "both": "Dataset\nprefetch_factor\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    paths = [str(tmp_path / f"{name}.py") for name in texts]
    looks = scan(paths, [b"Dataset", b"prefetch_factor"], None, forms([asking("A1", "Dataset")]))
    assert [look for look, _ in looks] == [HIT, MISS, HIT]


def test_a_word_that_is_enough_for_one_rule_is_enough() -> None:
    assert forms([asking("A1", "Dataset"), rule("A2", "Dataset")]) == {}
    assert forms([asking("A1", "Dataset", "torch")]) == {}
