"""Writes small programs that make a DataLoader: every pair of parts meets, in a fixed order.

`programs()` is deterministic, so a failing program can be named and written again.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from . import guards_in_statements, guards_in_values, scopes_of_classes  # noqa: F401  they fill GUARDS and SCOPES
from .arguments import ARGUMENTS, SPELLINGS
from .callees import CALLEES, PASSINGS
from .guards import GUARDS, Guard
from .parts import OFF, Argument, Callee, Passing, Scope, Site, Spelling
from .scopes import SCOPES

AXES: tuple[Sequence[NamedTuple], ...] = (CALLEES, PASSINGS, GUARDS, SCOPES, ARGUMENTS, SPELLINGS)

MAIN = [next(argument for argument in ARGUMENTS if argument.keyword == keyword) for keyword in OFF]
"""Each argument once, with a value that asks for workers."""


class Program(NamedTuple):
    """One program, and what is known of it by construction.

    Args:
        name: its parts, `callee/passing/guard/scope/argument/spelling`.
        fine: whether its guard keeps the arguments from raising, None if that depends on more.
        by_default: its verdict rests on a default that another caller might not take.
        curable: a fix can help; none makes a value right that torch refuses with workers too.
    """

    name: str
    source: str
    fine: bool | None
    by_default: bool
    curable: bool


Parts = tuple[Callee, Passing, Guard, Scope, Argument, Spelling]


@cache
def programs(count: int | None = None) -> tuple[Program, ...]:
    """The first `count` programs, or all: plain ones, then every pair of parts of two axes."""
    found: dict[str, Program] = {}
    for parts in (*_plain(), *_shuffled()):
        program = write(*parts)
        if program is not None:
            found.setdefault(program.source, program)
        if len(found) == count:
            break
    return tuple(found.values())


def _plain() -> Iterator[Parts]:
    """Every part once with each argument, all other parts being the plainest."""
    plain, guarded = (next(guard for guard in GUARDS if guard.name == name) for name in ("plain", "x-if-gt-0"))
    first = (CALLEES[0], PASSINGS[0], plain, SCOPES[0], ARGUMENTS[0], SPELLINGS[0])
    for i, axis in enumerate(AXES):
        for part in axis:
            for argument in ARGUMENTS if axis is SPELLINGS else MAIN:
                for guard in (plain, guarded):
                    parts = [*first]
                    parts[2], parts[4], parts[i] = guard, argument, part
                    yield tuple(parts)  # type: ignore[misc]


def _shuffled() -> list[Parts]:
    pairs = list(_pairs())
    random.Random(3).shuffle(pairs)
    return pairs


def _pairs() -> Iterator[Parts]:
    """Each pair of parts, the other parts drawn, repeatedly where the draw makes no program."""
    draw = random.Random(2)
    for i, j in itertools.combinations(range(len(AXES)), 2):
        for one, other in itertools.product(AXES[i], AXES[j]):
            for _ in range(4):
                parts = [_drawn(draw, axis) for axis in AXES]
                parts[i], parts[j] = one, other
                if _fit(*parts):  # type: ignore[arg-type]
                    yield tuple(parts)  # type: ignore[misc]
                    break


def _drawn(draw: random.Random, axis: Sequence[NamedTuple]) -> NamedTuple:
    """The plainest parts are drawn more often: programs stay readable, and more of them raise."""
    if axis is ARGUMENTS and draw.random() < 0.75:
        return draw.choice(MAIN)
    if axis in (CALLEES, PASSINGS, SPELLINGS) and draw.random() < 0.35:
        return axis[0]
    return draw.choice(axis)


def write(
    callee: Callee, passing: Passing, guard: Guard, scope: Scope, argument: Argument, spelling: Spelling
) -> Program | None:
    """The program of these parts, or None where they don't go together."""
    if not _fit(callee, passing, guard, scope, argument, spelling):
        return None
    fill = {"on": argument.on, "keyword": argument.keyword}
    site = Site(scope, callee, passing, argument, spelling.expression.format(**fill))
    body = [*spelling.local.format(**fill).splitlines(), *guard.lines(site)]
    if scope.function:
        body.append("return loader")
    heads = [callee.head, passing.head, guard.head, argument.head, spelling.head.format(**fill)]
    text = "".join(dict.fromkeys(heads)) + "\nDATA = list(range(8))\n\n" + _filled(scope, spelling, fill, body)
    text = re.sub(r"(?<=[(,]) ?, (?=[^\n])", " ", text).replace("( ", "(").strip("\n") + "\n"
    name = "/".join(part.name for part in (callee, passing, guard, scope, argument, spelling))
    fine = None if argument.bad or scope.simple or callee.name == "wrapper-drops-workers" else guard.fine
    return Program(name, text, fine, spelling.by_default or scope.by_default, not argument.bad)


def _fit(callee: Callee, passing: Passing, guard: Guard, scope: Scope, argument: Argument, spelling: Spelling) -> bool:
    offers = {"", *scope.offers, "parameters" if "PARAMETERS" in scope.text else ""}
    return (
        spelling.needs in offers
        and (callee.torch_signature or not passing.torch_signature)
        and (scope.function or not guard.needs_function)
        and (not scope.simple or guard.name in scope.simple)
        and argument.keyword in guard.only
        # What torch refuses with workers too is no question of guards.
        and (not argument.bad or guard.name in ("plain", "x-if-gt-0", "off", "if-block-only"))
        # Comparing it, as these do, is an error of the program's own.
        and (not scope.simple or callee.torch_signature)
        and not _is_open(callee, guard, scope, spelling)
    )


def _is_open(callee: Callee, guard: Guard, scope: Scope, spelling: Spelling) -> bool:
    """Whether it is a matter of taste what the linter should say."""
    if guard.name == "workers-parsed":
        # `try: int(x) except ValueError: 0` may give 0 for all that the linter knows of x.
        return scope.name != "parameter"
    if callee.name == "wrapper-drops-workers":
        # A guard by a number that never reaches the loader: other defaults, other verdicts.
        return guard.name not in ("plain", "x-if-gt-0") or scope.name != "parameter" or spelling.name != "literal"
    return False


def _filled(scope: Scope, spelling: Spelling, fill: dict[str, str], body: list[str]) -> str:
    """The scope with its holes filled."""
    parameter = spelling.parameter.format(**fill)
    text = scope.text.replace("(PARAMETERS", f"({parameter}")
    text = text.replace("PARAMETERS", f", {parameter}" if parameter else "")
    option = spelling.init.format(**fill)
    lines: list[str] = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if line.strip() == "BODY":
            lines += [indent + one for one in body]
        elif line.strip() in ("INIT", "OPTION"):
            lines += [indent + option] if option else []
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
