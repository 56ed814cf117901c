"""One file whose content is given rather than read, as an editor has it before it is saved."""

from __future__ import annotations

from picklesafe.lint.discover import excluded
from picklesafe.lint.engine import Report
from picklesafe.lint.judge import Judge
from picklesafe.lint.registry import load_rules
from picklesafe.lint.settings import Settings

NAMELESS = "-"
"""The path of a content that belongs to no file."""


def check_content(path: str, data: bytes, settings: Settings) -> Report:
    """Check `data` as if `path` held it; other files of the project are read from the disk.

    Args:
        path: what it is reported as, what configuration is matched with and imports start from.
            An excluded one is passed over if excludes are forced.
        data: what it holds.
        settings: of the run; results are not kept.
    """
    rules = load_rules(settings.rules, settings.config_dir)
    if path != NAMELESS and excluded(path, settings):
        return Report((), notes=(f"{path}: is excluded",), rules=tuple(rules))
    enabled = [rule for rule in rules if rule.code in settings.codes]
    outcome = Judge(enabled, settings._replace(cache_dir=None), rules).judge_content(path, data)
    return Report(
        findings=tuple(sorted(outcome.findings, key=lambda finding: (finding.cell or 0, finding.start, finding.code))),
        checked=1,
        errors=(outcome.fault,) if outcome.fault else (),
        notes=outcome.notes,
        watched=outcome.hazards,
        rules=tuple(rules),
        files=(path,),
    )
