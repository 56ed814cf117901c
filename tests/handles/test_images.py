"""tifffile, rasterio, OpenSlide and Pillow in workers."""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from picklesafe import HandleChangedError, HandleMissingError, NotWorkerSafeError, UnsafeHandleError
from picklesafe.handles.registry import describe
from tests.handles.apart import reads_apart
from tests.handles.holding import Holding, reads_the_same_in_workers
from tests.workers import START_METHODS, in_worker

np = pytest.importorskip("numpy")

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
WAYS = {"pickled": lambda dataset: pickle.loads(pickle.dumps(dataset)), "copied": copy.copy, "deep": copy.deepcopy}
PAGES, SIDE = 6, 128
PIXELS = np.random.default_rng(1).integers(0, 60_000, (PAGES, SIDE, SIDE), dtype=np.uint16)


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> None:
    """Files of one name that earlier tests have left to the garbage collector make a relative name ambiguous."""
    gc.collect()


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    path = tmp_path / "größe.tif"
    pytest.importorskip("tifffile").imwrite(path, PIXELS, photometric="minisblack", metadata={"axes": "ZYX"})
    return path


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    path = tmp_path / "pyramid.tif"
    with pytest.importorskip("tifffile").TiffWriter(path) as out:
        out.write(PIXELS[0], subifds=1)
        out.write(PIXELS[0, ::2, ::2], subfiletype=1)
    return path


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "größe.tif"
    given = {"height": SIDE, "width": SIDE, "count": PAGES, "dtype": "uint16", "crs": "EPSG:32633"}
    transform = rasterio.transform.from_origin(500_000, 4_600_000, 10, 10)
    with rasterio.open(path, "w", driver="GTiff", transform=transform, **given) as out:
        out.write(PIXELS)
    return path


def read_pages(dataset: Any) -> list[Any]:
    return [dataset.file.pages[number].asarray().sum() for number in (3, 0, 5, 1)]


def read_parts(dataset: Any) -> list[Any]:
    return [part.asarray().sum() for part in (dataset.page, dataset.series, *dataset.more)]


