"""Where a generated dataset opens what it keeps, and what drops it again."""

from __future__ import annotations

from typing import NamedTuple

from .handles import Opened


class Place(NamedTuple):
    """Where something is opened.

    Args:
        init: lines of `__init__`; `OPEN` stands for the expression.
        attribute: of the dataset, by which it is kept.
        access: the expression for what was opened.
        methods: further lines of the class.
        head: lines in front of the class.
        base: the base class.
        get: the line of `__getitem__` that opens it on demand.
        nested: whether the attribute holds something that holds it.
    """

    name: str
    init: str = "self.kept = OPEN"
    attribute: str = "kept"
    access: str = "self.kept"
    methods: str = ""
    head: str = ""
    base: str = ""
    get: str = ""
    nested: bool = False

    @property
    def is_lazy(self) -> bool:
        return self.init == "" or bool(self.get)


_OPEN = "def _open(self, path):\n    self.kept = OPEN\n"
_READER = "class Reader:\n    def __init__(self, path):\n        self.inner = OPEN\n"
_MAKE = "def make(path):\n    made = OPEN\n    return made\n"
_PARENT = "class Parent:\n    def __init__(self, path):\n        self.kept = OPEN\n"
PLACES = (
    Place("direct"),
    Place("variable", "made = OPEN\nself.kept = made"),
    Place("method", "self._open(path)", methods=_OPEN),
    Place("method after None", "self.kept = None\nself._open(path)", methods=_OPEN),
    Place("setattr", "setattr(self, 'kept', OPEN)"),
    Place("list", "self.kept = [OPEN]", access="self.kept[0]", nested=True),
    Place("append", "self.kept = []\nself.kept.append(OPEN)", access="self.kept[0]", nested=True),
    Place("loop", "self.kept = {}\nfor name in 'a':\n    self.kept[name] = OPEN", access="self.kept['a']", nested=True),
    Place("comprehension", "self.kept = [OPEN for _ in range(1)]", access="self.kept[0]", nested=True),
    Place("dictionary", "self.kept = {'a': {'b': OPEN}}", access="self.kept['a']['b']", nested=True),
    Place("helper", "self.kept = Reader(path)", access="self.kept.inner", head=_READER, nested=True),
    Place("function", "self.kept = make(path)", head=_MAKE),
    Place("parent", "super().__init__(path)", head=_PARENT, base="Parent"),
    Place("condition", "if path:\n    self.kept = OPEN\nelse:\n    self.kept = None"),
    Place("try", "try:\n    self.kept = OPEN\nexcept OSError:\n    raise"),
    Place("on demand", "self.kept = None", get="if self.kept is None:\n    path = self.path\n    self.kept = OPEN"),
    Place("by hasattr", "pass", get="if not hasattr(self, 'kept'):\n    path = self.path\n    self.kept = OPEN"),
    Place(
        "cached property", "pass", access="self.kept", get="pass",
        methods="@functools.cached_property\ndef kept(self):\n    path = self.path\n    return OPEN\n",
    ),
    Place(
        "property", "self._kept = None", "_kept", get="pass",
        methods="@property\ndef kept(self):\n    if self._kept is None:\n        path = self.path\n"
        "        self._kept = OPEN\n    return self._kept\n",
    ),
    Place("by a key", "self.kept = {}", access="self.kept[0]", nested=True,
          get="if 0 not in self.kept:\n    path = self.path\n    self.kept[0] = OPEN"),
)  # fmt: skip


class Drop(NamedTuple):
    """What may drop it again; `ATTRIBUTE` and `ACCESS` stand for the place's.

    Args:
        after: lines behind the one that opens and reads it.
        methods: further lines of the class.
        mixin: whether the class is a PickleSafeMixin.
        closes: whether it has to be something that can be closed.
        plain: whether it has to be an attribute itself.
    """

    name: str
    after: str = ""
    methods: str = ""
    mixin: bool = False
    closes: bool = False
    plain: bool = False


