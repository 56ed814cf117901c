"""pydantic's models, which copy themselves, with the mixin first and last."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from picklesafe import PickleSafeMixin, per_worker

pydantic = pytest.importorskip("pydantic")


class First(PickleSafeMixin, pydantic.BaseModel):  # type: ignore[misc,name-defined]
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, ignored_types=(per_worker,))
    name: str
    file: Any = None
    _private: Any = pydantic.PrivateAttr(default=None)

    @per_worker
    def made(self) -> Any:
        return lambda: self.name


class Last(pydantic.BaseModel, PickleSafeMixin):  # type: ignore[misc,name-defined]
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    name: str
    file: Any = None
    _private: Any = pydantic.PrivateAttr(default=None)


class Deeper(First):
    more: int = 3


WAYS: dict[str, Any] = {
    "pickled": lambda model: pickle.loads(pickle.dumps(model)),
    "copied": copy.copy,
    "deep": copy.deepcopy,
    "deep in a list": lambda model: copy.deepcopy([model])[0],
    "model_copy": lambda model: model.model_copy(),
    "model_copy, deep": lambda model: model.model_copy(deep=True),
    "twice": lambda model: copy.deepcopy(copy.copy(pickle.loads(pickle.dumps(model)))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", [First, Last, Deeper])
def test_a_copy_has_handles_of_its_own_and_leaves_the_model_alone(cls: Any, way: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")
    model = cls(name="x", file=open(tmp_path / "file", "rb"))
    model._private = open(tmp_path / "file", "rb")
    model.file.read(2)
    if cls is not Last:
        assert model.made() == "x"
    other = WAYS[way](model)
    assert type(other) is cls and other.model_fields_set == {"name", "file"}
    assert (other.file.read(2), other._private.read(2)) == (b"cd", b"ab")
    assert (model.file.read(2), model._private.read(2)) == (b"cd", b"ab")
    other.name = "y"
    assert model.name == "x"
    if cls is not Last:
        assert (other.made(), model.made()) == ("y", "x")


def test_a_file_outside_of_a_model_raises_as_ever_when_copied(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")
    with open(tmp_path / "file", "rb") as file:
        copy.deepcopy(First(name="x", file=file))
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.deepcopy([file])
