"""Where the number of workers comes from: programs with a hole for the body."""

from __future__ import annotations

from .parts import Scope

# Guards that say anything about a number of workers that torch refuses by itself.
UNGUARDED = ("plain", "off")

SCOPES: list[Scope] = []


def scope(name: str, text: str, workers: str, **more: object) -> None:
    SCOPES.append(Scope(name, text.strip("\n") + "\n", workers, **more))  # type: ignore[arg-type]


def in_run(name: str, lines: str, workers: str, head: str = "", **more: object) -> None:
    """The body stands in run() itself, after `lines`."""
    before = "".join(f"    {line}\n" for line in lines.splitlines())
    scope(name, f"{head}\ndef run(nPARAMETERS):\n{before}    BODY\n", workers, **more)


def in_make(
    name: str, parameters: str, call: str, workers: str, lines: str = "", head: str = "", **more: object
) -> None:
    """The body stands in a function that run() calls."""
    before = "".join(f"    {line}\n" for line in lines.splitlines())
    body = f"def make({parameters}PARAMETERS):\n{before}    BODY\n"
    scope(name, f"{head}\n{body}\n\ndef run(n):\n    return make({call})\n", workers, **more)


# Parameters
in_make("parameter", "num_workers", "n", "num_workers")
in_make("parameter-default-4", "num_workers=4", "n", "num_workers")
in_make("parameter-default-0", "num_workers=0", "num_workers=n", "num_workers")
in_make("parameter-typed", "*, num_workers: int = 4", "num_workers=n", "num_workers")
in_make("parameter-optional", "num_workers=None", "n", "num_workers", "if num_workers is None:\n    num_workers = 4")
in_make("parameter-or-0", "num_workers=None", "n", "workers", "workers = num_workers or 0")
in_make("parameter-or-4", "num_workers=None", "n", "workers", "workers = num_workers or 4")
scope(
    "parameter-in-kwargs",
    """
def make(**settings):
    count = settings.pop("num_workers", 4)
    BODY


def run(n):
    return make(num_workers=n)
""",
    "count",
)
in_make("flag", "debug", "n == 0", "workers", "workers = 0 if debug else 8")
in_make("flag-default", "debug=False", "debug=n == 0", "workers", "if debug:\n    workers = 0\nelse:\n    workers = 8")
in_run("local", "num_workers = n", "num_workers")
in_run("run-parameter", "", "n")
in_run("ternary", "num_workers = n if n else 0", "num_workers")
in_run("ternary-positive", "num_workers = n if n else 1", "num_workers")
in_run("branches", "if n:\n    num_workers = n\nelse:\n    num_workers = 0", "num_workers")
in_run("or-4", "num_workers = n or 4", "num_workers")
in_run("or-0", "num_workers = n or 0", "num_workers")
in_run("max-1", "num_workers = max(1, n)", "num_workers")
in_run("max-0", "num_workers = max(n, 0)", "num_workers")
in_run("min-8", "num_workers = min(n, 8)", "num_workers")
in_run("min-cpus", "num_workers = min(n, os.cpu_count() or 1)", "num_workers", "import os\n\n")
in_run("doubled", "num_workers = n * 2", "num_workers")
in_run("plus-1", "num_workers = n + 1", "num_workers")
in_run("int", "num_workers = int(n)", "num_workers")
in_run("inline-max", "", "max(n, 1)")
in_run("inline-min", "", "min(n, 4)")
in_make("len", "devices", "list(range(n))", "num_workers", "num_workers = len(devices)")
in_make("ceil", "count", "n", "num_workers", "num_workers = math.ceil(count / 2)", "import math\n\n")

# Constants
in_run("literal-0", "", "0")
in_run("literal-2", "", "2")
in_run("literal-false", "", "False")
in_run("absent", "", "0", passed=False)
in_run("local-0", "num_workers = 0", "num_workers")
in_run("local-2", "num_workers = 2", "num_workers")
in_run("module-0", "", "NUM_WORKERS", "NUM_WORKERS = 0\n\n")
in_run("module-2", "", "NUM_WORKERS", "NUM_WORKERS = 2\n\n")
in_run("module-final-0", "", "NUM_WORKERS", "from typing import Final\n\nNUM_WORKERS: Final = 0\n\n")
in_run("class-0", "", "Config.num_workers", "class Config:\n    num_workers = 0\n\n")
in_run("class-2", "", "Config.num_workers", "class Config:\n    num_workers: int = 2\n\n")
in_run("computed-0", "num_workers = 4 - 4", "num_workers")
in_run("computed-2", "num_workers = 8 // 4", "num_workers")
in_run("dict-0", "settings = {'num_workers': 0}", "settings['num_workers']")
in_run("dict-2", "settings = dict(num_workers=2)", "settings['num_workers']")
in_run("negative", "", "-1", simple=UNGUARDED)
in_run("none", "", "None", simple=UNGUARDED)
in_run("text", "", '"4"', simple=UNGUARDED)

