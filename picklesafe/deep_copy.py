"""`__deepcopy__` of other classes beside the mixin, as pydantic's: their copies have handles of their own, too.

Such a method copies what the object holds with `copy.deepcopy`, which then meets bare handles. While it runs, they are
copied as they would be if `copy.deepcopy` had gone by `__reduce_ex__`.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from picklesafe import dormant, instance_dict, travel

NAME = "__deepcopy__"


def look_after(cls: type) -> None:
    """Put `DeepCopy` in front of the `__deepcopy__` that a class defines or inherits, if there is one."""
    found = next((base.__dict__[NAME] for base in cls.__mro__ if NAME in base.__dict__), None)
    if found is not None and not isinstance(found, DeepCopy):
        type.__setattr__(cls, NAME, DeepCopy(cls.__dict__.get(NAME)))


class DeepCopy:
    """Calls the `__deepcopy__` that was there, with handles on their way.

    An object, not a function: dill sends those of __main__'s classes with all that is global where they stand.

    Args:
        own: the one that the class itself defines; None if it inherits one.
    """

    def __init__(self, own: Any) -> None:
        self.own = own

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, instance: Any, memo: dict[int, Any] | None = None) -> Any:
        memo = {} if memo is None else memo
        # It looks into the __dict__ itself, where what is dormant is missing.
        dormant.wake_all(instance)
        made = travel.resources(type(instance)) & (instance_dict.of(instance) or {}).keys()
        for name in made:
            # What belongs to one process is left out below, and may not be copied, not even to be thrown away.
            value = instance_dict.of(instance)[name]
            memo[id(value)] = value
        copied = travel.within(instance, self._inherited(instance), memo)
        for name in made if type(copied) is type(instance) and copied is not instance else ():
            (instance_dict.of(copied) or {}).pop(name, None)
        return copied

    def _inherited(self, instance: Any) -> Any:
        if self.own is not None:
            bind: Any = getattr(type(self.own), "__get__", None)  # an object that is called needn't have one
            return bind(self.own, instance, type(instance)) if bind else self.own
        # Asked for anew: a subclass may have put another class between.
        here = next(base for base in type(instance).__mro__ if base.__dict__.get(NAME) is self)
        return getattr(super(here, instance), NAME)