def read_bands(dataset: Any) -> list[Any]:
    windows = [((row, row + 40), (row // 2, row // 2 + 30)) for row in (70, 3, 51)]
    return [dataset.raster.read(band, window=window).tolist() for band in (6, 1, 3) for window in windows]


def read_all(dataset: Any) -> list[Any]:
    return [dataset.raster.read().tolist(), dataset.raster.profile["nodata"], dataset.raster.transform[:6]]


def read_regions(dataset: Any) -> list[bytes]:
    return [dataset.slide.read_region((left, 2 * left), 0, (30, 20)).tobytes() for left in (0, 55, 100, 9)]


def read_pixels(dataset: Any) -> list[Any]:
    return [dataset.image.size, dataset.image.getpixel((3, 90)), dataset.image.tobytes()]


# tifffile


@pytest.mark.parametrize("method", START_METHODS)
def test_a_tiff_file_touched_in_the_parent_reads_the_same_in_every_worker(method: str, tiff: Path) -> None:
    reads_the_same_in_workers(method, read_pages, Holding(file=pytest.importorskip("tifffile").TiffFile(tiff)))


@ON_LINUX
def test_a_forked_child_reads_a_tiff_file_at_an_offset_of_its_own(tiff: Path) -> None:
    reads_apart(Holding(file=pytest.importorskip("tifffile").TiffFile(tiff)), read_pages, tiff)


@pytest.mark.parametrize("method", START_METHODS)
def test_pages_and_series_read_the_same_in_every_worker(method: str, tiff: Path) -> None:
    file = pytest.importorskip("tifffile").TiffFile(tiff)
    dataset = Holding(page=file.pages[3], series=file.series[0], more=[file.pages[1], file.pages[2]])
    reads_the_same_in_workers(method, read_parts, dataset)


@pytest.mark.parametrize("method", START_METHODS)
def test_the_levels_of_a_pyramid_read_the_same_in_every_worker(method: str, pyramid: Path) -> None:
    file = pytest.importorskip("tifffile").TiffFile(pyramid)
    below = file.pages[0].pages
    dataset = Holding(page=below[0], series=file.series[0].levels[1], more=[file.pages[0]])
    reads_the_same_in_workers(method, read_parts, dataset)
    arrived = pickle.loads(pickle.dumps(Holding(pages=below)))
    assert arrived.pages[0].shape == (SIDE // 2, SIDE // 2)


@pytest.mark.parametrize("way", WAYS)
def test_pages_and_series_follow_their_file(way: str, tiff: Path) -> None:
    file = pytest.importorskip("tifffile").TiffFile(tiff)
    arrived = WAYS[way](Holding(file=file, page=file.pages[2], series=file.series[0], pages=file.pages))
    assert arrived.file is not file
    assert arrived.page.parent is arrived.series.parent is arrived.file
    assert arrived.pages is arrived.file.pages
    arrived.file.close()
    assert (file.pages[2].asarray() == PIXELS[2]).all()


def test_what_part_of_a_file_was_opened_is_restored(tiff: Path, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    embedded = tmp_path / "embedded.bin"
    embedded.write_bytes(b"before" + tiff.read_bytes() + b"after")
    size = tiff.stat().st_size
    for given in (embedded, open(embedded, "rb"), io.BytesIO(embedded.read_bytes())):
        file = tifffile.TiffFile(given, offset=6, size=size)
        arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
        assert (arrived.asarray() == PIXELS).all()
        assert arrived.filehandle.size == size


def test_flags_that_were_given_are_restored_and_no_others(tiff: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    file = tifffile.TiffFile(tiff, is_shaped=False)
    file.series  # noqa: B018  # works out more flags
    assert describe(file).kwargs == {"is_shaped": False}
    arrived = pickle.loads(pickle.dumps(Holding(file=file))).file
    assert [series.kind for series in arrived.series] == [series.kind for series in file.series]


def test_a_recipe_does_not_depend_on_what_was_asked_before(tiff: Path) -> None:
    file = pytest.importorskip("tifffile").TiffFile(tiff)
    before = describe(file)
    read_parts(Holding(page=file.pages[1], series=file.series[0], more=[]))
    assert file.flags
    assert describe(file) == before
    assert len(pickle.dumps(before)) < 1000


@pytest.mark.parametrize("method", START_METHODS)
def test_a_tiff_file_open_for_writing_is_refused(method: str, tiff: Path) -> None:
    file = pytest.importorskip("tifffile").TiffFile(tiff, mode="r+")
    for handle in (file, file.pages[1], file.series[0]):
        with pytest.raises(UnsafeHandleError) as raised:
            in_worker(method, use, Holding(out=handle))
        for part in ("Holding.out", repr(str(tiff)), "'r+b'"):
            assert part in str(raised.value)


def use(dataset: Any) -> str:
    return repr(dataset.out)


def test_a_tiff_file_that_was_replaced_or_deleted_is_an_error(tiff: Path, tmp_path: Path) -> None:
    dataset = Holding(file=pytest.importorskip("tifffile").TiffFile(tiff))
    packed = pickle.dumps(dataset)
    moved = tiff.rename(tmp_path / "moved.tif")
    with pytest.raises(HandleMissingError, match=r"Holding\.file"):
        read_pages(pickle.loads(packed))
    shutil.copy(moved, tiff)
    with pytest.raises(HandleChangedError, match=r"Holding\.file"):
        read_pages(pickle.loads(packed))


# rasterio


@pytest.mark.parametrize("method", START_METHODS)
def test_a_raster_touched_in_the_parent_reads_the_same_in_every_worker(method: str, raster: Path) -> None:
    dataset = Holding(raster=pytest.importorskip("rasterio").open(raster, NUM_THREADS="1"))
    reads_the_same_in_workers(method, read_bands, dataset)


@ON_LINUX
def test_a_forked_child_reads_a_raster_at_an_offset_of_its_own(raster: Path) -> None:
    reads_apart(Holding(raster=pytest.importorskip("rasterio").open(raster)), read_bands, raster)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_raster_in_an_archive_reads_the_same_in_every_worker(method: str, raster: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(raster, "a.tif")
    opened = pytest.importorskip("rasterio").open(f"zip://{packed}!a.tif")
    reads_the_same_in_workers(method, read_bands, Holding(raster=opened))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize(
    "options",
    [
        {"crs": "EPSG:4326"},
        {"crs": "EPSG:4326", "add_alpha": True},
        {"crs": "EPSG:3857", "nodata": 5, "src_nodata": 1, "width": 30, "height": 20, "resampling": 2},
        {"tolerance": 0.5, "dtype": "float32", "src_alpha": 6},
        {"crs": "EPSG:3857", "warp_mem_limit": 10, "NUM_THREADS": "1"},
        {"init_dest_nodata": False, "nodata": 3},
    ],
    ids=lambda options: ",".join(options),
)
def test_a_warped_raster_reads_the_same_in_every_worker(options: dict[str, Any], method: str, raster: Path) -> None:
    source = pytest.importorskip("rasterio").open(raster)
    if "resampling" in options:
        options = {**options, "resampling": pytest.importorskip("rasterio.enums").Resampling(options["resampling"])}
    warped = pytest.importorskip("rasterio.vrt").WarpedVRT(source, **options)
    reads_the_same_in_workers(method, read_all, Holding(raster=warped))
    arrived = pickle.loads(pickle.dumps(Holding(raster=warped, source=source)))
    assert arrived.raster.src_dataset is arrived.source


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("mode", ["r+", "w"])
def test_a_raster_open_for_writing_is_refused(mode: str, method: str, raster: Path, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    given = {"driver": "GTiff", "height": 5, "width": 5, "count": 1, "dtype": "uint8"} if mode == "w" else {}
    path = tmp_path / "out.tif" if mode == "w" else raster
    with rasterio.open(path, mode, **given) as out:
        with pytest.raises(UnsafeHandleError) as raised:
            in_worker(method, use, Holding(out=out))
        for part in ("Holding.out", path.name, f"'{mode}'"):
            assert part in str(raised.value)


@ON_LINUX
def test_a_raster_that_was_replaced_or_deleted_is_an_error(raster: Path, tmp_path: Path) -> None:
    dataset = Holding(raster=pytest.importorskip("rasterio").open(raster))
    packed = pickle.dumps(dataset)
    moved = raster.rename(tmp_path / "moved.tif")
    with pytest.raises(HandleMissingError, match=r"Holding\.raster"):
        read_bands(pickle.loads(packed))
    shutil.copy(moved, raster)
    with pytest.raises(HandleChangedError, match=r"Holding\.raster"):
        read_bands(pickle.loads(packed))
    with pytest.raises(HandleChangedError, match=r"Holding\.raster.*replaced"):
        pickle.dumps(dataset)


def test_a_raster_in_memory_is_an_error(raster: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    for opened in (rasterio.MemoryFile(raster.read_bytes()).open(), rasterio.open(open(raster, "rb"))):
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.raster.*memory.*per_worker"):
            pickle.dumps(Holding(raster=opened))


def test_a_closed_image_is_named(raster: Path, tiff: Path) -> None:
    pytest.importorskip("openslide")
    opened = [
        pytest.importorskip("rasterio").open(raster),
        pytest.importorskip("tifffile").TiffFile(tiff),
        pytest.importorskip("openslide").ImageSlide(tiff),
    ]
    for handle in opened:
        handle.close()
        with pytest.raises(NotWorkerSafeError, match=r"Holding\.file: this .* is closed"):
            pickle.dumps(Holding(file=handle))


# OpenSlide


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "größe.tif"
    pixels = np.random.default_rng(2).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    pytest.importorskip("tifffile").imwrite(path, pixels, tile=(128, 128), photometric="rgb")
    return path


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["OpenSlide", "ImageSlide"])
def test_a_slide_touched_in_the_parent_reads_the_same_in_every_worker(kind: str, method: str, slide: Path) -> None:
    opened = getattr(pytest.importorskip("openslide"), kind)(slide)
    reads_the_same_in_workers(method, read_regions, Holding(slide=opened))


@pytest.mark.parametrize("method", START_METHODS)
def test_the_tiles_of_a_slide_are_the_same_in_every_worker(method: str, slide: Path) -> None:
    opened = pytest.importorskip("openslide").OpenSlide(slide)
    tiles = pytest.importorskip("openslide.deepzoom").DeepZoomGenerator(opened, tile_size=100)
    reads_the_same_in_workers(method, read_tiles, Holding(tiles=tiles))


def read_tiles(dataset: Any) -> list[bytes]:
    level = dataset.tiles.level_count - 1
    return [dataset.tiles.get_tile(level, place).tobytes() for place in ((0, 0), (3, 2), (1, 4))]


def test_a_slide_goes_by_an_absolute_path(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(slide.parent)
    dataset = Holding(slide=pytest.importorskip("openslide").OpenSlide(slide.name))
    assert in_worker("spawn", read_regions, dataset) == read_regions(dataset)
    assert os.path.isabs(describe(dataset.slide).args[0])


@pytest.mark.parametrize("kind", ["OpenSlide", "ImageSlide"])
def test_a_slide_is_not_taken_for_an_open_file_of_the_same_name(
    kind: str, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other = open(shutil.copy(slide, tmp_path / "other"), "rb")
    monkeypatch.chdir(tmp_path)
    opened = getattr(pytest.importorskip("openslide"), kind)(slide.name)
    assert describe(opened).args[0] == str(slide)
    opened.read_region((0, 0), 0, (10, 10))
    assert describe(opened).args[0] == str(slide)
    other.close()


# Pillow


@pytest.mark.parametrize("method", START_METHODS)
def test_an_image_that_is_not_loaded_yet_is_the_same_in_every_worker(method: str, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    path = tmp_path / "größe.png"
    pillow.fromarray((PIXELS[0] % 256).astype(np.uint8)).save(path)
    expected = read_pixels(Holding(image=pillow.open(path)))
    dataset = Holding(image=pillow.open(path))
    assert in_worker(method, read_pixels, dataset) == expected
    assert read_pixels(dataset) == expected


@ON_LINUX
def test_a_forked_child_loads_an_image_at_an_offset_of_its_own(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    path = tmp_path / "frames.tif"
    frames = [pillow.fromarray((page % 256).astype(np.uint8)) for page in PIXELS]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    reads_apart(Holding(image=pillow.open(path)), read_frames, path)


def read_frames(dataset: Any) -> list[bytes]:
    read = []
    for number in (4, 0, 5, 2):
        dataset.image.seek(number)
        read.append(dataset.image.tobytes())
    return read
