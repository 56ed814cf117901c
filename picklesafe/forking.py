"""What a forked child does with the handles that it inherits.

Before the fork the live objects are looked into, within bounds, and a plan is made: which handles need more than an
offset of their own, where they sit, and how they are opened again. The child carries the plan out before any other
code of it runs, without looking into anything: a child that walks through a list copies its pages.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from picklesafe import descriptors, dormant, live, mending, search, travel
from picklesafe.cell import AnyCell, Cell, Refusal
from picklesafe.errors import NotWorkerSafeError, PickleSafeError, UnsafeHandleError
from picklesafe.handles import registry

share_offsets = descriptors.share_offsets


class Inherited(NamedTuple):
    """A handle that the child can't use as it is.

    Attributes:
        owner: the object of picklesafe that it belongs to.
        node: where it sits below the owner.
        entry: its type.
        cell: what stands in its place.
    """

    owner: Any
    node: search.Node
    entry: registry.HandleType
    cell: AnyCell


class Plan(NamedTuple):
    """What one fork's child has to do.

    Attributes:
        offsets: of all read-only descriptors.
        inherited: handles that need more.
        on_descriptors: handles that need no more, unless their descriptor can't be made private.
        resources: (object, name) of resources that each process makes for itself.
        writing: descriptors through which libraries would write when the child ends.
    """

    offsets: list[descriptors.Offset]
    inherited: list[Inherited]
    on_descriptors: list[Inherited]
    resources: list[tuple[Any, str]]
    writing: list[tuple[int, descriptors.File]]


class _Forking(threading.local):
    """The plan of the fork that this thread is in; the child's only thread is the one that forked."""

    plan: Plan | None = None


_forking = _Forking()
_everywhere: Callable[[], None] | None = None
_kept: list[Any] = []


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
    descriptors.hold_spares()
    _forking.plan = _plan()
    if _forking.plan.inherited or _forking.plan.resources:
        import ctypes  # noqa: F401  # for the child, which should import nothing
    if _everywhere is not None:
        # Last: it warns, and a warning may be an error.
        _everywhere()


def _in_parent() -> None:
    _forking.plan = None


def _in_child() -> None:
    plan, _forking.plan = _forking.plan, None
    dormant.renew_locks()
    if plan is None:
        return
    failed = descriptors.make_private(plan.offsets)
    descriptors.lead_nowhere(plan.writing)
    for owner, name in plan.resources:
        _forget_resource(owner, name)
    _put_out_of_reach(plan.inherited)
    _forget_opened({id(found.node.value): found.cell for found in plan.inherited})
    # Reading from any of these fails by now; a handle that is known to stand on one says why.
    exhausted = any(error.errno in (errno.EMFILE, errno.ENFILE) for error in failed.values())
    concerned = [found for found in plan.on_descriptors if exhausted or _descriptor(found.node.value) in failed]
    _put_out_of_reach([_without_offset(found, failed) for found in concerned])


_LEAST = 64
"""Objects that are visited below each attribute of each live object, however many there are."""

_THOROUGH = 200_000
"""Objects that are visited below one that a quick look doesn't get to the end of, at the first fork of its life; at
every later one if there were handles that the quick look had missed."""

_THOROUGH_SAMPLE = 20_000


def _plan() -> Plan:
    plan = Plan([], [], [], [], [])
    try:
        _look_into_all(plan)
    finally:
        # Last: nothing that is opened or closed by the look should come between. And in any case.
        plan.offsets.extend(descriptors.offsets())
    return plan


def _look_into_all(plan: Plan) -> None:
    types = registry.known_types()
    cells: dict[Any, Cell] = {}
    budget = search.BUDGET
    resources_of: dict[type, frozenset[str]] = {}
    for owner, reference in live.instances():
        cls = type(owner)
        resources = resources_of.get(cls)
        if resources is None:
            resources = resources_of[cls] = travel.resources(cls)
        if not resources and search.holds_atoms_alone(owner):
            continue
        for name in resources:
            if name in owner.__dict__:
                plan.resources.append((owner, name))
                _note_writing(owner.__dict__[name], types.get(type(owner.__dict__[name])), plan)
        try:
            bounds = search.Bounds(wanted=types.keys(), budget=max(budget, _LEAST))
            before = bounds.budget
            found = _found(owner, reference, bounds, resources)
            budget -= before - bounds.budget
            for node in found:
                _consider(owner, node, types[type(node.value)], cells, plan)
        except Exception as error:
            # Somebody's __getattribute__ or __dict__: what it hides can't be told.
            _refuse_all(owner, error, types, plan)


def _found(
    owner: Any, reference: live.Reference, bounds: search.Bounds, resources: frozenset[str]
) -> list[search.Node]:
    """The handles within reach of a live object."""
    found = _handles(owner, bounds, resources)
    if bounds.complete:
        return found
    if reference.deep is False and not any(search.is_sampled(node, bounds) for node in found):
        return found
    thorough = search.Bounds(wanted=bounds.wanted, budget=_THOROUGH, sample=_THOROUGH_SAMPLE)
    everything = _handles(owner, thorough, resources)
    reference.deep = len(everything) > len(found)
    return everything


