"""Where the number of workers comes from: attributes, properties, methods and functions of the program."""

from __future__ import annotations

from .scopes import scope

CLASS = """
class Module{bases}:
    def __init__(self, {parameters}):
        {assigned}
        INIT

    def loader(self{more}):
        BODY


def run(n):
    return Module({call}).loader()
"""


def in_method(name: str, parameters: str, assigned: str, workers: str, call: str = "n", **more: object) -> None:
    text = CLASS.format(bases="", parameters=parameters, assigned=assigned, call=call, more="PARAMETERS")
    scope(name, text, workers, offers=("init",), **more)


in_method("self", "num_workers", "self.num_workers = num_workers", "self.num_workers")
in_method("self-default", "num_workers=4", "self.num_workers = num_workers", "self.num_workers")
in_method("self-private", "num_workers: int = 0", "self._workers = num_workers", "self._workers", "num_workers=n")
in_method("self-max-1", "num_workers", "self.num_workers = max(1, num_workers)", "self.num_workers")
in_method("self-or-0", "num_workers=None", "self.num_workers = num_workers or 0", "self.num_workers")
in_method("self-0", "n", "self.num_workers = 0", "self.num_workers", by_default=True)
in_method("self-2", "n", "self.num_workers = 2", "self.num_workers")
in_method("self-cfg", "cfg", "self.cfg = cfg", 'self.cfg["num_workers"]', '{"num_workers": n}')
in_method("self-kwargs", "**kwargs", "self.kwargs = kwargs", 'self.kwargs["num_workers"]', "num_workers=n")
scope(
    "self-of-parent",
    """
class Base:
    def __init__(self, num_workers):
        self.num_workers = num_workers


class Module(Base):
    def loader(self):
        BODY


def run(n):
    return Module(n).loader()
""",
    "self.num_workers",
)
scope(
    "self-of-parent-2",
    """
class Base:
    def __init__(self):
        self.num_workers = 2


class Module(Base):
    def __init__(self):
        super().__init__()
        INIT

    def loader(self):
        BODY


def run(n):
    return Module().loader()
""",
    "self.num_workers",
    offers=("init",),
)
scope(
    "property",
    """
class Module:
    def __init__(self, num_workers):
        self.num_workers = num_workers
        INIT

    @property
    def loader(self):
        BODY


def run(n):
    return Module(n).loader
""",
    "self.num_workers",
    offers=("init",),
)
scope(
    "property-of-workers",
    """
class Module:
    def __init__(self, count):
        self.count = count

    @property
    def num_workers(self):
        return self.count

    def loader(self):
        BODY


def run(n):
    return Module(n).loader()
""",
    "self.num_workers",
)
scope(
    "called-from-init",
    """
class Module:
    def __init__(self, num_workers):
        self.num_workers = num_workers
        INIT
        self.loader = self.make()

    def make(selfPARAMETERS):
        BODY


def run(n):
    return Module(n).loader
""",
    "self.num_workers",
    offers=("init",),
)
scope(
    "static-method",
    """
class Module:
    @staticmethod
    def make(num_workersPARAMETERS):
        BODY


def run(n):
    return Module.make(n)
""",
    "num_workers",
)
scope(
    "dataclass-method",
    """
from dataclasses import dataclass


@dataclass
class Module:
    num_workers: int = 4

    def loader(selfPARAMETERS):
        BODY


def run(n):
    return Module(n).loader()
""",
    "self.num_workers",
)
scope(
    "dataclass-options",
    """
from dataclasses import dataclass


@dataclass
class Options:
    num_workers: int = 4


def make(options: OptionsPARAMETERS):
    BODY


def run(n):
    return make(Options(num_workers=n))
""",
    "options.num_workers",
)
scope(
    "nested-function",
    """
def run(n):
    num_workers = n

    def make(PARAMETERS):
        BODY

    return make()
""",
    "num_workers",
)
scope(
    "helper-for-workers",
    """
def workers_for(count):
    return min(count, 8)


def run(nPARAMETERS):
    num_workers = workers_for(n)
    BODY
""",
    "num_workers",
)
scope(
    "helper-for-workers-positive",
    """
def workers_for(count):
    if count:
        return count
    return 1


def run(nPARAMETERS):
    num_workers = workers_for(n)
    BODY
""",
    "num_workers",
)
scope(
    "async",
    """
import asyncio


async def make(num_workersPARAMETERS):
    BODY


def run(n):
    return asyncio.run(make(n))
""",
    "num_workers",
)
scope(
    "named-tuple",
    """
from typing import NamedTuple


class Options(NamedTuple):
    num_workers: int = 4


def make(options: OptionsPARAMETERS):
    BODY


def run(n):
    return make(Options(n))
""",
    "options.num_workers",
)
scope(
    "dataclass-field",
    """
from dataclasses import dataclass, field


@dataclass
class Module:
    num_workers: int = field(default=4)

    def loader(selfPARAMETERS):
        BODY


def run(n):
    return Module(num_workers=n).loader()
""",
    "self.num_workers",
)
scope(
    "method-of-workers",
    """
class Module:
    def __init__(self, count):
        self.count = count

    def workers(self):
        return self.count

    def loader(selfPARAMETERS):
        BODY


def run(n):
    return Module(n).loader()
""",
    "self.workers()",
)
scope(
    "self-set-later",
    """
class Module:
    def __init__(self):
        self.num_workers = 4

    def setup(self, count):
        self.num_workers = count

    def loader(selfPARAMETERS):
        BODY


def run(n):
    module = Module()
    module.setup(n)
    return module.loader()
""",
    "self.num_workers",
)
scope(
    "global-set-later",
    """
NUM_WORKERS = 4


def setup(count):
    global NUM_WORKERS
    NUM_WORKERS = count


def make(PARAMETERS):
    BODY


def run(n):
    setup(n)
    return make()
""",
    "NUM_WORKERS",
)
scope(
    "class-set-later",
    """
class Config:
    num_workers = 4


def make(PARAMETERS):
    BODY


def run(n):
    Config.num_workers = n
    return make()
""",
    "Config.num_workers",
)
scope("script", "import os\n\nnum_workers = int(os.environ['WORKERS'])\nBODY\n", "num_workers", function=False)
scope("script-0", "num_workers = 0\nBODY\n", "num_workers", function=False)
scope("script-2", "num_workers = 2\nBODY\n", "num_workers", function=False)
scope("script-main", "if __name__ == '__main__':\n    num_workers = 0\n    BODY\n", "num_workers", function=False)
