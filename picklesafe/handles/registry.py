"""Which types are handles: by name, so that no library is imported for being known."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, Literal, NamedTuple, TypeVar

from picklesafe.errors import NotWorkerSafeError, PickleSafeError, UnsafeHandleError
from picklesafe.handles.families import FAMILIES
from picklesafe.handles.recipe import Recipe, resolve

InChild = Literal["reopen-descriptor", "drop", "close", "keep", "share"]
Describe = Callable[[Any], Recipe]
F = TypeVar("F", bound=Describe)


class HandleType(NamedTuple):
    """What is known of one type of handle.

    Attributes:
        name: `module.qualname` of the class, as its `__module__` has it.
        describe: gives the recipe of a handle.
        in_child: what a forked child does with one that it inherits.
        writes: the mode in which a handle can write, or "" if it only reads.
        same: what two objects on one underlying handle have in common; by default the object itself.
        path: the file behind the handle, for errors.
        close: how a forked child closes one that it inherits.
        written_through: the descriptors by which it writes.
        survives: asked in a forked child: whether an inherited one can go on being used there as it is.
        travels: whether it reaches other processes as a resource; False for what is merely made anew there
            (locks, executors), which only stands for itself inside a picklesafe object.
        found: the dotted name under which the class can be had, where that isn't `name`.
    """

    name: str
    describe: Describe
    in_child: InChild
    writes: Callable[[Any], str]
    same: Callable[[Any], object]
    path: Callable[[Any], object]
    close: Callable[[Any], object]
    written_through: Callable[[Any], Iterable[int]]
    survives: Callable[[Any], bool]
    travels: bool
    found: str


def _name_or_filename(handle: Any) -> object:
    return getattr(handle, "name", None) or getattr(handle, "filename", None)


def close_it(handle: Any) -> None:
    """How a handle is closed unless its type says otherwise: as its library does.

    What a subclass does besides, as to remove a copy that it has made, is the parent's business.
    """
    library = library_class(type(handle))
    # Parts of a file have nothing to close: their file is closed for them.
    if library is type(handle):
        getattr(handle, "close", lambda: None)()
    else:
        getattr(library, "close", lambda handle: None)(handle)


_registered: dict[str, HandleType] = {}
_families_loaded: set[str] = set()
_resolved: dict[str, type] = {}


def register_handle(
    name: str,
    /,
    *,
    in_child: InChild = "drop",
    writes: Callable[[Any], str] = lambda handle: "",
    same: Callable[[Any], object] = id,
    path: Callable[[Any], object] = _name_or_filename,
    close: Callable[[Any], object] = close_it,
    written_through: Callable[[Any], Iterable[int]] = lambda handle: (),
    survives: Callable[[Any], bool] = lambda handle: False,
    travels: bool = True,
    found: str = "",
) -> Callable[[F], F]:
    """Teach picklesafe a type of handle: decorates a function from a handle to its `Recipe`.

        @register_handle("mylib.reader.Reader", in_child="drop")
        def reader(handle):
            return Recipe("mylib.Reader", handle.path, position=handle.tell())

    Nothing is imported: the type is recognised by name once its library is there. Subclasses follow their parent,
    unless they are registered themselves. The last registration of a name counts.

    Args:
        name: `type(handle).__module__ + "." + type(handle).__qualname__`.
        in_child: what a forked child does with an inherited handle.
            "reopen-descriptor": nothing more; an offset of its own is all it needs, and each read-only descriptor
            gets one. "drop": put it out of reach, never close it, open it again at first use. "close": close it in
            the child first, since its library would hand back the inherited one (read-only handles alone). "keep":
            put it out of reach and never close or free it, since that would hurt the parent. "share": leave it.
        writes: given a handle, the mode in which it can write, or ""; a handle that can is refused in workers.
        same: given a handle, a hashable that is equal for all objects on one underlying handle.
        path: given a handle, the path of its file, for errors; by default its `name` or `filename`.
        close: closes the handle in a forked child, for in_child="close"; by default calls its `close()`, of a
            subclass's handle the one of the class that is registered. What it raises is raised when the handle is used
            there.
        written_through: given a handle that can write, the descriptors by which it does, for libraries that write what
            is unwritten when the process ends, the child too; there these lead nowhere.
        survives: given an inherited handle in a forked child, whether it may be used there as it is after all, as a
            lock that nobody holds.
        travels: False for what is made anew rather than opened again.
        found: where the class can be had once its library is imported, if not under `name` ("_thread.LockType").

    Raises:
        ValueError: `name` has no module, or `in_child` is none of these words.
    """
    if "." not in name:
        raise ValueError(f"register_handle({name!r}): give the full name, as 'mylib.reader.Reader'")
    if in_child not in InChild.__args__:  # type: ignore[attr-defined]
        raise ValueError(f"register_handle({name!r}): in_child={in_child!r} is none of {InChild.__args__}")  # type: ignore[attr-defined]

    def register(describe: F) -> F:
        global _registrations
        _registrations += 1
        _registered[name] = HandleType(
            name,
            describe,
            in_child,
            writes,
            same,
            path,
            close,
            written_through,
            survives,
            travels,
            found or name,
        )
        _resolved.pop(name, None)
        return describe

    return register


def handle_type(cls: type) -> HandleType | None:
    """What is known of `cls`, or of the nearest class that it derives from; None if it's no handle.

    A class that says itself how it pickles is none, whatever it derives from.
    """
    for base in cls.__mro__:
        found = _by_name(base) or _known.get(base)
        if found is not None:
            return found
        if _pickles_itself(base):
            return None
    return None


def library_class(cls: type) -> type:
    """Of a handle's class and those that it derives from, the nearest that is registered itself; `cls` if none is."""
    return next((base for base in cls.__mro__ if _by_name(base) is not None), cls)


