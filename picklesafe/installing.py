"""install() and defer(): for datasets that can't inherit PickleSafeMixin."""

from __future__ import annotations

import copyreg
import sys
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from picklesafe import forking, forking_pickler, search, travel
from picklesafe.cell import arrive, cell_for
from picklesafe.errors import NotWorkerSafeError, PickleSafeError
from picklesafe.handles import registry
from picklesafe.mixin import PickleSafeMixin
from picklesafe.resources import per_worker

_installed = False


def install() -> None:
    """Let the handles of any object travel to worker processes, also of classes that can't inherit PickleSafeMixin.

    Registers the recipes with multiprocessing's own pickler: what spawn and forkserver workers are started with, and
    the tasks of pools, may then hold open handles at any depth, opened on arrival. What a running process could send
    without it travels as ever, as the memory-mapped arrays that a worker puts into a queue, and so do `pickle`, `copy`
    and the rest. In forked children every read-only descriptor gets an offset of its own, as if
    an object with PickleSafeMixin were alive. Call it once, at the top of the script; again does nothing.

    It can't cover, in forked children, what needs more than an offset of its own: SQLite connections, LMDB
    environments with locks, files open for writing, duckdb connections, cv2 captures. Where a worker process is forked
    with such a handle among its arguments, a RuntimeWarning names it. Locks and executors aren't made anew, since two
    processes that believe they share a lock would be wrong in silence.
    """
    global _installed
    if _installed:
        return
    _installed = True
    forking.watch_everything(_warn_of_what_is_shared)
    import multiprocessing.reduction  # noqa: F401  # it must be there to be taught

    _register_recipes()
    forking_pickler.before_each(_register_recipes)


def _register_recipes() -> None:
    """Teach multiprocessing's pickler every handle type that is loaded by now; what it has already stays."""
    from multiprocessing.reduction import ForkingPickler

    for cls, entry in registry.known_types().items():
        if entry.travels and cls not in ForkingPickler._extra_reducers:  # type: ignore[attr-defined]
            ForkingPickler.register(cls, _reduce)


def _reduce(handle: Any) -> tuple[Any, ...] | str:
    from multiprocessing.context import get_spawning_popen

    reduced = travel._reduce_inside(handle)
    if reduced is None and get_spawning_popen() is None:
        reduced = _without_install(handle)
    if reduced is not None:
        return reduced
    name = f"{type(handle).__module__}.{type(handle).__qualname__}"
    try:
        return arrive, (cell_for(handle, lambda: name, True),)
    except PickleSafeError as error:
        error.attribute = error.attribute or name
        raise


def _without_install(handle: Any) -> tuple[Any, ...] | str | None:
    """How it travels between running processes by itself: an array by value, which its worker may go on to change.

    None for what doesn't, or only as far as what it holds does.
    """
    cls: Any = type(handle)
    reducer = copyreg.dispatch_table.get(cls)
    if reducer is travel._reduce:
        reducer = travel._registered[cls]
    if reducer is None and all(getattr(cls, name, None) is getattr(object, name, None) for name in _OWN_WAYS):
        return None
    try:
        # 4: what handles do at protocol 5 as well.
        reduced: tuple[Any, ...] | str = reducer(handle) if reducer else handle.__reduce_ex__(4)
        return reduced
    except Exception:
        return None


_OWN_WAYS = ("__reduce__", "__reduce_ex__", "__getstate__")


def _warn_of_what_is_shared() -> None:
    """Called before a fork: look into what multiprocessing is about to hand to the child."""
    process = _process_being_started()
    if process is None:
        return
    types = registry.known_types()
    for node in search.look(process, search.Bounds(lambda value: not isinstance(value, PickleSafeMixin))):
        entry = types.get(type(node.value))
        if entry is None or not entry.travels:
            continue
        mode = entry.writes(node.value)
        if mode or entry.in_child in ("keep", "close"):
            reason = f"is open for writing (mode {mode!r})" if mode else "needs more than a file offset of its own"
            warnings.warn(
                f"a worker is being forked with {node.path}, a {type(node.value).__qualname__} that {reason}: "
                f"picklesafe.install() can't protect it. Start workers with spawn or forkserver, use "
                f"picklesafe.defer(), or let the class inherit PickleSafeMixin",
                RuntimeWarning,
                stacklevel=2,
            )


