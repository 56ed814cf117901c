"""Guards that are statements around the call, or build its keyword arguments."""

from __future__ import annotations

from .guards import CHECKER, CONSTRUCTOR, HELPERS, NUMBERS, statements

# Blocks
statements("if-else-block", "if {w} > 0:\n    CALL {v}\nelse:\n    CALL -", True)
statements("if-zero-block", "if {w} == 0:\n    CALL {off}\nelse:\n    CALL {v}", True)
statements("if-block-only", "loader = None\nif {w} > 0:\n    CALL {v}", True)
statements("if-truth-block", "loader = None\nif {w}:\n    CALL {v}", True)
statements("if-block-wrong", "loader = None\nif {w} >= 0:\n    CALL {v}", False)
statements("if-block-inverted", "if {w} > 0:\n    CALL {off}\nelse:\n    CALL {v}", False)
statements("elif-block", "if {w} > 4:\n    CALL {v}\nelif {w} > 0:\n    CALL {v}\nelse:\n    CALL -", True)
statements("elif-block-wrong", "if {w} > 4:\n    CALL {v}\nelif {w} >= 0:\n    CALL {v}\nelse:\n    CALL -", False)
statements("if-walrus", "if (workers := {w}) > 0:\n    CALL {v} @ workers\nelse:\n    CALL - @ workers", True)
statements("if-helper", "if is_parallel({w}):\n    CALL {v}\nelse:\n    CALL -", True, head=HELPERS)
statements(
    "if-and-other", "size = 4\nif {w} > 0 and size > 1:\n    chosen = {v}\nelse:\n    chosen = {off}\nCALL chosen", True
)
statements(
    "if-or-other", "size = 4\nif {w} > 0 or size > 1:\n    chosen = {v}\nelse:\n    chosen = {off}\nCALL chosen", False
)

# Values chosen before the call
statements("assign-if-else", "if {w} > 0:\n    chosen = {v}\nelse:\n    chosen = {off}\nCALL chosen", True)
statements("assign-then-if", "chosen = {off}\nif {w} > 0:\n    chosen = {v}\nCALL chosen", True)
statements("assign-then-if-wrong", "chosen = {v}\nif {w} > 4:\n    chosen = {v}\nCALL chosen", False)
statements("rebinding-to-off", "chosen = {v}\nif not {w}:\n    chosen = {off}\nCALL chosen", True)
statements("rebinding-wrongly", "chosen = {v}\nif {w}:\n    chosen = {off}\nCALL chosen", False)
statements("rebinding-too-late", "chosen = {v}\nCALL chosen\nif not {w}:\n    chosen = {off}", False)
statements(
    "elif-chain",
    "if {w} < 0:\n    raise ValueError({w})\nelif {w} == 0:\n    chosen = {off}\nelse:\n    chosen = {v}\nCALL chosen",
    True,
)
statements(
    "match", "match {w}:\n    case 0:\n        chosen = {off}\n    case _:\n        chosen = {v}\nCALL chosen", True
)
statements(
    "match-wrong",
    "match {w}:\n    case 1:\n        chosen = {off}\n    case _:\n        chosen = {v}\nCALL chosen",
    False,
)
statements(
    "match-guard",
    "match {w}:\n    case count if count > 0:\n        chosen = {v}\n    case _:\n        chosen = {off}\nCALL chosen",
    True,
)
statements(
    "match-or",
    "match {w}:\n    case 0 | None:\n        chosen = {off}\n    case _:\n        chosen = {v}\nCALL chosen",
    True,
)

