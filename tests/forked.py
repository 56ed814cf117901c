"""What tests of forking share: a child of a bare `os.fork`, and a type of handle for each policy."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

from picklesafe import PickleSafeMixin, Recipe, register_handle


def in_child(function: Callable[..., Any], *args: Any) -> Any:
    """What it gives in a child made with bare `os.fork`."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                answer = (True, function(*args))
            except BaseException as error:
                answer = (False, error)
            with open(theirs, "wb") as pipe:
                pipe.write(pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        well, answer = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    if not well:
        raise answer
    return answer


class Holder(PickleSafeMixin):
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Resource:
    """A handle that must be reopened after a fork."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.pid = os.getpid()
        self.closed_by: list[int] = []

    def close(self) -> None:
        self.closed_by.append(os.getpid())


class Dropped(Resource): ...


class Closed(Resource): ...


class Kept(Resource): ...


class Written(Resource): ...


MODULE = Resource.__module__


@register_handle(f"{MODULE}.Dropped", in_child="drop")
@register_handle(f"{MODULE}.Closed", in_child="close")
@register_handle(f"{MODULE}.Kept", in_child="keep")
@register_handle(f"{MODULE}.Written", in_child="drop", writes=lambda handle: "w")
def resource_handle(handle: Resource) -> Recipe:
    return Recipe(type(handle), handle.name)


class Box:
    def __init__(self, content: Any) -> None:
        self.content = content
