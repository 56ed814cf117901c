"""What can't be opened again anywhere else, and what to write instead.

These types don't travel: an object that holds one is refused when it is pickled, with the place and the way out, where
pickle says `cannot pickle 'generator' object`. A pickler that can send one keeps doing so (multiprocessing sends
sockets, cloudpickle modules), and a forked child has them as it always had.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles.registry import register_handle

PER_WORKER = "Make it in a method decorated with @picklesafe.per_worker, which runs once in every worker"


def _refuse(*names: str, what: str | Callable[[Any], str], why: str, instead: str) -> None:
    """Register types that are refused.

    Args:
        names: as `register_handle` takes them; after a space, where the class can be had if not under its name.
        what: names an object of the type.
        why: finishes the sentence "… can't be sent to a worker: ".
        instead: the way out.
    """

    def refuse(handle: Any) -> NoReturn:
        named = what if isinstance(what, str) else what(handle)
        raise NotWorkerSafeError(f"{named} can't be sent to a worker: {why}", remedy=instead)

    refuse.__doc__ = f"Restores nothing: {why}.\n\n{instead}."
    for name in names:
        name, _, found = name.partition(" ")
        register_handle(name, in_child="share", travels=False, found=found)(refuse)


def _code(kind: str, attribute: str) -> Callable[[Any], str]:
    def named(handle: Any) -> str:
        code = getattr(handle, attribute)
        return f"the {kind} {code.co_name} ({code.co_filename}:{code.co_firstlineno})"

    return named


def _this(handle: Any) -> str:
    cls = type(handle)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return f"this {_PUBLIC.get(name, name)}"


_PUBLIC = {
    "_asyncio.Future": "asyncio.Future",
    "_asyncio.Task": "asyncio.Task",
    "_contextvars.Context": "contextvars.Context",
    "_contextvars.ContextVar": "contextvars.ContextVar",
    "_contextvars.Token": "contextvars.Token",
    "_weakrefset.WeakSet": "weakref.WeakSet",
    "concurrent.futures._base.Future": "concurrent.futures.Future",
    "weakref.ReferenceType": "weakref.ref",
}
"""The names by which people know types that have another."""


# Running code

_refuse(
    "builtins.generator types.GeneratorType",
    what=_code("generator", "gi_code"),
    why="it stands in the middle of running code",
    instead="Keep what it is made from, and make it in __iter__ or where it is used",
)
_refuse(
    "builtins.async_generator types.AsyncGeneratorType",
    what=_code("async generator", "ag_code"),
    why="it stands in the middle of running code",
    instead="Keep what it is made from, and make it where it is used",
)
_refuse(
    "builtins.coroutine types.CoroutineType",
    what=_code("coroutine", "cr_code"),
    why="it stands in the middle of running code",
    instead="Keep the function and its arguments, and call it where it is awaited",
)
_refuse(
    "builtins.frame types.FrameType",
    "builtins.traceback types.TracebackType",
    what=_this,
    why="it is running code of this process",
    instead="Keep its text: traceback.format_exc()",
)

# Views of objects

_refuse(
    "builtins.module types.ModuleType",
    what=lambda handle: f"the module {handle.__name__}",
    why="a worker imports its own",
    instead="Import it at the top of your file, or inside the method that uses it, instead of keeping it",
)
_refuse(
    "builtins.dict_keys _collections_abc.dict_keys",
    "builtins.dict_values _collections_abc.dict_values",
    "builtins.dict_items _collections_abc.dict_items",
    "builtins.odict_keys picklesafe.handles.refused.OrderedKeys",
    "builtins.odict_values picklesafe.handles.refused.OrderedValues",
    "builtins.odict_items picklesafe.handles.refused.OrderedItems",
    what=_this,
    why="it is a view of a dict",
    instead="Write list(…) around it",
)
_refuse(
    "builtins.mappingproxy types.MappingProxyType",
    what=_this,
    why="it is a view of a dict",
    instead="Write dict(…) around it",
)
_refuse(
    "builtins.memoryview",
    what=lambda handle: f"a memoryview of {handle.nbytes:,} bytes" if _held(handle) else "a released memoryview",
    why="it is a view of memory of this process",
    instead="Keep the object that it looks into, or write bytes(…) around it",
)
_refuse(
    "weakref.ReferenceType",
    "weakref.WeakMethod",
    what=_this,
    why="it points to an object of this process without keeping it",
    instead="Keep the object itself, or make the reference in __setstate__",
)
_refuse(
    "weakref.WeakKeyDictionary",
    "weakref.WeakValueDictionary",
    "_weakrefset.WeakSet",
    what=_this,
    why="it points to objects of this process without keeping them",
    instead="Use an ordinary dict or set, or fill a new one in __setstate__",
)
_refuse(
    "_contextvars.ContextVar",
    "_contextvars.Context",
    "_contextvars.Token",
    what=_this,
    why="it belongs to the running code of this process",
    instead="Make the ContextVar at the top of a module, and use it from there",
)

# Files, by way of something that doesn't show which

_refuse(
    "_csv.reader _csv.Reader",
    what="this csv.reader",
    why="it doesn't show the file that it reads, nor how far it has come",
    instead="Keep the path, and open file and reader in __iter__ or in a method decorated with @picklesafe.per_worker",
)
_refuse(
    "_csv.writer _csv.Writer",
    what="this csv.writer",
    why="it doesn't show the file that it writes",
    instead="Open one file and writer per worker in a method decorated with @picklesafe.per_worker",
)
_refuse(
    "posix.ScandirIterator picklesafe.handles.refused.ScandirIterator",
    "nt.ScandirIterator picklesafe.handles.refused.ScandirIterator",
    what="this os.scandir iterator",
    why="it stands in the middle of a directory that this process has open",
    instead="Keep a list of paths: [entry.path for entry in os.scandir(folder)]",
)
_refuse(
    "posix.DirEntry",
    "nt.DirEntry",
    what=lambda handle: f"the os.DirEntry {handle.path!r}",
    why="it belongs to a directory that this process listed",
    instead="Keep entry.path",
)

# Connections to the outside

_refuse(
    "socket.socket",
    "_socket.socket",
    what=_this,
    why="its other end talks to this process",
    instead="Keep the address, and connect in a method decorated with @picklesafe.per_worker",
)
_refuse(
    "ssl.SSLContext",
    "ssl.SSLObject",
    what=_this,
    why="its keys and sessions are in memory of this process",
    instead=PER_WORKER,
)
_refuse(
    "subprocess.Popen",
    what=lambda handle: f"the running program {handle.args!r} (subprocess.Popen)",
    why="its pipes and its end belong to this process",
    instead="Keep the command, and start it in a method decorated with @picklesafe.per_worker",
)
_refuse(
    "selectors.BaseSelector",
    "select.epoll",
    "select.poll picklesafe.handles.refused.Poll",
    "select.kqueue",
    "select.devpoll",
    what=_this,
    why="it watches descriptors of this process",
    instead=PER_WORKER,
)
_refuse(
    "psycopg2.extensions.connection",
    "psycopg2.extensions.cursor",
    "psycopg._connection_base.BaseConnection",
    "psycopg._cursor_base.BaseCursor",
    "pymysql.connections.Connection",
    "pymysql.cursors.Cursor",
    "mysql.connector.abstracts.MySQLConnectionAbstract",
    "redis.client.Redis",
    "redis.connection.ConnectionPool",
    "sqlalchemy.engine.base.Engine",
    "sqlalchemy.engine.base.Connection",
    "pymongo.synchronous.mongo_client.MongoClient",
    "pymongo.synchronous.database.Database",
    "pymongo.synchronous.collection.Collection",
    what=_this,
    why="the database's server talks to this process",
    instead="Keep the address, and connect in a method decorated with @picklesafe.per_worker",
)
_refuse(
    "botocore.client.BaseClient",
    "boto3.resources.base.ServiceResource",
    "boto3.session.Session",
    what=_this,
    why="its connections belong to this process",
    instead=PER_WORKER,
)

# What runs in this process

_refuse(
    "threading.Thread",
    what=lambda handle: f"the thread {handle.name!r}",
    why="it runs in this process",
    instead="Start it in a method decorated with @picklesafe.per_worker, in the worker that needs it",
)
_refuse(
    "concurrent.futures._base.Future",
    "asyncio.futures.Future",
    "_asyncio.Future",
    "_asyncio.Task",
    what=_this,
    why="what it waits for runs in this process",
    instead="Take its result, and keep that",
)
_refuse(
    "asyncio.events.AbstractEventLoop",
    what=_this,
    why="it runs in this process",
    instead="Use asyncio.run(), or make the loop in a method decorated with @picklesafe.per_worker",
)
_refuse(
    "multiprocessing.pool.Pool",
    what=_this,
    why="its processes are children of this one",
    instead="Make the pool where it is used, outside of the object",
)


def _held(view: memoryview) -> bool:
    try:
        return view.nbytes >= 0
    except ValueError:
        return False


def __getattr__(name: str) -> type:
    """Types that have no name anywhere, for `found` above; made when asked for, since one takes a descriptor."""
    made = _unnamed.get(name)
    if made is None:
        raise AttributeError(name)
    try:
        return made()
    except (AttributeError, OSError):  # not on this platform, or no such folder any more
        raise AttributeError(name) from None


def _scandir_iterator() -> type:
    with os.scandir(os.curdir) as listing:
        return type(listing)


def _poll() -> type:
    import select

    return type(select.poll())


_unnamed: dict[str, Callable[[], type]] = {
    "OrderedKeys": lambda: type(OrderedDict[Any, Any]().keys()),
    "OrderedValues": lambda: type(OrderedDict[Any, Any]().values()),
    "OrderedItems": lambda: type(OrderedDict[Any, Any]().items()),
    "Poll": _poll,
    "ScandirIterator": _scandir_iterator,
}
