"""Pickling: handles leave as recipes from within an object of picklesafe, and nowhere else."""

from __future__ import annotations

import collections
import copy
import io
import pickle
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picklesafe import NotWorkerSafeError, PickleSafeMixin, UnsafeHandleError
from tests import datasets
from tests.thoroughness import share


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


class Holder(PickleSafeMixin):
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Plain:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def method(self) -> None: ...


class TestOutside:
    def test_a_bare_file_raises_as_ever(self, records: Path) -> None:
        pickle.dumps(datasets.Nested(records))
        with open(records, "rb") as file, pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(file)

    def test_a_file_beside_the_dataset_raises_as_ever(self, records: Path) -> None:
        dataset = datasets.Plain(records)
        with open(records, "rb") as file, pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps([dataset, file])

    def test_a_pickling_that_failed_leaves_nothing_behind(self, records: Path) -> None:
        class Fails:
            def __reduce__(self) -> Any:
                raise ZeroDivisionError

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                pickle.dumps(Holder(fails=Fails(), file=[open(records, "rb")]))
            with open(records, "rb") as file, pytest.raises(TypeError, match="cannot pickle"):
                pickle.dumps(file)

    def test_another_thread_meanwhile_raises_as_ever(self, records: Path) -> None:
        outcomes: list[Any] = []

        class Meanwhile:
            def __reduce__(self) -> Any:
                thread = threading.Thread(target=self.pickle_a_file)
                thread.start()
                thread.join()
                return Plain, ()

            def pickle_a_file(self) -> None:
                with open(records, "rb") as file:
                    try:
                        pickle.dumps(file)
                    except TypeError as error:
                        outcomes.append(error)

        pickle.dumps(Holder(meanwhile=Meanwhile()))
        assert len(outcomes) == 1


def test_out_of_band_buffers_stay_out_of_band(records: Path) -> None:
    numpy = pytest.importorskip("numpy")
    dataset = Holder(file=open(records, "rb"), array=numpy.arange(1_000_000))
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(dataset, protocol=5, buffer_callback=buffers.append)
    assert len(buffers) == 1 and len(data) < 2000
    arrived = pickle.loads(data, buffers=buffers)
    assert numpy.shares_memory(arrived.array, dataset.array)


def test_a_list_shared_with_something_outside_stays_one(records: Path) -> None:
    shared = [open(records, "rb")]
    dataset, other = pickle.loads(pickle.dumps((Holder(list=shared), shared)))
    assert dataset.list is other


def a_function() -> None: ...


