"""Any view of any memory-mapped array is the same array after it was reopened, and after it was reopened again."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe.handles.arrays import view_of_a_file
from tests.handles.holding import Holding
from tests.thoroughness import share

np = pytest.importorskip("numpy")
hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

DTYPES = [
    np.dtype("u1"),
    np.dtype("<i2"),
    np.dtype(">f4"),
    np.dtype("f8"),
    np.dtype("c16"),
    np.dtype("?"),
    np.dtype("M8[ms]"),
    np.dtype("S3"),
    np.dtype("V5"),
    np.dtype([("a", "i1"), ("b", "f8"), ("c", "i2", (2,))]),
    np.dtype([("a", "i1"), ("b", "f8"), ("c", "S2")], align=True),
]


class Derived(np.memmap):
    """A user's own class."""


def slices(length: int) -> Any:
    bounds = st.one_of(st.none(), st.integers(-length - 1, length + 1))
    return st.builds(slice, bounds, bounds, st.sampled_from([None, 1, 2, 3, -1, -2]))


def sliced(array: Any, data: Any) -> Any:
    index: list[Any] = []
    for length in array.shape:
        kind = data.draw(st.sampled_from(["slice", "slice", "all", "one", "new"]))
        if kind == "slice":
            index.append(data.draw(slices(length)))
        elif kind == "one" and length:
            index.append(data.draw(st.integers(-length, length - 1)))
        elif kind == "new":
            index.extend([None, slice(None)])
        else:
            index.append(slice(None))
    return array[(*index, ...)]


def field(array: Any, data: Any) -> Any:
    return array[data.draw(st.sampled_from(array.dtype.names))] if array.dtype.names else array


def windows(array: Any, data: Any) -> Any:
    if not array.ndim or array.shape[0] < 2:
        return array
    return np.lib.stride_tricks.sliding_window_view(array, 2, axis=0, subok=True)


def read_only(array: Any, data: Any) -> Any:
    array = array[...]
    array.flags.writeable = False
    return array


def items_as_bytes(array: Any, data: Any) -> Any:
    return array.view("u1") if array.flags.c_contiguous and array.ndim and array.dtype.itemsize else array


OPERATIONS: dict[str, Any] = {
    "slice": sliced,
    "slice again": sliced,
    "transpose": lambda array, data: array.T,
    "reverse": lambda array, data: array[::-1] if array.ndim else array,
    "plain": lambda array, data: np.asarray(array),
    "back": lambda array, data: array.view(np.memmap),
    "field": field,
    "windows": windows,
    "read-only": read_only,
    "bytes": items_as_bytes,
    "broadcast": lambda array, data: np.broadcast_to(array, (2, *array.shape), subok=True),
    "swap": lambda array, data: array.swapaxes(0, -1) if array.ndim else array,
    "flat": lambda array, data: array.reshape(-1),
    "whole": lambda array, data: array[...],
    "diagonal": lambda array, data: array.diagonal() if array.ndim >= 2 else array,
    "copy": lambda array, data: array.copy(),
}


@hypothesis.settings(max_examples=share(150), deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=st.data())
def test_a_view_is_the_same_once_and_twice_reopened(data: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    where = tmp_path_factory.getbasetemp() / "random"
    array = mapped_somehow(data, where)
    for name in data.draw(st.lists(st.sampled_from(list(OPERATIONS)), max_size=4)):
        array = OPERATIONS[name](array, data)
        hypothesis.assume(isinstance(array, np.ndarray))
    once = reopened(array)
    twice = reopened(once)
    assert_same(once, array)
    assert_same(twice, array)


def mapped_somehow(data: Any, where: Path) -> Any:
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = tuple(data.draw(st.lists(st.integers(1, 5), max_size=3)))
    offset = data.draw(st.sampled_from([0, 1, 7, 4_095, 4_096, 8_200]))
    needed = offset + dtype.itemsize * int(np.prod(shape, dtype=int))
    content = np.random.default_rng(needed).integers(0, 2 if dtype == "?" else 100, needed + 50, "u1").tobytes()
    if not where.exists() or where.stat().st_size < needed or dtype == "?":
        where.write_bytes(content)
    cls = data.draw(st.sampled_from([np.memmap, np.memmap, Derived]))
    mode = data.draw(st.sampled_from(["r", "r+", "c"]))
    return cls(where, dtype, mode, offset, shape or (), data.draw(st.sampled_from(["C", "F"])))


def reopened(array: Any) -> Any:
    """By way of a dataset for memory maps; other arrays by their recipe alone, since they travel by value."""
    if isinstance(array, np.memmap):
        return pickle.loads(pickle.dumps(Holding(array=array))).array
    recipe = view_of_a_file(array)
    return array if recipe is None else pickle.loads(pickle.dumps(recipe)).open()


def assert_same(arrived: Any, array: Any) -> None:
    assert type(arrived) is type(array)
    assert arrived.shape == array.shape
    # As text: so a NaN equals a NaN, and padding, which no copy keeps, isn't looked at.
    assert repr(arrived.tolist()) == repr(array.tolist())
    assert arrived.flags.writeable == array.flags.writeable
    if view_of_a_file(array) is None:
        # By value, it arrives as numpy sends any array: packed, and in this machine's byte order.
        assert arrived.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        return
    assert (arrived.dtype, arrived.strides, str(arrived.flags)) == (array.dtype, array.strides, str(array.flags))
    assert getattr(arrived, "offset", None) == getattr(array, "offset", None)
    assert view_of_a_file(arrived) is not None
