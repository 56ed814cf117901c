"""What programs call to get a loader, and how they pass it their arguments."""

from __future__ import annotations

from .parts import Callee, Items, Passing, keywords

IMPORT = "\nfrom torch.utils.data import DataLoader\n"
PARAMETERS = "num_workers=0, prefetch_factor=None, persistent_workers=False, multiprocessing_context=None, timeout=0"
FORWARDED = ", ".join(f"{name}={name}" for name in (part.split("=")[0] for part in PARAMETERS.split(", ")))


def _subclass(name: str, body: str, head: str = "") -> Callee:
    return Callee(name, f"{IMPORT}{head}\n\n{body}", "Loader", torch_signature=False)


def _wrapper(name: str, body: str, names: dict[str, str] | None = None, expression: str = "build") -> Callee:
    return Callee(name, f"{IMPORT}\n\n{body}", expression, torch_signature=False, names=names or {})


def _partial(name: str, head: str, body: str, expression: str = "make_loader") -> Callee:
    return Callee(name, f"\n{head}{IMPORT}\n{body}\n", expression, torch_signature=False)


CALLEES = [
    Callee("imported", IMPORT),
    Callee("imported-as", "\nfrom torch.utils.data import DataLoader as Loader\n", "Loader"),
    Callee("module-as", "\nimport torch.utils.data as D\n", "D.DataLoader"),
    Callee("module", "\nimport torch.utils.data\n", "torch.utils.data.DataLoader"),
    Callee("torch", "\nimport torch\n", "torch.utils.data.DataLoader"),
    Callee("torch-as", "\nimport torch as th\n", "th.utils.data.DataLoader"),
    Callee("from-utils", "\nfrom torch.utils import data\n", "data.DataLoader"),
    Callee("from-utils-as", "\nfrom torch.utils import data as torch_data\n", "torch_data.DataLoader"),
    Callee("from-torch", "\nfrom torch import utils\n", "utils.data.DataLoader"),
    Callee("dataloader-module", "\nfrom torch.utils.data.dataloader import DataLoader\n"),
    Callee("dataloader-path", "\nimport torch.utils.data.dataloader\n", "torch.utils.data.dataloader.DataLoader"),
    Callee("renamed", f"{IMPORT}\nLoader = DataLoader\n", "Loader"),
    Callee(
        "try-import",
        "\ntry:\n    from torch.utils.data import DataLoader\nexcept ImportError:\n    DataLoader = None\n",
    ),
    _subclass("subclass-empty", "class Loader(DataLoader):\n    pass\n"),
    _subclass(
        "subclass-kwargs",
        "class Loader(DataLoader):\n    def __init__(self, dataset, **kwargs):\n"
        "        super().__init__(dataset, **kwargs)\n",
    ),
    _subclass(
        "subclass-args-kwargs",
        "class Loader(DataLoader):\n    def __init__(self, *args, **kwargs):\n"
        "        super().__init__(*args, **kwargs)\n        self.extra = None\n",
    ),
    _subclass(
        "subclass-explicit",
        f"class Loader(DataLoader):\n    def __init__(self, dataset, {PARAMETERS}):\n"
        f"        super().__init__(dataset, {FORWARDED})\n",
    ),
    _subclass(
        "subclass-old-style",
        "class Loader(DataLoader):\n    def __init__(self, dataset, **kwargs):\n"
        "        DataLoader.__init__(self, dataset, **kwargs)\n",
    ),
    _subclass(
        "subclass-of-subclass",
        "class Base(DataLoader):\n    def __init__(self, dataset, **kwargs):\n"
        "        super().__init__(dataset, batch_size=2, **kwargs)\n\n\nclass Loader(Base):\n    pass\n",
    ),
    _subclass("subclass-generic", "class Loader(DataLoader[int]):\n    pass\n"),
    _subclass(
        "subclass-normalises",
        "class Loader(DataLoader):\n    def __init__(self, dataset, **kwargs):\n"
        '        if not kwargs.get("num_workers"):\n'
        '            for name in ("prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout"):\n'
        "                kwargs.pop(name, None)\n        super().__init__(dataset, **kwargs)\n",
    ),
    _partial("partial", "import functools", "Loader = functools.partial(DataLoader, batch_size=2)", "Loader"),
    _partial(
        "partial-imported", "from functools import partial", "make_loader = partial(DataLoader, pin_memory=False)"
    ),
    _partial(
        "partial-of-partial",
        "from functools import partial",
        "base = partial(DataLoader, batch_size=2)\nmake_loader = partial(base, drop_last=True)",
    ),
    _partial(
        "partial-overridden",
        "from functools import partial",
        "make_loader = partial(DataLoader, num_workers=4, timeout=0)",
    ),
    _partial("partial-lambda", "", "make_loader = lambda *args, **kwargs: DataLoader(*args, **kwargs)  # noqa: E731"),
    _wrapper(
        "wrapper-kwargs", "def build(dataset, **kwargs):\n    return DataLoader(dataset, batch_size=2, **kwargs)\n"
    ),
    _wrapper("wrapper-args", "def build(*args, **kwargs):\n    return DataLoader(*args, **kwargs)\n"),
    _wrapper("wrapper-explicit", f"def build(dataset, {PARAMETERS}):\n    return DataLoader(dataset, {FORWARDED})\n"),
    _wrapper(
        "wrapper-of-wrapper",
        "def inner(dataset, **kwargs):\n    return DataLoader(dataset, **kwargs)\n\n\n"
        "def build(dataset, **kwargs):\n    return inner(dataset, **kwargs)\n",
    ),
    _wrapper(
        "wrapper-renames",
        "def build(dataset, workers=0, prefetch=None, **options):\n"
        "    return DataLoader(dataset, num_workers=workers, prefetch_factor=prefetch, **options)\n",
        {"num_workers": "workers", "prefetch_factor": "prefetch"},
    ),
    _wrapper(
        "wrapper-normalises",
        f"def build(dataset, {PARAMETERS}):\n    if num_workers == 0:\n        prefetch_factor = None\n"
        "        persistent_workers = False\n        multiprocessing_context = None\n        timeout = 0\n"
        f"    return DataLoader(dataset, {FORWARDED})\n",
    ),
    _wrapper(
        "wrapper-normalises-inline",
        "def build(dataset, num_workers=0, **options):\n"
        "    return DataLoader(dataset, num_workers=num_workers, **(options if num_workers > 0 else {}))\n",
    ),
    _wrapper(
        "wrapper-at-least-1",
        "def build(dataset, num_workers=0, **options):\n"
        "    return DataLoader(dataset, num_workers=max(1, num_workers), **options)\n",
    ),
    _wrapper(
        "wrapper-drops-workers",
        "def build(dataset, num_workers=0, **options):\n    return DataLoader(dataset, **options)\n",
    ),
    _wrapper(
        "wrapper-lambda",
        "build = lambda dataset, **kwargs: DataLoader(dataset, batch_size=2, **kwargs)  # noqa: E731\n",
    ),
    _wrapper(
        "wrapper-method",
        "class Factory:\n    def build(self, dataset, **kwargs):\n        return DataLoader(dataset, **kwargs)\n",
        expression="Factory().build",
    ),
    _wrapper(
        "wrapper-static-method",
        "class Factory:\n    @staticmethod\n    def build(dataset, num_workers=0, **kwargs):\n"
        "        return DataLoader(dataset, num_workers=num_workers, **kwargs)\n",
        expression="Factory.build",
    ),
    _wrapper(
        "wrapper-class-method",
        "class Factory:\n    loader = DataLoader\n\n    @classmethod\n    def build(cls, dataset, **kwargs):\n"
        "        return cls.loader(dataset, **kwargs)\n",
        expression="Factory.build",
    ),
]


