"""@per_worker: a resource that each process opens for itself, at its first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

from picklesafe import closing, dormant, instance_dict, travel
from picklesafe.errors import HandleMissingError, NotWorkerSafeError
from picklesafe.mixin import PickleSafeMixin

T = TypeVar("T")


class per_worker(Generic[T]):  # a decorator, named as decorators are
    """Decorates a method that opens something: called once in each process, at the first use of the attribute.

        class GenomeDataset(PickleSafeMixin, Dataset):
            @per_worker
            def genome(self):
                return pyfaidx.Fasta(self.path)

            def __getitem__(self, i):
                return self.genome["chr1"][i]

    What it gave never travels: a pickle leaves it out, a forked child makes its own. It is for what picklesafe can't
    reopen by itself, and for handles that write. Several threads that ask at once get one. `picklesafe.close(obj)`
    closes it, and so does the end of the process.

    A subclass may override it and use `super().genome`, which gives what the overridden method opened: that is kept
    beside the other, made once, and closed after it.

    Args:
        method: takes self alone; it may use other such attributes.

    Raises:
        NotWorkerSafeError: at class creation, in a class without PickleSafeMixin, whose instances would pickle the
            resource and share it by fork, or in one without a `__dict__` to keep it in.
        HandleMissingError: at the use of the attribute, where the method uses it itself, or raises an AttributeError,
            which is its cause. Every other error of the method is raised as it is; the next use tries again.
    """

    is_per_worker = True

    def __init__(self, method: Callable[[Any], T]) -> None:
        self._method = method
        self._name: str = method.__name__
        self._owner = ""
        self.__doc__ = method.__doc__
        self.__wrapped__ = method

    def __set_name__(self, owner: type, name: str) -> None:
        if not issubclass(owner, PickleSafeMixin):
            raise NotWorkerSafeError(
                "@per_worker in a class without PickleSafeMixin: its instances would share the resource",
                remedy=f"class {owner.__name__}(PickleSafeMixin, …)",
                attribute=f"{owner.__name__}.{name}",
            )
        if not owner.__dictoffset__:
            raise NotWorkerSafeError(
                "@per_worker keeps its resource in the instance's __dict__, and this class has none",
                remedy='Add "__dict__" to its __slots__',
                attribute=f"{owner.__name__}.{name}",
            )
        self._name = name
        self._owner = owner.__qualname__

    @overload
    def __get__(self, instance: None, owner: type) -> per_worker[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        # Only until there is a value: without a __set__, the instance's __dict__ wins from then on.
        if instance is None:
            return self
        name, values = self._kept_under(type(instance)), instance_dict.of(instance)
        if name != self._name and name in values:
            return values[name]
        with _opening(instance, name):
            if name not in values:
                values[name] = self._made(instance)
                closing.at_exit(instance, name)
            return values[name]

    def _kept_under(self, cls: type) -> str:
        """The key in an instance's `__dict__`: the attribute's name, unless the class has another one of that name.

        Then it is a name that can't be written, for which the class gets an attribute: what belongs to one process is
        found by the attributes of the class.
        """
        overridden = dormant._defined(cls, self._name) is not self
        if not overridden:
            return self._name
        key = f"{self._name} of {self._owner}"
        while cls.__dict__.get(key, self) is not self:
            key += "'"  # a class and its base of one name
        if key not in cls.__dict__:
            type.__setattr__(cls, key, self)
            travel._resources.pop(cls, None)
        return key

    def _made(self, instance: Any) -> T:
        try:
            return self._method(instance)
        except AttributeError as error:
            # Never as it comes: it would make the attribute look as if it didn't exist. hasattr() would say so, and a
            # class's __getattr__ would be asked for it and raise an error that says nothing of this one.
            raise HandleMissingError(
                f"the method raised AttributeError: {error}", attribute=f"{type(instance).__name__}.{self._name}"
            ) from error


class _Opening:
    """A resource that is being opened.

    Attributes:
        lock: whoever holds it may call the method.
        thread: who does.
        users: how many threads hold the lock or wait for it.
    """

    __slots__ = ("lock", "thread", "users")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: int | None = None
        self.users = 0


_guard = threading.RLock()  # a finalizer that runs while it is held may open a resource as well
_openings: dict[tuple[int, str], _Opening] = {}


@contextmanager
def _opening(instance: object, name: str) -> Iterator[None]:
    """One thread at a time for each resource, while it is being opened; opening one may take another.

    Raises:
        HandleMissingError: this thread is opening it already.
    """
    key = id(instance), name
    with _guard:
        opening = _openings.setdefault(key, _Opening())
        opening.users += 1
    try:
        if opening.thread == threading.get_ident():
            raise HandleMissingError(
                "it is used while the method that opens it runs",
                remedy="Let the method return what it opens, without asking for the attribute",
                attribute=f"{type(instance).__name__}.{name}",
            )
        with opening.lock:
            opening.thread = threading.get_ident()
            try:
                yield
            finally:
                opening.thread = None
    finally:
        with _guard:
            opening.users -= 1
            # Not before the last one is through: a newcomer would make a lock that those who wait don't know of.
            if not opening.users and _openings.get(key) is opening:
                del _openings[key]


def _renew_locks() -> None:
    global _guard
    _guard = threading.RLock()
    _openings.clear()


if hasattr(os, "register_at_fork"):
    # Another thread of the parent may have held them when it forked.
    os.register_at_fork(after_in_child=_renew_locks)
