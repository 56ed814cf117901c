"""What is said of a callable that a loader's workers never get."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from picklesafe.lint.finding import CERTAIN, POSSIBLE, Finding, Related
from picklesafe.lint.interpret.values import NONE, bare, origins
from picklesafe.lint.interpret.workers import lost

if TYPE_CHECKING:
    from picklesafe.lint.call import LoaderCall
    from picklesafe.lint.interpret.travel import Stuck
    from picklesafe.lint.project import Module

_FORKING = rb"set_start_method\(\s*(?:method\s*=\s*)?[\"']fork[\"']"


def lost_callable(call: LoaderCall, argument: str) -> Finding | None:
    """The finding for a callable that can't be pickled for a loader's workers; None where there is none.

    Args:
        call: the loader. A file that makes `fork` its start method is left alone.
        argument: `collate_fn` or `worker_init_fn`.
    """
    value = call.event.travellers.get(argument, NONE)
    # Asked first, as it is cheap: most of what a callee's own code gives its loaders is not this file's fault.
    if bare(value) == NONE or call.blame(list(origins(value))) is None:
        return None
    found = lost(call.event, argument)
    place = None if found is None else call.blame(found.origins)
    if found is None or place is None or re.search(_FORKING, call.module.source.code):
        return None
    name = call.event.contract.keyword(argument)
    message = (
        f"{name} is {_described(found.reason)}, which can't be pickled for the workers "
        f"that {call.target.where_pickled} start{'s' if len(call.target.platforms) == 1 else ''} (spawn, forkserver); "
        "define a function at the top level of a module, and bind what it needs with functools.partial"
    )
    certain = found.always and call.target.always_pickles
    related = _definition(call.module, found.reason)
    return call.finding_at(place.node, message, CERTAIN if certain else POSSIBLE, related=related)


def _described(reason: Stuck) -> str:
    where = "" if isinstance(reason.node, ast.Lambda) or not reason.where else f" defined in `{reason.where}`"
    return f"{reason.inside}{reason.what}{where}"


def _definition(module: Module, reason: Stuck) -> tuple[Related, ...]:
    """Where it is defined, if that isn't where it is given."""
    if isinstance(reason.node, ast.Lambda) or reason.path != module.source.path:
        return ()
    start = module.source.start(reason.node)  # type: ignore[arg-type]
    return (Related(reason.path, start, module.source.end_of_line(start), f"{reason.what} is defined here"),)