def _display(items: Items) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in items) + "}"


def _arguments(items: Items) -> str:
    return ", ".join(f"{name}={value}" for name, value in items)


def _spread(callee: str, items: Items) -> list[str]:
    return [f"loader = {callee}(", "    DATA,", *(f"    {name}={value}," for name, value in items), ")"]


def _positional(callee: str, items: Items) -> list[str]:
    """Everything that has a place is passed by place."""
    given = dict(items)
    places = ["DATA", "2", "False", "None", "None", given.pop("num_workers", "0"), "None", "False", "False"]
    if {"timeout", "multiprocessing_context"} & set(given):
        places += [given.pop("timeout", "0"), "None", given.pop("multiprocessing_context", "None")]
    return [f"loader = {callee}({', '.join([*places, *(f'{name}={value}' for name, value in given.items())])})"]


def _stepwise(first: str, step: str, last: str = "**kwargs") -> Passing:
    """Arguments that come into a dict one after the other."""
    name = step.format(name="name", value="value")

    def lines(callee: str, items: Items) -> list[str]:
        steps = [step.format(name=name, value=value) for name, value in items]
        return [first, *steps, f"loader = {callee}(DATA, {last})"]

    return Passing(name, lines)


def _first_and_rest(name: str, first: str, rest: str, head: str = "") -> Passing:
    """The first argument one way, the others another: `{first}`, `{rest}` and their displays."""

    def lines(callee: str, items: Items) -> list[str]:
        fill = {"callee": callee, "first": _arguments(items[:1]), "rest": _arguments(items[1:])}
        fill |= {"first_display": _display(items[:1]), "rest_display": _display(items[1:])}
        return [line.format(**fill) for line in (first + "\n" + rest).splitlines()]

    return Passing(name, lines, head=head)