# The machine: run(0) is run on one core, run(2) on four.
MACHINE = "import multiprocessing\nimport os\n\n"
in_run("cpus", "num_workers = os.cpu_count()", "num_workers", MACHINE)
in_run("cpus-minus-1", "num_workers = os.cpu_count() - 1", "num_workers", MACHINE)
in_run("cpus-halved", "num_workers = os.cpu_count() // 2", "num_workers", MACHINE)
in_run("cpus-halved-at-least-1", "num_workers = max(1, (os.cpu_count() or 1) // 2)", "num_workers", MACHINE)
in_run("cpus-at-most-8", "num_workers = min(8, os.cpu_count())", "num_workers", MACHINE)
in_run("cpus-multiprocessing", "num_workers = multiprocessing.cpu_count() - 1", "num_workers", MACHINE)
in_run("cpus-halved-or-1", "num_workers = os.cpu_count() // 2 or 1", "num_workers", MACHINE)
in_run("cpus-ceil", "num_workers = math.ceil(os.cpu_count() / 2)", "num_workers", "import math\n" + MACHINE)
in_run("cpus-inline", "", "(os.cpu_count() - 1)", MACHINE)
in_run("affinity", "num_workers = len(os.sched_getaffinity(0))", "num_workers", MACHINE)
in_run("affinity-minus-1", "num_workers = len(os.sched_getaffinity(0)) - 1", "num_workers", MACHINE)

# The command line, the environment, configuration
PARSER = """
import argparse


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--num-workers", {option})
    OPTION
    return parser.parse_args(arguments)

"""
ARGUMENTS = 'args = {}(["--num-workers", str(n)])'
in_run(
    "argparse",
    ARGUMENTS.format("parse"),
    "args.num_workers",
    PARSER.format(option="type=int, default=4"),
    offers=("args",),
)
in_run(
    "argparse-0",
    ARGUMENTS.format("parse"),
    "args.num_workers",
    PARSER.format(option="type=int, default=0"),
    offers=("args",),
)
in_run(
    "argparse-local",
    ARGUMENTS.format("parse") + "\nnum_workers = args.num_workers",
    "num_workers",
    PARSER.format(option='"-j", type=int, default=4, help="processes"'),
    offers=("args",),
)
in_run(
    "argparse-vars",
    'args = vars(parse(["--num-workers", str(n)]))',
    'args["num_workers"]',
    PARSER.format(option="type=int, default=4"),
)
in_run("environment", 'num_workers = int(os.environ["WORKERS"])', "num_workers", "import os\n\n")
in_run("environment-default", 'num_workers = int(os.environ.get("WORKERS", "4"))', "num_workers", "import os\n\n")
in_run("getenv", 'num_workers = int(os.getenv("WORKERS", 4))', "num_workers", "import os\n\n")
in_make("cfg-item", "cfg", '{"num_workers": n}', 'cfg["num_workers"]', offers=("cfg",))
in_make("cfg-get", "cfg", '{"num_workers": n}', 'cfg.get("num_workers", 4)', offers=("cfg",))
in_make("cfg-get-0", "cfg", '{"num_workers": n}', 'cfg.get("num_workers", 0)', offers=("cfg",))
in_make("cfg-get-none", "cfg", '{"num_workers": n}', 'cfg.get("num_workers")', offers=("cfg",))
in_make("cfg-nested", "cfg", '{"loader": {"num_workers": n}}', 'cfg["loader"]["num_workers"]')
in_make(
    "cfg-local", "cfg", '{"num_workers": n}', "num_workers", 'num_workers = cfg.get("num_workers", 4)', offers=("cfg",)
)
NAMESPACE = "from types import SimpleNamespace\n\n"
in_make("attribute", "cfg", "SimpleNamespace(num_workers=n)", "cfg.num_workers", head=NAMESPACE, offers=("namespace",))
in_make(
    "attribute-nested",
    "cfg",
    "SimpleNamespace(data=SimpleNamespace(workers=n))",
    "cfg.data.workers",
    head=NAMESPACE,
    offers=("namespace",),
)
in_make(
    "getattr",
    "cfg",
    "SimpleNamespace(num_workers=n)",
    'getattr(cfg, "num_workers", 4)',
    head=NAMESPACE,
    offers=("namespace",),
)
