"""Cells: a handle that isn't open yet in this process, and opens once, at first use."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NoReturn, Protocol

from picklesafe.errors import PickleSafeError, UnsafeHandleError
from picklesafe.handles import registry
from picklesafe.handles.recipe import Recipe

_UNOPENED = object()


class AnyCell(Protocol):
    """What may stand in a dormant attribute's place."""

    @property
    def is_open(self) -> bool: ...

    def open(self) -> Any:
        """The attribute's value, or the error that says why there is none."""

    def renew_lock(self) -> None:
        """A lock that nobody holds: in a forked child, the old one may be held for ever."""


class Cell:
    """A recipe and, once somebody asked for it, the handle that it opened.

    Two names for one handle hold one cell, in memory and in a pickle, so they end as one handle again. Several
    threads that ask at once get the one handle that the first of them opens.

    Args:
        recipe: what opens it; its arguments may be cells.
        attribute: where the handle sits, as `GenomeDataset.genome`, for errors.
        check: compare the files with what they were when the handle was dropped.
    """

    __slots__ = ("__weakref__", "_lock", "_value", "attribute", "check", "described", "recipe")

    described: weakref.ref[Any] | None
    """The handle that stands on the recipe's descriptor, if there is one."""

    def __init__(self, recipe: Recipe, attribute: str, check: bool = True) -> None:
        self.recipe = recipe
        self.attribute = attribute
        self.check = check
        self.described = None
        self._value: Any = _UNOPENED
        self.renew_lock()

    def renew_lock(self) -> None:
        """As AnyCell says, for the cells that this one opens first as well."""
        self._lock = threading.Lock()
        for cell in self.inner:
            cell.renew_lock()

    @property
    def is_open(self) -> bool:
        return self._value is not _UNOPENED

    def open(self) -> Any:
        """The handle.

        Raises:
            HandleMissingError, HandleChangedError: as `Recipe.open` says; asking again tries again.
        """
        if self._value is _UNOPENED:
            with self._lock:
                if self._value is _UNOPENED:
                    self._value = self._opened()
        return self._value

    def _opened(self) -> Any:
        try:
            recipe = self.recipe.with_arguments(lambda value: value.open() if isinstance(value, Cell) else value)
            return recipe.open(check=self.check)
        except PickleSafeError as error:
            error.attribute = error.attribute or self.attribute
            raise

    @property
    def inner(self) -> list[Cell]:
        """Those that its recipe names: of the handles that this one looks into."""
        return [value for value in (*self.recipe.args, *self.recipe.kwargs.values()) if isinstance(value, Cell)]

    def opened(self) -> Iterator[Cell]:
        """This one and those within it, as far as they are open."""
        if self.is_open:
            yield self
        for cell in self.inner:
            yield from cell.opened()

    def with_inner(self, change: Callable[[Cell], Cell]) -> Cell:
        """An unopened cell with the same recipe, but for `change` of its inner cells."""
        recipe = self.recipe.with_arguments(lambda value: change(value) if isinstance(value, Cell) else value)
        return Cell(recipe, self.attribute, self.check)

    def __reduce__(self) -> tuple[Any, ...]:
        return Cell, (self.recipe, self.attribute, self.check)


class Refusal:
    """Stands where a cell would, for a handle that this process must not use: asking for it raises.

    Args:
        error: what is raised each time.
        handle: kept alive, since to free it might hurt the process that it comes from.
    """

    __slots__ = ("__weakref__", "error", "handle")

    is_open = False

    def __init__(self, error: PickleSafeError, handle: Any = None) -> None:
        self.error = error
        self.handle = handle

    def open(self) -> NoReturn:
        """Raises: the error."""
        raise self.error.with_traceback(None)

    def renew_lock(self) -> None:
        """There is none."""

    def __reduce__(self) -> NoReturn:
        self.open()


