"""The keys of `[tool.picklesafe]`: how each is read, and what is said when it can't be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from picklesafe.errors import ConfigurationError
from picklesafe.lint.suggest import suggestion

_Reader = Callable[[Any], Any]


def read_keys(table: dict[str, Any], origin: str) -> dict[str, Any]:
    """The values of a configuration table, checked and turned into what settings hold.

    Raises:
        ConfigurationError: for the first key that is unknown or whose value is of the wrong kind.
    """
    values = {}
    for key, value in table.items():
        if key not in KEYS:
            raise ConfigurationError(f"{origin}: unknown key {key!r} in its picklesafe settings{suggestion(key, KEYS)}")
        try:
            values[key] = KEYS[key](value)
        except ValueError as error:
            raise ConfigurationError(f"{origin}: {key} must be {error}, not {_show(value)}") from None
    return values


def version(value: Any) -> tuple[int, int]:
    """A version such as "2.0" as a pair; raises ValueError with what it should have been."""
    # Not a TOML number: 1.10 would be 1.1.
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise ValueError('a version in quotes such as "2.0"')
    return int(parts[0]), int(parts[1])


def python_version(value: Any) -> tuple[int, int]:
    """A version such as "3.10", or "py310" as ruff writes it."""
    if isinstance(value, str) and value.startswith("py") and value[3:].isdigit():
        value = f"{value[2]}.{value[3:]}"
    try:
        found = version(value)
    except ValueError:
        found = (0, 0)
    if found[0] != 3:
        raise ValueError('a version in quotes such as "3.10"')
    return found


def _platforms(value: Any) -> tuple[str, ...]:
    known = ("linux", "macos", "windows")
    if not isinstance(value, list) or not value or not all(item in known for item in value):
        raise ValueError('a list of some of "linux", "macos", "windows"')
    return tuple(name for name in known if name in value)


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _string(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a string")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _codes_by_pattern(value: Any) -> dict[str, tuple[str, ...]]:
    try:
        return {pattern: _strings(codes) for pattern, codes in value.items()}
    except (AttributeError, ValueError):
        raise ValueError('a table of lists, such as {"tests/*" = ["PKS1"]}') from None


def _show(value: Any) -> str:
    names = {True: "true", False: "false"}
    text = names[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


KEYS: dict[str, _Reader] = {
    "select": _strings,
    "ignore": _strings,
    "extend-select": _strings,
    "exclude": _strings,
    "extend-exclude": _strings,
    "force-exclude": _flag,
    "respect-gitignore": _flag,
    "scripts": _flag,
    "per-file-ignores": _codes_by_pattern,
    "rules": _strings,
    "src": _strings,
    "target-torch": version,
    "target-python": python_version,
    "platforms": _platforms,
    "cache-dir": _string,
}
