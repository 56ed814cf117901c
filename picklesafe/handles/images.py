"""Images through tifffile, rasterio and OpenSlide.

Pillow's images need nothing of this: an image that isn't loaded yet pickles as its pixels, and in a forked child the
file under it has an offset of its own, as every file has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from picklesafe.errors import NotWorkerSafeError
from picklesafe.handles.files import PER_WORKER, path_of
from picklesafe.handles.fingerprint import absolute
from picklesafe.handles.found import refuse_closed, refuse_replaced
from picklesafe.handles.places import meant_by
from picklesafe.handles.recipe import Recipe, resolve, undeclared
from picklesafe.handles.registry import register_handle


def tiff_writes(handle: Any) -> str:
    """The mode of a TIFF file that is open for changing its tags."""
    file = _tiff(handle).filehandle
    return file._mode if "+" in file._mode and not file.closed else ""


def path_of_tiff(handle: Any) -> str:
    """The path of the file behind a TIFF file, a page or a series."""
    return str(_tiff(handle).filehandle.path)


def _tiff(handle: Any) -> Any:
    return getattr(handle, "parent", handle)


@register_handle("tifffile.tifffile.TiffFile", in_child="reopen-descriptor", writes=tiff_writes, path=path_of_tiff)
def tiff_file(handle: Any) -> Recipe:
    """Restores path or file object, the part of the file that was opened, and the `is_…` flags but `is_uniform`; a file
    open for writing is refused.

    Not restored: which pages are cached, and `pages.useframes`.
    """
    file = handle.filehandle
    refuse_closed(handle, file.closed)
    options: dict[str, Any] = dict(_overridden(handle))
    for name, default in (("_omexml", None), ("_superres", 0), ("_multifile", True)):
        value = getattr(handle, name, default)
        if value != default:
            options[name if name == "_multifile" else name[1:]] = value
    part = {"offset": file._offset, "size": file._size}
    if not isinstance(file._file, str):
        return Recipe("tifffile.TiffFile", file._file, name=file._name, **part, **options)
    descriptor = file._fh.fileno()
    path = path_of(file._file, descriptor)
    if part["offset"] or part["size"] != os.fstat(descriptor).st_size:
        options.update(part)
    return Recipe("tifffile.TiffFile", path, **options).reads(path, descriptor=descriptor)


def _overridden(handle: Any) -> Iterator[tuple[str, bool]]:
    """The `is_…` flags that were given, among those that the file has worked out itself and keeps beside them."""
    for name, value in list(vars(handle).items()):
        # Whether the pages are uniform is answered differently once the series have been asked for.
        if name.startswith("is_") and name != "is_uniform":
            cached = getattr(type(handle), name, None)
            own = cached.func(handle) if isinstance(cached, cached_property) else getattr(handle.pages.first, name)
            if bool(own) != bool(value):
                yield name, bool(value)


@register_handle("tifffile.tifffile.TiffPage", in_child="reopen-descriptor", writes=tiff_writes, path=path_of_tiff)
@register_handle("tifffile.tifffile.TiffFrame", in_child="reopen-descriptor", writes=tiff_writes, path=path_of_tiff)
def tiff_page(handle: Any) -> Recipe:
    """Restores the page by its number in its file, which it shares with other pages and series."""
    return Recipe(page_of, handle.parent, handle._index)


@register_handle("tifffile.tifffile.TiffPages", in_child="reopen-descriptor", writes=tiff_writes, path=path_of_tiff)
def tiff_pages(handle: Any) -> Recipe:
    """Restores the pages of the file, or those below a page of it."""
    return Recipe(pages_of, handle.parent, handle._index or ())


@register_handle(
    "tifffile.tifffile.TiffPageSeries", in_child="reopen-descriptor", writes=tiff_writes, path=path_of_tiff
)
def tiff_series(handle: Any) -> Recipe:
    """Restores the series, or a level of its pyramid, by its number in its file, which it shares with pages."""
    for number, series in enumerate(handle.parent.series):
        for level, found in enumerate(series.levels):
            if found is handle:
                return Recipe(series_of, handle.parent, number, level)
    raise undeclared("tifffile")


def page_of(file: Any, index: tuple[int, ...]) -> Any:
    """The page of a TIFF file at the end of a path of numbers."""
    return pages_of(file, index[:-1])[index[-1]]


def pages_of(file: Any, index: tuple[int, ...]) -> Any:
    """The pages of a TIFF file, or those below one of them."""
    pages = file.pages
    for number in index:
        pages = pages[number].pages
    return pages


def series_of(file: Any, number: int, level: int) -> Any:
    """A level of a series of a TIFF file."""
    return file.series[number].levels[level]


def raster_writes(handle: Any) -> str:
    """The mode of a raster that is open for writing."""
    return "" if handle.closed or handle.mode == "r" else str(handle.mode)


@register_handle("rasterio.io.DatasetReader", in_child="reopen-descriptor", writes=raster_writes)
@register_handle("rasterio.io.DatasetWriter", in_child="keep", writes=raster_writes)
@register_handle("rasterio.io.BufferedDatasetWriter", in_child="keep", writes=raster_writes)
def raster(handle: Any) -> Recipe:
    """Restores path or URL, driver and the options of the driver; a dataset open for writing is refused.

    Not restored: `sharing=`, `thread_safe=`, and the settings of a surrounding `rasterio.Env`. A dataset in memory or
    behind `opener=` is an error.
    """
    refuse_closed(handle, handle.closed)
    name = handle.name
    if name.startswith(("/vsimem/", "/vsiriopener_")):
        raise NotWorkerSafeError(
            "this raster lies in the memory of its process, or behind an opener= or a file object",
            remedy=f"Open it by the path of a file. {PER_WORKER}",
        )
    # Anything else may be a path, or a word that only GDAL understands: NETCDF:"file.nc":band.
    # GeoTIFFs are kept open; what other drivers do is theirs.
    kept_open = handle.driver == "GTiff"
    path = meant_by(name, kept_open=kept_open)
    if not os.path.exists(path):
        path = name
    if kept_open and os.path.isfile(path):
        refuse_replaced(handle, path)
    return Recipe("rasterio.open", path, driver=handle.driver, **handle.options)


@register_handle("rasterio.vrt.WarpedVRT", in_child="reopen-descriptor")
def warped_raster(handle: Any) -> Recipe:
    """Restores the virtual raster on its source, which it shares, with grid, resampling, nodata, alpha and the options
    of the warp.

    Not restored: what GDAL's own description of the raster doesn't show to be restored; that is an error.
    """
    refuse_closed(handle, handle.closed)
    options = _warp_options(handle)
    with resolve("rasterio.vrt.WarpedVRT")(handle.src_dataset, **options) as alike:
        if _description(alike) != _description(handle):
            raise undeclared("rasterio.vrt.WarpedVRT")
    return Recipe("rasterio.vrt.WarpedVRT", handle.src_dataset, **options)


def _warp_options(handle: Any) -> dict[str, Any]:
    options = {name: getattr(handle, name) for name in _WARP_OPTIONS}
    options.update({name: getattr(handle, f"dst_{name}") for name in ("crs", "transform", "width", "height", "nodata")})
    options.update(handle.warp_extras)
    options["dtype"] = handle.working_dtype
    options["init_dest_nodata"] = options.pop("init_dest", None) is not None
    # No attributes, but GDAL describes the raster as XML.
    told = dict(re.findall(r"<(SrcAlphaBand|DstAlphaBand|WarpMemoryLimit)>([\d.e+]+)<", _description(handle)))
    if "SrcAlphaBand" in told:
        options["src_alpha"] = int(told["SrcAlphaBand"])
    if "DstAlphaBand" in told:
        added = int(told["DstAlphaBand"]) > handle.src_dataset.count
        options.update({"add_alpha": True} if added else {"dst_alpha": int(told["DstAlphaBand"])})
    if "WarpMemoryLimit" in told:
        options["warp_mem_limit"] = round(float(told["WarpMemoryLimit"]) / 2**20)
    return options


_WARP_OPTIONS = ("src_crs", "src_transform", "src_nodata", "resampling", "tolerance")


def _description(handle: Any) -> str:
    return str(handle.tags(ns="xml:VRT")["xml:VRT"])


@register_handle("openslide.OpenSlide", in_child="reopen-descriptor", path=lambda handle: handle._filename)
def slide(handle: Any) -> Recipe:
    """Restores the path. Not restored: a cache that was set with `set_cache`."""
    refuse_closed(handle, not handle._osr._valid)
    name = os.fsdecode(handle._filename)
    # Since version 4 it keeps no file open: each read goes to what bears that name in today's working directory.
    keeps_open = int(resolve("openslide.__library_version__").partition(".")[0]) < 4
    return Recipe("openslide.OpenSlide", meant_by(name) if keeps_open else absolute(name))


@register_handle("openslide.ImageSlide", in_child="reopen-descriptor", path=lambda handle: handle._file_arg)
def image_slide(handle: Any) -> Recipe:
    """Restores the path, or the Pillow image that it was made of."""
    refuse_closed(handle, handle._image is None)
    given = handle._file_arg
    if isinstance(given, str | bytes | os.PathLike):
        # Pillow keeps the file open until it has read it.
        file = getattr(handle._image, "fp", None)
        given = absolute(given) if file is None else path_of(given, file.fileno())
    return Recipe("openslide.ImageSlide", given)
