"""What a forked child does with the handles that it inherits.

Before the fork the live objects are looked into, within bounds, and a plan is made: which handles need more than an
offset of their own, where they sit, and how they are opened again. The child carries the plan out before any other
code of it runs, without looking into anything: a child that walks through a list copies its pages.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from picklesafe import descriptors, dormant, hollow, inherited, instance_dict, live, search, travel
from picklesafe.cell import AnyCell, Cell, Refusal
from picklesafe.errors import NotWorkerSafeError, PickleSafeError, UnsafeHandleError
from picklesafe.handles import registry
from picklesafe.inherited import Inherited
from picklesafe.mending import Mending

share_offsets = descriptors.share_offsets


class Plan(NamedTuple):
    """What one fork's child has to do.

    Attributes:
        offsets: of all read-only descriptors.
        inherited: handles that need more.
        on_descriptors: handles that need no more, unless their descriptor can't be made private.
        resources: that each process makes for itself: object, name, the handles that it is or holds.
        writing: descriptors through which libraries would write when the child ends.
    """

    offsets: list[descriptors.Offset]
    inherited: list[Inherited]
    on_descriptors: list[Inherited]
    resources: list[tuple[Any, str, list[tuple[Any, registry.HandleType]]]]
    writing: list[tuple[int, descriptors.File]]


class _Forking(threading.local):
    """The plan of the fork that this thread is in; the child's only thread is the one that forked."""

    plan: Plan | None = None


_forking = _Forking()
_everywhere: Callable[[], None] | None = None


def watch() -> None:
    """Look after forks from now on; once. Nothing is done while no object of picklesafe lives."""
    global _watching
    if not _watching and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
    _watching = True


_watching = False


def watch_everything(before: Callable[[], None]) -> None:
    """Make descriptors private also while no object of picklesafe lives.

    Args:
        before: called before each fork.
    """
    global _everywhere
    if _everywhere is None:
        _everywhere = before
        watch()


def _before() -> None:
    if _everywhere is None and not live.any_alive():
        return
    interval = sys.getswitchinterval()
    # Each of many short system calls lets other threads run, and a busy one gives way only after so long.
    sys.setswitchinterval(_SHORTEST)
    try:
        descriptors.hold_spares()
        _forking.plan = _plan()
    finally:
        sys.setswitchinterval(interval)
    if _forking.plan.inherited or _forking.plan.resources:
        import ctypes  # noqa: F401  # for the child, which should import nothing
    if _everywhere is not None:
        # Last: it warns, and a warning may be an error.
        _everywhere()


_SHORTEST = 1e-6


def _in_parent() -> None:
    _forking.plan = None


def _in_child() -> None:
    plan, _forking.plan = _forking.plan, None
    dormant.renew_locks()
    if plan is None:
        return
    failed = descriptors.make_private(plan.offsets)
    descriptors.lead_nowhere(plan.writing)
    for resource in plan.resources:
        inherited.forget_resource(*resource)
    inherited.put_out_of_reach(inherited.without_survivors(plan.inherited))
    # Reading from any of these fails by now; a handle that is known to stand on one says why.
    exhausted = any(error.errno in (errno.EMFILE, errno.ENFILE) for error in failed.values())
    concerned = [found for found in plan.on_descriptors if exhausted or _descriptor(found.node.value) in failed]
    inherited.put_out_of_reach([_without_offset(found, failed) for found in concerned])


_LEAST = 64
"""Objects that are visited below each attribute of each live object, however many there are."""

_THOROUGH = 200_000
"""Objects that are visited below one that a quick look doesn't get to the end of, at the first fork of its life; at
every later one if there were handles that the quick look had missed."""

_THOROUGH_SAMPLE = 100_000


def _plan() -> Plan:
    # From the start on, for what interrupts the look, as a signal does, doesn't keep the process from being forked.
    plan = _forking.plan = Plan([], [], [], [], [])
    try:
        _look_into_all(plan)
    except BaseException as error:
        for owner, _ in live.instances():
            _refuse_all(owner, error, registry.known_types(), plan)
        raise
    finally:
        # Last: nothing that is opened or closed by the look should come between. And in any case.
        plan.offsets.extend(descriptors.offsets())
    return plan


def _look_into_all(plan: Plan) -> None:
    types = registry.known_types()
    cells: dict[Any, Cell] = {}
    budget = search.BUDGET
    resources_of: dict[type, frozenset[str]] = {}
    glance = search.Bounds(wanted=types.keys(), glances=_THOROUGH)
    for owner, reference in live.instances():
        cls = type(owner)
        resources = resources_of.get(cls)
        if resources is None:
            resources = resources_of[cls] = travel.resources(cls)
        asleep = dormant.cells_of(owner)
        if not resources and not asleep and hollow.holds_atoms_alone(owner, glance):
            continue
        try:
            made = instance_dict.of(owner) if resources else {}
            for name in resources & made.keys():
                plan.resources.append((owner, name, _handles_of_resource(made[name], types)))
            bounds = search.Bounds(wanted=types.keys(), budget=max(budget, _LEAST))
            before = bounds.budget
            nodes = _found(owner, reference, bounds, resources)
            budget -= before - bounds.budget
            for node in nodes:
                _consider(Inherited(owner, node, types[type(node.value)], _UNDECIDED), cells, plan)
            for hidden in _hidden(owner, asleep, types):
                _consider(hidden, cells, plan)
        except Exception as error:
            # Somebody's __getattribute__ or __dict__: what it hides can't be told.
            _refuse_all(owner, error, types, plan)
    for _, _, handles in plan.resources:
        for handle, entry in handles:
            _note_writing(handle, entry, plan)


