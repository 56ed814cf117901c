"""For programs that read a stream: a JSON object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from picklesafe.lint.report.json_ import as_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picklesafe.lint.finding import Finding
    from picklesafe.lint.report.style import Style


def render(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """The objects of the format `json`, each on a line of its own."""
    for finding in findings:
        yield json.dumps(as_object(finding), separators=(",", ":")) + "\n"
