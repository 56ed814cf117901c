"""Text files left anywhere by any sequence of reads go on from there, with any newline= and encoding."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from tests.handles.holding import Holding
from tests.thoroughness import share

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

PIECES = st.sampled_from(["a", "größe", "日本", "\n", "\r", "\r\n", "𝄞", " ", "x" * 9000])
READS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 60)),
    st.tuples(st.just("read"), st.sampled_from([8191, 8192, 9001])),
    st.tuples(st.just("readline"), st.integers(-1, 40)),
    st.tuples(st.just("seek"), st.just(0)),
    st.tuples(st.just("tell")),
)


@hypothesis.settings(max_examples=share(150), deadline=None)
@hypothesis.given(
    pieces=st.lists(PIECES, max_size=20),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le", "shift_jisx0213", "gb18030"]),
    newline=st.sampled_from([None, "", "\n", "\r", "\r\n"]),
    buffering=st.sampled_from([-1, 2, 17, 100_000]),
    reads=st.lists(READS, max_size=8),
)
def test_what_arrives_reads_on_as_the_original_does(
    pieces: list[str],
    encoding: str,
    newline: Any,
    buffering: int,
    reads: list[Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    where = tmp_path_factory.getbasetemp() / "text"
    where.write_bytes("".join(pieces).encode(encoding, "replace"))
    with open(where, encoding=encoding, newline=newline, buffering=buffering) as file:
        for name, *args in reads:
            getattr(file, name)(*args)
        arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
        twice = pickle.loads(pickle.dumps(Holding(file=arrived))).file
        expected = [file.readline(), file.read()]
        assert [arrived.readline(), arrived.read()] == expected
        assert [twice.readline(), twice.read()] == expected
        file.seek(0)
        arrived.seek(0)
        assert arrived.readlines() == file.readlines()
