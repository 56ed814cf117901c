"""What datasets of real repositories do with handles: those that keep one, each with the code, and those that don't."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

HEAD = """\
import contextlib, csv, functools, gzip, itertools, json, mmap, sqlite3, threading
from pathlib import Path
from typing import Optional, TextIO
import h5py, torch, zarr
import numpy as np
from picklesafe import PickleSafeMixin, per_worker
from pyfaidx import Fasta
from torch.utils.data import Dataset


"""


class Idiom(NamedTuple):
    """A dataset class.

    Args:
        init: the body of its `__init__`.
        methods: what stands below that.
        head: what stands in front of the class.
        parameters: of `__init__`.
    """

    init: str
    methods: str = ""
    head: str = ""
    parameters: str = "path"

    @property
    def text(self) -> str:
        init = textwrap.indent(textwrap.dedent(self.init).strip("\n"), " " * 8)
        methods = textwrap.indent(textwrap.dedent(self.methods).strip("\n"), " " * 4)
        head = textwrap.dedent(self.head).strip("\n")
        first = f"class Data(Dataset):\n    def __init__(self, {self.parameters}):"
        return f"{HEAD}{head}\n\n\n{first}\n{init}\n\n{methods}\n"


_PARENT = "class Parent:\n    def __init__(self, path):\n        self.f = open(path)"
_STATE = "def __getstate__(self):\n    state = self.__dict__.copy()\n"


def _dropped(*lines: str) -> Idiom:
    """A file that `__getstate__` drops."""
    body = textwrap.indent("\n".join([*lines, "return state"]), " " * 4)
    return Idiom("self.f = open(path)\nself.env = None", _STATE + body, head="import io")


def _closed(*lines: str, kept: str = "self.f = open(path)") -> Idiom:
    """A file that `__init__` itself closes and drops, in a method of its own."""
    body = textwrap.indent("\n".join(lines), " " * 4)
    return Idiom(f"{kept}\nself.close()", "def close(self):\n" + body)


def _emptied(*lines: str, kept: str = "self.fs = [open(one) for one in path]") -> Idiom:
    return _closed(*lines, kept=kept)


_READER = """
class Reader:
    def __init__(self, file):
        self.file = file
