"""What stands in the place of a handle that couldn't be opened on arrival."""

from __future__ import annotations

import copy
import inspect
import io
import operator
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleMissingError
from picklesafe.cell import Unavailable
from tests.handles.holding import Holding

REASON = HandleMissingError("the file is gone", attribute="Dataset.files[0]")
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
BINARY = [
    *(operator.add, operator.sub, operator.mul, operator.matmul, operator.truediv, operator.floordiv, operator.mod),
    *(divmod, operator.pow, operator.lshift, operator.rshift, operator.and_, operator.or_, operator.xor),
    *COMPARISONS,
]
UNARY: list[Callable[[Any], Any]] = [
    *(operator.neg, operator.pos, operator.abs, operator.invert, operator.index, int, float, complex, round, bool),
    *(bytes, len, iter, next, reversed, list, memoryview, open),
    *(lambda it: it(), lambda it: it[0], lambda it: 0 in it, lambda it: it.shape, lambda it: operator.iadd(it, 1)),
    *(lambda it: operator.setitem(it, 0, 1), lambda it: operator.delitem(it, 0), lambda it: it.__enter__()),
]


@pytest.fixture
def missing() -> Any:
    return Unavailable(REASON)


@pytest.mark.parametrize("use", BINARY)
def test_an_operation_on_either_side_raises_the_reason(use: Callable[[Any, Any], Any], missing: Any) -> None:
    for left, right in ((missing, 1), (1, missing), (missing, missing)):
        with pytest.raises(HandleMissingError, match=r"^Dataset\.files\[0\]: the file is gone"):
            use(left, right)


@pytest.mark.parametrize("use", UNARY)
def test_every_use_raises_the_reason(use: Callable[[Any], Any], missing: Any) -> None:
    if use is memoryview and not hasattr(inspect, "BufferFlags"):
        pytest.skip("before Python 3.12 a class can't say what it does as a buffer")
    with pytest.raises(HandleMissingError, match="the file is gone"):
        use(missing)


def test_numpy_raises_the_reason(missing: Any) -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(3)
    uses = [lambda: array + missing, lambda: np.sum(missing), lambda: np.array_equal(array, missing)]
    for use in [*uses, lambda: np.asarray(missing), lambda: array == missing]:
        with pytest.raises(HandleMissingError, match="the file is gone"):
            use()


def test_to_look_for_another_beside_it_raises_what_would_otherwise_be_no_answer(missing: Any) -> None:
    another = object()
    for look in (lambda: another in [missing], lambda: [missing].remove(another), lambda: [missing].index(another)):
        with pytest.raises(HandleMissingError):
            look()
    # Itself is found by identity, and so is what stands before it.
    assert missing in [missing] and [another, missing].index(another) == 0
    files = [missing]
    files.remove(missing)
    assert not files


def test_it_may_stand_in_a_set_be_looked_at_copied_and_sent_on(missing: Any) -> None:
    assert {missing: 1}[missing] == 1 and len({missing, Unavailable(REASON)}) == 2
    assert not isinstance(missing, io.IOBase)
    assert repr(missing) == str(missing) == f"{missing}" == f"<unavailable: {REASON}>"
    for again in (copy.copy(missing), copy.deepcopy(missing), pickle.loads(pickle.dumps(missing))):
        assert repr(again) == repr(missing)


def test_a_set_of_handles_arrives_though_one_of_them_is_gone(tmp_path: Path) -> None:
    for name in ("here", "gone"):
        (tmp_path / name).write_text(name)
    packed = pickle.dumps(Holding(files={open(tmp_path / "here"), open(tmp_path / "gone")}))
    (tmp_path / "gone").unlink()
    texts = []
    for file in pickle.loads(packed).files:
        try:
            texts.append(file.read())
        except HandleMissingError as error:
            texts.append(str(error))
    assert sorted(texts)[1] == "here" and "is gone" in sorted(texts)[0]
