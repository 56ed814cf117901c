"""A recipe: what opens a handle again in another process."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any, TypeVar

from picklesafe.errors import HandleMissingError, NotWorkerSafeError, PickleSafeError
from picklesafe.handles.fingerprint import Fingerprint, absolute

Opener = str | Callable[..., Any]


class Recipe:
    """Call this with that, and the handle is open again, as it was.

        Recipe("pysam.FastaFile", path)                      imported by name when it is called
        Recipe(open_at, path, "rb", position)                a function at the top of a module
        Recipe("h5py.File", path, "r").reads(index_path)     a second file to watch

    Where the first argument is the path of a file or a folder, it is made absolute, and the file's fingerprint is
    taken, to be compared before the handle is opened again. An argument may itself be a handle (the file that a view
    looks into): it travels as its own recipe, and one handle that several recipes name is opened once.

    Args:
        opener: a dotted name, or a function that pickles by name.
        args, kwargs: what it is called with; they must pickle, but for handles.
    """

    __slots__ = ("args", "descriptor", "files", "kwargs", "opener")

    opener: Opener
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    files: tuple[Fingerprint, ...]
    descriptor: tuple[int, int] | None

    def __init__(self, opener: Opener, /, *args: Any, **kwargs: Any) -> None:
        self.opener = opener
        self.args = args
        self.kwargs = kwargs
        self.files = ()
        self.descriptor = None
        if args and isinstance(args[0], str | bytes | os.PathLike) and os.path.exists(args[0]):
            path = absolute(args[0])
            self.args = (path, *args[1:])
            self.reads(path)

    def reads(self, *paths: str | bytes | os.PathLike[Any], descriptor: int | None = None) -> Recipe:
        """Compare these files as well before the handle is opened; gives the recipe itself.

        Args:
            paths: files; what isn't a regular file is passed over.
            descriptor: one that is open on the (single) path, and tells the truth about it also when the path was
                given to another file meanwhile.
        """
        return self._watch(paths, descriptor, content=True)

    def shares(self, *paths: str | bytes | os.PathLike[Any], descriptor: int | None = None) -> Recipe:
        """As `reads`, for files that are written to while the handle is open: their time may change."""
        return self._watch(paths, descriptor, content=False)

    def unwatched(self) -> Recipe:
        """Compare no file: for databases, which know themselves what they allow. Gives the recipe itself."""
        self.files = ()
        return self

    def stands_on(self, descriptor: int, handle: Any) -> Recipe:
        """Note by which descriptor this process has it open: another handle on it can't be sent together with this
        one, since they share a position, and would part. Gives the recipe itself."""
        self.descriptor = (descriptor, id(handle))
        return self

    def _watch(self, paths: tuple[Any, ...], descriptor: int | None, *, content: bool) -> Recipe:
        for path in paths:
            plain = os.fspath(absolute(path))
            taken = Fingerprint.of(plain, descriptor, content=content)
            if taken is not None:
                self.files = (*(file for file in self.files if file.path != plain), taken)
        return self

    def open(self, *, check: bool = True) -> Any:
        """The handle, opened now.

        Args:
            check: compare the files with what they were.

        Raises:
            HandleMissingError: a file is gone or shorter, the library isn't installed here, or it refuses.
            HandleChangedError: a file was replaced or written to.
        """
        if check:
            for file in self.files:
                file.check()
        function = self._resolve()
        try:
            return function(*self.args, **self.kwargs)
        except PickleSafeError:
            raise
        except ImportError as error:
            raise _not_installed(str(error.name or self.opener), error) from error
        except Exception as error:
            # Never as it comes: an AttributeError would make a reopened attribute look as if it didn't exist.
            raise HandleMissingError(
                f"can't be opened again: {self} raised {type(error).__name__}: {error}",
                remedy="See that the file is readable in this process, with the same version of the library",
            ) from error

    def _resolve(self) -> Callable[..., Any]:
        if not isinstance(self.opener, str):
            return self.opener
        try:
            function: Callable[..., Any] = resolve(self.opener)
            return function
        except (ImportError, AttributeError) as error:
            raise _not_installed(self.opener, error) from error

    def __repr__(self) -> str:
        name = self.opener if isinstance(self.opener, str) else self.opener.__qualname__
        given = [_brief(value) for value in self.args]
        given += [f"{key}={_brief(value)}" for key, value in self.kwargs.items()]
        return f"{name}({', '.join(given)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Recipe):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in ("opener", "args", "kwargs", "files"))

    __hash__ = None  # type: ignore[assignment]  # arguments needn't be hashable

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.opener, self.args, self.kwargs, self.files)

    def with_arguments(self, change: Callable[[Any], Any]) -> Recipe:
        """The same recipe with `change` applied to every argument."""
        args = tuple(change(value) for value in self.args)
        changed = _rebuild(self.opener, args, {key: change(value) for key, value in self.kwargs.items()}, self.files)
        changed.descriptor = self.descriptor
        return changed


F = TypeVar("F", bound=Callable[..., Any])


def chooses_class(opener: F) -> F:
    """Marks what gives an object of the right class by itself, where a recipe names none."""
    opener.chooses_class = True  # type: ignore[attr-defined]
    return opener


def _not_installed(name: str, error: Exception) -> HandleMissingError:
    return HandleMissingError(
        f"can't be opened again: {name} can't be imported in this process ({error})",
        remedy=f"Install {name.partition('.')[0]} where the workers run",
    )


def _rebuild(opener: Opener, args: tuple[Any, ...], kwargs: dict[str, Any], files: tuple[Fingerprint, ...]) -> Recipe:
    # Not through __init__, which would take new fingerprints where the old ones are to be compared.
    recipe = Recipe.__new__(Recipe)
    recipe.opener, recipe.args, recipe.kwargs, recipe.files = opener, args, kwargs, files
    recipe.descriptor = None
    return recipe


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-19:]}"


def resolve(name: str) -> Any:
    """What a dotted name stands for: `package.module.Class.method`.

    Raises:
        ImportError, AttributeError: there is nothing of that name.
    """
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            # Only where `module` itself is missing may a shorter name do: what it imports is its own affair.
            if length == 1 or not (error.name and (module == error.name or module.startswith(f"{error.name}."))):
                raise
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def undeclared(library: str) -> NotWorkerSafeError:
    """The error of a handle whose library doesn't reveal what it was opened with."""
    return NotWorkerSafeError(
        f"{library} doesn't reveal what this handle was opened with, so it can't be opened again in a worker",
        remedy="Open it in a method decorated with @picklesafe.per_worker, which runs once in every worker",
    )
