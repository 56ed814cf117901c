"""PyAV, decord and OpenCV in workers."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, NotWorkerSafeError, UnsafeHandleError
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")

FRAMES, SIDE = 60, 128


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that get lighter, and that a codec decodes in threads."""
    path = tmp_path_factory.mktemp("video") / "größe.mp4"
    with av.open(str(path), "w") as out:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = out.add_stream(codec, rate=25, options={"g": "10", "slices": "4", "loglevel": "quiet"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((SIDE, SIDE, 3), 4 * number, np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def read_from_the_start(dataset: Any) -> list[float]:
    return [round(float(frame.to_ndarray(format="gray").mean())) for frame in dataset.video.decode(video=0)]


def count_frames(dataset: Any) -> int:
    return sum(1 for _ in dataset.video.decode(dataset.stream))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_container_that_was_only_opened_reads_the_same_in_every_worker(method: str, film: Path) -> None:
    expected = read_from_the_start(Holding(video=av.open(str(film))))
    assert len(expected) == FRAMES
    dataset = Holding(video=av.open(str(film)))
    assert in_worker(method, read_from_the_start, dataset) == expected
    assert read_from_the_start(dataset) == expected


@pytest.mark.parametrize("method", START_METHODS)
def test_a_stream_follows_its_container(method: str, film: Path) -> None:
    video = av.open(str(film))
    assert in_worker(method, count_frames, Holding(video=video, stream=video.streams.video[0])) == FRAMES
    arrived = pickle.loads(pickle.dumps(Holding(video=video, stream=video.streams.video[0])))
    assert arrived.stream.container is arrived.video


@pytest.mark.parametrize("method", START_METHODS)
def test_how_a_container_decodes_is_restored(method: str, film: Path) -> None:
    video = av.open(str(film), options={"probesize": "100000"}, timeout=(30.0, 40.0))
    video.streams.video[0].thread_type = "AUTO"
    video.streams.video[0].codec_context.thread_count = 2
    video.streams.video[0].codec_context.skip_frame = "NONKEY"
    assert in_worker(method, settings_of, Holding(video=video)) == settings_of(Holding(video=video))
    key_frames = in_worker(method, read_from_the_start, Holding(video=video))
    assert key_frames == read_from_the_start(Holding(video=video))
    assert len(key_frames) < FRAMES


def settings_of(dataset: Any) -> list[Any]:
    codec = dataset.video.streams.video[0].codec_context
    limits = dataset.video.open_timeout, dataset.video.read_timeout
    return [dataset.video.options, *limits, codec.thread_type.name, codec.thread_count, str(codec.skip_frame)]


@pytest.mark.parametrize("method", START_METHODS)
def test_after_decoding_the_error_says_that_the_position_cannot_be_told(method: str, film: Path) -> None:
    video = av.open(str(film))
    next(video.decode(video=0))
    with pytest.raises(UnsafeHandleError, match=r"Holding\.video.*größe\.mp4.*stands.*per_worker"):
        in_worker(method, read_from_the_start, Holding(video=video))
    assert len(read_from_the_start(Holding(video=video))) == FRAMES - 1


def test_a_container_on_a_file_object_is_an_error(film: Path) -> None:
    with open(film, "rb") as under, pytest.raises(UnsafeHandleError, match=r"Holding\.video.*Open it by its path"):
        pickle.dumps(Holding(video=av.open(under)))


def test_a_closed_container_is_named(film: Path) -> None:
    video = av.open(str(film))
    video.close()
    with pytest.raises(NotWorkerSafeError, match=r"Holding\.video: this InputContainer is closed"):
        pickle.dumps(Holding(video=video))


@pytest.mark.parametrize("method", START_METHODS)
def test_a_container_that_writes_is_refused(method: str, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    out = av.open(str(path), "w")
    with pytest.raises(UnsafeHandleError) as raised:
        in_worker(method, read_from_the_start, Holding(video=out))
    for part in ("Holding.video", repr(str(path)), "'w'"):
        assert part in str(raised.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_file_that_was_replaced_is_an_error(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(film.read_bytes())
    dataset = Holding(video=av.open(str(path)))
    packed = pickle.dumps(dataset)
    path.unlink()
    path.write_bytes(film.read_bytes())
    with pytest.raises(HandleChangedError, match=r"Holding\.video"):
        read_from_the_start(pickle.loads(packed))
    with pytest.raises(HandleChangedError, match=r"Holding\.video.*replaced"):
        pickle.dumps(dataset)


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
def test_a_forked_child_leaves_the_parents_garbage_alone(film: Path) -> None:
    gc.collect()
    frozen = gc.get_freeze_count()
    gc.disable()
    try:
        dropped = av.open(str(film))
        next(dropped.decode(video=0))
        del dropped
        assert in_worker("fork", collect, Holding(video=av.open(str(film))))
    finally:
        gc.enable()
    assert gc.get_freeze_count() == frozen
    assert gc.collect()


def collect(dataset: Any) -> bool:
    gc.collect()
    own: list[Any] = []
    own.append(own)
    del own
    return gc.collect() == 1 and dataset.video.name != ""


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
def test_what_a_program_froze_itself_stays_frozen(film: Path) -> None:
    gc.freeze()
    try:
        assert in_worker("fork", collect, Holding(video=av.open(str(film))))
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("method", START_METHODS)
def test_a_worker_converts_frames_after_the_parent_has(method: str, film: Path) -> None:
    expected = read_from_the_start(Holding(video=av.open(str(film))))
    assert in_worker(method, read_anew, str(film), Holding()) == expected


def read_anew(path: str, dataset: Any) -> list[float]:
    return read_from_the_start(Holding(video=av.open(path)))


def open_with(library: str, film: Path) -> Any:
    """A reader that has decoded something."""
    if library == "cv2":
        video = pytest.importorskip("cv2").VideoCapture(str(film))
        assert video.read()[0]
    else:
        video = pytest.importorskip("decord").VideoReader(str(film))
        video[3].asnumpy()
    return video


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("library", ["cv2", "decord"])
def test_what_does_not_reveal_its_file_is_an_error_and_goes_on_in_the_parent(
    library: str, method: str, film: Path
) -> None:
    video = open_with(library, film)
    with pytest.raises(NotWorkerSafeError, match=rf"Holding\.video.*{library} doesn't reveal.*per_worker"):
        in_worker(method, use, Holding(video=video))
    frame = video.read()[1] if library == "cv2" else video[5].asnumpy()
    assert frame.shape == (SIDE, SIDE, 3)


def use(dataset: Any) -> str:
    return repr(dataset.video)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_capture_that_is_not_open_arrives_as_one(method: str, film: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    video = cv2.VideoCapture(str(film))
    video.release()
    for capture in (video, cv2.VideoCapture()):
        reads_the_same_in_workers(method, is_opened, Holding(video=capture))


def is_opened(dataset: Any) -> bool:
    return bool(dataset.video.isOpened())


@pytest.mark.skipif("fork" not in START_METHODS, reason="this platform has no fork")
@pytest.mark.parametrize("library", ["av", "cv2", "decord"])
def test_a_forked_child_that_has_no_use_for_a_video_still_ends(library: str, film: Path) -> None:
    if library != "av":
        pytest.importorskip(library)
    script = [sys.executable, "-c", OPENING[library] + ENDING, str(film)]
    ended = subprocess.run(script, timeout=60, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


OPENING = {
    "av": "import sys, av; video = av.open(sys.argv[1]); next(video.decode(video=0))",
    "cv2": "import sys, cv2; video = cv2.VideoCapture(sys.argv[1]); video.read()",
    "decord": "import sys, decord; video = decord.VideoReader(sys.argv[1]); video[3]",
}
ENDING = """
import os
from tests.handles.holding import Holding
dataset = Holding(video=video)
del video
pid = os.fork()
if not pid:
    # Freeing the reader, now or when the interpreter ends, would wait for threads that aren't there.
    vars(dataset).clear()
    sys.exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