def _handles(owner: Any, bounds: search.Bounds, resources: frozenset[str]) -> list[search.Node]:
    """Handles below each attribute, for each by itself: an object under two of them is mended under both."""
    types = bounds.wanted
    bounds.into = lambda value: type(value) not in types
    tops = [node for node in search.children(search.Node(owner), bounds) if node.key not in resources]
    found = [node for node in tops if type(node.value) in types]
    left = bounds.budget
    for place, top in enumerate(tops):
        # None may take what the others need.
        bounds.budget = allowed = max(left // (len(tops) - place), _LEAST)
        found += [node for node in search.look_below(top, bounds) if type(node.value) in types]
        left -= allowed - bounds.budget
    bounds.budget = left
    return found


def _refuse_all(owner: Any, error: Exception, types: Any, plan: Plan) -> None:
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


def _consider(owner: Any, node: search.Node, entry: registry.HandleType, cells: Any, plan: Plan) -> None:
    try:
        registry.refuse_writing(node.value, entry)
        if entry.in_child == "share":
            return
        if entry.in_child == "reopen-descriptor":
            nothing = Refusal(NotWorkerSafeError())
            plan.on_descriptors.append(Inherited(owner, node, entry, nothing))
            return
        cell: AnyCell = travel.to_cell(node.value, owner, lambda: node.path, cells)
    except PickleSafeError as error:
        error.attribute = node.path
        cell = Refusal(error, node.value)
    except Exception as error:
        problem = f"this {type(node.value).__qualname__} can't be described ({type(error).__name__}: {error})"
        cell = Refusal(UnsafeHandleError(problem, attribute=node.path), node.value)
    if isinstance(cell, Refusal):
        _note_writing(node.value, entry, plan)
    plan.inherited.append(Inherited(owner, node, entry, cell))


def _note_writing(handle: Any, entry: registry.HandleType | None, plan: Plan) -> None:
    try:
        if entry is not None and entry.writes(handle):
            plan.writing.extend(descriptors.open_for_writing(entry.written_through(handle)))
    except Exception:
        return  # what doesn't even tell whether it writes


def _put_out_of_reach(inherited: list[Inherited]) -> None:
    repairs: dict[tuple[int, str], list[Inherited]] = {}
    in_place: dict[int, AnyCell] = {}
    in_items: list[tuple[search.Node, AnyCell]] = []
    for found in inherited:
        handle = found.node.value
        if id(handle) not in in_place:
            _kept.append(handle)
            in_place[id(handle)] = _let_go(found)
        found = found._replace(cell=in_place[id(handle)])
        _, top, *below = found.node.chain
        if not top.is_attribute:
            in_items.append((found.node, found.cell))
        elif below:
            repairs.setdefault((id(found.owner), top.key), []).append(found)
        else:
            dormant.put_to_sleep(found.owner, {top.key: found.cell})
    # Elements of an object that is itself a list or a dictionary have nothing that could notice their first use.
    mending.Mending(None, in_items).open()
    for found_there in repairs.values():
        first = found_there[0]
        top = first.node.chain[1]
        mended = mending.Mending(top.value, [(found.node, found.cell) for found in found_there])
        dormant.put_to_sleep(first.owner, {top.key: mended})


def _let_go(found: Inherited) -> AnyCell:
    """Do to the handle itself what its type asks for; gives what stands in its place."""
    handle, policy = found.node.value, found.entry.in_child
    if policy == "keep" or isinstance(found.cell, Refusal):
        # To free a file that writes would write what the parent hasn't written yet, a second time.
        _never_free(handle)
    elif policy == "close":
        try:
            found.entry.close(handle)
        except PickleSafeError as error:
            error.attribute = found.node.path
            return Refusal(error, handle)
        except Exception as error:
            problem = f"the inherited {type(handle).__qualname__} can't be closed in this process ({error})"
            return Refusal(UnsafeHandleError(problem, attribute=found.node.path), handle)
    return found.cell


def _never_free(handle: Any) -> None:
    import ctypes

    # Being in a list isn't enough: at its end the interpreter empties that too.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))


def _forget_opened(cells: dict[int, AnyCell]) -> None:
    """A dormant attribute whose cell was opened under another name would hand out the parent's handle."""
    again: dict[int, AnyCell] = {}

    def change(cell: AnyCell) -> AnyCell:
        if not isinstance(cell, Cell) or not cell.is_open:
            return cell
        handle = cell.open()
        entry = registry.handle_type(type(handle))
        if entry is None or entry.in_child in ("share", "reopen-descriptor"):
            return cell
        _kept.append(handle)
        return cells.get(id(handle)) or again.setdefault(id(cell), cell.again())

    dormant.renew_cells(change)


def _forget_resource(owner: Any, name: str) -> None:
    """A resource of the parent's: this process makes its own."""
    resource = owner.__dict__.pop(name, None)
    _kept.append(resource)
    entry = registry.handle_type(type(resource))
    if entry is None:
        return
    try:
        if entry.in_child == "keep" or entry.writes(resource):
            _never_free(resource)
        elif entry.in_child == "close":
            entry.close(resource)
    except Exception:
        _never_free(resource)  # it stays as it is, out of reach


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
