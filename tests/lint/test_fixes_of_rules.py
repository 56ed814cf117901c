"""What the fixes of the loader rules write: the guarded form, wherever and however the argument is given."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from picklesafe.lint.edits import fix_file
from picklesafe.lint.finding import Fix

from .linting import Mended, lint, mend, said
from .project import settings

Write = Callable[[dict[str, "str | bytes"]], Path]

HEAD = """\
import functools
from torch.utils.data import DataLoader
from transformers import TrainingArguments


def make(ds, num_workers=0, **options):
    return DataLoader(ds, num_workers=num_workers, **options)


def drops(ds, num_workers=0, **options):
    return DataLoader(ds, **options)


"""


def program(body: str) -> str:
    return f"{HEAD}def load(ds, nw, cfg, flag):\n{textwrap.indent(body, '    ')}\n"


def mended(body: str) -> Mended:
    """The body of `load` with all fixes, and whether those are safe; it must be silent then."""
    text, safe = mend(program(body))
    ast.parse(text)
    assert said(text) == []
    head, _, after = text.partition("def load(ds, nw, cfg, flag):\n")
    assert head == HEAD
    return Mended(textwrap.dedent(after).removesuffix("\n"), safe)


def value(given: str, argument: str = "prefetch_factor") -> str:
    """What becomes of an argument beside `num_workers=nw`."""
    before, after = f"DataLoader(ds, num_workers=nw, {argument}=", ")"
    text, safe = mended(before + given + after)
    assert safe and text.startswith(before) and text.endswith(after)
    return text[len(before) : -len(after)]


def workers(given: str) -> tuple[str, bool | None]:
    """The condition that a fix puts beside `num_workers=given`, and whether the fix is safe."""
    before, after = f"DataLoader(ds, num_workers={given}, prefetch_factor=2 if ", " else None)"
    text, safe = mended(f"DataLoader(ds, num_workers={given}, prefetch_factor=2)")
    assert text.startswith(before) and text.endswith(after)
    return text[len(before) : -len(after)], safe


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ("2", "2 if nw > 0 else None"),
        ("0x10", "0x10 if nw > 0 else None"),
        ("'2'", "'2' if nw > 0 else None"),
        ("cfg.get('prefetch', 2)", "cfg.get('prefetch', 2) if nw > 0 else None"),
        ("flag or 2", "flag or 2 if nw > 0 else None"),
        ("not flag or 2", "not flag or 2 if nw > 0 else None"),
        ("2 if flag else 3", "(2 if flag else 3) if nw > 0 else None"),
        ("lambda: 2", "(lambda: 2) if nw > 0 else None"),
        ("(x := 2)", "((x := 2) if nw > 0 else None)"),
        ("(2)", "(2 if nw > 0 else None)"),
        ("2 + \\\n        2", "2 + \\\n        2 if nw > 0 else None"),
        ("[\n    2,\n]", "[\n    2,\n] if nw > 0 else None"),
        ("(  # two\n    2  # or more\n)", "(  # two\n    2 if nw > 0 else None  # or more\n)"),
    ],
)
def test_a_value_gets_a_condition_and_parentheses_where_it_needs_them(given: str, after: str) -> None:
    assert value(given) == after


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ("True", "nw > 0"),
        ("(True)", "(nw > 0)"),
        ("1", "1 and nw > 0"),
        ("not None", "not None and nw > 0"),
        ("flag or True", "(flag or True) and nw > 0"),
        ("flag is None or True", "(flag is None or True) and nw > 0"),
        ("True if flag else 1", "(True if flag else 1) and nw > 0"),
        ("lambda: 1", "(lambda: 1) and nw > 0"),
        ("cfg.get('keep', True)", "cfg.get('keep', True) and nw > 0"),
    ],
)
def test_persistent_workers_become_a_condition(given: str, after: str) -> None:
    assert value(given, "persistent_workers") == after


@pytest.mark.parametrize(
    ("argument", "given", "after"),
    [
        ("timeout", "30", "30 if nw > 0 else 0"),
        ("timeout", "2.5", "2.5 if nw > 0 else 0"),
        ("multiprocessing_context", "'spawn'", "'spawn' if nw > 0 else None"),
    ],
)
def test_other_arguments_fall_back_to_what_torch_takes(argument: str, given: str, after: str) -> None:
    assert value(given, argument) == after


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ("4 if nw > 0 else 2", "4 if nw > 0 else None"),
        ("4 if nw else 0", "4 if nw else None"),
        ("4 if 0 < nw else 2", "4 if 0 < nw else None"),
        ("4 if (nw >= 1) else (2)", "4 if (nw >= 1) else (None)"),
        ("2 if nw == 0 else 4", "None if nw == 0 else 4"),
        ("0 if not nw else 4", "None if not nw else 4"),
        ("4 if nw > 0 else flag or 2", "(4 if nw > 0 else flag or 2) if nw > 0 else None"),
        ("4 if nw > 1 else 2", "(4 if nw > 1 else 2) if nw > 0 else None"),
    ],
)
def test_of_a_guard_with_a_wrong_else_only_the_else_is_replaced(given: str, after: str) -> None:
    assert value(given) == after


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        ("nw", "nw > 0"),
        ("(nw)", "nw > 0"),
        ("cfg.data.workers", "cfg.data.workers > 0"),
        ("cfg['workers']", "cfg['workers'] > 0"),
        ("nw - 1", "nw - 1 > 0"),
        ("nw // 2 * 3", "nw // 2 * 3 > 0"),
        ("nw if flag else 0", "(nw if flag else 0) > 0"),
        ("nw or 0", "(nw or 0) > 0"),
        ("nw and 2", "(nw and 2) > 0"),
        ("nw \\\n    - 1", "nw - 1 > 0"),
    ],
)
def test_the_number_of_workers_is_read_once_more_as_it_is_written(given: str, condition: str) -> None:
    assert workers(given) == (condition, True)


@pytest.mark.parametrize(
    "given", ["cfg.get('workers', 4)", "count()", "next(cfg)", "cfg.parts[count()]", "count() - 1"]
)
def test_a_number_that_is_called_for_twice_makes_the_fix_unsafe(given: str) -> None:
    assert workers(given) == (f"{given} > 0", False)


@pytest.mark.parametrize(
    ("argument", "given", "after"),
    [
        ("prefetch_factor", "2", "None"),
        ("prefetch_factor", "0", "None"),
        ("persistent_workers", "True", "False"),
        ("multiprocessing_context", "'spawn'", "None"),
        ("timeout", "60 * 2", "0"),
    ],
)
@pytest.mark.parametrize("number", ["", "num_workers=0, "])
def test_of_a_certain_finding_the_value_is_replaced(number: str, argument: str, given: str, after: str) -> None:
    expected = Mended(f"DataLoader(ds, {number}{argument}={after})", True)
    assert mended(f"DataLoader(ds, {number}{argument}={given})") == expected


def test_a_call_that_would_no_longer_be_made_makes_the_fix_unsafe() -> None:
    before = "DataLoader(ds, timeout=max(30, next(cfg)))"
    assert mended(before) == Mended("DataLoader(ds, timeout=0)", False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{'num_workers': nw, 'timeout': 9}", "{'num_workers': nw, 'timeout': 9 if nw > 0 else 0}"),
        ("dict(num_workers=nw, timeout=9)", "dict(num_workers=nw, timeout=9 if nw > 0 else 0)"),
        ("{'num_workers': nw} | {'timeout': 9}", "{'num_workers': nw} | {'timeout': 9 if nw > 0 else 0}"),
        ("{**{'num_workers': nw}, 'timeout': 9}", "{**{'num_workers': nw}, 'timeout': 9 if nw > 0 else 0}"),
    ],
)
def test_an_entry_of_a_dictionary_is_mended_where_it_stands(before: str, after: str) -> None:
    rest = "\nreturn DataLoader(ds, **options)"
    assert mended(f"options = {before}{rest}") == Mended(f"options = {after}{rest}", True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('options["timeout"] = 9', 'options["timeout"] = 9 if nw > 0 else 0'),
        ("options.update(timeout=9)", "options.update(timeout=9 if nw > 0 else 0)"),
        ("options.update({'timeout': 9})", "options.update({'timeout': 9 if nw > 0 else 0})"),
        ("options |= {'timeout': 9}", "options |= {'timeout': 9 if nw > 0 else 0}"),
        ("options.setdefault('timeout', 9)", "options.setdefault('timeout', 9 if nw > 0 else 0)"),
    ],
)
def test_what_is_added_to_a_dictionary_is_mended_where_that_is_done(before: str, after: str) -> None:
    head, tail = "options = dict(num_workers=nw)\n", "\nreturn DataLoader(ds, **options)"
    assert mended(head + before + tail) == Mended(head + after + tail, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("make(ds, num_workers=nw, timeout=9)", "make(ds, num_workers=nw, timeout=9 if nw > 0 else 0)"),
        ("make(ds, nw, timeout=9)", "make(ds, nw, timeout=9 if nw > 0 else 0)"),
        ("make(ds, timeout=9)", "make(ds, timeout=0)"),
        ("drops(ds, num_workers=nw, timeout=9)", "drops(ds, num_workers=nw, timeout=0)"),
        (
            "functools.partial(DataLoader, num_workers=nw)(ds, timeout=9)",
            "functools.partial(DataLoader, num_workers=nw)(ds, timeout=9 if nw > 0 else 0)",
        ),
        (
            "functools.partial(DataLoader, timeout=9)(ds, num_workers=nw)",
            "functools.partial(DataLoader, timeout=9 if nw > 0 else 0)(ds, num_workers=nw)",
        ),
        (
            "DataLoader(ds, 2, False, None, None, nw, None, False, False, 9)",
            "DataLoader(ds, 2, False, None, None, nw, None, False, False, 9 if nw > 0 else 0)",
        ),
        (
            "[DataLoader(ds, num_workers=n, timeout=9) for n in cfg]",
            "[DataLoader(ds, num_workers=n, timeout=9 if n > 0 else 0) for n in cfg]",
        ),
    ],
)
def test_what_leads_to_a_loader_is_mended_where_it_is_given(before: str, after: str) -> None:
    assert mended(before) == Mended(after, True)


def test_training_arguments_are_mended_under_their_own_names() -> None:
    before = "TrainingArguments('.', dataloader_num_workers=nw, dataloader_prefetch_factor=2)"
    assert mended(before).text == before.replace("factor=2", "factor=2 if nw > 0 else None")
    before = "TrainingArguments('.', dataloader_persistent_workers=True)"
    assert mended(before).text == before.replace("True", "False")


def test_several_arguments_of_one_call_are_mended_at_once() -> None:
    before = "DataLoader(ds, timeout=9, num_workers=nw, prefetch_factor=2, persistent_workers=True)"
    after = (
        "DataLoader(ds, timeout=9 if nw > 0 else 0, num_workers=nw, "
        "prefetch_factor=2 if nw > 0 else None, persistent_workers=nw > 0)"
    )
    assert mended(before) == Mended(after, True)


def test_comments_and_spaces_around_the_value_stay() -> None:
    before = """\
