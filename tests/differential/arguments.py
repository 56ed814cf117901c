"""The arguments that need workers, with good, idle and bad values, and where the values are written."""

from __future__ import annotations

from .parts import Argument, Spelling

CONTEXT = "\nimport multiprocessing\n"

ARGUMENTS = [
    Argument("prefetch-2", "prefetch_factor", "2"),
    Argument("prefetch-4", "prefetch_factor", "4"),
    Argument("prefetch-none", "prefetch_factor", "None"),
    Argument("prefetch-0", "prefetch_factor", "0", bad=True),
    Argument("prefetch-negative", "prefetch_factor", "-1", bad=True),
    Argument("persistent-true", "persistent_workers", "True"),
    Argument("persistent-1", "persistent_workers", "1"),
    Argument("persistent-text", "persistent_workers", '"False"'),
    Argument("persistent-false", "persistent_workers", "False"),
    Argument("persistent-0", "persistent_workers", "0"),
    Argument("persistent-none", "persistent_workers", "None"),
    Argument("persistent-empty", "persistent_workers", '""'),
    Argument("context-fork", "multiprocessing_context", '"fork"'),
    Argument("context-spawn", "multiprocessing_context", "'spawn'"),
    Argument("context-object", "multiprocessing_context", 'multiprocessing.get_context("spawn")', CONTEXT),
    Argument("context-none", "multiprocessing_context", "None"),
    Argument("context-unknown", "multiprocessing_context", '"threads"', bad=True),
    Argument("context-empty", "multiprocessing_context", '""', bad=True),
    Argument("timeout-30", "timeout", "30"),
    Argument("timeout-half", "timeout", "0.5"),
    Argument("timeout-0", "timeout", "0"),
    Argument("timeout-0.0", "timeout", "0.0"),
    Argument("timeout-false", "timeout", "False"),
    Argument("timeout-negative", "timeout", "-1", bad=True),
    Argument("timeout-none", "timeout", "None", bad=True),
]

SPELLINGS = [
    Spelling("literal"),
    Spelling("module-constant", "VALUE", head="\nVALUE = {on}\n"),
    Spelling("local", "given", local="given = {on}"),
    Spelling("class-constant", "Defaults.given", head="\n\nclass Defaults:\n    given = {on}\n"),
    Spelling("dict-constant", 'DEFAULTS["{keyword}"]', head='\nDEFAULTS = {{"{keyword}": {on}}}\n'),
    Spelling(
        "dataclass-field",
        "bundle.given",
        head="\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Given:\n    given: object = {on}\n",
        local="bundle = Given()",
        by_default=True,
    ),
    Spelling("parameter-default", "given", parameter="given={on}", needs="parameters", by_default=True),
    Spelling("self", "self.given", init="self.given = {on}", needs="init"),
    Spelling("cfg-get", 'cfg.get("{keyword}", {on})', needs="cfg", by_default=True),
    Spelling("getattr", 'getattr(cfg, "{keyword}", {on})', needs="namespace", by_default=True),
    Spelling(
        "argparse", "args.given", init='parser.add_argument("--given", default={on})', needs="args", by_default=True
    ),
]