PASSINGS = [
    Passing("keywords", lambda callee, items: [f"loader = {keywords(callee, items)}"]),
    Passing("keywords-reversed", lambda callee, items: [f"loader = {keywords(callee, items[::-1])}"]),
    Passing("keywords-in-lines", _spread),
    Passing("positional", _positional, torch_signature=True),
    Passing("display", lambda callee, items: [f"kwargs = {_display(items)}", f"loader = {callee}(DATA, **kwargs)"]),
    Passing("display-inline", lambda callee, items: [f"loader = {callee}(DATA, **{_display(items)})"]),
    Passing(
        "dict-call", lambda callee, items: [f"kwargs = dict({_arguments(items)})", f"loader = {callee}(DATA, **kwargs)"]
    ),
    Passing("dict-call-inline", lambda callee, items: [f"loader = {callee}(DATA, **dict({_arguments(items)}))"]),
    _stepwise("kwargs = {}", 'kwargs["{name}"] = {value}'),
    _stepwise("kwargs = dict()", "kwargs.update({name}={value})"),
    _stepwise("kwargs = {}", 'kwargs.update({{"{name}": {value}}})'),
    _stepwise("kwargs = {}", 'kwargs = kwargs | {{"{name}": {value}}}'),
    _stepwise("kwargs = {}", 'kwargs |= {{"{name}": {value}}}'),
    _stepwise("kwargs = {}", 'kwargs.setdefault("{name}", {value})'),
    _stepwise("kwargs = {}", 'kwargs = {{**kwargs, "{name}": {value}}}'),
    _stepwise("kwargs = {}", "kwargs = dict(kwargs, {name}={value})"),
    _first_and_rest("display-and-keywords", "kwargs = {rest_display}", "loader = {callee}(DATA, {first}, **kwargs)"),
    _first_and_rest(
        "two-displays", "first, rest = {first_display}, {rest_display}", "loader = {callee}(DATA, **first, **rest)"
    ),
    _first_and_rest(
        "display-or-display", "kwargs = {first_display} | {rest_display}", "loader = {callee}(DATA, **kwargs)"
    ),
    _first_and_rest(
        "unrelated-pop",
        "kwargs = {{**{first_display}, **{rest_display}, 'note': 1}}",
        "kwargs.pop('note')\nloader = {callee}(DATA, **kwargs)",
    ),
    _first_and_rest(
        "partial-first",
        "local = functools.partial({callee}, {first})",
        "loader = local(DATA, {rest})",
        "\nimport functools\n",
    ),
    _first_and_rest(
        "partial-rest",
        "local = functools.partial({callee}, {rest})",
        "loader = local(DATA, {first})",
        "\nimport functools\n",
    ),
    _first_and_rest("alias-of-callee", "local = {callee}", "loader = local(DATA, {first}, {rest})"),
    _first_and_rest(
        "nested-function", "def local(**more):\n    return {callee}(DATA, {first}, **more)\n", "loader = local({rest})"
    ),
]