_UNDECIDED = Refusal(NotWorkerSafeError())


def _handles_of_resource(resource: Any, types: Any) -> list[tuple[Any, registry.HandleType]]:
    bounds = search.Bounds(lambda value: type(value) not in types, wanted=types.keys())
    nodes = [search.Node(resource), *search.look(resource, bounds)]
    return [(node.value, types[type(node.value)]) for node in nodes if type(node.value) in types]


def _hidden(owner: Any, asleep: Mapping[str, AnyCell], types: Any) -> Iterator[Inherited]:
    """Handles that dormant attributes have opened under another name, or in another object."""
    for name, cell in asleep.items():
        for opened in cell.opened() if isinstance(cell, Cell | Mending) else ():
            handle = opened.open()
            entry = types.get(type(handle))
            if entry is not None:
                node = search.Node(handle, search.Node(owner), f".{name}", name)
                yield Inherited(owner, node, entry, _UNDECIDED, hidden=True)


def _found(
    owner: Any, reference: live.Reference, bounds: search.Bounds, resources: frozenset[str]
) -> list[search.Node]:
    """The handles within reach of a live object."""
    found = _handles(owner, bounds, resources)
    if bounds.complete:
        return found
    if reference.deep is False and not any(search.is_sampled(node, bounds) for node in found):
        return found
    thorough = search.Bounds(wanted=bounds.wanted, budget=_THOROUGH, sample=_THOROUGH_SAMPLE, glances=_THOROUGH)
    everything = _handles(owner, thorough, resources)
    reference.deep = len(everything) > len(found)
    return everything


_selves: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


_MULTIPROCESSING = ("multiprocessing.", "torch.multiprocessing")


def _looks_after_itself(cls: type) -> bool:
    """Whether objects of a class are the process's business: loggers with all their handlers, multiprocessing's own."""
    known = _selves.get(cls)
    if known is None:
        names = [(base.__module__, base.__qualname__) for base in cls.__mro__]
        known = _selves[cls] = ("logging", "Logger") in names or str(cls.__module__).startswith(_MULTIPROCESSING)
    return known


def _handles(owner: Any, bounds: search.Bounds, resources: frozenset[str]) -> list[search.Node]:
    """Handles below each attribute, for each by itself: an object under two of them is mended under both."""
    types = bounds.wanted

    def into(value: Any) -> bool:
        # Other live objects are looked into on their own account.
        return type(value) not in types and not live.is_alive(value) and not _looks_after_itself(type(value))

    bounds.into = into
    tops = [node for node in search.children(search.Node(owner), bounds) if node.key not in resources]
    found = [node for node in tops if type(node.value) in types]
    left = bounds.budget
    for place, top in enumerate(tops):
        # None may take what the others need.
        bounds.budget = allowed = max(left // (len(tops) - place), _LEAST)
        try:
            found += [node for node in search.look_below(top, bounds) if type(node.value) in types]
        except Exception:
            pass  # somebody's __getattribute__ or __dict__: what it hides can't be told, what else there is can
        left -= allowed - bounds.budget
    bounds.budget = left
    return found


def _refuse_all(owner: Any, error: BaseException, types: Any, plan: Plan) -> None:
    root = search.Node(owner)
    for name, value in list(getattr(owner, "__dict__", {}).items()):
        entry = types.get(type(value))
        # What only needs an offset of its own has one, whatever was seen.
        if entry is not None and entry.in_child not in ("share", "reopen-descriptor"):
            problem = (
                f"couldn't be looked after at the fork: something beside it raised {type(error).__name__}: {error}"
            )
            refusal = Refusal(UnsafeHandleError(problem, attribute=f"{type(owner).__name__}.{name}"), value)
            plan.inherited.append(Inherited(owner, search.Node(value, root, f".{name}", name), entry, refusal))


def _consider(found: Inherited, cells: Any, plan: Plan) -> None:
    node, entry = found.node, found.entry
    try:
        registry.refuse_writing(node.value, entry)
        if entry.in_child == "share":
            return
        if entry.in_child == "reopen-descriptor":
            plan.on_descriptors.append(found)
            return
        cell: AnyCell = travel.to_cell(node.value, found.owner, lambda: node.path, cells)
    except PickleSafeError as error:
        error.attribute = node.path
        cell = Refusal(error, node.value)
    except Exception as error:
        problem = f"this {type(node.value).__qualname__} can't be described ({type(error).__name__}: {error})"
        cell = Refusal(UnsafeHandleError(problem, attribute=node.path), node.value)
    if isinstance(cell, Refusal):
        _note_writing(node.value, entry, plan)
    plan.inherited.append(found._replace(cell=cell))


def _note_writing(handle: Any, entry: registry.HandleType | None, plan: Plan) -> None:
    try:
        if entry is not None and entry.writes(handle):
            plan.writing.extend(descriptors.open_for_writing(entry.written_through(handle)))
    except Exception:
        return  # what doesn't even tell whether it writes


def _descriptor(handle: Any) -> int | None:
    try:
        number: int = handle.fileno()
    except Exception:
        return None
    return number


def _without_offset(found: Inherited, failed: dict[int, OSError]) -> Inherited:
    numbers = ", ".join(f"{descriptor} ({error.strerror or error})" for descriptor, error in failed.items())
    error = UnsafeHandleError(
        f"this forked process couldn't get a file offset of its own for descriptor {numbers}; reading would move the "
        f"parent's",
        remedy="Raise the limit on open files (ulimit -n), or start workers with spawn",
        attribute=found.node.path,
    )
    return found._replace(cell=Refusal(error, found.node.value))
