"""Log handlers: each process makes its own, on the same file or its own standard streams.

They write, and are no danger: a line is appended in one piece, after the lines of the others. What would be lost or
overwritten all the same is refused. `logging.Logger` and LoggerAdapter pickle by themselves.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any

from picklesafe.errors import NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles import registry
from picklesafe.handles.anew import Snapshot, attributes, taken
from picklesafe.handles.recipe import Recipe
from picklesafe.handles.registry import register_handle

_OWN = frozenset({"lock", "_name"})


@register_handle("logging.Handler", travels=False)
def handler(handle: Any) -> Recipe:
    """Restores level, format, filters and whatever else it holds, on a lock of its own.

    Not restored: which loggers it was added to.
    """
    return Recipe(_handler, type(handle), attributes(handle, _OWN), handle.name)


def _handler(cls: Any, rest: Any, name: str | None, **new: Any) -> Any:
    import logging

    made = cls.__new__(cls)
    # Its lock, and its place among those that are flushed at the end.
    logging.Handler.__init__(made)
    vars(made).update(taken(rest))
    vars(made).update(new)
    if name in logging._handlers:  # type: ignore[attr-defined]
        # In the process of the original, which keeps the name's place.
        made._name = name
    else:
        made.set_name(name)
    return made


@register_handle("logging.StreamHandler", travels=False)
def stream_handler(handle: Any) -> Recipe:
    """Restores level, format and filters, on the standard stream of the process that it is in.

    Not restored: which loggers it was added to. One on a file of yours is refused: that is what FileHandler is for.
    """
    rest = attributes(handle, _OWN | {"stream"})
    stream = handle.stream
    name = _standard(stream)
    if name:
        return Recipe(_on_standard_stream, type(handle), rest, handle.name, name)
    entry = registry.handle_type(type(stream))
    if entry is not None and entry.writes(stream):
        raise UnsafeHandleError(
            f"this {type(handle).__name__} writes to the open file {getattr(stream, 'name', stream)!r}",
            remedy="Use logging.FileHandler, which each process opens for itself",
        )
    return Recipe(_handler, type(handle), rest, handle.name, stream=stream)


def _on_standard_stream(cls: type, rest: Any, name: str | None, stream: str) -> Any:
    return _handler(cls, rest, name, stream=getattr(sys, stream))


def _standard(stream: Any) -> str:
    """ "stdout" or "stderr" if it is that; "" otherwise."""
    for number, name in (1, "stdout"), (2, "stderr"):
        if stream is getattr(sys, name) or stream is getattr(sys, f"__{name}__"):
            return name
        try:
            if stream.fileno() == number:
                return name
        except (AttributeError, OSError, ValueError):
            continue
    return ""


# Its file is buffered: to free it in a child would write what the parent's threads had begun to write.
@register_handle("logging.FileHandler", in_child="keep", travels=False)
def file_handler(handle: Any) -> Recipe:
    """Restores file, encoding, level, format and filters; appends from now on, and opens at its first line.

    Not restored: which loggers it was added to, and the mode "w" that would empty the file.
    """
    _append(handle)
    rest = attributes(handle, _OWN | {"stream", "mode", "delay"})
    return Recipe(_handler, type(handle), rest, handle.name, stream=None, mode="a", delay=True)


def _append(handle: Any) -> None:
    """Make the handler here write after what others wrote meanwhile."""
    if handle.mode.startswith("a"):
        return
    if handle.stream is None:
        raise UnsafeHandleError(
            f"{handle.baseFilename} is emptied when this {type(handle).__name__} opens it (mode {handle.mode!r}, not "
            f"open yet), with what the workers have written by then",
            remedy="Give the handler mode='a'",
        )
    try:
        import fcntl
    except ImportError:
        raise UnsafeHandleError(
            f"{handle.baseFilename} is written from the place where this {type(handle).__name__} stands (mode "
            f"{handle.mode!r}), over what the workers write",
            remedy="Give the handler mode='a'",
        ) from None
    descriptor = handle.stream.fileno()
    # Opened with "w" it writes where it stands; the flag makes that the end of the file, where it stands already.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)


@register_handle("logging.handlers.RotatingFileHandler", in_child="keep", travels=False)
@register_handle("logging.handlers.TimedRotatingFileHandler", in_child="keep", travels=False)
def rotating_handler(handle: Any) -> Recipe:
    """Restores file, encoding, level, format and filters, as a WatchedFileHandler: the process that opened it goes on
    rotating the file, the others follow.

    Not restored: which loggers it was added to. A subclass is refused.
    """
    from logging import FileHandler
    from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler, WatchedFileHandler

    if getattr(handle, "maxBytes", 1) <= 0:
        return file_handler(handle)
    if type(handle) not in (RotatingFileHandler, TimedRotatingFileHandler):
        raise UnsafeHandleError(
            f"two processes that rotate {handle.baseFilename} rename and delete each other's files, and what this "
            f"{type(handle).__name__} does besides rotating can't be told",
            remedy="Use logging.handlers.WatchedFileHandler, or a QueueHandler on a multiprocessing.Queue",
        )
    _append(handle)
    # Windows can't rename a file that another process has open, so there nothing ever needs to be followed.
    cls = FileHandler if os.name == "nt" else WatchedFileHandler
    kept = ("level", "filters", "formatter", "terminator", "encoding", "errors")
    given = Snapshot(handle, lambda whole: {name: vars(whole)[name] for name in kept if name in vars(whole)})
    return Recipe(_following, cls, handle.baseFilename, given, handle.name)


def _following(cls: Any, path: str, rest: Any, name: str | None) -> Any:
    made = cls(path, delay=True)
    vars(made).update(taken(rest))
    if name is not None:
        made.set_name(name)
    return made


@register_handle("logging.handlers.BufferingHandler", travels=False)
def buffering_handler(handle: Any) -> Recipe:
    """Restores capacity, target, level, format and filters.

    Not restored: which loggers it was added to, and the records it has collected, which this process writes itself.
    """
    return Recipe(_handler, type(handle), attributes(handle, _OWN | {"buffer"}), handle.name, buffer=[])


@register_handle("logging.handlers.SocketHandler", travels=False)
def socket_handler(handle: Any) -> Recipe:
    """Restores address, level, format and filters; connects at its first line.

    Not restored: which loggers it was added to.
    """
    rest = attributes(handle, _OWN | {"sock", "retryTime"})
    return Recipe(_handler, type(handle), rest, handle.name, sock=None, retryTime=None)


@register_handle("logging.handlers.SysLogHandler", travels=False)
def syslog_handler(handle: Any) -> Recipe:
    """Restores address, facility, level, format and filters, and connects.

    Not restored: which loggers it was added to.
    """
    own = _OWN | {"socket", "unixsocket", "socktype"}
    given = (handle.address, handle.facility, handle.socktype)
    return Recipe(_connected, type(handle), attributes(handle, own), handle.name, *given)


def _connected(cls: Any, rest: Any, name: str | None, *given: Any) -> Any:
    from logging.handlers import SysLogHandler

    made = cls.__new__(cls)
    SysLogHandler.__init__(made, *given)
    vars(made).update(taken(rest))
    if name is not None:
        made.set_name(name)
    return made


@register_handle("logging.handlers.QueueHandler", travels=False)
def queue_handler(handle: Any) -> Recipe:
    """Restores the queue, level, format and filters, where the queue is multiprocessing's; another one is refused.

    Not restored: which loggers it was added to, and its listener, which runs in one process.
    """
    if type(handle.queue).__module__ in ("queue", "_queue"):
        raise NotWorkerSafeError(
            f"what this {type(handle).__name__} puts into its {type(handle.queue).__name__} in a worker would never be "
            f"read: the queue's other end is in this process",
            remedy="Give it a multiprocessing.Queue",
        )
    return Recipe(_handler, type(handle), attributes(handle, _OWN | {"listener"}), handle.name, listener=None)


# It renews its locks in forked children itself.
@register_handle("loguru._logger.Logger", in_child="share", travels=False)
def loguru_logger(handle: Any) -> Recipe:
    """Restores the logger of the process that it is in, with what was bound to this one; or, where all of its sinks
    can be sent (`enqueue=True`), the logger with its sinks.

    Not restored otherwise: the sinks added here, as files. Add them in each process.
    """
    sent = all(_can_be_sent(sink) for sink in handle._core.handlers.values())
    return Recipe(_loguru, handle._core if sent else None, *handle._options)


def _loguru(core: Any, *options: Any) -> Any:
    from loguru import logger

    here: Any = logger
    cls: Any = type(logger)
    return cls(here._core if core is None else core, *options)


def _can_be_sent(sink: Any) -> bool:
    # A queue to the process that writes refuses plain pickling, and travels while a process is started.
    if sink._enqueue:
        return True
    try:
        pickle.dumps(sink)
    except Exception:
        return False
    return True
