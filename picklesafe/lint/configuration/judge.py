"""From a configuration file to findings: PKS101 to PKS104, where a loader's mapping says that it has no workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from picklesafe.lint.configuration.kinds import JSON, TOML
from picklesafe.lint.configuration.nodes import Entry, Mapping, mappings, value_of
from picklesafe.lint.contract import HAZARDS, UNMISTAKABLE, WORKERS, raises, unset
from picklesafe.lint.finding import Finding, Related

if TYPE_CHECKING:
    from picklesafe.lint.registry import Rule
    from picklesafe.lint.source import Source

CODES: Final = dict(zip(HAZARDS, ("PKS101", "PKS102", "PKS103", "PKS104"), strict=True))
_PREFIXES: Final = ("", "dataloader_")
_MAKERS: Final = ("_target_", "class_path", "type", "target", "_component_")
_BESIDE: Final = frozenset({"batch_size", "pin_memory", "shuffle", "drop_last", *UNMISTAKABLE})
"""What tells that a `timeout` is a loader's."""


def documents(source: Source) -> Iterator[Any]:
    """What a configuration file holds; raises ValueError where it can't be read."""
    if source.path.endswith(TOML):
        from picklesafe.lint.configuration.toml_file import read_toml

        return read_toml(source.text)
    from picklesafe.lint.configuration.yaml_file import read_json, read_yaml

    return read_json(source.text) if source.path.endswith(JSON) else read_yaml(source.text)


def judge(source: Source, rules: Sequence[Rule], target_torch: tuple[int, int]) -> list[Finding]:
    """The findings of a configuration file.

    Raises:
        ValueError: if it can't be read; its text is the reason.
    """
    names = {rule.code: rule.name for rule in rules}
    found: dict[tuple[Any, ...], Finding] = {}
    for root in list(documents(source)):
        for mapping in mappings(root):
            for finding in _judged(source, mapping, root, target_torch):
                if finding.code in names:
                    found.setdefault((finding.start, finding.code), finding._replace(name=names[finding.code]))
    return sorted(found.values(), key=lambda finding: (finding.start, finding.code))


def _judged(source: Source, mapping: Mapping, root: Any, target_torch: tuple[int, int]) -> Iterator[Finding]:
    for prefix in _PREFIXES:
        workers = mapping.entries.get(prefix + WORKERS)
        if workers is None or not _is_none(value_of(workers, mapping, root)) or _makes_no_loader(mapping):
            continue
        for argument in HAZARDS:
            entry = mapping.entries.get(prefix + argument)
            if entry is None or (argument == "timeout" and _BESIDE.isdisjoint(mapping.entries)):
                continue
            value = value_of(entry, mapping, root)
            if _is_refused(value, argument, target_torch):
                remedy = f"{_instead(source, argument, target_torch)}, or give it workers"
                yield _finding(source, argument, workers, entry, _shown(value), remedy)


def _finding(source: Source, argument: str, workers: Entry, entry: Entry, value: str, remedy: str) -> Finding:
    same = workers.start.row == entry.start.row
    message = (
        f"{entry.key} is {value} beside {workers.key} = 0{'' if same else f' (line {workers.start.row})'}: "
        f"a loader that gets both raises {raises(argument)}; {remedy}"
    )
    return Finding(
        CODES[argument],
        "",
        source.path,
        entry.start,
        entry.end,
        message,
        related=(Related(source.path, workers.start, workers.end, f"{workers.key} is 0 here"),),
        ignore_rows=tuple(sorted({entry.start.row, workers.start.row})),
    )


def _is_refused(value: Any, argument: str, target_torch: tuple[int, int]) -> bool:
    from picklesafe.lint.interpret.arithmetic import Known
    from picklesafe.lint.interpret.suppose import refuses

    known = value is None or isinstance(value, (bool, int, float, str))
    return known and refuses(argument, target_torch)(Known(value))


def _is_none(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and value == 0


def _makes_no_loader(mapping: Mapping) -> bool:
    """Whether a mapping says that something is made of it that is no loader and no module of data."""
    for name in _MAKERS:
        entry = mapping.entries.get(name)
        if entry is not None and isinstance(entry.value, str) and "." in entry.value:
            last = entry.value.rpartition(".")[2].lower()
            return "loader" not in last and "data" not in last
    return False


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else repr(value)


def _instead(source: Source, argument: str, target_torch: tuple[int, int]) -> str:
    value = unset(argument, target_torch)
    if value == "None":
        return "leave it out" if source.path.endswith(TOML) else "write null"
    return f"write {value.lower()}"