# Leaving before the call
statements("early-return", "if {w} == 0:\n    CALL -\n    return loader\nCALL {v}", True, needs_function=True)
statements("early-return-none", "if not {w}:\n    return None\nCALL {v}", True, needs_function=True)
statements("early-return-wrong", "if {w} < 0:\n    return None\nCALL {v}", False, needs_function=True)
statements("early-return-else", "if {w}:\n    pass\nelse:\n    return None\nCALL {v}", True, needs_function=True)
statements(
    "early-return-alias", "parallel = bool({w})\nif not parallel:\n    return None\nCALL {v}", True, needs_function=True
)
statements("raise", 'if {w} == 0:\n    raise ValueError("no workers")\nCALL {v}', True)
statements("raise-if-not", "if not {w}:\n    raise RuntimeError\nCALL {v}", True)
statements("raise-wrong", 'if {w} < 0:\n    raise ValueError("negative")\nCALL {v}', False)
statements("raise-in-helper", "check({w})\nCALL {v}", True, head=CHECKER)
statements("exit", 'if {w} == 0:\n    sys.exit("no workers")\nCALL {v}', True, head="\nimport sys\n")
statements("assert", "assert {w} > 0\nCALL {v}", True)
statements("assert-truth", 'assert {w}, "no workers"\nCALL {v}', True)
statements("assert-compound", "size = 4\nassert size > 0 and {w} > 0\nCALL {v}", True)
statements("assert-wrong", "assert {w} >= 0\nCALL {v}", False)
statements("assert-too-late", "CALL {v}\nassert {w} > 0", False)
statements("division-before", "share = 64 // {w}\nCALL {v}", True)
statements("true-division-before", "share = len(DATA) / {w}\nCALL {v}", True)
statements("modulo-before", "rest = 64 % {w}\nCALL {v}", True)
statements("division-guarded", "share = 64 // max(1, {w})\nCALL {v}", False)
statements("division-by-other", "size = 4\nshare = {w} // size\nCALL {v}", False)

# Correcting the number of workers
statements("workers-corrected", "workers = {w}\nif workers == 0:\n    workers = 1\nCALL {v} @ workers", True)
statements("workers-corrected-wrongly", "workers = {w}\nif workers < 0:\n    workers = 0\nCALL {v} @ workers", False)
statements("workers-augmented", "workers = {w}\nworkers += 1\nCALL {v} @ workers", True)
statements("workers-multiplied", "workers = {w}\nworkers *= 2\nCALL {v} @ workers", False)
statements("workers-augmented-if", "workers = {w}\nif not workers:\n    workers += 2\nCALL {v} @ workers", True)
statements("workers-max-1", "CALL {v} @ max(1, {w})", True)
statements("workers-max-1-swapped", "CALL {v} @ max({w}, 1)", True)
statements("workers-max-0", "CALL {v} @ max(0, {w})", False)
statements("workers-min", "CALL {v} @ min({w}, 8)", False)
statements("workers-clamped", "CALL {v} @ max(1, min({w}, 8))", True)
statements("workers-clamped-wrongly", "CALL {v} @ min(8, max(0, {w}))", False)
statements("workers-or-1", "CALL {v} @ {w} or 1", True)
statements("workers-or-0", "CALL {v} @ {w} or 0", False)
statements("workers-plus-1", "CALL {v} @ {w} + 1", True)
statements("workers-int", "CALL {v} @ int({w})", False)
statements("workers-abs", "CALL {v} @ abs({w})", False)
statements("workers-plus-1-guarded", "CALL {v} if {w} > 0 else {off} @ {w} + 1", True)
statements("workers-ternary", "CALL {v} @ {w} if {w} > 0 else 1", True)
statements("workers-ternary-wrong", "CALL {v} @ {w} if {w} > 0 else 0", False)
statements(
    "workers-parsed", "try:\n    workers = int({w})\nexcept ValueError:\n    workers = 0\nCALL {v} @ workers", False
)
statements("ternaries-paired", "CALL {v} if {w} > 0 else {off} @ {w} if {w} > 0 else 0", True)
statements("tuple-unpacked", "workers, chosen = {w}, {v}\nCALL chosen @ workers", False)
statements("tuple-of-both", "workers, chosen = ({w}, {v}) if {w} > 0 else (0, {off})\nCALL chosen @ workers", True)
statements(
    "tuple-of-both-wrong", "workers, chosen = ({w}, {off}) if {w} > 0 else (0, {v})\nCALL chosen @ workers", False
)
statements("correlated", "debug = {w} == 0\nCALL {off} if debug else {v} @ 0 if debug else {w}", True)
statements("correlated-not", "debug = {w} == 0\nCALL not debug @ 0 if debug else {w}", None, only=NUMBERS)
statements("correlated-wrong", "debug = {w} == 0\nCALL {v} if debug else {off} @ 0 if debug else {w}", False)

