"""Video through PyAV, decord and OpenCV.

All of them decode in threads, which a forked child lacks. Measured with an H.264 file: a child that reads from an
inherited PyAV container or OpenCV capture, frees it, or just ends, hangs; with decord it is killed by a failed
assertion or a segmentation fault. So none of them is ever touched or freed in a child.

PyAV 19 also keeps one converter of frames for a thread, with threads of its own. A child forgets the parent's: its
first `to_ndarray(format=…)` would wait for them for ever, whatever container the frame is from.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from picklesafe.errors import UnsafeHandleError
from picklesafe.handles.files import PER_WORKER
from picklesafe.handles.found import refuse_closed, refuse_replaced
from picklesafe.handles.places import meant_by
from picklesafe.handles.recipe import Recipe, resolve, undeclared
from picklesafe.handles.registry import register_handle

SETTINGS = ("metadata_encoding", "metadata_errors", "options", "container_options", "stream_options")
DECODING = ("thread_type", "thread_count", "skip_frame")


@register_handle("av.container.input.InputContainer", in_child="keep")
def container(handle: Any) -> Recipe:
    """Restores path or URL, options, time limits, and for each stream thread_type, thread_count and skip_frame, as long
    as nothing has been decoded; after that the position can't be told, which is an error.

    Not restored: packets that were demuxed, or a place that was sought, without decoding; `format=`, `buffer_size=`,
    `io_open=`, `hwaccel=`. A container on a file object is an error.
    """
    refuse_closed(handle, not getattr(handle, "input_was_opened", True))
    if handle.file is not None:
        raise UnsafeHandleError(
            f"the PyAV container {handle.name!r} was opened on a file object",
            remedy=f"Open it by its path. {PER_WORKER}",
        )
    codecs = [stream.codec_context for stream in handle.streams]
    if any(codec is not None and codec.is_open for codec in codecs):
        raise UnsafeHandleError(
            f"PyAV doesn't tell where its container {handle.name!r} stands, and frames have been decoded from it",
            remedy=f"Decode nothing before the workers start. {PER_WORKER}",
        )
    name = handle.name
    if "://" not in name:
        name = meant_by(name)
        refuse_replaced(handle, name)
    settings = {key: value for key in SETTINGS if (value := getattr(handle, key, None))}
    limits = (getattr(handle, "open_timeout", None), getattr(handle, "read_timeout", None))
    if any(limits):
        settings["timeout"] = limits
    decoding = [_decoding(codec) for codec in codecs]
    return Recipe(open_container, name, decoding, **settings)


@register_handle("av.stream.Stream", in_child="keep")
def stream(handle: Any) -> Recipe:
    """Restores the stream by its number in its container, which it shares."""
    return Recipe(stream_of, handle.container, handle.index)


def stream_of(opened: Any, index: int) -> Any:
    """A stream of a container."""
    return opened.streams[index]


def _decoding(codec: Any) -> dict[str, Any]:
    # Two of them are enumerations, which pickle as numbers everywhere.
    told = {name: getattr(codec, name, None) for name in DECODING}
    return {name: getattr(value, "value", value) for name, value in told.items() if value is not None}


def open_container(name: str, decoding: list[dict[str, Any]], **settings: Any) -> Any:
    """A container at its start."""
    opened = resolve("av.open")(name, **settings)
    for stream, options in zip(opened.streams, decoding, strict=True):
        for key, value in options.items():
            setattr(stream.codec_context, key, value)
    return opened


@register_handle("av.container.output.OutputContainer", in_child="keep", writes=lambda handle: "w")
def output_container(handle: Any) -> Recipe:
    """Restores nothing: it writes, and is refused."""
    raise undeclared("PyAV")


@register_handle("cv2.VideoCapture", in_child="keep")
def capture(handle: Any) -> Recipe:
    """Restores one that was never opened, or was released; an open one doesn't reveal its file, and is an error."""
    if handle.isOpened():
        raise undeclared("cv2")
    return Recipe("cv2.VideoCapture")


@register_handle("cv2.VideoWriter", in_child="keep", writes=lambda handle: "w" if handle.isOpened() else "")
def writer(handle: Any) -> Recipe:
    """Restores one that was never opened, or was released; an open one writes, and is refused."""
    return Recipe("cv2.VideoWriter")


@register_handle("decord.video_reader.VideoReader", in_child="keep")
@register_handle("decord.audio_reader.AudioReader", in_child="keep")
@register_handle("decord.av_reader.AVReader", in_child="keep")
@register_handle("decord.video_loader.VideoLoader", in_child="keep")
def decord_reader(handle: Any) -> Recipe:
    """Restores nothing: decord doesn't reveal the file, which is an error."""
    raise undeclared("decord")


# What no dataset holds has to be looked after too, once one of these libraries is there.

_forks = 0
_collected = False


def _before() -> None:
    """Keep the child from collecting what the parent has dropped: PyAV's containers are in cycles with their streams,
    so they wait for the garbage collector, and if it is the child's, that waits for their threads for ever."""
    global _forks, _collected
    # Not frozen yet: a plan of the fork may look for objects through the collector, which doesn't show frozen ones.
    if _forks == 0:
        _collected = gc.isenabled()
    _forks += 1  # in several threads at once
    gc.disable()


def _in_parent() -> None:
    global _forks
    _forks -= 1
    if _forks == 0 and _collected:
        gc.enable()


def _in_child() -> None:
    global _forks
    gc.freeze()
    _forks = 1
    _in_parent()
    kept = getattr(sys.modules.get("av.video.frame"), "_thread_local", None)
    converter = getattr(kept, "reformatter", None)
    if kept is not None and converter is not None:
        import ctypes

        # To free it would be to wait for its threads.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(converter))
        del kept.reformatter


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
