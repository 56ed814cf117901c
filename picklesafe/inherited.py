"""What becomes of the handles that a forked child has inherited: let go, and opened again where they sit."""

from __future__ import annotations

from typing import Any, NamedTuple

from picklesafe import dormant, mending, search
from picklesafe.cell import AnyCell, Cell, Refusal
from picklesafe.errors import PickleSafeError, UnsafeHandleError
from picklesafe.handles import registry

_kept: list[Any] = []


class Inherited(NamedTuple):
    """A handle that the child can't use as it is.

    Attributes:
        owner: the object of picklesafe that it belongs to.
        node: where it sits below the owner.
        entry: its type.
        cell: what stands in its place.
        hidden: it is nowhere below the owner: a dormant attribute's cell has opened it.
    """

    owner: Any
    node: search.Node
    entry: registry.HandleType
    cell: AnyCell
    hidden: bool = False


def without_survivors(inherited: list[Inherited]) -> list[Inherited]:
    """Those that can't go on being used as they are: a lock that nobody holds can, and others may stand on it.

    A lock and the conditions on it stay, or are made anew, together.
    """
    gone: list[Inherited] = []
    rest = list(inherited)
    torn: set[Cell] = set()
    while True:
        more = [found for found in rest if not _survives(found) or not torn.isdisjoint(_within(found.cell))]
        if not more:
            return gone
        for found in more:
            torn.update(_within(found.cell))
        gone += more
        rest = [found for found in rest if found not in more]


def _survives(found: Inherited) -> bool:
    return bool(found.entry.survives(found.node.value))


def _within(cell: AnyCell) -> list[Cell]:
    if not isinstance(cell, Cell):
        return []
    return [cell, *(deeper for inner in cell.inner for deeper in _within(inner))]


def put_out_of_reach(inherited: list[Inherited]) -> None:
    """Let each handle go, and put its cell where it sits."""
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
        if found.hidden:
            continue
        if not top.is_attribute:
            in_items.append((found.node, found.cell))
        elif below:
            repairs.setdefault((id(found.owner), top.key), []).append(found)
        else:
            dormant.put_to_sleep(found.owner, {top.key: found.cell})
    _forget_opened(in_place)
    # Elements of an object that is itself a list or a dictionary have nothing that could notice their first use.
    mending.Mending(None, in_items).open()
    for found_there in repairs.values():
        first = found_there[0]
        top = first.node.chain[1]
        mended = mending.Mending(top.value, [(found.node, found.cell) for found in found_there])
        dormant.put_to_sleep(first.owner, {top.key: mended})


def _forget_opened(in_place: dict[int, AnyCell]) -> None:
    """What dormant attributes have opened under another name is the parent's: they open their own."""
    changed: dict[Cell, AnyCell] = {}

    def change(cell: AnyCell) -> AnyCell:
        if isinstance(cell, mending.Mending):
            cell.change(change)
        if not isinstance(cell, Cell) or not any(id(opened.open()) in in_place for opened in cell.opened()):
            return cell
        if cell not in changed:
            theirs = in_place.get(id(cell.open())) if cell.is_open else None
            changed[cell] = cell.with_inner(change) if theirs is None else theirs  # type: ignore[arg-type]
        return changed[cell]

    dormant.renew_cells(change)


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


def forget_resource(owner: Any, name: str, handles: list[tuple[Any, registry.HandleType]]) -> None:
    """A resource of the parent's: this process makes its own.

    Args:
        handles: those that it is or holds.
    """
    # For good: to free something that writes, or holds a lock on a file, might hurt the parent.
    _never_free(owner.__dict__.pop(name, None))
    for handle, entry in handles:
        try:
            if entry.in_child == "close" and not entry.writes(handle):
                entry.close(handle)
        except Exception:
            pass  # it stays as it is, out of reach