class Unavailable:
    """Sits where a nested handle would that couldn't be opened on arrival: every use raises the reason."""

    __slots__ = ("_error",)

    def __init__(self, error: PickleSafeError) -> None:
        object.__setattr__(self, "_error", error)

    def _raise(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise object.__getattribute__(self, "_error").with_traceback(None)

    def __getattr__(self, name: str) -> NoReturn:
        # What copy and pickle look for on any object isn't a use.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._raise()

    def __reduce__(self) -> tuple[Any, ...]:
        return Unavailable, (object.__getattribute__(self, "_error"),)

    def __repr__(self) -> str:
        return f"<unavailable: {object.__getattribute__(self, '_error')}>"

    __setattr__ = __delattr__ = _raise


_ARITHMETIC = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"
_USES = """
    neg pos abs invert int float complex index round trunc floor ceil bool bytes
    lt le gt ge eq ne
    getitem setitem delitem iter next reversed len contains call enter exit fspath
    array buffer array_ufunc array_function
"""
for _name in [*_USES.split(), *_ARITHMETIC.split(), *(f"r{name}" for name in _ARITHMETIC.split())]:
    # Special methods are looked for in the class alone, so __getattr__ isn't asked for them.
    #
    # Even == raises: memory-mapped arrays are compared by their content, and False would be an answer about content
    # that nobody has read. So `x in files` and `files.remove(x)` raise if they come to compare `x` with it; Python
    # compares by identity first. But not hash(), by identity: a set of handles is put together again on arrival.
    setattr(Unavailable, f"__{_name}__", Unavailable._raise)


def arrive(cell: AnyCell) -> Any:
    """The handle of a cell that sits where no first use can be noticed, as in a list: opened at once.

    A failure isn't raised here, in the middle of unpickling, but by whoever uses the handle.
    """
    try:
        return cell.open()
    except PickleSafeError as error:
        return Unavailable(error)


def first(value: Any) -> Any:
    """The value itself: what a wrapper that pickles as its content is rebuilt with."""
    return value


# Two pickled names for one handle must find one cell, also across two datasets in one pickle. What holds a cell
# alive that long is the pickler; a later one describes the handle anew, since it may have moved on.
_recent = threading.local()


def _recent_cells() -> MutableMapping[Any, Cell]:
    cells: MutableMapping[Any, Cell] = _recent.__dict__.setdefault("cells", weakref.WeakValueDictionary())
    return cells


def cell_for(
    handle: Any,
    attribute: Callable[[], str],
    check: bool,
    cells: MutableMapping[Any, Cell] | None = None,
) -> Cell:
    """The cell of a live handle, the same one as long as somebody holds it and the handle hasn't moved.

    Args:
        attribute: tells where the handle sits.
        cells: those to share; by default those of the pickle that this thread is writing.

    Raises:
        PickleSafeError: the handle can't be dropped and opened again; the error names no attribute yet.
    """
    if cells is None:
        cells = _recent_cells()
    entry = registry.handle_type(type(handle))
    key = (entry.name, entry.same(handle)) if entry else (None, id(handle))

    def inner(value: Any) -> Any:
        known = registry.handle_type(type(value)) if type(value) not in _PLAIN else None
        return cell_for(value, attribute, check, cells) if known else value

    recipe = registry.describe(handle).with_arguments(inner)
    found = cells.get(key)
    # The descriptor, which isn't compared with the recipe, differs where another object has the identity of one gone.
    if found is None or found.recipe != recipe or found.recipe.descriptor != recipe.descriptor or found.is_open:
        cells[key] = found = Cell(recipe, attribute(), check)
    if recipe.descriptor is not None:
        found.described = _reference(handle)
        _refuse_shared(recipe.descriptor, found, attribute, cells)
    return found


class SharedDescriptorError(UnsafeHandleError):
    """Two objects on one descriptor, which would part if one of them were opened again."""


def _refuse_shared(
    descriptor: tuple[int, int], cell: Cell, attribute: Callable[[], str], cells: MutableMapping[Any, Cell]
) -> None:
    """Two objects on one descriptor share its position, and would be independent of each other where they arrive.

    Raises:
        SharedDescriptorError: another one on this descriptor is being sent as well.
    """
    number = descriptor[0]
    key = ("descriptor", number)
    other = cells.get(key)
    if other is None or _is_over(other):
        cells[key] = other = cell
    if other.recipe.descriptor != descriptor:
        raise SharedDescriptorError(
            f"this file and {other.attribute} are two objects on descriptor {number}, so that reading from one moves "
            "the other; where they arrive, they would be independent",
            remedy="Keep one of them, or open the file once for each",
        )


def _reference(handle: Any) -> weakref.ref[Any] | None:
    try:
        return weakref.ref(handle)
    except TypeError:
        return None


def _is_over(cell: Cell) -> bool:
    """Whether the handle of a cell is gone or closed, so that its descriptor's number may have gone to another file.

    The cell outlives it where a pickler is used again, or somebody keeps the error that a copy ended with.
    """
    if cell.described is None:
        return False
    handle = cell.described()
    return handle is None or getattr(handle, "closed", False) is True


def again(cell: Cell, cells: MutableMapping[Any, Cell] | None = None) -> Cell:
    """An unopened cell of its own for the same handle, and for those that it looks into.

    What is open of them is described as it stands now, under the name that `cell_for` gives it.

    Args:
        cells: those to share, as for `cell_for`.
    """
    cells = _recent_cells() if cells is None else cells
    found = cells.get(cell)
    if found is None:
        if cell.is_open:
            try:
                return cell_for(cell.open(), lambda: cell.attribute, cell.check, cells)
            except PickleSafeError:
                pass  # closed meanwhile: as it was
        found = cells[cell] = cell.with_inner(lambda inner: again(inner, cells))
    return found


_PLAIN = frozenset({str, bytes, int, float, bool, type(None), tuple, list, dict})
