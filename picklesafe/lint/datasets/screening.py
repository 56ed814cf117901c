"""Whether a file's datasets can keep anything at all, told from the texts of the files that their code is in."""

from __future__ import annotations

import re
from typing import Final

from picklesafe.lint.project import Module, Project
from picklesafe.lint.trees import remembered

Words = dict[bytes, re.Pattern[bytes] | None]
"""Words that are looked for, some with the surroundings that they need: many times faster than one pattern for all."""

_PLAIN: Final = (
    "open_file( connect( memory_map( open_slide( safe_open( torch.from_file( fdopen( open_stream( cursor( File( mmap "
    "Environment( .npz h5py netCDF4 read_h5ad TextIO BinaryIO FileIO IO[ plyvel Rdict HDFStore ZipStore Fast Faidx "
    "AlignmentFile Samfile VariantFile TabixFile Tabixfile TwoBitFile TiffFile ZipFile TarFile GzipFile BZ2File "
    "LZMAFile TemporaryFile OpenSlide ImageSlide ParquetFile OSFile RecordBatchFileReader VideoReader AudioReader "
    "AVReader VideoCapture BufferedReader BufferedRandom"
)
_STUCK: Final = (
    "Lock( Queue( Condition( Event( Semaphore( Barrier( Thread( Timer( threading.local( Pool( Executor( socket. Popen( "
    "csv. scandir weakref Weak _event_loop( Handler( MongoClient boto3 create_engine ContextVar SSLContext"
)
_VIEW: Final = re.compile(rb"=[^\n]*\.(?:keys|values|items)\(\)[ \t]*\n")
_GENERATOR: Final = re.compile(rb"[\[({=,:] ?\([^\n]* for [^\n]* in ")
OPENS: Final[Words] = {
    # Not `with open(…)`, which closes it, nor Pillow's, which reads a picture and pickles.
    b"open(": re.compile(rb"(?<!with )(?<!Image\.)\bopen\("),
    b" open ": re.compile(rb"= *[^\n#]*\bopen\b"),
    **dict.fromkeys(_PLAIN.encode().split()),
}
"""One of them occurs in every file in which something is opened that may be kept."""
SUSPECT: Final[Words] = {
    **OPENS,
    **dict.fromkeys(_STUCK.encode().split()),
    **dict.fromkeys((b"\n        def ", b"\n        class ", b"\n\t\tdef ", b"\n\t\tclass ")),
    **dict.fromkeys((b".keys()\n", b".values()\n", b".items()\n"), _VIEW),
    **dict.fromkeys((b"= (", b", (", b": (", b"((", b"[("), _GENERATOR),
    b"lambda": re.compile(rb"(?<!key=)\blambda\b"),
    b"    yield": re.compile(rb"\n {1,4}yield\b"),
}
"""One of them occurs in every file in which something is opened or made that workers can't be handed, modules apart."""
_KEPT_NAME: Final = re.compile(rb"\bself\.\w+[ \t]*=[ \t]*(\w+)[ \t]*\n")
_IMPORT: Final = re.compile(rb"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_FROM: Final = re.compile(rb"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)", re.MULTILINE)
_NAME: Final = re.compile(rb"(\w+)(?:[ \t]+as[ \t]+(\w+))?")
_BASES: Final = re.compile(rb"^[ \t]*class \w+\(([^)]*)\)", re.MULTILINE)
_USES: Final = (b"%s(", b": %s", b"[%s]", b':"%s')
"""How a name is called, or annotates a parameter."""
_WORD: Final = re.compile(rb"\w+")
_DOTTED: Final = re.compile(rb"[\w.]+")
_DEPTH: Final = 4


def may_keep(module: Module, project: Project) -> bool:
    """Whether a file, or one that it takes a parent or something to call from, has anything to be kept."""
    if _has_one(module, SUSPECT) or _keeps_module(module.source.code):
        return True
    return _elsewhere(module, project, SUSPECT, _DEPTH)


def may_open(module: Module, project: Project) -> bool:
    """The same of what can be opened."""
    return _has_one(module, OPENS) or _elsewhere(module, project, OPENS, _DEPTH)


def is_suspect(module: Module) -> bool:
    """Whether a file by itself has anything to be kept."""
    return _has_one(module, SUSPECT)


def opens(module: Module) -> bool:
    """Whether a file by itself opens anything."""
    return _has_one(module, OPENS)


def speaks_of_opening(code: bytes) -> bool:
    """Whether a piece of code opens anything."""
    return _occurs(OPENS, code)


def defines(module: Module, name: bytes) -> bool:
    """Whether a class or a function of that name stands at the top level."""
    code = module.source.code
    return b"\nclass %s" % name in code or b"\ndef %s" % name in code


def _has_one(module: Module, words: Words) -> bool:
    return module.asks(id(words), lambda: _occurs(words, module.source.code))


def _occurs(words: Words, code: bytes) -> bool:
    return any(word in code and (form is None or form.search(code) is not None) for word, form in words.items())


def _keeps_module(code: bytes) -> bool:
    """Whether an attribute is given a name that a file has for a whole module: `self.np = np`."""
    kept = set(_KEPT_NAME.findall(code))
    return bool(kept) and any(
        (name[1] or name[0]) in kept for names in _IMPORT.findall(code) for name in _NAME.findall(names)
    )


def _elsewhere(module: Module, project: Project, words: Words, depth: int) -> bool:
    code = module.source.code
    bases = {name for listed in _BASES.findall(code) for name in _WORD.findall(listed)}
    for home, name, alias in _imported(module):
        if name == b"*":
            if _has(module, home, project, words):
                return True
            continue
        if alias + b"." in code and _has(module, f"{home}.{name.decode()}", project, words):
            return True
        used = alias in bases or any(form % alias in code for form in _USES)
        found = project.find(home, module) if used else None
        if found is None:
            continue
        if _has_one(found, words) or (depth and _handed_on(found, name, project, words, depth)):
            return True
        if alias in bases and depth and _elsewhere(found, project, words, depth - 1):
            return True
    wholes = (name.decode() for names in _IMPORT.findall(code) for name in _DOTTED.findall(names))
    return any(_has(module, name, project, words) for name in wholes)


def _has(module: Module, name: str, project: Project, words: Words) -> bool:
    found = project.find(name, module)
    return found is not None and _has_one(found, words)


def _handed_on(module: Module, name: bytes, project: Project, words: Words, depth: int) -> bool:
    """Whether what a package takes from one of its modules is in a file that has one of the words."""
    if defines(module, name):
        return False
    for home, original, alias in _imported(module):
        if alias == name or original == b"*":
            found = project.find(home, module)
            if found is not None and (
                _has_one(found, words) or (depth and _handed_on(found, name, project, words, depth - 1))
            ):
                return True
    return False


@remembered
def _imported(module: Module) -> tuple[tuple[str, bytes, bytes], ...]:
    """The names that a file imports: from where, as what, and what it calls them."""
    found: list[tuple[str, bytes, bytes]] = []
    for dots, home, names in _FROM.findall(module.source.code):
        parts = module.package.split(".") if module.package else []
        parts = parts[: len(parts) - (len(dots) - 1)] if len(dots) > 1 else parts
        full = ".".join([*parts, *([home.decode()] if home else [])]) if dots else home.decode()
        if names.strip(b"( \t").startswith(b"*"):
            found.append((full, b"*", b"*"))
        found += ((full, name, alias or name) for name, alias in _NAME.findall(names))
    return tuple(found)
