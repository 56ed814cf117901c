"""Who is told that something can't travel, and who isn't: picklers that can send more than pickle does."""

from __future__ import annotations

import collections
import copyreg
import ctypes
import functools
import io
import multiprocessing
import pickle
import re
import sqlite3
import types
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest import mock

import pytest

from picklesafe import NotWorkerSafeError, PickleSafeMixin, UnsafeHandleError, per_worker


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


def made_by_exec() -> Any:
    names: dict[str, Any] = {}
    exec("class Made:\n  def __reduce__(self): return str, ()", names)
    return names["Made"]()


class Nowhere:
    __module__: Any = None

    def __reduce__(self) -> Any:
        return str, ("nowhere",)


class Trips(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__dictoffset__":
            raise ValueError("not asked by pickle")
        return super().__getattribute__(name)


class TripsUs(metaclass=Trips):
    def __eq__(self, other: object) -> bool:
        return type(other) is TripsUs


class Counts(collections.defaultdict[str, int]):
    """Leaves out its default factory, and a key."""

    def __init__(self, *pairs: Any) -> None:
        super().__init__(lambda: 0, *pairs)

    def __reduce__(self) -> Any:
        return Counts, ({key: held for key, held in self.items() if type(key) is str},)


class Points:
    def __init__(self, at: int) -> None:
        self.at = at

    def __eq__(self, other: object) -> bool:
        return type(other) is Points and vars(other) == vars(self)


POINTS = Points(3)


SENT: dict[str, tuple[Callable[[], Any], Any]] = {
    "method without a module": (made_by_exec, ""),
    "class without a module": (Nowhere, "nowhere"),
    "what nobody but picklesafe fails at": (TripsUs, TripsUs()),
    "proxy, which arrives as what it stands for": (lambda: weakref.proxy(POINTS), POINTS),
    "dictionary that leaves something out": (lambda: Counts({"a": 1, lambda: 1: 2}), {"a": 1}),
}


@pytest.mark.parametrize("kind", SENT)
def test_it_arrives_as_with_plain_pickle(kind: str) -> None:
    make, arrives = SENT[kind]
    made = make()
    for dataset in (Holder(it=made), Holder(it=Local(it=[made]))):
        arrived = pickle.loads(pickle.dumps(dataset))
        assert (arrived.it if dataset.it is made else arrived.it.it[0]) == arrives


def a_closure_cell() -> Any:
    value = 1
    return (lambda: value).__closure__[0]  # type: ignore[index]


class Refuses:
    def __reduce__(self) -> Any:
        raise TypeError("no, thank you")


class Local:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class File(io.FileIO):
    """One with attributes."""


def file_of(**attributes: Any) -> File:
    file = File(__file__)
    vars(file).update(attributes)
    return file


HOLDS_A_CELL = Local(cell=a_closure_cell())
THIS_FILE = open(__file__)

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "code": (lambda: a_closure_cell.__code__, r": this code can't .*per_worker"),
    "cell": (a_closure_cell, ": this cell can't"),
    "property": (lambda: property(len), ": this property can't"),
    "staticmethod": (lambda: staticmethod(len), ": this staticmethod can't"),
    "pointer": (lambda: ctypes.pointer(ctypes.c_int()), r": this .*LP_c_int can't .*\(ctypes objects containing poi"),
    "cached lambda": (lambda: functools.lru_cache(lambda: 1), ": this .* around a lambda can't .* top of a module"),
    "type variable": (lambda: TypeVar("Q"), r": this typing\.TypeVar called Q can't"),
    "deep": (
        lambda: [[{"a": (1, Local(x=[Local(y=a_closure_cell())]))}]],
        r"\[0\]\[0\]\['a'\]\[1\]\.x\[0\]\.y: this cell",
    ),
    "among many": (lambda: [*range(100_000), *[Local()] * 3000, a_closure_cell()], r"\[103000\]: this cell"),
    "namespace": (lambda: types.SimpleNamespace(a=[lambda: 1]), r"\.a\[0\]: a lambda"),
    "iterator": (lambda: filter(lambda x: x, [1]), r"\.__reduce__\(\)\[1\]\[0\]: a lambda"),
    "iterator of iterators": (lambda: zip([1], [a_closure_cell()], strict=False), r"\.__reduce__\(\).*: this cell"),
    "key": (lambda: {Local: 1, a_closure_cell: 2, (lambda: 1): 3}, r"\.keys\(\)\{…\}: a lambda"),
    "default factory": (lambda: collections.defaultdict(lambda: 1), r"\.default_factory: a lambda"),
    # Further down where tblib has taken over, as it does once dask is imported.
    "error": (lambda: ValueError(a_closure_cell()), r"\.__reduce__\(\)\[1\](\[\d\]|\['args'\])+: this cell"),
    "refusal in Python": (Refuses, r": this .*Refuses can't .*\(no, thank you\)"),
    "mock": (mock.MagicMock, r": the class MagicMock .* has another one of that name.*per_worker.*each mock"),
    "lock of multiprocessing": (multiprocessing.Lock, r": this multiprocessing\.synchronize\.Lock can't"),
    "initializer": (lambda: ThreadPoolExecutor(initializer=lambda: 1), ": a lambda"),
    "attribute of a file": (lambda: file_of(label=[lambda: 1]), r"\.label\[0\]: a lambda"),
    "proxy": (lambda: weakref.proxy(HOLDS_A_CELL), r"\.cell: this cell"),
    "proxy of a file": (lambda: [*map(weakref.proxy, (POINTS, THIS_FILE))], r"\[1\]: .*TextIOWrapper"),
    "file that holds itself": (lambda: _with(file := file_of(), me=[file]), r"\.me\[0\]: this .*File holds itself"),
}


