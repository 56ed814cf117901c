"""What the editor's user sets: the initialization options."""

from __future__ import annotations

from typing import Any, NamedTuple


class InitializationOptions(NamedTuple):
    """The options, with their defaults.

    Args:
        trust_project_rules: whether to load the rules that a project's configuration names. They
            are code of the project's, and editors open projects that nobody has vouched for.
        show_syntax_errors: whether to report files that are no Python, as other servers do as well.
        debounce: milliseconds to wait after a keystroke.
    """

    trust_project_rules: bool = False
    show_syntax_errors: bool = True
    debounce: int = 50

    @classmethod
    def of(cls, given: Any) -> InitializationOptions:
        """The options that a client has sent; those of another type than they should be don't count."""
        table = given if isinstance(given, dict) else {}
        trust, syntax, debounce = (table.get(name) for name in ("trustProjectRules", "showSyntaxErrors", "debounce"))
        return cls(
            trust is True,
            syntax is not False,
            debounce if type(debounce) is int and 0 <= debounce <= 10_000 else cls().debounce,
        )