def _by_name(cls: type) -> HandleType | None:
    module = cls.__module__
    if not isinstance(module, str):
        return None
    name = f"{module}.{cls.__qualname__}"
    # Some libraries leave it out that their C types are theirs: lmdb.Environment is builtins.Environment.
    _load(name if module == "builtins" else module.partition(".")[0])
    return _registered.get(name)


def _pickles_itself(cls: type) -> bool:
    return any(
        isinstance(cls.__dict__.get(name), FunctionType) for name in ("__reduce__", "__reduce_ex__", "__getstate__")
    )


def known_types() -> Mapping[type, HandleType]:
    """Every handle type whose library is imported in this process, its subclasses too.

    Asked for whenever multiprocessing pickles, at every batch of a loader, so it gives the same object again while
    nothing has been imported, registered or derived.
    """
    global _known, _known_when
    modules, registrations = len(sys.modules), _registrations
    if (modules, registrations, _derived(_known)) != _known_when:
        _known = _find_known()
        _known_when = () if _importing() else (modules, registrations, _derived(_known))
    return _known


_known: Mapping[type, HandleType] = {}
_known_when: tuple[int, ...] = ()
_registrations = 0


def _derived(classes: Iterable[type]) -> int:
    """How many classes derive directly from these."""
    return sum(map(len, map(type.__subclasses__, classes)))


def _importing() -> bool:
    """Whether a library is half imported, by another thread or around us: its classes may come without a new module."""
    modules = (sys.modules.get(entry.found.rpartition(".")[0]) for entry in list(_registered.values()))
    return any(getattr(getattr(module, "__spec__", None), "_initializing", False) for module in modules)


def _find_known() -> dict[type, HandleType]:
    for package in FAMILIES:
        if package in sys.modules:
            _load(package)
    found: dict[type, HandleType] = {}
    for entry in list(_registered.values()):
        cls = _class(entry.found)
        if cls is not None:
            found[cls] = entry
    nearest = list(found.items())
    for cls, entry in nearest:
        subclasses: list[type] = type.__subclasses__(cls)
        for derived in subclasses:
            # One that is registered itself hands its own entry on; one that pickles itself, none.
            bases = derived.__mro__[: derived.__mro__.index(cls)]
            if derived not in found and not any(map(_pickles_itself, bases)):
                found[derived] = next(filter(None, map(_by_name, bases)), entry)
                nearest.append((derived, found[derived]))
    return found


def all_types() -> dict[str, HandleType]:
    """Everything that is registered, by name, the families of libraries that aren't installed too."""
    for package in FAMILIES:
        _load(package)
    return dict(_registered)