def _process_being_started() -> Any:
    frame: FrameType | None = sys._getframe(1)
    for _ in range(12):
        if frame is None:
            return None
        if frame.f_globals.get("__name__") == "multiprocessing.popen_fork":
            return frame.f_locals.get("process_obj")
        frame = frame.f_back
    return None


class Deferred(PickleSafeMixin):
    """A dataset that each process builds for itself; see `defer`."""

    def __init__(self, factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._factory = factory
        self._args = args
        self._kwargs = kwargs

    @per_worker
    def _built(self) -> Any:
        try:
            built = self._factory(*self._args, **self._kwargs)
        except AttributeError as error:
            # Left as it is, it would say that this object has no dataset, and ask __getattr__ for one.
            raise PickleSafeError(f"{self!r} can't build its dataset: {type(error).__name__}: {error}") from error
        if _is_iterable_dataset(type(built)) and not _is_iterable_dataset(type(self)):
            raise NotWorkerSafeError(
                f"{self!r} built an IterableDataset, which a loader has to know before anything is built",
                remedy=f"Give defer() the class, as in defer({type(built).__qualname__}, …), or a subclass of "
                "IterableDataset whose __iter__ goes through what the function gives",
            )
        return built

    def __getitem__(self, index: Any) -> Any:
        return self._built[index]

    def __len__(self) -> int:
        return len(self._built)

    def __getattr__(self, name: str) -> Any:
        # Before there are attributes of its own, as while it is being unpickled, it has none of the dataset's either.
        if "_factory" not in self.__dict__ or (name.startswith("__") and name not in _FORWARDED):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._built, name)

    def __repr__(self) -> str:
        return f"picklesafe.defer({getattr(self._factory, '__qualname__', self._factory)})"


_FORWARDED = frozenset({"__getitems__"})


def defer(factory: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """A dataset that is built inside each worker, by calling `factory(*args, **kwargs)` there at first use.

        loader = DataLoader(picklesafe.defer(ThirdPartyDataset, "genome.fa"), num_workers=4)

    For datasets whose class isn't yours, and whatever they hold. Asking for an item, the length or an attribute builds
    it in the process that asks: a loader that shuffles asks for the length in the parent, and forked workers then build
    their own nevertheless.

    Args:
        factory: a class or function at the top of a module.
        args, kwargs: what it is called with; they must pickle where workers are spawned.

    Returns:
        A map-style dataset; where `factory` is a subclass of torch's IterableDataset, one of those.

    Raises, at the first use:
        NotWorkerSafeError: a function has built an IterableDataset.
    """
    if isinstance(factory, type) and _is_iterable_dataset(factory):
        iterable: Any = __getattr__("DeferredIterable")
        return iterable(factory, args, kwargs)
    return Deferred(factory, args, kwargs)


def _is_iterable_dataset(cls: type) -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and issubclass(cls, data.IterableDataset)


def __getattr__(name: str) -> Any:
    """`DeferredIterable` is made when it is asked for, here or by unpickling: it is what first needs torch."""
    if name in globals():
        return globals()[name]
    if name != "DeferredIterable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torch.utils.data import IterableDataset

    def iterate(self: Deferred) -> Iterator[Any]:
        return iter(self._built)

    body = {"__iter__": iterate, "__module__": __name__, "__doc__": "A `Deferred` of a dataset that is iterated."}
    # One class for good, whoever asks and how often: what is pickled is found again by name only if it's that one.
    return globals().setdefault(name, type(name, (Deferred, IterableDataset), body))
