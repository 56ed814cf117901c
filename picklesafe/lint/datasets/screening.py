"""Whether a file's datasets can keep anything at all, told from the texts of the files that their code is in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from picklesafe.lint.project import Module, Project

_OPENING: Final = (
    # Not `with open(…)`, which closes it, nor Pillow's, which reads a picture and pickles.
    rb"(?<!with )(?<!Image\.)\bopen\(",
    rb"\b(?:open_file|connect|memory_map|open_slide|safe_open|from_file|fdopen|open_stream|cursor|Environment|File)\(",
    rb"mmap|\.npz\b|h5py|netCDF4|read_h5ad|TextIO|BinaryIO|FileIO|IO\[|plyvel|Rdict|HDFStore|ZipStore|\bopener?\b *=",
    rb"\b(?:Fast[aqx]\w*|Faidx|AlignmentFile|Samfile|VariantFile|Tabix[Ff]ile|TwoBitFile|TiffFile|ZipFile|TarFile)\b",
    rb"\b(?:GzipFile|BZ2File|LZMAFile|TemporaryFile|NamedTemporaryFile|OpenSlide|ImageSlide|ParquetFile|OSFile)\b",
    rb"\b(?:RecordBatchFileReader|VideoReader|AudioReader|AVReader|VideoCapture|BufferedReader|BufferedRandom)\b",
)
_STUCK: Final = (
    rb"(?<!key=)\blambda\b|\n {1,4}yield\b|\b(?:R?Lock|\w*Queue|Condition|Event|Semaphore|Barrier)\(",
    rb"\b(?:Thread|Timer|local|\w*Pool)\(|Executor\(|\bsocket\b|Popen|\bcsv\.|\bscandir\b|weakref|Weak\w+\(",
    rb"_event_loop\(|\w*Handler\(|MongoClient|boto3|create_engine|ContextVar|SSLContext",
    rb"=[^\n]*\.(?:keys|values|items)\(\)[ \t]*\n|[\[({=,:][ \t]*\([^\n]*\bfor\b[^\n]* in ",
    rb"\n[ \t]{8,}(?:async )?(?:def|class) |\n\t\t+(?:def|class) ",
)
OPENS: Final = re.compile(b"|".join(_OPENING))
"""Occurs in every file in which something is opened."""
SUSPECT: Final = re.compile(b"|".join((*_OPENING, *_STUCK)))
"""Occurs in every file in which something is opened or made that workers can't be handed, modules apart."""
_KEPT_NAME: Final = re.compile(rb"\bself\.\w+[ \t]*=[ \t]*(\w+)[ \t]*\n")
_IMPORT: Final = re.compile(rb"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_FROM: Final = re.compile(rb"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)", re.MULTILINE)
_NAME: Final = re.compile(rb"(\w+)(?:[ \t]+as[ \t]+(\w+))?")
_DEPTH: Final = 4


def may_keep(module: Module, project: Project) -> bool:
    """Whether a file, or one that it takes a parent or something to call from, has anything to be kept."""
    if module.matches(SUSPECT) or _keeps_module(module.source.code):
        return True
    return _elsewhere(module, project, SUSPECT, _DEPTH)


def may_open(module: Module, project: Project) -> bool:
    """The same of what can be opened."""
    return module.matches(OPENS) or _elsewhere(module, project, OPENS, _DEPTH)


def _keeps_module(code: bytes) -> bool:
    """Whether an attribute is given a name that a file has for a whole module: `self.np = np`."""
    kept = set(_KEPT_NAME.findall(code))
    return bool(kept) and any(
        (name[1] or name[0]) in kept for names in _IMPORT.findall(code) for name in _NAME.findall(names)
    )


def _elsewhere(module: Module, project: Project, words: re.Pattern[bytes], depth: int) -> bool:
    code = module.source.code
    for home, name, alias in _imported(module):
        if name == b"*":
            if _has(module, home, project, words):
                return True
            continue
        if alias + b"." in code and _has(module, f"{home}.{name.decode()}", project, words):
            return True
        is_base = re.search(rb"class \w+\([^)]*\b%s\b" % alias, code) is not None
        if not is_base and alias + b"(" not in code and alias not in _annotations(code):
            continue
        found = project.find(home, module)
        if found is None:
            continue
        if found.matches(words):
            return True
        if depth and not _defines(found, name) and _handed_on(found, name, project, words, depth):
            return True
        if is_base and depth and _elsewhere(found, project, words, depth - 1):
            return True
    wholes = (name.decode() for names in _IMPORT.findall(code) for name in re.findall(rb"[\w.]+", names))
    return any(_has(module, name, project, words) for name in wholes)


def _has(module: Module, name: str, project: Project, words: re.Pattern[bytes]) -> bool:
    found = project.find(name, module)
    return found is not None and found.matches(words)


def _annotations(code: bytes) -> set[bytes]:
    return set(re.findall(rb":[ \t]*[\"']?(?:\w+\[)?(\w+)", code))


def _handed_on(module: Module, name: bytes, project: Project, words: re.Pattern[bytes], depth: int) -> bool:
    """Whether what a package takes from one of its modules is in a file that opens something."""
    for home, original, alias in _imported(module):
        if alias == name or original == b"*":
            found = project.find(home, module)
            if found is not None and (
                found.matches(words) or (depth and _handed_on(found, original, project, words, depth - 1))
            ):
                return True
    return False


def _defines(module: Module, name: bytes) -> bool:
    return re.search(rb"^(?:class|def) %s\b" % name, module.source.code, re.MULTILINE) is not None


def _imported(module: Module) -> Iterator[tuple[str, bytes, bytes]]:
    """The names that a file imports: from where, as what, and what it calls them."""
    for dots, home, names in _FROM.findall(module.source.code):
        parts = module.package.split(".") if module.package else []
        if dots:
            base = parts[: len(parts) - (len(dots) - 1)] if len(dots) > 1 else parts
            full = ".".join([*base, *([home.decode()] if home else [])])
        else:
            full = home.decode()
        if names.strip(b"( \t").startswith(b"*"):
            yield full, b"*", b"*"
        for name, alias in _NAME.findall(names):
            yield full, name, alias or name