# Loops and nesting
statements("loop", 'for split in ("train", "val"):\n    CALL {v}', False)
statements("loop-guarded", 'for split in ("train", "val"):\n    CALL {v} if {w} > 0 else {off}', True)
statements(
    "loop-continue",
    'loader = None\nfor split in ("train", "val"):\n    if {w} == 0:\n        continue\n    CALL {v}',
    True,
)
statements(
    "loop-break", 'loader = None\nfor split in ("train", "val"):\n    if not {w}:\n        break\n    CALL {v}', True
)
statements(
    "loop-continue-other",
    'for split in ("train", "val"):\n    if split == "val":\n        continue\n    CALL {v}',
    False,
)
statements("loop-once-per-worker", "loader = None\nfor _ in range({w}):\n    CALL {v}", True)
statements("while-workers", "loader = None\ncount = {w}\nwhile count > 0:\n    CALL {v}\n    count -= 1", True)
statements(
    "while-true",
    "while True:\n    if not {w}:\n        return None\n    CALL {v}\n    break",
    True,
    needs_function=True,
)
statements("list-of-loaders", 'loader = [{inline_on} for split in ("train", "val")]', False)
statements("dict-of-loaders-guarded", 'loader = {{split: {inline_guarded} for split in ("train", "val")}}', True)
statements("second-loader-plain", "CALL {v} if {w} > 0 else {off}\nCALL {v}", False)
statements("first-loader-plain", "CALL {v}\nCALL {v} if {w} > 0 else {off}", False)
statements("with-block", "with contextlib.nullcontext():\n    CALL {v}", False, head="\nimport contextlib\n")
statements(
    "with-block-guarded",
    "with contextlib.nullcontext():\n    CALL {v} if {w} else {off}",
    True,
    head="\nimport contextlib\n",
)
statements("conditional-call", "loader = {inline_on} if {w} > 0 else {inline_without}", True)
statements("conditional-call-inverted", "loader = {inline_off} if {w} > 0 else {inline_on}", False)
statements("call-after-and", "loader = {w} and {inline_on}", True)
statements("call-after-or", "loader = {w} == 0 or {inline_on}", True)
statements("call-after-or-wrong", "loader = {w} < 0 or {inline_on}", False)
statements("comprehension-filtered", "loader = [{inline_named} for workers in ({w},) if workers]", True)
statements("comprehension-unfiltered", "loader = [{inline_named} for workers in ({w},)]", False)
statements(
    "loop-over-workers",
    "loader = None\nfor workers in ({w},):\n    if not workers:\n        continue\n    CALL {v} @ workers",
    True,
)
statements("lambda-called", "make_it = lambda: {inline_on}  # noqa: E731\nloader = make_it()", False)
statements("local-function-value", "def chosen():\n    return {v} if {w} else {off}\nCALL chosen()", True)
statements(
    "local-function-guarded",
    "def made():\n    if not {w}:\n        return None\n    return {inline_on}\nloader = made()",
    True,
)
statements("local-function-plain", "def made():\n    return {inline_on}\nloader = made()", False)
statements(
    "nested-try",
    "try:\n    if {w} == 0:\n        raise ValueError\n    CALL {v}\nexcept ValueError:\n    CALL -",
    True,
    only=CONSTRUCTOR,
)

