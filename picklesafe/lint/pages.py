"""The pages of the rules: what each finds, why that fails, what to write instead, with its examples."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from picklesafe.lint.builtin import EXAMPLES, PAGES

if TYPE_CHECKING:
    from picklesafe.lint.registry import Rule

_FENCES = re.compile("`{3,}")


class Page(NamedTuple):
    """One of them: `bad` maps code to what its fix makes of it, or None."""

    code: str
    name: str
    text: str
    bad: dict[str, str | None]
    good: list[str]

    @property
    def summary(self) -> str:
        return self.text.partition(": ")[2].partition("\n")[0]

    @property
    def fixable(self) -> bool:
        """Whether `--fix` mends some of what the rule finds."""
        return any(after is not None for after in self.bad.values())


def pages(rules: Iterable[Rule]) -> list[Page]:
    """The pages of `rules` and of the engine's own codes, sorted by code."""
    found = [_page(rule) for rule in rules]
    for code, text in PAGES.items():
        found.append(Page(code, text.partition(" ")[2].partition(":")[0], text, EXAMPLES.get(code, {}), []))
    return sorted(found)


def as_markdown(page: Page) -> str:
    """A page as Markdown."""
    parts = [f"# {page.name} ({page.code})", *(["Fix is available."] if page.fixable else [])]
    parts.append(page.text.partition(": ")[2].strip())
    if page.bad:
        parts.append("## Wrong")
    for before, after in page.bad.items():
        parts.append(_fenced(before))
        if after is not None:
            parts += ["with `--fix`:", _fenced(after)]
    if page.good:
        parts += ["## Right", *map(_fenced, page.good)]
    return "\n\n".join(parts) + "\n"


def _page(rule: Rule) -> Page:
    bad = getattr(rule.module, "BAD", {})
    return Page(rule.code, rule.name, rule.page, dict(bad), list(getattr(rule.module, "GOOD", ())))


def _fenced(code: str) -> str:
    # Longer than any fence in the code itself.
    fence = "`" * max([3, *(len(found) + 1 for found in _FENCES.findall(code))])
    newline = "\n"
    return f"{fence}python\n{code.strip(newline)}\n{fence}"
