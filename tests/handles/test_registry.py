"""The registry: handle types by name, and what is known of them without importing anything."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import NotWorkerSafeError, PickleSafeMixin, Recipe, UnsafeHandleError, register_handle
from picklesafe.handles import registry
from tests.workers import START_METHODS, in_worker


class Reader:
    """A library's handle: it knows its path and where it stands, and doesn't pickle."""

    def __init__(self, path: str, place: int = 0, mode: str = "r") -> None:
        self.path = path
        self.place = place
        self.mode = mode

    def __reduce__(self) -> Any:
        raise TypeError("no default __reduce__ due to non-trivial __cinit__")


class Faster(Reader):
    pass


@register_handle(f"{Reader.__module__}.Reader", in_child="drop", writes=lambda reader: reader.mode.replace("r", ""))
def reader(handle: Reader) -> Recipe:
    return Recipe(type(handle), handle.path, place=handle.place)


class Dataset(PickleSafeMixin):
    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.nested = [handle]


def look(dataset: Dataset) -> tuple[str, int, bool, str]:
    return dataset.handle.path, dataset.handle.place, dataset.nested[0] is dataset.handle, type(dataset.handle).__name__


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("cls", [Reader, Faster])
def test_a_type_taught_in_five_lines_travels_and_so_do_its_subclasses(cls: type[Reader], method: str) -> None:
    assert in_worker(method, look, Dataset(cls("memory://x", 7))) == ("memory://x", 7, True, cls.__name__)


@pytest.mark.parametrize("method", START_METHODS)
def test_one_that_can_write_is_refused(method: str) -> None:
    with pytest.raises(UnsafeHandleError, match=r"Dataset\.handle: .*open for writing \(mode 'w'\)"):
        in_worker(method, look, Dataset(Reader("x", mode="w")))


class PicklesItself(Reader):
    def __reduce__(self) -> Any:
        return PicklesItself, (self.path, -1)


@pytest.mark.parametrize("method", START_METHODS[1:])
def test_a_subclass_that_pickles_itself_does_so(method: str) -> None:
    assert in_worker(method, look, Dataset(PicklesItself("x", 7))) == ("x", -1, True, "PicklesItself")


class Unpicklable:
    def __init__(self) -> None:
        self.function = lambda: None


@register_handle(f"{Unpicklable.__module__}.Unpicklable")
def unpicklable(handle: Unpicklable) -> Recipe:
    raise ZeroDivisionError("its library is broken")


def test_a_description_that_fails_names_the_attribute_and_the_reason() -> None:
    with pytest.raises(
        UnsafeHandleError, match=r"Dataset\.handle: .*ZeroDivisionError: its library is broken.*per_worker"
    ):
        pickle.dumps(Dataset(Unpicklable()))


def test_a_name_without_a_module_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"give the full name, as 'mylib\.reader\.Reader'"):
        register_handle("Reader")


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(ValueError, match="in_child='forget' is none of"):
        register_handle("mylib.Reader", in_child="forget")  # type: ignore[arg-type]


def test_what_is_known_is_found_again_only_when_something_has_changed() -> None:
    known = registry.known_types()
    assert registry.known_types() is known
    derived = type("Derived", (Faster,), {})
    assert registry.known_types()[derived].describe is reader
    other = register_handle(f"{__name__}.Faster")(lambda handle: Recipe(type(handle), handle.path))
    try:
        assert registry.known_types()[Faster].describe is other
    finally:
        register_handle(f"{__name__}.Faster", in_child="drop")(reader)


def test_a_subclass_follows_the_nearest_class_that_is_registered() -> None:
    for cls, entry in registry.known_types().items():
        nearest = registry.handle_type(cls)
        assert nearest is not None
        assert nearest.describe is entry.describe, cls


def test_what_is_no_handle_says_so() -> None:
    with pytest.raises(NotWorkerSafeError, match="isn't a handle that picklesafe knows"):
        registry.describe(object())


def test_no_library_is_imported_for_being_known() -> None:
    script = (
        "import sys\n"
        "from picklesafe import PickleSafeMixin\n"
        "from picklesafe.handles import registry\n"
        "class Dataset(PickleSafeMixin): pass\n"
        "Dataset()\n"
        "registry.all_types()\n"
        "heavy = {'numpy', 'torch', 'h5py', 'pyfaidx', 'pysam', 'lmdb', 'pyarrow', 'libcst', 'fsspec', 'zarr'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=Path(__file__).parent.parent.parent)
    assert done.stdout.strip() == b"[]", done.stderr.decode()


def test_every_built_in_type_says_what_it_restores() -> None:
    missing = [name for name, entry in registry.all_types().items() if not entry.describe.__doc__]
    assert [name for name in missing if not name.startswith("tests.")] == []