def describe(handle: Any) -> Recipe:
    """The recipe of a handle.

    Raises:
        UnsafeHandleError: it can write, or the place where it stands can't be told.
        NotWorkerSafeError: it can't be opened again.
    """
    entry = handle_type(type(handle))
    if entry is None:
        raise NotWorkerSafeError(
            f"{type(handle).__module__}.{type(handle).__qualname__} isn't a handle that picklesafe knows",
            remedy="Teach it with picklesafe.register_handle",
        )
    refuse_writing(handle, entry)
    try:
        recipe = entry.describe(handle)
        _refuse_another_class(type(handle), entry, recipe)
        return recipe
    except PickleSafeError:
        raise
    except Exception as error:
        raise UnsafeHandleError(
            f"what this {type(handle).__qualname__} was opened with can't be told ({type(error).__name__}: {error})",
            remedy="Open it in a method decorated with @picklesafe.per_worker",
        ) from error


def _refuse_another_class(cls: type, entry: HandleType, recipe: Recipe) -> None:
    """Where a class derives from a library's, what opens the library's alone would give an object of another class.

    Raises:
        NotWorkerSafeError: it would.
    """
    name = f"{cls.__module__}.{cls.__qualname__}"
    if name == entry.name or cls is _class(entry.found) or _mentions((recipe.args, recipe.kwargs), cls, name):
        return
    opener: Any = recipe.opener
    if isinstance(opener, str):
        opener = resolve(opener) if opener.partition(".")[0] in sys.modules else None
    if isinstance(opener, type):
        differs = not issubclass(opener, cls)
    else:
        # A function of somebody else's may go by what it finds in the file.
        ours = entry.describe.__module__.startswith("picklesafe.handles.") and not hasattr(opener, "chooses_class")
        libraries = (entry.name.partition(".")[0], entry.found.partition(".")[0])
        differs = ours and name.partition(".")[0] not in libraries
    if differs:
        raise NotWorkerSafeError(
            f"{name} derives from {entry.found}, which alone is what a worker could open again",
            remedy=f'Teach it with picklesafe.register_handle("{name}"), give it a __reduce__, or open it in a method '
            "decorated with @picklesafe.per_worker",
        )


def _mentions(value: Any, cls: type, name: str) -> bool:
    if value is cls or (type(value) is str and value == name):
        return True
    if isinstance(value, tuple):
        return any(_mentions(held, cls, name) for held in value)
    return isinstance(value, dict) and any(_mentions(held, cls, name) for held in value.values())


def refuse_writing(handle: Any, entry: HandleType) -> None:
    """Raises:
    UnsafeHandleError: the handle can write, or doesn't tell.
    """
    try:
        mode = entry.writes(handle)
    except Exception as error:
        raise UnsafeHandleError(
            f"whether this {type(handle).__qualname__} can write can't be told ({type(error).__name__}: {error})",
            remedy="Open it in a method decorated with @picklesafe.per_worker",
        ) from error
    if mode:
        path = entry.path(handle)
        place = f"{os.fspath(path)!r} " if isinstance(path, str | bytes | os.PathLike) else ""
        raise UnsafeHandleError(
            f"{place}is open for writing (mode {mode!r}); two processes would destroy each other's data",
            remedy="Close it before the workers start, open it read-only, or open one file per worker in a method "
            "decorated with @picklesafe.per_worker",
        )


def _load(package: str) -> None:
    """Import the family of a library, once; the library itself isn't."""
    family = FAMILIES.get(package)
    if family is not None and family not in _families_loaded:
        # First, for a family that asks for types while it is imported.
        _families_loaded.add(family)
        importlib.import_module(f"picklesafe.handles.{family}")


def _class(name: str) -> type | None:
    """The class of a dotted name if its module has been imported."""
    found = _resolved.get(name)
    if found is None and name.partition(".")[0] in sys.modules:
        module, _, qualname = name.rpartition(".")
        value: Any = sys.modules.get(module)
        while value is None and "." in module:
            module, _, outer = module.rpartition(".")
            qualname = f"{outer}.{qualname}"
            value = sys.modules.get(module)
        for part in qualname.split("."):
            value = getattr(value, part, None) if value is not None else None
        if isinstance(value, type):
            found = _resolved[name] = value
    return found
