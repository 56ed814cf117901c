"""The page of all handle types, from what is registered: `python -m picklesafe.handles.table > docs/handles.md`.

A row holds the docstring of the function that describes a type: its first paragraph says what is restored, the rest
what isn't. A section begins with the docstring of the module. No library is imported for it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable

from picklesafe.handles.registry import HandleType, all_types

TOP = """\
# The handles that picklesafe knows

This page is written by `python -m picklesafe.handles.table` from what is registered. A type is recognised by name, and
its subclasses with it; no library is imported for being known. What isn't here can be taught with
[`register_handle`](mixin.md#teaching-a-type), or opened in a method decorated with
[`@per_worker`](mixin.md#per_worker).

**On pickling** a handle becomes a recipe: what to call with what, and how its file looked. Files are compared before
they are opened again, by size, time and inode; on another host by size. **In a forked child** every read-only
descriptor gets a file offset of its own, and beyond that:

| word | the inherited handle |
|---|---|
"""

POLICIES = {
    "offset": "needs nothing more than that",
    "reopened": "is put out of reach and left open; another one is opened at the first use",
    "made anew": "is put out of reach; a new one is made at the first use",
    "closed": "is closed first, since its library would hand it out again; another one is opened at the first use",
    "kept": "is put out of reach and never closed or freed, which would hurt the parent; another one is opened at the "
    "first use",
    "shared": "stays: it has no state that another process could disturb",
}
_WORDS = {"reopen-descriptor": "offset", "drop": "reopened", "close": "closed", "keep": "kept", "share": "shared"}

Describe = Callable[..., object]
Rows = dict[Describe, list[HandleType]]


def page() -> str:
    """The whole page, in Markdown."""
    policies = "".join(f"| {word} | {meaning} |\n" for word, meaning in POLICIES.items())
    sections = (_section(module, rows) for module, rows in sorted(_families().items(), key=_order))
    return TOP + policies + "".join(sections)


def _families() -> dict[str, Rows]:
    """The functions that describe types, by the module they stand in, with their types."""
    families: dict[str, Rows] = {}
    for entry in all_types().values():
        module = entry.describe.__module__
        if module.startswith("picklesafe.handles."):
            families.setdefault(module, {}).setdefault(entry.describe, []).append(entry)
    return families


def _order(family: tuple[str, Rows]) -> tuple[bool, bool, str]:
    """The standard library first, what can't travel last."""
    module, rows = family
    first = next(iter(rows.values()))[0].name
    return _refuses(rows), first.partition(".")[0] not in sys.stdlib_module_names, module


def _section(module: str, rows: Rows) -> str:
    title, _, rest = inspect.cleandoc(sys.modules[module].__doc__ or "").partition("\n\n")
    heading, *more = re.split("[:.] ", _text(title), maxsplit=1)
    introduction = " ".join([*map(_sentence, more), _text(rest)]).strip()
    columns = ("type", "why", "instead") if _refuses(rows) else ("type", "restores", "but", "forked child")
    cells = [columns, ("---",) * len(columns), *(_row(describe, rows[describe], len(columns)) for describe in rows)]
    lines = ["", f"## {heading.rstrip('.')}", *(["", introduction] if introduction else []), "", *map(_line, cells)]
    return "\n".join(lines) + "\n"


def _row(describe: Describe, entries: list[HandleType], columns: int) -> tuple[str, ...]:
    names = ", ".join(sorted(f"`{entry.name}`" for entry in entries))
    words = " or ".join(dict.fromkeys(map(_word, entries)))
    return (names, *_parts(describe), words)[:columns]


def _parts(describe: Describe) -> tuple[str, str]:
    """What is restored, and what else the docstring says."""
    first, _, rest = (inspect.getdoc(describe) or "").partition("\n\n")
    restored, mark, lost = _text(first).partition("Not restored")
    restored = restored.strip().removeprefix("Restores ").removeprefix("nothing: ")
    return _sentence(restored), f"{mark}{lost} {_text(rest)}".strip()


def _refuses(rows: Rows) -> bool:
    return all((describe.__doc__ or "").startswith("Restores nothing: ") for describe in rows)


def _word(entry: HandleType) -> str:
    return "made anew" if entry.in_child == "drop" and not entry.travels else _WORDS[entry.in_child]


def _text(paragraphs: str) -> str:
    """In one line; a name such as __iter__ as code, which Markdown would print in bold."""
    return re.sub(r"(?<![`\w])(__\w+__)(?![`\w])", r"`\1`", " ".join(paragraphs.split()))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # whatever the terminal's is
    sys.stdout.write(page())
