"""What a forked child does with the handles that it inherits: proved by descriptors and offsets, never by a race."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picklesafe import PickleSafeMixin, UnsafeHandleError, forking, per_worker, search
from tests import datasets
from tests.forked import Box, Closed, Dropped, Holder, Kept, Resource, Written, in_child
from tests.workers import in_worker

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return datasets.write_records(tmp_path / "records.txt")


def offset(file: Any) -> int:
    """Where the descriptor stands, whatever has been read ahead of the position."""
    return os.lseek(file.fileno(), 0, os.SEEK_CUR)


def read_all(file: Any) -> tuple[int, bytes]:
    place = file.tell()
    return place, file.read()


class Locked(Holder):
    pass


INTERRUPTED = """
import os, sys
from picklesafe import UnsafeHandleError
from tests.forked import Closed, Holder, in_child

class Interrupting:
    @property
    def __dict__(self):
        raise KeyboardInterrupt

def use(holder):
    try:
        return holder.file.read(4), holder.resource.name
    except UnsafeHandleError as error:
        return str(error)

holder = Holder(file=open(sys.argv[1], "rb", buffering=0), resource=Closed("a"), odd=Interrupting())
print(in_child(holder.file.read, 4), holder.file.tell())
print(in_child(use, holder))
"""


def test_what_interrupts_the_look_before_a_fork_leaves_the_child_protected(records: Path) -> None:
    """As a signal may: Python says that the exception was ignored, and forks nevertheless."""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, records], cwd=root, capture_output=True, text=True, timeout=60
    )
    first, second = done.stdout.splitlines()
    assert first == "b'0000' 0"
    assert second.startswith("Holder.resource: couldn't be looked after at the fork: ")
    assert "KeyboardInterrupt" in second


class TestOffsets:
    @pytest.mark.parametrize(
        "fork", [in_child, lambda *args: in_worker("fork", *args)], ids=["os.fork", "multiprocessing"]
    )
    def test_a_childs_reading_moves_nothing_in_the_parent(self, fork: Callable[..., Any], records: Path) -> None:
        dataset = datasets.Nested(records)
        for place, file in enumerate(dataset.files()):
            file.seek(place)
            file.read(1)
        before = [(file.tell(), offset(file)) for file in dataset.files()]
        content = records.read_bytes()
        for place, file in enumerate(dataset.files()):
            assert fork(read_all, file) == (place + 1, content[place + 1 :])
        assert [(file.tell(), offset(file)) for file in dataset.files()] == before

    def test_the_child_has_a_file_description_of_its_own(self, records: Path) -> None:
        dataset = Holder(raw=open(records, "rb", buffering=0))

        def seek_and_wait() -> tuple[int, int]:
            os.lseek(dataset.raw.fileno(), 320, os.SEEK_SET)
            return offset(dataset.raw), dataset.raw.fileno()

        assert in_child(seek_and_wait) == (320, dataset.raw.fileno())
        assert offset(dataset.raw) == 0

    def test_without_an_object_of_picklesafe_fork_is_as_ever(self, records: Path) -> None:
        # In a fresh process, where none has ever lived.
        script = (
            "import os, picklesafe.mixin\n"
            f"file = open({str(records)!r}, 'rb', buffering=0)\n"
            "child = os.fork()\n"
            "if child == 0:\n    file.read(100); os._exit(0)\n"
            "os.waitpid(child, 0)\n"
            "assert os.lseek(file.fileno(), 0, 1) == 100\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)

    def test_a_file_deleted_or_replaced_is_read_on(self, records: Path) -> None:
        dataset = Holder(file=open(records, "rb"))
        content = records.read_bytes()
        datasets.write_records(records.with_name("new"), 3).replace(records)
        assert in_child(read_all, dataset.file) == (0, content)
        records.unlink()
        assert in_child(read_all, dataset.file) == (0, content)

    def test_a_child_of_a_child(self, records: Path) -> None:
        dataset = datasets.Plain(records)
        dataset.file.seek(160)

        def fork_again() -> tuple[Any, int]:
            dataset.file.seek(320)
            return in_child(read_all, dataset.file)[0], dataset.file.tell()

        assert in_child(fork_again) == (320, 320)
        assert dataset.file.tell() == 160

    def test_a_position_taken_while_the_parent_reads_on(self, records: Path) -> None:
        dataset = Holder(raw=open(records, "rb", buffering=0))
        dataset.raw.seek(160)
        ours, theirs = os.pipe()

        def wait_for_the_parent() -> bytes:
            os.read(ours, 1)
            return dataset.raw.read(16)

        done = threading.Timer(0.2, lambda: (dataset.raw.seek(800), os.write(theirs, b"x")))
        done.start()
        assert in_child(wait_for_the_parent) == b"%015d\n" % 10

    def test_close_on_exec_stays_as_it_was(self, records: Path) -> None:
        inherited, closed = open(records, "rb"), open(records, "rb")
        os.set_inheritable(inherited.fileno(), True)
        dataset = Holder(files=[inherited, closed])
        assert in_child(lambda: [os.get_inheritable(file.fileno()) for file in dataset.files]) == [True, False]

    def test_an_offset_may_be_shared_on_purpose(self, records: Path) -> None:
        dataset = Holder(
            raw=open(records, "rb", buffering=0), other=open(records.with_name("other"), "wb+", buffering=0)
        )
        try:
            forking.share_offsets(dataset.raw)
            in_child(dataset.raw.read, 100)
            assert offset(dataset.raw) == 100
        finally:
            forking.descriptors._shared.clear()


LIMITED = """
import os, resource, sys
from picklesafe import PickleSafeMixin, UnsafeHandleError
class Dataset(PickleSafeMixin):
    pass
