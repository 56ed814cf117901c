"""Who is told that something can't travel, and who isn't: picklers that can send more than pickle does."""

from __future__ import annotations

import copyreg
import io
import pickle
import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from picklesafe import NotWorkerSafeError, PickleSafeMixin


class Holder(PickleSafeMixin):
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class LeavesOut(Holder):
    def __getstate__(self) -> Any:
        state = super().__getstate__()
        state.pop("left_out", None)
        return state


class Rebuilt(Holder):
    def __reduce__(self) -> Any:
        return rebuild, (self.sent,)


def rebuild(sent: Any) -> Rebuilt:
    return Rebuilt(sent=sent, left_out=None)


class Overrides(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        return (str, ("a lambda",)) if getattr(obj, "__name__", "") == "<lambda>" else NotImplemented


class Tabled(pickle.Pickler):
    dispatch_table: ClassVar[Any] = {**copyreg.dispatch_table, re.Match: lambda match: (str, ("a match",))}


class Persistent(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return "it" if getattr(obj, "__name__", "") == "<lambda>" else None


def in_one_expression(pickler: Callable[[Any], pickle.Pickler], dataset: Any) -> bytes:
    file = io.BytesIO()
    pickler(file).dump(dataset)
    return file.getvalue()


def by_its_global_name(_: Any, dataset: Any) -> bytes:
    file = io.BytesIO()
    Overrides(file).dump(dataset)
    return file.getvalue()


def by_a_variable(pickler: Callable[[Any], pickle.Pickler], dataset: Any) -> bytes:
    file = io.BytesIO()
    made = pickler(file)
    made.dump(dataset)
    return file.getvalue()


def by_its_instances_table(_: Any, dataset: Any) -> bytes:
    file = io.BytesIO()
    made = pickle.Pickler(file)
    made.dispatch_table = {**copyreg.dispatch_table, re.Match: lambda match: (str, ("a match",))}
    made.dump(dataset)
    return file.getvalue()


class TestPicklersThatCanSendMore:
    @pytest.mark.parametrize("use", [in_one_expression, by_a_variable, by_its_global_name])
    def test_an_overridden_reducer(self, use: Any) -> None:
        assert pickle.loads(use(Overrides, Holder(it=lambda: 1))).it == "a lambda"

    @pytest.mark.parametrize("use", [in_one_expression, by_a_variable, by_its_instances_table])
    def test_a_table_of_its_own(self, use: Any) -> None:
        assert pickle.loads(use(Tabled, Holder(it=re.match("a", "a")))).it == "a match"

    @pytest.mark.parametrize("use", [in_one_expression, by_a_variable])
    def test_a_persistent_id(self, use: Any) -> None:
        assert b"it" in use(Persistent, Holder(it=lambda: 1))

    @pytest.mark.parametrize("use", [in_one_expression, by_a_variable])
    def test_a_plain_one_is_told(self, use: Any) -> None:
        with pytest.raises(NotWorkerSafeError, match=r"Holder\.it: a lambda"):
            use(pickle.Pickler, Holder(it=lambda: 1))


class TestClassesThatChooseTheirState:
    def test_what_they_leave_out_is_no_obstacle(self) -> None:
        assert pickle.loads(pickle.dumps(LeavesOut(left_out=lambda: 1, kept=2))).kept == 2
        assert pickle.loads(pickle.dumps(Rebuilt(left_out=lambda: 1, sent=2))).sent == 2

    def test_what_they_send_is_named(self) -> None:
        with pytest.raises(NotWorkerSafeError, match=r"LeavesOut\.kept\[0\]: a lambda"):
            pickle.dumps(LeavesOut(kept=[lambda: 1]))
        with pytest.raises(NotWorkerSafeError, match=r"Rebuilt\.__reduce__\(\)\[1\]\[0\]: a lambda"):
            pickle.dumps(Rebuilt(sent=lambda: 1))


class StandsForNothingYet:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("unbound")

    def __reduce__(self) -> Any:
        return StandsForNothingYet, ()


def test_what_plain_pickle_sends_is_not_refused() -> None:
    arrived = pickle.loads(pickle.dumps(Holder(kind=list[int], proxy=StandsForNothingYet())))
    assert arrived.kind == list[int] and type(arrived.proxy) is StandsForNothingYet