_STATE = "def __getstate__(self):\n"
_COPY = f"{_STATE}    state = self.__dict__.copy()\n"
DROPS = (
    Drop("nothing"),
    Drop("None", "self.ATTRIBUTE = None"),
    Drop("del", "del self.ATTRIBUTE"),
    Drop("closed", "ACCESS.close()", closes=True),
    Drop("closed and None", "ACCESS.close()\nself.ATTRIBUTE = None", closes=True),
    Drop("method", "self._drop()", "def _drop(self):\n    self.ATTRIBUTE = None\n"),
    Drop("flag", "if self.drop:\n    self.ATTRIBUTE = None"),
    Drop("two flags", "if self.drop:\n    self.ATTRIBUTE = None\nif not self.drop:\n    self.ATTRIBUTE = None"),
    Drop("known flag", "self.done = True\nif self.done:\n    self.ATTRIBUTE = None"),
    Drop("pop", methods=f"{_COPY}    state.pop('ATTRIBUTE', None)\n    return state\n"),
    Drop("state None", methods=f"{_COPY}    state['ATTRIBUTE'] = None\n    return state\n"),
    Drop("del state", methods=f"{_STATE}    state = vars(self).copy()\n    if 'ATTRIBUTE' in state:\n"
         "        del state['ATTRIBUTE']\n    return state\n"),
    Drop("new state", methods=f"{_STATE}    return {{'path': self.path}}\n"),
    Drop("same state", methods=f"{_STATE}    return self.__dict__\n"),
    Drop("copied state", methods=f"{_STATE}    return self.__dict__.copy()\n"),
    Drop("another key", methods=f"{_COPY}    state.pop('path', None)\n    return state\n"),
    Drop("filtered", methods=f"{_STATE}    return {{k: v for k, v in self.__dict__.items() if k != 'ATTRIBUTE'}}\n"),
    Drop("filtered wrongly", methods=f"{_STATE}    return {{k: v for k, v in self.__dict__.items() if k != 'path'}}\n"),
    Drop("spread", methods=f"{_STATE}    return {{**self.__dict__, 'ATTRIBUTE': None}}\n"),
    Drop("reduce", methods="def __reduce__(self):\n    return dict, ([('path', self.path)],)\n"),
    Drop("reduce with it", methods="def __reduce__(self):\n    return dict, (list(self.__dict__.items()),)\n"),
    Drop("mixin", mixin=True),
)  # fmt: skip


class Program(NamedTuple):
    """A module with a dataset, `Data`."""

    name: str
    source: str
    opened: Opened
    place: Place
    drop: Drop


def fits(opened: Opened, place: Place, drop: Drop) -> bool:
    """Whether there is such a program."""
    if place.is_lazy and not opened.read:
        return False  # nobody keeps a lock on demand
    if drop.closes and not opened.close:
        return False
    return not (place.name in ("cached property", "property") and drop.after)


def program(opened: Opened, place: Place, drop: Drop) -> Program:
    """The program of that kind."""
    lazy = place.is_lazy
    init = [place.init, *([] if lazy else [drop.after])]
    read = opened.read.replace("h.", "ACCESS.", 1).replace("h[", "ACCESS[", 1) or "None"
    get = [place.get, f"read = {read}", drop.after if lazy else "", "return read"]
    bases = [*(["PickleSafeMixin"] if drop.mixin else []), *([place.base] if place.base else [])]
    text = "\n".join(
        [
            "import functools",
            opened.imports,
            *(["from picklesafe import PickleSafeMixin"] if drop.mixin else []),
            place.head,
            f"class DataDataset{'(' + ', '.join(bases) + ')' if bases else ''}:",
            "    def __init__(self, path, drop=False):",
            "        self.path = path",
            "        self.drop = drop",
            *_indented(init, 8),
            *_indented([place.methods, drop.methods], 4),
            "    def __len__(self):",
            "        return 1",
            "    def __getitem__(self, index):",
            *_indented(get, 8),
        ]
    )
    text = text.replace("OPEN", opened.expression).replace("ACCESS", place.access)
    text = text.replace("ATTRIBUTE", place.attribute) + "\n"
    return Program(f"{opened.name}/{place.name}/{drop.name}", text, opened, place, drop)


def _indented(parts: list[str], columns: int) -> list[str]:
    return [" " * columns + line for part in parts if part for line in part.splitlines()]