# Exceptions that the program catches
statements("try-value-error", "try:\n    CALL {v}\nexcept ValueError:\n    CALL -", True, only=CONSTRUCTOR)
statements(
    "try-tuple", "try:\n    CALL {v}\nexcept (TypeError, ValueError):\n    loader = None", True, only=CONSTRUCTOR
)
statements(
    "try-exception", "try:\n    CALL {v}\nexcept Exception as error:\n    loader = error", True, only=CONSTRUCTOR
)
statements("try-bare", "try:\n    CALL {v}\nexcept:  # noqa: E722\n    loader = None", True, only=CONSTRUCTOR)
statements("try-other", "try:\n    CALL {v}\nexcept KeyError:\n    loader = None", False)
statements("try-reraised", "try:\n    CALL {v}\nexcept ValueError as error:\n    raise RuntimeError from error", False)
statements("try-finally", "size = 0\ntry:\n    CALL {v}\nfinally:\n    size += 1", False)
statements("try-else", "try:\n    size = len(DATA)\nexcept TypeError:\n    size = 0\nelse:\n    CALL {v}", False)
statements("try-in-handler", "try:\n    size = DATA.size\nexcept AttributeError:\n    CALL {v}", False)
statements(
    "suppress",
    "loader = None\nwith contextlib.suppress(ValueError):\n    CALL {v}",
    True,
    head="\nimport contextlib\n",
    only=CONSTRUCTOR,
)
statements(
    "suppress-exception",
    "loader = None\nwith suppress(Exception):\n    CALL {v}",
    True,
    head="\nfrom contextlib import suppress\n",
    only=CONSTRUCTOR,
)
statements(
    "suppress-other",
    "loader = None\nwith contextlib.suppress(KeyError):\n    CALL {v}",
    False,
    head="\nimport contextlib\n",
)

