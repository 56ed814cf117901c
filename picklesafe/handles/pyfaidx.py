"""FASTA files through pyfaidx: `Fasta`, the `Faidx` under it, and records, which follow their file.

A worker reads the index that there is. Left to itself pyfaidx writes a new one wherever the FASTA file looks newer, and
several workers would write it at once.
"""

from __future__ import annotations

import gc
import inspect
import os
import sys
from typing import Any

from picklesafe.errors import HandleMissingError, NotWorkerSafeError
from picklesafe.handles import derived
from picklesafe.handles.files import path_of
from picklesafe.handles.found import refuse_closed
from picklesafe.handles.recipe import Recipe, resolve
from picklesafe.handles.registry import register_handle

OPTIONS = (
    "default_seq",
    "as_raw",
    "strict_bounds",
    "read_ahead",
    "split_char",
    "one_based_attributes",
    "read_long_names",
    "duplicate_action",
    "sequence_always_upper",
)
FUNCTIONS = ("key_function", "filt_function")
derived.sets(lambda base: ("faidx", "filename", "mutable", "records"), "pyfaidx.Fasta")
derived.shows(lambda handle: list(handle.records), "pyfaidx.Fasta")


def can_write(handle: Any) -> str:
    """`mutable=True` opens the FASTA file itself for writing."""
    index = _index(handle)
    return "r+" if index.mutable and not index.file.closed else ""


def path_of_fasta(handle: Any) -> str:
    """The path of the FASTA file behind a Fasta, a Faidx or a record."""
    return str(_index(handle).filename)


@register_handle("pyfaidx.Fasta", in_child="reopen-descriptor", writes=can_write, path=path_of_fasta)
def fasta(handle: Any) -> Recipe:
    """Restores path or fsspec file, the indexes' paths, and every option that `Fasta` was given; `mutable=True`
    is refused, and no index is built or rewritten.

    Not restored: what was read ahead. A lambda as `key_function` or `filt_function` is an error.
    """
    if type(handle) is resolve("pyfaidx.Fasta") and not derived.extra(handle):
        return _recipe(handle.faidx, open_fasta)
    return _recipe(handle.faidx, open_fasta, kind=derived.kind_of(handle))


@register_handle("pyfaidx.Faidx", in_child="reopen-descriptor", writes=can_write, path=path_of_fasta)
def faidx(handle: Any) -> Recipe:
    """Restores path or fsspec file, the indexes' paths, and every option that `Faidx` was given.

    That of a `Fasta` follows it. Not restored: what was read ahead. A lambda as `key_function` or `filt_function` is an
    error.
    """
    owner = _owner(handle)
    return _recipe(handle, open_faidx) if owner is None else Recipe(faidx_of, owner)


@register_handle("pyfaidx.FastaRecord", in_child="reopen-descriptor", writes=can_write, path=path_of_fasta)
def record(handle: Any) -> Recipe:
    """Restores the record by its name in its `Fasta`, which it shares with the other records."""
    return Recipe("operator.getitem", handle._fa, handle.name)


def open_fasta(source: Any, kind: Any = "pyfaidx.Fasta", **options: Any) -> Any:
    """A Fasta on the indexes that there are."""
    return derived.refuse_narrowed(derived.new(kind, source, **_building_none(source, options)), kind)


def open_faidx(source: Any, **options: Any) -> Any:
    """A Faidx on the indexes that there are."""
    return resolve("pyfaidx.Faidx")(source, **_building_none(source, options))


def faidx_of(opened: Any) -> Any:
    return opened.faidx


def _building_none(source: Any, options: dict[str, Any]) -> dict[str, Any]:
    # A missing index of the compressed blocks is built whatever the arguments are, and the other one with it.
    index = options.get("gzi_indexname")
    if isinstance(index, str) and not os.path.exists(index):
        raise HandleMissingError(f"the index {index!r} isn't there", remedy="Bring it back: a worker builds none")
    return {"rebuild": False, "build_index": False, **options}


def _owner(index: Any) -> Any:
    """The Fasta that has made a Faidx, if there is one. They read one file, and must go on doing so."""
    fasta = resolve("pyfaidx.Fasta")
    for holder in gc.get_referrers(index):
        # Its attributes hold it, in a dictionary or, since Python 3.11, without one.
        for candidate in (holder, *(gc.get_referrers(holder) if type(holder) is dict else ())):
            if issubclass(type(candidate), fasta) and candidate.__dict__.get("faidx") is index:
                return candidate
    return None


def _index(handle: Any) -> Any:
    whole = getattr(handle, "_fa", handle)
    return getattr(whole, "faidx", whole)


def _recipe(index: Any, opener: Any, **more: Any) -> Recipe:
    # Biopython's reader of compressed blocks keeps the file to itself.
    file = index.file._handle if index._bgzf else index.file
    refuse_closed(index, file.closed)
    options = {**_options(index), **more}
    if index._fs is not None:
        remote = resolve("fsspec.core.OpenFile")
        options["indexname"] = remote(index._fai_fs, index.indexname) if index._fai_fs else index.indexname
        return Recipe(opener, remote(index._fs, index.filename), **options)
    path = path_of(index.filename, file.fileno())
    indexes = {"indexname": _beside(index, index.indexname, path)}
    if hasattr(index, "gzi_indexname"):
        indexes["gzi_indexname"] = _beside(index, index.gzi_indexname, path)
    recipe = Recipe(opener, path, **indexes, **options)
    return recipe.reads(path, descriptor=file.fileno()).reads(*indexes.values())


def _beside(index: Any, name: str, path: str) -> str:
    """The absolute path of an index file; a relative one that is named after the FASTA file lies where that does."""
    named_after = name.startswith(index.filename) and not os.path.isabs(name)
    return path + name[len(index.filename) :] if named_after else os.path.abspath(name)


def _options(index: Any) -> dict[str, Any]:
    """What differs from the defaults."""
    openers = (resolve("pyfaidx.Fasta"), resolve("pyfaidx.Faidx"))
    parameters = [inspect.signature(opener).parameters for opener in openers]
    given = {}
    for name in (*OPTIONS, *FUNCTIONS):
        # Older versions know fewer.
        defaults = [known[name].default for known in parameters if name in known]
        if defaults and not any(getattr(index, name) is default for default in defaults):
            given[name] = getattr(index, name)
    for name in FUNCTIONS:
        if name in given:
            _refuse_local(given[name], name)
    return given


def _refuse_local(function: Any, name: str) -> None:
    found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    code = getattr(function, "__code__", None)
    for part in getattr(function, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    if code is not None and found is not function:
        raise NotWorkerSafeError(
            f"pyfaidx.Fasta was given {name}={function.__qualname__} ({code.co_filename}:{code.co_firstlineno}), which "
            f"can't be sent to a worker: functions are imported by name there",
            remedy="Write it with def at the top of a module",
        )
