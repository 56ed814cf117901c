"""HandlePool: a bounded number of files open, none closed while it is in use."""

from __future__ import annotations

import copy
import errno
import gc
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleMissingError, HandlePool, NotWorkerSafeError, PickleSafeError, open_handles
from tests.shards import (
    Counting,
    Handle,
    SafeShards,
    returns_nothing,
    write_shards,
)


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """A handle that couldn't be closed is warned about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shards(tmp_path)


class TestOneThread:
    def test_a_handle_is_opened_once_and_kept(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, close=opener.close)
        for _ in range(3):
            with pool["a"] as handle:
                assert handle == ["a"]
        assert opener.opened == {"a": 1}
        assert "a" in pool
        assert "b" not in pool
        assert len(pool) == 1

    def test_the_least_recently_used_gives_way(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, maxsize=2, close=opener.close)
        for path in ["a", "b", "a", "c"]:
            with pool[path]:
                pass
        assert ["a" in pool, "b" in pool, "c" in pool] == [True, False, True]
        assert opener.most == 2

    def test_one_in_use_never_gives_way(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, maxsize=2, close=opener.close)
        with pool["first"] as handle:
            for number in range(10):
                with pool[number]:
                    assert handle == ["first"]
        assert opener.opened["first"] == 1

    def test_blocks_within_blocks_share_the_handle(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, maxsize=1, close=opener.close)
        with pool["a"] as outer, pool["a"] as inner:
            assert outer is inner
        with pool["b"]:
            assert outer == []

    def test_asking_for_one_more_than_may_be_open_raises_instead_of_hanging(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=2)
        with (
            pool["a"],
            pool["b"],
            pytest.raises(PickleSafeError, match=r"this thread has all 2 handles in use") as caught,
            pool["c"],
        ):
            pass
        assert "'c'" in str(caught.value)
        assert "raise maxsize" in str(caught.value)
        with pool["c"] as handle:
            assert handle == ["c"]

    def test_an_opener_that_asks_the_pool_for_the_same_path_is_told(self) -> None:
        pool: HandlePool[Any] = HandlePool(lambda path: pool[path].__enter__())
        with pytest.raises(PickleSafeError, match="opening 'a' asks the pool for 'a'"), pool["a"]:
            pass
        assert len(pool) == 0

    def test_an_opener_that_fails_leaves_no_place_taken(self, tmp_path: Path) -> None:
        pool: HandlePool[Handle] = HandlePool(Handle, maxsize=1)
        path = tmp_path / "later.txt"
        with pytest.raises(FileNotFoundError), pool[path]:
            pass
        path.write_bytes(b"%015d\n" % 7)
        with pool[path] as handle:
            assert handle.row(0) == 7

    def test_an_opener_that_finds_no_descriptor_is_called_again_when_another_handle_is_closed(self) -> None:
        opener = Counting()

        def scarce(path: str) -> Any:
            if opener.open == 3:
                raise OSError(errno.EMFILE, "in words of its own")
            return opener(path)

        pool: HandlePool[Any] = HandlePool(scarce, close=opener.close)
        with pool["used"] as used:
            for path in "abcde":
                with pool[path] as handle:
                    assert (handle, used) == ([path], ["used"])
        assert len(pool) == opener.open == 3

    def test_an_error_in_the_block_lets_the_handle_go(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=1)
        with pytest.raises(ValueError, match="mine"), pool["a"]:
            raise ValueError("mine")
        with pool["b"]:
            assert "a" not in pool

    def test_clear_closes_what_is_idle_now_and_the_rest_when_it_is_let_go(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, close=opener.close)
        with pool["a"] as used:
            with pool["b"] as idle:
                pass
            pool.clear()
            assert (used, idle, len(pool)) == (["a"], [], 1)
        assert (used, len(pool), opener.open) == ([], 0, 0)
        with pool["a"] as again:
            assert again == ["a"]

    def test_clear_closes_everything_before_it_raises_what_a_handle_raised(self) -> None:
        closed = []

        def close(handle: list[str]) -> None:
            closed.append(handle[0])
            if handle == ["a"]:
                raise OSError("disk full")

        pool: HandlePool[Any] = HandlePool(Counting(), close=close)
        for path in "abc":
            with pool[path]:
                pass
        with pytest.raises(OSError, match="disk full"):
            pool.close()
        assert closed == ["a", "b", "c"]
        assert len(pool) == 0

    def test_a_handle_that_gives_way_and_fails_to_close_is_warned_about(self) -> None:
        def close(handle: Any) -> None:
            raise OSError("disk full")

        pool: HandlePool[Any] = HandlePool(Counting(), maxsize=1, close=close)
        with pool["a"]:
            pass
        with pytest.warns(RuntimeWarning, match="the handle of 'a' couldn't be closed: OSError: disk full"), pool["b"]:
            pass
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            del pool

    def test_handles_are_closed_when_the_pool_is_collected(self) -> None:
        opener = Counting()
        pool: HandlePool[Any] = HandlePool(opener, close=opener.close)
        with pool["a"]:
            pass
        del pool
        gc.collect()
        assert opener.open == 0

    def test_a_pool_whose_opener_is_a_method_of_its_owner_is_collected_with_it(self) -> None:
        class Owner:
            def __init__(self) -> None:
                self.pool: HandlePool[Any] = HandlePool(self.open_shard, close=self.close_shard)

            def open_shard(self, path: str) -> list[str]:
                return [path]

            def close_shard(self, handle: list[str]) -> None:
                closed.append(handle[0])

        closed: list[str] = []
        owner = Owner()
        with owner.pool["a"]:
            pass
        del owner
        gc.collect()
        assert closed == ["a"]

    def test_a_pool_in_the_place_in_memory_of_another_has_nothing_of_it(self) -> None:
        pool, gone = HandlePool(Counting()), HandlePool(Counting())
        with gone["a"]:
            pass
        # As a subclass leaves it whose __del__ forgets super().
        open_handles.here.shelves[id(pool)] = open_handles.here.shelves.pop(id(gone))
        assert len(pool) == 0

    def test_a_string_and_a_path_of_one_text_stand_for_one_handle(self, folder: Path) -> None:
        pool: HandlePool[Handle] = HandlePool(Handle)
        path = folder / "000.txt"
        with pool[path] as one, pool[str(path)] as other:
            assert one is other
        assert path in pool
        assert str(path) in pool

    def test_a_key_may_be_anything_hashable(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting())
        with pool["archive.zip", "member.txt"] as handle:
            assert handle == [("archive.zip", "member.txt")]

    def test_a_pool_is_no_iterable(self) -> None:
        with pytest.raises(TypeError, match="not iterable"):
            iter(HandlePool(Counting()))  # type: ignore[call-overload]

    def test_a_pool_with_none_open_is_true(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting())
        assert len(pool) == 0
        assert pool

    def test_its_repr_tells_what_it_opens_and_how_many_are_open(self) -> None:
        pool: HandlePool[Handle] = HandlePool(Handle, maxsize=3)
        assert repr(pool) == f"<HandlePool of {Handle.__module__}.Handle: 0 of at most 3 open>"
        assert repr(HandlePool("h5py.File")) == "<HandlePool of h5py.File: 0 open>"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("make", "kind", "text"),
        [
            (lambda: HandlePool(3), TypeError, "give a function, a class or a dotted name, not 3"),
            (lambda: HandlePool(open, close="close"), TypeError, "give a function of a handle, not 'close'"),
            (lambda: HandlePool(open, maxsize=0), ValueError, "one handle at least must be open"),
        ],
    )
    def test_arguments_that_make_no_pool(self, make: Callable[[], Any], kind: type[Exception], text: str) -> None:
        with pytest.raises(kind, match=text):
            make()

    def test_a_key_that_is_not_hashable(self) -> None:
        with pytest.raises(TypeError, match=r"must be hashable; \['a'\] isn't"), HandlePool(open)[["a"]]:
            pass

    def test_an_opener_that_returns_nothing(self) -> None:
        pool: HandlePool[Any] = HandlePool(returns_nothing)
        with pytest.raises(PickleSafeError, match=r"returns_nothing gave None for 'a'\. Let it return"), pool["a"]:
            pass

    @pytest.mark.parametrize("name", ["nolibrary.File", "os.nofunction", "open"])
    def test_a_dotted_name_of_nothing(self, name: str) -> None:
        pool: HandlePool[Any] = HandlePool(name)
        with pytest.raises(HandleMissingError, match=f"{name} can't be imported in this process") as caught, pool["a"]:
            pass
        assert "Give the full name" in str(caught.value)

    def test_a_handle_used_without_a_block(self) -> None:
        pool: HandlePool[Any] = HandlePool(Counting())
        with pytest.raises(AttributeError, match=r"with pool\[path\] as handle: handle\.read"):
            pool["a"].read  # noqa: B018
        with pytest.raises(TypeError, match=r"with pool\[path\] as handle: handle\['x'\]"):
            pool["a"]["x"]

    def test_a_block_entered_twice(self) -> None:
        block = HandlePool(Counting())["a"]
        with block, pytest.raises(PickleSafeError, match="entered before"), block:
            pass

    def test_a_lambda_is_named_when_the_pool_is_pickled(self) -> None:
        pool = HandlePool(lambda path: open(path, "rb"))
        with pytest.raises(
            NotWorkerSafeError, match=r"HandlePool\.opener: a lambda .*test_pool\.py:\d+\) can't be sent"
        ):
            pickle.dumps(pool)

    def test_a_lambda_is_named_by_its_place_in_the_dataset(self, folder: Path) -> None:
        dataset = SafeShards(folder)
        dataset.pool = HandlePool(lambda path: Handle(path))
        with pytest.raises(NotWorkerSafeError, match=r"SafeShards\.pool\.opener: a lambda"):
            pickle.dumps(dataset)

    def test_a_pool_with_a_lambda_is_copied_as_ever(self) -> None:
        pool = HandlePool(lambda path: [path])
        for copied in (copy.copy(pool), copy.deepcopy(pool)):
            with copied["a"] as handle:
                assert handle == ["a"]


def test_a_pool_that_is_freed_with_the_interpreter_is_silent() -> None:
    # Modules that somebody holds are emptied at the end, those that were imported last first.
    script = (
        "import json, sys\n"
        "from picklesafe import HandlePool\n"
        "json.pool = HandlePool(open)\n"
        "with json.pool[sys.executable]: pass\n"
        "assert len(json.pool) == 1\n"
        "sys.kept = [module for name, module in sys.modules.items() if name == 'json' or 'picklesafe' in name]\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0 and done.stderr == ""