def _with(thing: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


class TestWhateverThePicklerRefuses:
    @pytest.mark.parametrize("kind", REFUSED)
    def test_it_is_named_with_its_place(self, kind: str) -> None:
        make, says = REFUSED[kind]
        for dataset, where in ((Holder(it=make()), r"^Holder\.it"), (Holder(list=[1, make()]), r"^Holder\.list\[1\]")):
            with pytest.raises(NotWorkerSafeError, match=where + says):
                pickle.dumps(dataset)

    def test_what_libraries_refuse_or_could_not_make_again(self, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "file.h5", "w") as file:
            file["data"] = [1, 2, 3]
            for refused in (file["data"].ref, file["data"].regionref[:2], file.id.get_access_plist()):
                with pytest.raises(NotWorkerSafeError, match=r"^Holder\.it\[0\]: this h5py\..* can't"):
                    pickle.dumps(Holder(it=[refused]))

    def test_a_class_of_python_may_want_arguments_that_what_it_derives_from_does_not(self) -> None:
        random = pytest.importorskip("numpy.random")

        class Tagged(random.SeedSequence):  # type: ignore[misc]
            def __new__(cls, tag: str) -> Any:
                return super().__new__(cls)

            def __init__(self, tag: str) -> None:
                super().__init__(3)

        Tagged.__qualname__ = "Tagged"
        with mock.patch.dict(globals(), Tagged=Tagged):
            assert type(pickle.loads(pickle.dumps(Holder(it=Tagged("x")))).it) is Tagged

    def test_a_file_in_an_iterator_is_refused_by_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("a\nb\n")
        lines = open(tmp_path / "file")
        assert next(pickle.loads(pickle.dumps(Holder(lines=enumerate(lines)))).lines) == (0, "a\n")
        next(lines)
        with pytest.raises(UnsafeHandleError, match=r"^Holder\.lines\.__reduce__\(\)\[1\]\[0\]: the position"):
            pickle.dumps(Holder(lines=enumerate(lines)))

    def test_a_function_of_a_connection_is_refused_by_its_place(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "file.db")
        connection.row_factory = lambda cursor, row: row
        with pytest.raises(NotWorkerSafeError, match=r"^Holder\.list\[0\]: the row_factory .*<lambda>.*with def"):
            pickle.dumps(Holder(list=[connection]))

    def test_an_object_that_is_a_file_itself_is_told_to_hold_one(self) -> None:
        with pytest.raises(NotWorkerSafeError, match=r"^FileItself: it derives from _io\.FileIO.*Keep that in an attr"):
            pickle.dumps(FileItself(__file__))

    def test_what_per_worker_has_made_is_no_obstacle(self) -> None:
        made = MakesCells()
        assert made.cell is made.cell
        assert pickle.loads(pickle.dumps(made)).cell.cell_contents == 1

    def test_nobody_is_asked_who_might_do_something(self) -> None:
        asked: list[int] = []

        class Counts:
            def __reduce__(self) -> Any:
                asked.append(1)
                return str, ()

        pickle.dumps(Holder(it=Counts()))
        assert asked == [1]


class FileItself(PickleSafeMixin, io.FileIO):
    pass


class MakesCells(PickleSafeMixin):
    @per_worker
    def cell(self) -> Any:
        return a_closure_cell()


def test_what_multiprocessing_cannot_send_is_named_however_deep_it_lies() -> None:
    dataset = Holder(many={number: Local(x=[number]) for number in range(5000)})
    dataset.many[4321].x.append(lambda: 1)
    with pytest.raises(NotWorkerSafeError, match=r"^Holder\.many\[4321\]\.x\[1\]: a lambda"):
        ForkingPickler.dumps(["something else", (dataset,)])
    with pytest.raises(NotWorkerSafeError, match=r"^Holder\.many\[4321\]\.x\[1\]: a lambda"):
        multiprocessing.get_context("spawn").Process(target=len, args=(dataset,)).start()
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        ForkingPickler.dumps([dataset.many[4321], "which is in no object of picklesafe"])