return DataLoader(  # the loader
    ds,
    num_workers = nw ,  # as many as there are
    prefetch_factor = 2 ,  # enough
    # nothing more
)"""
    assert mended(before).text == before.replace("= 2 ,", "= 2 if nw > 0 else None ,")


def test_a_forwarded_argument_is_mended_where_the_loader_takes_it() -> None:
    text = HEAD + "def load(ds, nw, timeout=9):\n    return DataLoader(ds, num_workers=nw, timeout={})\n"
    assert mend(text.format("timeout")).text == text.format("timeout if nw > 0 else 0")


@pytest.mark.parametrize(
    "body",
    [
        "return DataLoader(ds, timeout=9, **cfg)",
        "options = {'timeout': 9, **cfg}\nreturn DataLoader(ds, **options)",
        "options = {'timeout': 9}\nn = cfg.n\nreturn DataLoader(ds, num_workers=n, **options)",
        "options = {'timeout': 9}\nfor n in cfg:\n    yield DataLoader(ds, num_workers=n, **options)",
        "options = {'timeout': 9}\nnw = cfg.n\nreturn DataLoader(ds, num_workers=nw, **options)",
        "options = {'timeout': 9}\ncfg.n = nw\nreturn DataLoader(ds, num_workers=cfg.n, **options)",
        "return DataLoader(ds, num_workers=-1)",
    ],
    ids=[
        "workers in **kwargs",
        "workers in a dict",
        "workers not yet known",
        "workers of a loop",
        "workers that change",
        "workers that are set",
        "which number?",
    ],
)
def test_where_the_number_of_workers_cannot_be_written_there_is_no_fix(body: str) -> None:
    (found,) = lint(program(body))
    assert found.fix is None


def test_a_call_that_passes_no_workers_to_a_wrapper_is_not_mended() -> None:
    text = (
        HEAD + "def hard(ds, num_workers):\n    DataLoader(ds, num_workers=num_workers, timeout=9)\n\n\nhard([1], 0)\n"
    )
    inside, call = lint(text)
    assert (inside.code, call.code) == ("PKS114", "PKS104")
    assert inside.fix is not None and call.fix is None


def test_a_fix_says_what_it_does() -> None:
    def message(body: str) -> str:
        (found,) = lint(program(body))
        assert isinstance(found.fix, Fix)
        return found.fix.message

    assert message("DataLoader(ds, timeout=9)") == "Replace by 0"
    assert message("DataLoader(ds, num_workers=nw, timeout=9)") == "Let `timeout` follow the number of workers"
    assert message("DataLoader(ds, num_workers=nw, timeout=9 if nw else 3)") == "Use 0 without workers"


class TestOlderTorch:
    """Until torch 1.13 the default of prefetch_factor was 2, and only other values were refused."""

    OLD = (1, 13)

    def call(self, arguments: str) -> str:
        return program(f"DataLoader(ds, {arguments})")

    @pytest.mark.parametrize(
        "arguments",
        ["num_workers=nw, prefetch_factor=2", "prefetch_factor=2", "num_workers=nw, prefetch_factor=4 if nw else 2"],
    )
    def test_the_old_default_is_fine(self, arguments: str) -> None:
        assert said(self.call(arguments), self.OLD) == [] != said(self.call(arguments))

    def test_another_value_is_refused(self) -> None:
        assert said(self.call("num_workers=nw, prefetch_factor=4"), self.OLD) == ["PKS111 possible"]
        assert said(self.call("prefetch_factor=4"), self.OLD) == ["PKS101 certain"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("persistent_workers=True", "persistent_workers=nw > 0"),
            ("multiprocessing_context='fork'", "multiprocessing_context='fork' if nw > 0 else None"),
            ("timeout=9", "timeout=9 if nw > 0 else 0"),
        ],
    )
    def test_other_arguments_are_mended_as_ever(self, before: str, after: str) -> None:
        assert mend(self.call(f"num_workers=nw, {before}"), self.OLD).text == self.call(f"num_workers=nw, {after}")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("num_workers=nw, prefetch_factor=4", "num_workers=nw, prefetch_factor=4 if nw > 0 else 2"),
            ("num_workers=nw, prefetch_factor=4 if nw else 3", "num_workers=nw, prefetch_factor=4 if nw else 2"),
            ("num_workers=0, prefetch_factor=4", "num_workers=0, prefetch_factor=2"),
        ],
    )
    def test_the_fix_falls_back_to_the_old_default(self, before: str, after: str) -> None:
        assert mend(self.call(before), self.OLD).text == self.call(after)

    def test_none_is_refused(self) -> None:
        assert said(self.call("num_workers=0, prefetch_factor=None"), self.OLD) == ["PKS101 certain"]
        assert said(self.call("num_workers=nw, prefetch_factor=4 if nw > 0 else None"), self.OLD) == ["PKS111 possible"]

    @pytest.mark.parametrize("workers", ["4", "nw"])
    def test_none_is_refused_with_workers_as_well(self, workers: str) -> None:
        (found,) = lint(self.call(f"num_workers={workers}, prefetch_factor=None"), self.OLD)
        assert (found.code, found.fix) == ("PKS105", None) and found.message.endswith("or 2 for the default")
        assert said(self.call(f"num_workers={workers}, prefetch_factor=None")) == []

    def test_a_none_that_is_handed_on_gets_no_fix_that_would_not_help(self) -> None:
        text = "def make(ds, nw, factor=None):\n    return DataLoader(ds, num_workers=nw, prefetch_factor=factor)\n"
        (found,) = lint(HEAD + text, self.OLD)
        assert (found.code, found.fix) == ("PKS111", None)


def test_the_seed_case_is_mended_on_disk_and_its_right_neighbour_left_alone(write: Write) -> None:
    text = (
        "from torch.utils.data import DataLoader\n\n\ndef parse(dataset, num_workers: int = 4):\n"
        "    return DataLoader(\n        dataset,\n        num_workers=num_workers,\n"
        "        prefetch_factor=2,\n        persistent_workers=num_workers > 0,\n    )\n"
    )
    path = write({"embedder.py": text}) / "embedder.py"
    result = fix_file(path, settings(path.parent), unsafe=False)
    assert (result.applied, result.left) == (1, ())
    assert result.after == text.replace("=2,", "=2 if num_workers > 0 else None,")


@pytest.mark.parametrize(
    "text",
    [
        'O = {"persistent_workers": True}\nDataLoader([], num_workers=4, **O)\nDataLoader([], num_workers=0, **O)\n',
        "make = partial(DataLoader, persistent_workers=True)\nmake([], num_workers=0)\nmake([], num_workers=2)\n",
    ],
    ids=["dictionary", "partial"],
)
def test_what_several_loaders_share_is_not_replaced_safely(text: str) -> None:
    (finding,) = lint("from functools import partial\nfrom torch.utils.data import DataLoader\n\n" + text)
    assert finding.fix is None or not finding.fix.safe