"""
KEPT = {
    "an argument that is annotated": ("PKS201", Idiom("self.genome = genome", parameters="genome: Fasta")),
    "an optional argument": ("PKS201", Idiom("self.g = g", parameters="g: Optional[Fasta] = None")),
    "an annotation in quotes": ("PKS201", Idiom("self.g = g", parameters="g: 'Fasta | None' = None")),
    "an annotation of typing": ("PKS201", Idiom("self.g = g", parameters="g: TextIO")),
    "a list of arguments": ("PKS201", Idiom("self.g = g", parameters="g: list[Fasta]")),
    "an argument that a function of the file opens": (
        "PKS201",
        Idiom("self.genome = genome", parameters="genome", head="def make(path):\n    return Data(Fasta(path))"),
    ),
    "an argument that a method opens before": (
        "PKS201",
        Idiom(
            "self.items = items",
            parameters="items",
            head="class Module:\n    def setup(self):\n        self.f = open('x')\n        self.data = Data([self.f])",
        ),
    ),
    "an object of the project that holds one": (
        "PKS201",
        Idiom("self.parent = parent", parameters="parent: Parent", head=_PARENT),
    ),
    "an exit stack": (
        "PKS201",
        Idiom("self.stack = contextlib.ExitStack()\nself.file = self.stack.enter_context(open(path))"),
    ),
    "a group in an HDF5 file": ("PKS201", Idiom("file = h5py.File(path)\nself.images = file['a']['b']")),
    "what get gives": ("PKS201", Idiom("self.images = h5py.File(path).get('images')")),
    "a cursor": ("PKS201", Idiom("self.cursor = sqlite3.connect(path).cursor()")),
    "an array in a zip store": ("PKS201", Idiom("self.array = zarr.open(zarr.storage.ZipStore(path))")),
    "a path that opens": ("PKS201", Idiom("self.file = Path(path).open('rb')")),
    "a path below another": ("PKS201", Idiom("self.file = (path / 'a').open()", parameters="path: Path")),
    "one of two openers": ("PKS201", Idiom("opener = gzip.open if path else open\nself.file = opener(path)")),
    "two at once": ("PKS201", Idiom("self.a, self.b = 1, open(path)")),
    "a walrus": ("PKS201", Idiom("if file := open(path):\n    self.file = file")),
    "lines of two files": ("PKS201", Idiom("self.pairs = zip(open(path), open(path))")),
    "opened for a helper": ("PKS201", Idiom("self.reader = Reader(open(path))", head=_READER)),
    "a subclass of a file": ("PKS201", Idiom("self.file = Own(path)", head="class Own(h5py.File): ...")),
    "a parent, called by its name": (
        "PKS201",
        Idiom("Parent.__init__(self, path)", head=_PARENT),
    ),
    "closed and kept": ("PKS201", Idiom("self.file = open(path)\nself.n = len(self.file.read())\nself.file.close()")),
    "one of two is dropped": (
        "PKS201",
        Idiom(
            "self.a = open(path)\nself.b = open(path)",
            "def __getstate__(self):\n    state = self.__dict__.copy()\n    state['b'] = None\n    return state",
        ),
    ),
    "a tensor on a map": ("PKS202", Idiom("self.data = torch.from_numpy(np.memmap(path))")),
    "a slice of a map": ("PKS202", Idiom("self.data = np.memmap(path)[8:].reshape(-1, 4)")),
    "a checkpoint that is mapped": ("PKS202", Idiom("self.data = torch.load(path, mmap=True)")),
    "many maps": ("PKS202", Idiom("self.data = [np.load(one, mmap_mode='r') for one in path]")),
    "a cache of files": (
        "PKS203",
        Idiom(
            "self.files = {}",
            """
            def __getitem__(self, index):
                if index not in self.files:
                    self.files[index] = open(str(index))
                return self.files[index].read()
            """,
        ),
    ),
    "a method that sees to it": (
        "PKS203",
        Idiom(
            "self.file = None",
            "def __len__(self):\n    self._see()\ndef _see(self):\n    self.file = self.file or open('x')",
        ),
    ),
    "a decorator that opens": (
        "PKS203",
        Idiom(
            "self.ready = False",
            """
            def opened(method):
                def wrapper(self, *args):
                    if not self.ready:
                        self.file = h5py.File('x')
                    return method(self, *args)
                return wrapper
            """,
        ),
    ),
    "a helper that opens on demand": (
        "PKS203",
        Idiom(
            "self.reader = Lazy()",
            head="""
            class Lazy:
                def __init__(self):
                    self.file = None
                def read(self):
                    if self.file is None:
                        self.file = open('x')
            """,
        ),
    ),
    "a default": ("PKS204", Idiom("from collections import defaultdict\nself.d = defaultdict(lambda: 0)")),
    "a partial of a lambda": ("PKS204", Idiom("self.f = functools.partial(lambda x, y: x, y=path)")),
    "a local function": ("PKS204", Idiom("def read(x):\n    return x\nself.read = read")),
    "a module": ("PKS204", Idiom("self.np = np")),
    "an instance of a local class": ("PKS204", Idiom("class Local: ...\nself.local = Local")),
    "the rows of a file": ("PKS204", Idiom("self.rows = csv.reader(open(path))")),
    "the values of a dictionary": ("PKS204", Idiom("self.values = {'a': 1}.values()")),
    "what a generator gives": ("PKS204", Idiom("self.read = read()", head="def read():\n    yield 1")),
    "a file of the module": ("PKS205", Idiom("pass", "def __len__(self):\n    return FILE.tell()", "FILE = open('x')")),
    "a connection in a cache": (
        "PKS205",
        Idiom(
            "self.path = path",
            "def __len__(self):\n    return self._open().tell()\n"
            "@functools.lru_cache\ndef _open(self):\n    return open('x')",
        ),
    ),
    "mapped openers": ("PKS201", Idiom("self.files = list(map(open, path))")),
    "a mapped function that opens": ("PKS201", Idiom("self.files = dict(zip(path, map(lambda p: open(p), path)))")),
    "an iterator over a file": ("PKS201", Idiom("self.lines = map(str.strip, open(path))")),
    "an iterator with a lambda": ("PKS204", Idiom("self.lines = map(lambda line: line.strip(), path)")),
    "lambdas from an iterator": ("PKS204", Idiom("self.all = list(filter(None, [lambda: 1]))")),
    "the attributes of an HDF5 file": ("PKS201", Idiom("self.attributes = h5py.File(path).attrs")),
    "an array on a map": ("PKS202", Idiom("self.a = np.asarray(np.memmap(path))")),
    "an array on an mmap": ("PKS202", Idiom("self.a = np.frombuffer(mmap.mmap(open(path).fileno(), 0))")),
    "the first that opens, or an error": (
        "PKS201",
        Idiom("for one in path:\n    if one:\n        break\nelse:\n    raise ValueError\nself.file = open(one)"),
    ),
    "the third, or an error": (
        "PKS201",
        Idiom("i = 0\nfor one in path:\n    if i == 2:\n        break\n    i += 1\nelse:\n    raise ValueError\n"
              "self.file = open(one)"),
    ),
    "a copy of the attributes": ("PKS201", _dropped("state = {k: v for k, v in state.items()}")),
    "the attributes": ("PKS201", Idiom("self.f = open(path)", "def __getstate__(self):\n    return self.__dict__")),
    "a state with something more": ("PKS201", _dropped("if self.env:\n    n = 1", "state['n'] = 1")),
    "closed if something else is there": ("PKS201", _closed("if hasattr(self, 'g'):\n    del self.f")),
    "one of a list is closed": ("PKS201", _emptied("self.fs.pop().close()")),
    "a loop over something else": ("PKS201", _emptied("for k in list(self.gs):\n    self.fs.pop(k)")),
}  # fmt: skip
FREE = {
    "what an iterator gives": Idiom(
        """
        self.a = list(map(lambda one: one.strip(), path))
        self.b = sorted(map(str.split, open(path)))
        self.c = dict(zip(path, filter(lambda one: one, path)))
        self.d = dict(enumerate(open(path)))
        self.e = list(zip(*[open(one) for one in path]))
        file = open(path)
        self.f = list(itertools.islice(file, 10))
        self.g = [*map(lambda one: one.strip(), file)]
        self.h, rest = map(lambda one: one.strip(), file)
        for self.i in map(lambda one: one.strip(), file):
            pass
        self.j = set(iter(map(lambda one: one.strip(), file)))
        self.j.update(filter(lambda one: one, path))
        self.k = []
        self.k.extend(map(lambda one: one.strip(), path))
        self.k += map(lambda one: one.strip(), path)
        self.l = words(path)
        """,
        head="@functools.lru_cache\ndef words(path):\n    return list(map(str.strip, open(path)))",
    ),
    "closed if it isn't None": _closed(
        "if getattr(self, 'f', None) is not None:\n    self.f.close()\n    self.f = None"
    ),
    "closed if there is one": _closed("if getattr(self, 'f', None):\n    self.f.close()\n    self.f = None"),
    "closed if the object has it": _closed(
        "if hasattr(self, 'f') and self.f is not None:\n    self.f.close()\n    self.f = None"
    ),
    "deleted if the object has it": _closed("if hasattr(self, 'f'):\n    del self.f"),
    "one of two, deleted if the object has it": _closed(
        "if hasattr(self, 'f'):\n    del self.f", kept="if path:\n    self.f = open(path)"
    ),
    "closed, whatever happens": _closed("try:\n    self.f.close()\n    self.f = None\nexcept Exception:\n    pass"),
    "closed with a word": _closed("try:\n    print(1)\n    self.f.close()\n    del self.f\nexcept OSError:\n    pass"),
    "deleted, whatever happens": _closed("try:\n    del self.f\nexcept AttributeError:\n    pass"),
    "deleted by a call": _closed("delattr(self, 'f')"),
    "deleted by a list of names": _closed("for name in ('f', 'g'):\n    delattr(self, name)"),
    "closed by another name": _closed(
        "f = getattr(self, 'f', None)\nif f is not None:\n    f.close()\n    self.f = None"
    ),
    "popped one by one": _emptied("while self.fs:\n    self.fs.pop().close()"),
    "popped until there is none": _emptied("while len(self.fs) > 0:\n    self.fs.pop().close()"),
    "popped forever": _emptied("while True:\n    if not self.fs:\n        break\n    self.fs.pop().close()"),
    "all deleted": _emptied("for f in self.fs:\n    f.close()\ndel self.fs[:]"),
    "cleared": _emptied("for f in self.fs:\n    f.close()\nself.fs.clear()"),
    "popped by key": _emptied(
        "for k in list(self.fs):\n    self.fs.pop(k).close()", kept="self.fs = {one: open(one) for one in path}"
    ),
    "overwritten by key": _emptied(
        "for k in self.fs:\n    self.fs[k].close()\n    self.fs[k] = None",
        kept="self.fs = {one: open(one) for one in path}",
    ),
    "deleted by key": _emptied(
        "d = self.fs\nfor k in sorted(d.keys()):\n    del d[k]", kept="self.fs = {1: open(path)}"
    ),
    "dropped if it is there": _dropped("try:\n    del state['f']\nexcept KeyError:\n    pass"),
    "dropped by name": _dropped("for k in ('f', 'env'):\n    state[k] = None"),
    "popped by name": _dropped("for k in self.NAMES:\n    if k in state:\n        state.pop(k)"),
    "deleted by name": _dropped("for k in ('f', 'env'):\n    del state[k]"),
    "dropped by type": _dropped(
        "for k, v in self.__dict__.items():\n    if isinstance(v, io.IOBase):\n        state[k] = None"
    ),
    "dropped if the object has it": _dropped("if hasattr(self, 'f'):\n    state['f'] = None"),
    "popped if the object has it": _dropped("if hasattr(self, 'f'):\n    state.pop('f')"),
    "all keys but one": _dropped("state = {k: state[k] for k in state.keys() - {'f'}}"),
    "replaced one by one": _dropped("state = {k: None if k == 'f' else v for k, v in state.items()}"),
    "pairs without one": _dropped("state = dict((k, v) for k, v in state.items() if k != 'f')"),
    "filtered": _dropped("state = dict(filter(lambda item: item[0] != 'f', state.items()))"),
    "overwritten": _dropped("state.update(dict.fromkeys(('f', 'env')))"),
    "handed to somebody": _dropped("from elsewhere import strip", "strip(state)"),
    "dropped by a function": Idiom(
        "self.f = open(path)", _STATE + "    drop(state, 'f')\n    return state",
        head="def drop(state, *names):\n    for name in names:\n        state.pop(name, None)",
    ),
    "closed after a loop that found it": Idiom(
        "self.file = open(path)\nfor line in self.file:\n    if line:\n        break\nelse:\n    raise ValueError\n"
        "self.file.close()\nself.file = None"
    ),
    "read at once": Idiom("self.a = open(path).read()\nself.b = json.load(open(path))"),
    "lines": Idiom("self.lines = [line.strip() for line in open(path)]\nself.more = sorted(open(path))"),
    "with": Idiom("with open(path) as file:\n    self.lines = [line.strip() for line in file]"),
    "data of an HDF5 file": Idiom(
        """
        with h5py.File(path) as file:
            self.data = file['x'][:]
            self.size = len(file['x'])
            self.array = np.array(file['x'])
            self.shape = file['x'].shape
        other = h5py.File(path)
        self.keys = list(other.keys())
        """
    ),
    "arrays and attributes of an HDF5 file": Idiom(
        """
        file = h5py.File(path)
        self.a = file.attrs['n']
        self.b = {'n': file['x'].attrs['n'], 'm': file.attrs.get('m')}
        self.c = np.asarray(file['x'], dtype='f4')
        self.d = np.ravel(file['x'])
        self.e = np.asarray(file['x'])
        self.f = dict(file.attrs)
        """
    ),
    "copies of a map": Idiom(
        "self.a = np.array(np.memmap(path))\nself.b = float(np.memmap(path)[0])\n"
        "self.c = np.asarray(np.memmap(path), dtype='f4')\nself.d = np.asarray(np.memmap(path), np.float32)"
    ),
    "a stack that is closed": Idiom(
        "with contextlib.ExitStack() as stack:\n    files = [stack.enter_context(open(one)) for one in path]\n"
        "    self.sizes = [len(file.read()) for file in files]"
    ),
    "closed under the flag that it is opened under": Idiom(
        "if path:\n    self.f = open(path)\nself.x = 1\nif path:\n    self.f.close()\n    self.f = None"
    ),
    "per worker": Idiom("self.path = path", "@per_worker\ndef file(self):\n    return open(self.path)\n"
                        "def __len__(self):\n    return len(self.file().read())"),
    "closed where it was opened": Idiom(
        "self.file = None",
        "def __len__(self):\n    self.file = open('x')\n    size = len(self.file.read())\n    self.file.close()\n"
        "    self.file = None\n    return size",
    ),
    "opened in workers": Idiom(
        "self.file = None",
        "def __len__(self):\n    if torch.utils.data.get_worker_info() is not None:\n        self.file = open('x')\n"
        "def worker_init(self):\n    self.file = open('x')",
    ),
    "a filter that can't be told": Idiom(
        "self.file = open(path)",
        "def __getstate__(self):\n    return {k: v for k, v in self.__dict__.items() if not hasattr(v, 'read')}",
    ),
    "a helper that drops it": Idiom(
        "self.reader = Reader(open(path))", head=_READER + "    def __getstate__(self):\n        return {}\n"
    ),
    "an argument that a function reads": Idiom(
        "self.text = text", parameters="text", head="def make(path):\n    return Data(open(path).read())"
    ),
    "a folder of zarr": Idiom("self.array = zarr.open(path)"),
    "a partial of an opener": Idiom("self.opener = functools.partial(open, path)"),
    "given to somebody else": Idiom("self.model = build(open(path))"),
    "a file of the module that is read": Idiom("self.words = WORDS", head="WORDS = open('x').read()"),
    "reopened in __setstate__": Idiom(
        "self.path = path",
        "def __getstate__(self):\n    return {'path': self.path}\n"
        "def __setstate__(self, state):\n    self.__init__(state['path'])\n    self.file = open(self.path)",
    ),
}  # fmt: skip