dataset = Dataset()
dataset.file = open({path!r}, "rb", buffering=0)
hoard = []
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
{before}
try:
    while True:
        hoard.append(os.open({path!r}, os.O_RDONLY))
except OSError:
    pass
child = os.fork()
if child == 0:
    status = 1
    try:
        {check}
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(child, 0)[1] == 0
assert os.lseek(dataset.file.fileno(), 0, 1) == 0
"""


class TestWithoutAFreeDescriptor:
    def run(self, records: Path, before: str, check: str) -> None:
        script = LIMITED.format(path=str(records), before=before, check=check)
        subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)

    def test_the_spare_ones_make_every_descriptor_private(self, records: Path) -> None:
        self.run(records, "child = os.fork() or os._exit(0); os.wait()", "assert int(dataset.file.read(16)) == 0")

    def test_where_the_spare_ones_are_gone_use_raises(self, records: Path) -> None:
        # As after a program that closes everything it doesn't know.
        check = (
            "\n        try:\n            dataset.file.read(16)\n        except UnsafeHandleError as error:\n"
            "            assert 'Dataset.file' in str(error) and 'ulimit' in str(error)\n"
            "        else:\n            raise AssertionError('read')\n"
        )
        before = (
            "from picklesafe import descriptors\ndescriptors._spares[:] = []\ndescriptors.hold_spares = lambda: None"
        )
        self.run(records, before, check)


class Shards(list[Any]): ...


class Named(dict[str, Any]): ...


PLACES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "an attribute": (lambda it: it, lambda found: found),
    "a list": (lambda it: [0, it], lambda found: found[1]),
    "a tuple": (lambda it: (it, it), lambda found: found[1]),
    "a named tuple": (lambda it: datasets.Pair("x", it), lambda found: found.file),
    "a dictionary": (lambda it: {"a": {"b": it}}, lambda found: found["a"]["b"]),
    "a set": (lambda it: {it}, lambda found: next(iter(found))),
    "a frozenset in a tuple": (lambda it: (frozenset([it]),), lambda found: next(iter(found[0]))),
    "a deque": (lambda it: deque([it]), lambda found: found[0]),
    "a subclass of list": (lambda it: Shards([it]), lambda found: found[0]),
    "a subclass of dict": (lambda it: Named(a=it), lambda found: found["a"]),
    "one tuple under two paths": (lambda it: [(it,)] * 2, lambda found: found[1][0]),
    "one named tuple under two paths": (lambda it: [datasets.Pair("x", it)] * 2, lambda found: found[1].file),
    "another object": (lambda it: Box([(it,)]), lambda found: found.content[0][0]),
}


class TestHandlesThatNeedMore:
    @pytest.mark.parametrize("cls", [Dropped, Closed, Kept])
    @pytest.mark.parametrize("place", PLACES)
    def test_the_child_reopens_them_wherever_they_sit(self, place: str, cls: type[Resource]) -> None:
        put, get = PLACES[place]
        parents = cls("x")
        dataset = Holder(it=put(parents))

        def use() -> tuple[Any, ...]:
            its = get(dataset.it)
            return its is parents, its.name, its.pid == os.getpid(), parents.closed_by == [os.getpid()]

        assert in_child(use) == (False, "x", True, cls is Closed)
        assert get(dataset.it) is parents
        assert parents.closed_by == []

    @pytest.mark.parametrize("place", PLACES)
    def test_what_can_write_raises_where_it_is_used(self, place: str) -> None:
        put, get = PLACES[place]
        dataset = Holder(it=put(Written("log.txt")))
        with pytest.raises(UnsafeHandleError, match=r"Holder\.it.*open for writing \(mode 'w'\)"):
            in_child(lambda: get(dataset.it).name)
        assert get(dataset.it).name == "log.txt"

    def test_two_names_are_one_handle_in_the_child_too(self) -> None:
        one = Dropped()
        dataset = Holder(a=one, b=one, list=[one])
        assert in_child(lambda: dataset.a is dataset.b is dataset.list[0])

    def test_they_may_be_pickled_in_the_child(self) -> None:
        dataset = Holder(it=Dropped("x"), list=[Dropped("y")])

        def send() -> tuple[str, str]:
            arrived = pickle.loads(pickle.dumps(dataset))
            return arrived.it.name, arrived.list[0].name

        assert in_child(send) == ("x", "y")

    def test_a_file_open_for_writing_is_untouched_in_the_parent(self, tmp_path: Path) -> None:
        log = open(tmp_path / "log.txt", "w")
        dataset = Holder(log=log)
        log.write("before ")
        with pytest.raises(UnsafeHandleError, match=r"Holder\.log: .*log\.txt"):
            in_child(lambda: dataset.log.write("child"))
        log.write("after")
        log.close()
        assert (tmp_path / "log.txt").read_text() == "before after"


def hold_the_opening_lock(dataset: Any, held: threading.Event, release: threading.Event) -> None:
    from picklesafe import dormant

    cell = dormant.cells_of(dataset)["file"]
    with dormant._section, cell._lock:  # type: ignore[attr-defined]
        held.set()
        release.wait()


def test_a_lock_of_ours_held_by_another_thread_does_not_stop_the_child(records: Path) -> None:
    dataset = pickle.loads(pickle.dumps(datasets.Plain(records)))
    held, release = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold_the_opening_lock, args=(dataset, held, release))
    thread.start()
    held.wait()
    try:
        assert in_worker("fork", dataset.__class__.__getitem__, dataset, 7) == 7
    finally:
        release.set()
        thread.join()


def test_a_lock_of_the_datasets_is_free_in_the_child() -> None:
    dataset = Locked(lock=threading.Lock(), nested=[threading.Lock()])
    with dataset.lock, dataset.nested[0]:
        assert in_child(lambda: dataset.lock.acquire(timeout=5) and dataset.nested[0].acquire(timeout=5))


def test_per_worker_resources_are_made_anew(records: Path) -> None:
    dataset = datasets.PerWorker(records)
    assert dataset[7] == 7
    number = dataset.file.fileno()

    def use() -> tuple[int, int, bool]:
        return dataset[993], dataset.opened, dataset.file.fileno() == number

    assert in_child(use) == (993, 2, False)
    assert dataset.opened == 1


class Numbered(PickleSafeMixin):
    @per_worker
    def process(self) -> int:
        return os.getpid()


def test_a_resource_that_is_a_mere_number_is_made_anew_too() -> None:
    dataset = Numbered()
    assert dataset.process == os.getpid()
    assert in_child(lambda: dataset.process == os.getpid())


def test_a_long_list_is_not_walked_through(records: Path) -> None:
    # Every visited element would have its reference count written, and its page copied.
    class Counted:
        visits = 0

        @property
        def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
            Counted.visits += 1
            return {}

    dataset = Holder(file=open(records, "rb"), long=[Counted() for _ in range(300_000)])
    at_first = in_child(lambda: Counted.visits)
    assert at_first < 150_000
    assert in_child(lambda: Counted.visits) - at_first <= 2 * search.SAMPLE
    assert dataset.file.tell() == 0


class TestWhatIsReachedInSeveralWays:
    def test_an_object_under_two_attributes_is_mended_under_both(self) -> None:
        box = Box(Dropped("x"))
        dataset = Holder(a=[box], b={"x": box}, c=(box.content,), d=(box.content,))
        parents = box.content

        def own() -> list[bool]:
            found = [dataset.b["x"].content, dataset.a[0].content, dataset.d[0], dataset.c[0]]
            return [it is not parents and it is found[0] for it in found]

        assert in_child(own) == [True] * 4

    def test_a_dormant_sibling_of_an_opened_handle_is_the_childs_own(self) -> None:
        one = Dropped("x")
        first, second = pickle.loads(pickle.dumps((Holder(it=one), Holder(it=one))))
        parents = first.it
        assert in_child(lambda: second.it is not parents and second.it is first.it)
        assert second.it is parents

    def test_a_list_that_was_changed_meanwhile_loses_nothing(self) -> None:
        shared = [Dropped("x"), "kept"]
        dataset = Holder(a=shared, b=shared)

        def change() -> list[Any]:
            dataset.b.insert(0, "new")
            found = dataset.a
            return [getattr(it, "name", it) for it in found]

        assert in_child(change) == ["new", "x", "kept"]

    def test_a_copy_made_in_the_child_has_what_the_original_has(self) -> None:
        dataset = Holder(it=[Dropped("x")])
        assert in_child(lambda: copy.copy(dataset).it[0].name) == "x"


def test_locks_of_inner_cells_are_free_in_the_child(records: Path) -> None:
    dataset = pickle.loads(pickle.dumps(Holder(text=open(records))))
    from picklesafe import dormant

    inner = dormant.cells_of(dataset)["text"].recipe.args[0]  # type: ignore[attr-defined]
    with inner._lock:
        assert in_worker("fork", read_line, dataset) == "000000000000000\n"


def read_line(dataset: Any) -> str:
    return dataset.text.readline()
