"""What can't reach a worker: the error says where it sits, what it is, and what to write instead."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import copy
import csv
import io
import multiprocessing
import multiprocessing.pool
import os
import pickle
import select
import selectors
import socket
import ssl
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from picklesafe import NotWorkerSafeError
from picklesafe.handles import registry
from tests.handles.holding import Holding
from tests.workers import START_METHODS, in_worker

HERE = os.path.dirname(__file__)


class Node:
    def method(self) -> None:
        pass


NODE = Node()


def squares() -> Iterator[int]:
    yield from (number**2 for number in range(9))


async def fetch() -> None:
    pass


async def fetches() -> Any:
    yield 1


def a_traceback() -> Any:
    try:
        raise ValueError("for its traceback")
    except ValueError as error:
        return error.__traceback__


def a_loop() -> Any:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


def a_socket() -> Any:
    with socket.socket() as made:
        return made


def a_program() -> Any:
    with subprocess.Popen([sys.executable, "-c", ""]) as program:
        return program


def a_listing() -> Any:
    with os.scandir(HERE) as listing:
        return listing


def an_entry() -> Any:
    with os.scandir(HERE) as listing:
        return next(listing)


def a_pool_of_processes() -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool


def a_selector() -> Any:
    with selectors.DefaultSelector() as selector:
        return selector


MAKERS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "generator": (squares, r"the generator squares \(.*test_refused\.py:\d+\)", "make it in __iter__"),
    "async generator": (fetches, r"the async generator fetches \(.*:\d+\)", "Keep what it is made from"),
    "coroutine": (fetch, r"the coroutine fetch \(.*:\d+\)", "call it where it is awaited"),
    "frame": (lambda: sys._getframe(), "this frame", r"traceback\.format_exc\(\)"),
    "traceback": (a_traceback, "this traceback", r"traceback\.format_exc\(\)"),
    "module": (lambda: os, "the module os", "Import it"),
    "keys": (lambda: {1: 2}.keys(), "this dict_keys", r"Write list\(…\)"),
    "values": (lambda: {1: 2}.values(), "this dict_values", r"Write list\(…\)"),
    "items": (lambda: {1: 2}.items(), "this dict_items", r"Write list\(…\)"),
    "ordered keys": (lambda: collections.OrderedDict().keys(), "this odict_keys", r"Write list\(…\)"),
    "ordered values": (lambda: collections.OrderedDict().values(), "this odict_values", r"Write list\(…\)"),
    "ordered items": (lambda: collections.OrderedDict().items(), "this odict_items", r"Write list\(…\)"),
    "mappingproxy": (lambda: types.MappingProxyType({}), "this mappingproxy", r"Write dict\(…\)"),
    "memoryview": (lambda: memoryview(b"abc"), "a memoryview of 3 bytes", r"bytes\(…\)"),
    "weakref": (lambda: weakref.ref(NODE), r"this weakref\.ref\b", "Keep the object itself"),
    "weak method": (lambda: weakref.WeakMethod(NODE.method), r"this weakref\.WeakMethod", "Keep the object itself"),
    "weak keys": (weakref.WeakKeyDictionary, r"this weakref\.WeakKeyDictionary", "an ordinary dict"),
    "weak values": (weakref.WeakValueDictionary, r"this weakref\.WeakValueDictionary", "an ordinary dict"),
    "weak set": (weakref.WeakSet, r"this weakref\.WeakSet", "an ordinary dict or set"),
    "context variable": (
        lambda: contextvars.ContextVar("x"),
        r"this contextvars\.ContextVar",
        "at the top",
    ),
    "context": (contextvars.copy_context, r"this contextvars\.Context\b", "at the top"),
    "csv reader": (lambda: csv.reader([]), r"this csv\.reader", "Keep the path"),
    "csv writer": (lambda: csv.writer(io.StringIO()), r"this csv\.writer", "one file and writer per worker"),
    "scandir": (a_listing, r"this os\.scandir iterator", "Keep a list of paths"),
    "DirEntry": (an_entry, r"the os\.DirEntry '.*'", r"Keep entry\.path"),
    "socket": (a_socket, r"this socket\.socket", "Keep the address"),
    "TLS settings": (ssl.create_default_context, r"this ssl\.SSLContext", r"@picklesafe\.per_worker"),
    "program": (a_program, r"the running program \[.*\] \(subprocess\.Popen\)", "Keep the command"),
    "selector": (a_selector, r"this selectors\.\w+Selector", r"@picklesafe\.per_worker"),
    "thread": (threading.Thread, "the thread 'Thread-", "Start it in a method"),
    "timer": (lambda: threading.Timer(1, print), "the thread 'Thread-", "Start it in a method"),
    "future": (Future, r"this concurrent\.futures\.Future", "Take its result"),
    "asyncio future": (lambda: asyncio.Future(loop=a_loop()), r"this asyncio\.Future", "Take its result"),
    "loop": (a_loop, r"this asyncio\.unix_events\._UnixSelectorEventLoop", r"asyncio\.run"),
    "pool of processes": (a_pool_of_processes, r"this multiprocessing\.pool\.Pool", "where it is used"),
}
if hasattr(select, "epoll"):
    MAKERS["epoll"] = (select.epoll, r"this select\.epoll", r"@picklesafe\.per_worker")
if hasattr(select, "poll"):
    MAKERS["poll"] = (select.poll, r"this select\.poll", r"@picklesafe\.per_worker")


@pytest.fixture
def thing(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = MAKERS[request.param][0]()
    yield made
    if isinstance(made, types.CoroutineType):
        made.close()


each_thing = pytest.mark.parametrize(("thing", "name"), [(name, name) for name in MAKERS], indirect=["thing"])


@each_thing
def test_an_attribute_is_named_with_the_way_out(thing: Any, name: str) -> None:
    _, what, instead = MAKERS[name]
    with pytest.raises(
        NotWorkerSafeError, match=rf"^Holding\.attribute: {what}.* can't be sent to a worker: .*{instead}"
    ):
        pickle.dumps(Holding(attribute=thing))


@each_thing
def test_one_deep_inside_is_named_by_its_whole_path(thing: Any, name: str) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"^Holding\.parts\['train'\]\[1\]: "):
        pickle.dumps(Holding(parts={"train": [1, thing]}))


@each_thing
def test_a_forked_child_has_it_as_ever(thing: Any, name: str) -> None:
    assert registry.handle_type(type(thing)).in_child == "share"  # type: ignore[union-attr]


@each_thing
def test_outside_of_a_picklesafe_object_all_is_as_ever(thing: Any, name: str) -> None:
    if name == "traceback" and "tblib" in sys.modules:
        pytest.skip("tblib, which Dask imports, lets tracebacks pickle")
    with contextlib.suppress(NotWorkerSafeError):
        pickle.dumps(Holding(attribute=thing))  # our reducers are in place now
    with pytest.raises((TypeError, AttributeError, NotImplementedError, pickle.PicklingError)):
        pickle.dumps([thing])


def test_every_type_that_is_refused_says_why_and_what_instead() -> None:
    entries = {name: entry for name, entry in registry.all_types().items() if entry.in_child == "share"}
    refused = [entry for entry in entries.values() if entry.describe.__name__ == "refuse"]
    assert len(refused) > 50
    for entry in refused:
        why, instead = (entry.describe.__doc__ or "").split("\n\n")
        assert why.startswith("Restores nothing: ")
        assert instead.endswith(".")
        assert not entry.travels


@pytest.mark.parametrize("method", START_METHODS)
def test_the_error_of_multiprocessing_names_the_attribute(method: str) -> None:
    if method == "fork":
        pytest.skip("nothing is pickled")
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.stream: the generator squares"):
        in_worker(method, type, Holding(stream=squares()))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("nested", [False, True])
def test_multiprocessing_goes_on_sending_sockets(nested: bool, method: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        dataset = Holding(connections=[theirs]) if nested else Holding(connection=theirs)
        in_worker(method, say_hello, dataset)
        assert ours.recv(5) == b"hello"


def say_hello(dataset: Any) -> None:
    connection = dataset.connections[0] if hasattr(dataset, "connections") else dataset.connection
    connection.sendall(b"hello")
    connection.close()


def test_cloudpickle_goes_on_sending_what_it_can() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    dataset = Holding(module=os, view=memoryview(b"abc"), keys={1: 2}.keys(), nested=[os, {3: 4}.items()])
    arrived = pickle.loads(cloudpickle.dumps(dataset))
    assert (arrived.module, bytes(arrived.view), list(arrived.keys)) == (os, b"abc", [1])
    assert (arrived.nested[0], list(arrived.nested[1])) == (os, [(3, 4)])


@pytest.mark.parametrize("name", ["weakref", "weak keys", "weak values", "weak set"])
def test_deepcopy_goes_on_copying_what_it_can(name: str) -> None:
    thing = MAKERS[name][0]()
    assert type(copy.deepcopy(Holding(attribute=thing, nested=[thing])).attribute) is type(thing)


@pytest.mark.parametrize("name", ["generator", "module", "socket", "thread"])
def test_a_shallow_copy_shares_it(name: str) -> None:
    thing = MAKERS[name][0]()
    assert copy.copy(Holding(attribute=thing)).attribute is thing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_goes_on_with_a_generator_where_it_stood() -> None:
    dataset = Holding(stream=squares(), view=memoryview(b"abc"), module=os)
    assert next(dataset.stream) == 0
    assert in_worker("fork", go_on, dataset) == [1, 4, b"abc"]
    assert next(dataset.stream) == 1


def go_on(dataset: Any) -> list[Any]:
    return [next(dataset.stream), next(dataset.stream), bytes(dataset.view)]


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("psycopg2.extensions", ["connection", "cursor"]),
        ("psycopg", ["Connection", "Cursor"]),
        ("pymysql.connections", ["Connection"]),
        ("pymysql.cursors", ["Cursor"]),
        ("mysql.connector", ["MySQLConnection"]),
        ("redis", ["Redis", "ConnectionPool"]),
        ("sqlalchemy.engine", ["Engine", "Connection"]),
        ("pymongo", ["MongoClient"]),
        ("botocore.client", ["BaseClient"]),
        ("boto3.resources.base", ["ServiceResource"]),
        ("boto3", ["Session"]),
    ],
)
def test_database_clients_are_known_by_their_real_classes(module: str, names: list[str]) -> None:
    library = pytest.importorskip(module)
    for name in names:
        entry = registry.handle_type(getattr(library, name))
        assert entry is not None
        with pytest.raises(NotWorkerSafeError, match=r"@picklesafe\.per_worker"):
            entry.describe(object())


def test_an_engine_of_sqlalchemy_is_refused_by_its_name() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.engine: this sqlalchemy\.engine\.base\.Engine"):
        pickle.dumps(Holding(engine=sqlalchemy.create_engine("sqlite://")))


def test_a_released_memoryview_is_told_too() -> None:
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(NotWorkerSafeError, match="a released memoryview"):
        pickle.dumps(Holding(view=view))


def test_a_dict_reader_is_named_by_the_reader_inside(tmp_path: Path) -> None:
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.rows.*this csv\.reader.*Keep the path"):
        pickle.dumps(Holding(rows=csv.DictReader(["a,b", "1,2"])))
