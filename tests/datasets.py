"""Classes with open files that the tests of the runtime send around: they must be importable in a fresh process."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from picklesafe import PickleSafeMixin, per_worker

T = TypeVar("T")
RECORD = 16


def write_records(path: Path, count: int = 1000) -> Path:
    """A file of records that tell their own number, so that a wrong read shows."""
    path.write_bytes(b"".join(b"%015d\n" % number for number in range(count)))
    return path


class Records:
    """What all of them do, without the mixin: seek and read, the two steps between which another process may step."""

    file: Any

    def __getitem__(self, index: int) -> int:
        self.file.seek(index * RECORD)
        return int(self.file.read(RECORD))

    def __len__(self) -> int:
        return 1000


class Plain(PickleSafeMixin, Records):
    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")


class MixinLast(Records, PickleSafeMixin):
    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")


class ForgetsSuper(Plain):
    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")


class Slots(PickleSafeMixin, Records):
    __slots__ = ("file", "unset")

    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")


class OnlySlots(PickleSafeMixin):
    __slots__ = ("file", "unset")
    __getitem__ = Records.__getitem__

    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")


class ClassDefault(Plain):
    file = None


class OwnGetattr(Plain):
    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"no {name}"


class Generics(Plain, Generic[T]):
    pass


class Abstract(Plain, abc.ABC):
    @abc.abstractmethod
    def name(self) -> str: ...


class Concrete(Abstract):
    def name(self) -> str:
        return "concrete"


class Unhashable(Plain):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)


@dataclasses.dataclass
class Data(PickleSafeMixin, Records):
    path: Path
    file: Any = None

    def __post_init__(self) -> None:
        self.file = open(self.path, "rb")


@dataclasses.dataclass(frozen=True)
class Frozen(PickleSafeMixin, Records):
    path: Path
    file: Any = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", open(self.path, "rb"))


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots(PickleSafeMixin):
    path: Path
    file: Any = dataclasses.field(init=False)
    __getitem__ = Records.__getitem__

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", open(self.path, "rb"))


class OwnStateWithSuper(Plain):
    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        state["extra"] = "packed"
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        assert state.pop("extra") == "packed"
        super().__setstate__(state)


class OwnStateWithoutSuper(Plain):
    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class GivesLiveDict(Plain):
    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__


class TupleState(Plain):
    def __getstate__(self) -> tuple[Any, ...]:
        return (self.file, "more", 3)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.file, *_ = state


class ReduceWithState(Plain):
    def __reduce__(self) -> tuple[Any, ...]:
        return object.__new__, (type(self),), self.__dict__


class ReduceWithArguments(Plain):
    def __init__(self, path: Path | None = None, file: Any = None) -> None:
        self.file = file or open(path, "rb")  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None, self.file)


class TextOnInt(PickleSafeMixin, int):
    file: Any
    __getitem__ = Records.__getitem__

    def __new__(cls, path: Path) -> TextOnInt:
        made = super().__new__(cls, 7)
        made.file = open(path, "rb")
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.file.name,)


class NeedsArgumentInSubclasses(Plain):
    def __init_subclass__(cls, *, kind: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = kind  # type: ignore[attr-defined]


class WithKind(NeedsArgumentInSubclasses, kind="records"):
    pass


CLASSES = [
    Plain,
    MixinLast,
    ForgetsSuper,
    Slots,
    OnlySlots,
    ClassDefault,
    OwnGetattr,
    Generics[int],
    Concrete,
    Unhashable,
    Data,
    Frozen,
    FrozenSlots,
    OwnStateWithSuper,
    OwnStateWithoutSuper,
    GivesLiveDict,
    TupleState,
    ReduceWithState,
    ReduceWithArguments,
    TextOnInt,
    WithKind,
]


class Reader:
    """Somebody else's class, which holds the file."""

    def __init__(self, path: Path) -> None:
        self.file = open(path, "rb")
        self.owner: Any = None


class Pair(NamedTuple):
    name: str
    file: Any


class Nested(PickleSafeMixin):
    """One file under many names, and a cycle."""

    def __init__(self, path: Path) -> None:
        self.reader = Reader(path)
        self.reader.owner = self
        self.file = self.reader.file
        self.list = [self.file, open(path, "rb")]
        self.dict = {"train": open(path, "rb"), "deep": {"er": [(self.list[1],)]}}
        self.pair = Pair("pair", open(path, "rb"))
        self.set = {self.list[1]}

    def files(self) -> Iterator[Any]:
        yield from (self.file, self.list[1], self.dict["train"], self.pair.file)


class PerWorker(PickleSafeMixin, Records):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = 0

    @per_worker
    def file(self) -> Any:
        self.opened += 1
        return open(self.path, "rb")
