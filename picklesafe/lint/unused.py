"""PKS902: comments that suppress nothing, and what is left of them when that is removed."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from picklesafe.lint.finding import Edit, Finding, Fix, Position
from picklesafe.lint.selection import UNUSED
from picklesafe.lint.suppress import CODE, Directive, Suppressions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from picklesafe.lint.source import Source

NAME = "unused-suppression"
_PREFIX = "PKS"


def unused(
    source: Source,
    comments: Suppressions,
    known: Collection[str],
    active: Collection[str],
    judged: Collection[str],
) -> list[Finding]:
    """A finding for each directive of which something hides nothing.

    Args:
        source: the file.
        comments: of the file, after they were asked about all that was found in it.
        known: the codes of all rules, enabled or not.
        active: the codes that would have been reported in this file.
        judged: those of them whose comments are needed by what is found in this file alone.
    """
    found = []
    for directive in comments.directives:
        codes = [
            code
            for code in _judged(directive, known, active)
            if (directive, code) not in comments.used and (code not in active or code in judged)
        ]
        if codes:
            found.append(_finding(source, directive, codes, known))
    return found


def called_names(source: Source, comments: Suppressions, useless: Sequence[Finding]) -> frozenset[str]:
    """The names of the functions elsewhere on which it may depend whether comments hide something.

    Args:
        useless: the comments that seem to hide nothing, as `unused` reports them.
    """
    starts = {finding.start for finding in useless}
    directives = [directive for directive in comments.directives if directive.start in starts]
    names: set[str] = set()
    for statement in source.tree.body:
        if any(_may_speak_of(directive, statement) for directive in directives):
            names.update(_calls(statement))
    # As their definitions have them, not as they are called here.
    return frozenset(names | {original for original, alias in _aliases(source.tree) if alias in names})


def _may_speak_of(directive: Directive, statement: ast.stmt) -> bool:
    if directive.whole_file or not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        # What stands outside of functions is known in all of them.
        return True
    return statement.lineno <= directive.rows.last and directive.rows.first <= (statement.end_lineno or 0)


def _calls(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, (ast.Name, ast.Attribute)):
            yield part.func.id if isinstance(part.func, ast.Name) else part.func.attr


def _aliases(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((alias.name, alias.asname) for alias in node.names if alias.asname)


def _judged(directive: Directive, known: Collection[str], active: Collection[str]) -> list[str]:
    """The codes of a directive of which this run can tell whether they hide something."""
    return [code for code in directive.codes if _is_ours(code, directive, known) and _runs(code, known, active)]


def _is_ours(code: str, directive: Directive, known: Collection[str]) -> bool:
    # A blanket noqa may be there for any tool.
    return not directive.noqa or code in known or code.startswith(_PREFIX)


def _runs(code: str, known: Collection[str], active: Collection[str]) -> bool:
    if code == UNUSED:
        # Asked about last, when it can't be told any more which directive it was for.
        return False
    return all(one in active for one in known if one.startswith(code) and one != UNUSED)


def _finding(source: Source, directive: Directive, codes: Sequence[str], known: Collection[str]) -> Finding:
    start = directive.start
    end = start._replace(column=start.column + len(directive.text))
    strange = [code for code in codes if code and not any(one.startswith(code) for one in known)]
    if len(strange) == len(codes):
        message = f"there is no rule {', '.join(strange)} to suppress; remove the code"
    elif set(codes) == set(directive.codes):
        message = f"`{directive.text}` hides nothing; remove it"
    else:
        hide, them = ("hides", "it") if len(codes) == 1 else ("hide", "them")
        message = f"{', '.join(codes)} in this comment {hide} nothing; remove {them}"
    rows = (start.row,) if directive.whole_file else tuple(sorted({start.row, directive.rows.last}))
    return Finding(UNUSED, NAME, source.path, start, end, message, fix=_fix(source, directive, codes), ignore_rows=rows)


def _fix(source: Source, directive: Directive, codes: Sequence[str]) -> Fix:
    if set(codes) == set(directive.codes):
        return Fix("Remove the comment", (_without_directive(source, directive),))
    old = directive.text[directive.codes_start :]
    spans = list(re.finditer(CODE, old))
    if not directive.noqa:
        spans = [span for span in spans if span.start() < old.index("]")]
    last = spans[-1].end()
    new = ""
    for before, span in zip([None, *spans], spans, strict=False):
        if span[0] not in codes:
            # The separator that stood before the code; of the first one that stays, none is needed.
            new += (old[before.end() : span.start()] if before and new else "") + span[0]
    column = directive.start.column + directive.codes_start
    place = Position(directive.start.row, column + spans[0].start()), Position(directive.start.row, column + last)
    return Fix(f"Remove {', '.join(codes)}", (Edit(*place, new),))


def _without_directive(source: Source, directive: Directive) -> Edit:
    row, column = directive.start
    line = source.lines[row - 1]
    content = line.rstrip("\r\n")
    before, after = content[: column - 1], content[column - 1 + len(directive.text) :]
    if after.strip() and not after.lstrip().startswith("#"):
        # A reason, or what somebody else wrote there: it stays a comment.
        stripped = after.lstrip(" \t:-—,")
        return Edit(directive.start, Position(row, len(content) - len(stripped) + 1), "# " if stripped else "")
    if after.strip():
        return Edit(directive.start, Position(row, len(content) - len(after.lstrip()) + 1), "")
    if not before.strip():
        ends_file = len(line) == len(content)
        end = Position(row, len(content) + 1) if ends_file else Position(row + 1, 1)
        return Edit(Position(row, 1), end, "")
    return Edit(Position(row, len(before.rstrip()) + 1), Position(row, len(content) + 1), "")
