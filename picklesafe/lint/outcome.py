"""What is known of one file after it was looked into, in a form that can be sent and stored."""

from __future__ import annotations

from sys import intern
from typing import Any, NamedTuple

from picklesafe.lint.finding import Edit, Finding, Fix, Position, Related


class Outcome(NamedTuple):
    """The result of looking into one file.

    Args:
        findings: those that are reported.
        hazards: functions of this file whose call sites elsewhere must be judged too.
        consulted: other files that this depends on, those looked for and not found included.
        digest: of the content; empty if the outcome depends on more than that.
        fault: our own error, if there was one.
        notes: where the analysis had to stop short.
    """

    findings: tuple[Finding, ...] = ()
    hazards: frozenset[str] = frozenset()
    consulted: frozenset[str] = frozenset()
    digest: str = ""
    fault: str = ""
    notes: tuple[str, ...] = ()


def pack(outcome: Outcome) -> list[Any]:
    """Lists, strings and numbers that `unpack` makes the same outcome from."""
    findings = [_plain(finding) for finding in outcome.findings]
    names = [sorted(outcome.hazards), sorted(outcome.consulted)]
    return [findings, *names, outcome.digest, outcome.fault, list(outcome.notes)]


def unpack(packed: list[Any]) -> Outcome:
    """The outcome that was packed; raises TypeError or ValueError for anything else."""
    findings, hazards, consulted, digest, fault, notes = packed
    found = tuple(map(_finding, findings))
    return Outcome(found, frozenset(hazards), frozenset(map(intern, consulted)), digest, fault, tuple(notes))


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _finding(packed: list[Any]) -> Finding:
    code, name, path, start, end, message, certainty, fix, related, ignore_rows, cell = packed
    places = tuple(Related(p, Position(*s), Position(*e), text, number) for p, s, e, text, number in related)
    first, last = Position(*start), Position(*end)
    return Finding(code, name, path, first, last, message, certainty, _fix(fix), places, tuple(ignore_rows), cell)


def _fix(packed: list[Any] | None) -> Fix | None:
    if packed is None:
        return None
    message, edits, safe = packed
    return Fix(message, tuple(Edit(Position(*start), Position(*end), text) for start, end, text in edits), safe)