class TestWhatCannotTravel:
    @pytest.mark.parametrize("where", ["{}", "[1, {}]", "dict(key={})", "Plain(deep=[{}])", "partial(a_function, {})"])
    def test_a_lambda_is_named_with_its_place(self, where: str) -> None:
        culprit = eval(where.format("lambda x: x"))
        with pytest.raises(NotWorkerSafeError, match=r"Holder\.function.*a lambda .*test_travel|<string>") as caught:
            pickle.dumps(Holder(function=culprit))
        assert caught.value.attribute.startswith("Holder.function")
        assert "def at the top of a module" in str(caught.value)

    def test_a_local_function(self) -> None:
        def local() -> None: ...

        with pytest.raises(NotWorkerSafeError, match="the local function local"):
            pickle.dumps(Holder(function=local))

    def test_a_local_class(self) -> None:
        class Local:
            pass

        for culprit in (Local, Local()):
            with pytest.raises(NotWorkerSafeError, match=r"Holder\.it: the class .*Local"):
                pickle.dumps(Holder(it=culprit))

    def test_a_dataset_whose_own_class_is_local(self) -> None:
        class Local(PickleSafeMixin):
            pass

        with pytest.raises(NotWorkerSafeError, match="top of a module"):
            pickle.dumps(Local())

    def test_what_does_travel_is_not_refused(self) -> None:
        travels = [a_function, Plain, Plain(), Plain().method, partial(a_function, 1), io.BytesIO(b"x"), {1, 2}, len]
        travels += [{"a": Plain(x=[partial(a_function)])}, type, datasets.Pair("x", 1), b"".join, range(3), slice(2)]
        pickle.loads(pickle.dumps(Holder(all=travels)))

    def test_what_copies_today_goes_on_copying(self) -> None:
        dataset = Holder(function=lambda: 3, nested=[lambda: 4])
        assert copy.copy(dataset).function is dataset.function
        assert copy.deepcopy(dataset).function() == 3

    @pytest.mark.parametrize("library", ["cloudpickle", "dill"])
    def test_what_cloudpickle_and_dill_can_do_they_go_on_doing(self, library: str) -> None:
        pickler = pytest.importorskip(library)
        dataset = Holder(function=lambda: 3, nested=[lambda: 4])
        arrived = pickler.loads(pickler.dumps(dataset))
        assert (arrived.function(), arrived.nested[0]()) == (3, 4)

    def test_multiprocessing_may_still_send_a_socket(self) -> None:
        # In a process of its own: sending a socket starts a thread, which the forks of other tests had better not meet.
        script = (
            "import socket\n"
            "from multiprocessing.reduction import ForkingPickler\n"
            "from tests.test_travel import Holder\n"
            "ForkingPickler.dumps(Holder(socket=socket.socket()))\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)


class TestWhatCanWrite:
    @pytest.mark.parametrize("mode", ["wb", "ab", "r+b", "w+b", "w", "a", "r+"])
    def test_it_is_refused_with_its_path_and_mode(self, mode: str, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        path.write_text("kept")
        with open(path, mode) as log:
            for dataset, attribute in ((Holder(log=log), "Holder.log"), (Holder(x=[log]), r"Holder.x\[0\]")):
                with pytest.raises(
                    UnsafeHandleError, match=rf"{attribute}: .*log\.txt.* open for writing \(mode"
                ) as error:
                    pickle.dumps(dataset)
                assert "per_worker" in str(error.value)
        if "w" not in mode:
            assert path.read_text() == "kept"


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    """A builder of containers in containers, with files at some leaves; the integers are the files."""
    leaf = st.integers(0, 3) | st.text(max_size=3) | st.none()

    def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(st.text(max_size=2), inner, max_size=3)
            | inner.map(lambda value: ("object", value))
        )

    return draw(st.recursive(leaf, nest, max_leaves=12))


def build(spec: Any, files: list[Any]) -> Any:
    if isinstance(spec, bool) or spec is None or isinstance(spec, str):
        return spec
    if isinstance(spec, int):
        return files[spec]
    if isinstance(spec, tuple) and len(spec) == 2 and spec[0] == "object":
        return Plain(inner=build(spec[1], files))
    if isinstance(spec, dict):
        return {key: build(value, files) for key, value in spec.items()}
    return type(spec)(build(value, files) for value in spec)


def read(value: Any) -> Any:
    """What can be read from a graph, without moving anything."""
    if isinstance(value, io.IOBase):
        place = value.tell()
        content = value.read(16)
        value.seek(place)
        return place, content
    if isinstance(value, Plain):
        return read(value.inner)
    if isinstance(value, dict):
        return {key: read(held) for key, held in value.items()}
    return [read(held) for held in value] if isinstance(value, list | tuple) else value


@settings(max_examples=share(150), deadline=None)
@given(graph=graphs(), places=st.lists(st.integers(0, 900), min_size=4, max_size=4))
def test_any_graph_with_handles_anywhere_reads_the_same_after_the_journey(
    graph: Any, places: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = datasets.write_records(tmp_path_factory.mktemp("graph") / "records.txt")
    files = [open(path, "rb") for _ in range(4)]
    try:
        for file, place in zip(files, places, strict=True):
            file.seek(place)
        dataset = Holder(graph=build(graph, files), file=files[0])
        expected = read(dataset.graph), read(files[0])
        for arrived in (pickle.loads(pickle.dumps(dataset)), copy.deepcopy(dataset)):
            assert (read(arrived.graph), read(arrived.file)) == expected
    finally:
        for file in files:
            file.close()


class Shards(PickleSafeMixin, list):  # type: ignore[type-arg]
    pass


class Named(PickleSafeMixin, dict):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize("journey", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy])
def test_an_object_that_is_itself_a_container_takes_its_elements_along(journey: Any, records: Path) -> None:
    file = open(records, "rb")
    file.seek(160)
    shards, named = Shards([0, file, [file]]), Named({"a": file, "b": ("x", 1), file: "key"})
    shards.kept = named.kept = file  # type: ignore[attr-defined]
    shards.append(shards)
    arrived, by_name = journey(shards), journey(named)
    assert arrived[1].read(16) == by_name["a"].read(16) == b"%015d\n" % 10
    assert arrived[0] == 0 and by_name["b"] == ("x", 1) and len(arrived) == 4
    assert arrived[3] is arrived and arrived[1] is arrived[2][0] is arrived.kept is not file
    assert by_name["a"] is by_name.kept is not file
    assert by_name[by_name["a"]] == "key"


def test_a_lambda_among_the_elements_of_a_container_is_named() -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Shards\[1\]: a lambda"):
        pickle.dumps(Shards([0, lambda: 1]))
    with pytest.raises(NotWorkerSafeError, match=r"Named\['a'\]: a lambda"):
        pickle.dumps(Named(a=lambda: 1))


class Ordered(PickleSafeMixin, collections.OrderedDict):  # type: ignore[type-arg]
    pass


class Queue(PickleSafeMixin, collections.deque):  # type: ignore[type-arg]
    pass


class Stateful(PickleSafeMixin, list):  # type: ignore[type-arg]
    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))


@pytest.mark.parametrize(
    "made",
    [Ordered.fromkeys(range(1500)), Queue(range(1500)), Stateful(range(1500))],
    ids=lambda made: type(made).__name__,
)
def test_elements_that_are_given_one_by_one_all_arrive(made: Any) -> None:
    arrived = pickle.loads(pickle.dumps(made))
    assert type(arrived) is type(made)
    assert list(arrived) == list(made)


class Failing:
    def __getstate__(self) -> Any:
        raise RuntimeError("no")


def test_a_descriptor_that_a_closed_file_had_is_free_for_another(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("first")
    second.write_text("second")
    pickler = pickle.Pickler(io.BytesIO())
    holding, failing = Holder(file=open(first)), Holder(file=open(first), other=Failing())
    numbers = [holding.file.fileno(), failing.file.fileno()]
    pickler.dump(holding)
    with pytest.raises(RuntimeError) as kept:
        copy.deepcopy(failing)
    holding.file.close()
    failing.file.close()
    others = [open(second), open(second)]
    assert sorted(file.fileno() for file in others) == sorted(numbers)
    pickler.dump(Holder(file=others[0]))
    assert pickle.loads(pickle.dumps(Holder(files=others))).files[1].read() == "second"
    assert kept.value.args == ("no",)


def test_two_objects_on_one_descriptor_are_still_refused_where_a_pickler_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    file = open(tmp_path / "file")
    other = open(file.fileno(), closefd=False)
    pickler = pickle.Pickler(io.BytesIO())
    pickler.dump(Holder(file=file))
    with pytest.raises(UnsafeHandleError, match=r"Holder\.other: .* two objects on descriptor"):
        pickler.dump(Holder(other=other))