# Keyword arguments built step by step
statements("pop-when-0", "kwargs = {dict_on}\nif {w} == 0:\n    kwargs.pop({key})\nWITH kwargs", True)
statements("pop-when-0-default", "kwargs = {dict_on}\nif not {w}:\n    kwargs.pop({key}, None)\nWITH kwargs", True)
statements("pop-always", "kwargs = {dict_on}\nkwargs.pop({key})\nWITH kwargs", True)
statements("pop-wrong", "kwargs = {dict_on}\nif {w}:\n    kwargs.pop({key})\nWITH kwargs", False)
statements("pop-other", 'kwargs = {dict_on}\nkwargs.pop("pin_memory", None)\nWITH kwargs', False)
statements("del-when-0", "kwargs = {dict_on}\nif {w} == 0:\n    del kwargs[{key}]\nWITH kwargs", True)
statements("off-when-0", "kwargs = {dict_on}\nif {w} < 1:\n    kwargs[{key}] = {off}\nWITH kwargs", True)
statements("off-when-positive", "kwargs = {dict_on}\nif {w} > 0:\n    kwargs[{key}] = {off}\nWITH kwargs", False)
statements(
    "conditional-dict", "extra = dict({name}={v}) if {w} else {{}}\nkwargs = {dict_without}\nWITH kwargs extra", True
)
statements(
    "conditional-dict-reversed",
    "extra = {{}} if {w} == 0 else {{{key}: {v}}}\nkwargs = {dict_without}\nWITH kwargs extra",
    True,
)
statements(
    "conditional-dict-wrong",
    "extra = {{}} if {w} < 0 else {{{key}: {v}}}\nkwargs = {dict_without}\nWITH kwargs extra",
    False,
)
statements(
    "conditional-dict-within",
    "kwargs = {{**{dict_without}, **({{{key}: {v}}} if {w} > 0 else {{}})}}\nWITH kwargs",
    True,
)
statements(
    "kwargs-in-branches", "if {w} == 0:\n    kwargs = {dict_without}\nelse:\n    kwargs = {dict_on}\nWITH kwargs", True
)
statements(
    "kwargs-in-branches-wrong",
    "if {w} == 0:\n    kwargs = {dict_on}\nelse:\n    kwargs = {dict_off}\nWITH kwargs",
    False,
)
statements("cleared", "kwargs = {dict_on}\nif not {w}:\n    kwargs.clear()\nWITH kwargs", True)
statements(
    "defaults-overridden",
    "defaults = {{{workers_key}: 4, {key}: {v}}}\nkwargs = {{**defaults, {workers_key}: {w}}}\nWITH kwargs",
    False,
)
statements(
    "defaults-kept",
    "defaults = {{{workers_key}: 4, {key}: {v}}}\nkwargs = {{{workers_key}: {w}, **defaults}}\nWITH kwargs",
    True,
)
statements("in-tested", "kwargs = {dict_on}\nif {key} in kwargs and not {w}:\n    kwargs.pop({key})\nWITH kwargs", True)
statements("item-if", "kwargs = {dict_without}\nif {w} > 0:\n    kwargs[{key}] = {v}\nWITH kwargs", True)
statements("item-if-wrong", "kwargs = {dict_without}\nif {w} >= 0:\n    kwargs[{key}] = {v}\nWITH kwargs", False)
statements("update-if", "kwargs = {dict_without}\nif {w}:\n    kwargs.update({name}={v})\nWITH kwargs", True)
statements(
    "update-dict-if", "kwargs = {dict_without}\nif {w} != 0:\n    kwargs.update({{{key}: {v}}})\nWITH kwargs", True
)
statements("update-if-wrong", "kwargs = {dict_without}\nif not {w}:\n    kwargs.update({name}={v})\nWITH kwargs", False)
statements("or-assign-if", "kwargs = {dict_without}\nif {w} > 0:\n    kwargs |= {{{key}: {v}}}\nWITH kwargs", True)
statements(
    "setdefault-guarded",
    "kwargs = {dict_without}\nkwargs.setdefault({key}, {v} if {w} > 0 else {off})\nWITH kwargs",
    True,
)
statements("setdefault-plain", "kwargs = {dict_without}\nkwargs.setdefault({key}, {v})\nWITH kwargs", False)
statements("setdefault-preset", "kwargs = {dict_off}\nkwargs.setdefault({key}, {v})\nWITH kwargs", True)
statements(
    "setdefault-get",
    "kwargs = {dict_without}\nkwargs.setdefault({key}, kwargs.get({workers_key}, 0) > 0)\nWITH kwargs",
    None,
    only=("persistent_workers",),
)
statements(
    "get-tested", "kwargs = {dict_on}\nif not kwargs.get({workers_key}):\n    kwargs[{key}] = {off}\nWITH kwargs", True
)
statements(
    "get-tested-default",
    "kwargs = {dict_on}\nif kwargs.get({workers_key}, 0) == 0:\n    kwargs.pop({key}, None)\nWITH kwargs",
    True,
)
statements(
    "filtered",
    "kwargs = {dict_guarded}\nkwargs = {{key: one for key, one in kwargs.items() if one is not None}}\nWITH kwargs",
    True,
)
statements(
    "filtered-plain",
    "kwargs = {dict_on}\nkwargs = {{key: one for key, one in kwargs.items() if one is not None}}\nWITH kwargs",
    False,
)
statements(
    "copied", "defaults = {dict_on}\nkwargs = dict(defaults)\nif not {w}:\n    kwargs.pop({key})\nWITH kwargs", True
)
statements(
    "copied-wrong",
    "defaults = {dict_on}\nkwargs = dict(defaults)\nif not {w}:\n    defaults.pop({key})\nWITH kwargs",
    False,
)
statements("same-dict", "kwargs = {dict_on}\nalias = kwargs\nif not {w}:\n    alias.pop({key})\nWITH kwargs", True)
statements("later-wins", "kwargs = {dict_on}\nkwargs = {{**kwargs, {key}: {v} if {w} else {off}}}\nWITH kwargs", True)
