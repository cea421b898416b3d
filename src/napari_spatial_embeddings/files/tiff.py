"""Reader of TIFF in its dialects: OME-TIFF, ImageJ, tifffile's own, and plain."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import Part, PixelArray
from napari_spatial_embeddings.core.units import Size

from . import stored
from .axes import Raw
from .errors import FileError, PixelError, log
from .ome_set import OmePart, ome_set
from .ome_xml import OmeImage
from .png_jpeg import PRINT_COLOURS
from .tiff_damage import AGAIN, WithoutFrames, check_end, check_pixels, whole_pages
from .tiff_log import quiet
from .tiff_pages import ALONE, MAX_PAGES, UNLIKE, coarser_levels, first_image, main_image
from .tiff_sizes import sizes

if TYPE_CHECKING:
    import tifffile


WHITE_IMAGE = "bright is dark", "objects should be bright"
WHITE_LABELS = "black is an object", "it is background"
"""Words for values that stand for their opposite."""


def read_tiff(
    path: Path, *, whole: bool = False, given: bool = False, scene: int | None = None
) -> Raw:
    """Return the first image of a TIFF file at its full resolution.

    Of an OME-TIFF set, the image that the file belongs to: the frames that it has a part in, with
    all their planes.

    Parameters
    ----------
    path : path
    whole : bool
        Read a large one as well, which stays in its file otherwise: see `stored`.
    given : bool
        The axes are known from elsewhere: planes that the metadata name in vain are no error.
    scene : int, optional
        Which image of those that its OME-XML describes, instead of the first.
    """
    import tifffile

    path = path.absolute()
    with quiet(), ExitStack() as opened:

        def open_file(which: Path, **flags: Any) -> tifffile.TiffFile:
            return opened.enter_context(tifffile.TiffFile(which, **flags))

        series, axes = first_image(path, open_file, given=given, scene=scene)
        if given and not whole:
            series = whole_pages(series, path)
        lost = check_pixels(series, path, "" if whole or given else axes)
        file = open_file(path, **ALONE)
        known = sizes(file, path, None if series.is_multifile else series.keyframe, scene or 0)
        axes = _samples(axes, series.keyframe)
        _check_colours(series.keyframe, path, labels=whole, given=given)
        if lost:
            at = axes.index("T")
            there = (at, min(lost)) if series.is_truncated else None
            return Raw(WithoutFrames(_stay(path, series, there), at, lost, path), axes, known)
        array = _array(path, series, axes, whole=whole)
        if isinstance(array, np.ndarray) and whole:
            array = _signed(array, file)
        levels = () if isinstance(array, np.ndarray) else _coarser(path, series)
        return Raw(array, axes, known, levels)


def _coarser(path: Path, series: tifffile.TiffPageSeries) -> tuple[PixelArray, ...]:
    """Return the coarser copies of an image that stays in its file, which are there as a whole."""
    found, shape = list[PixelArray](), series.get_shape(False)
    for level in coarser_levels(series):
        if len(level.get_shape(False)) == len(shape) and level.dtype == series.dtype:
            with suppress(PixelError):
                check_pixels(level, path)
                found.append(_stay(path, level))
    return tuple(found)


def tiff_axes(path: Path) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    """Read the axes, shape and type of the array that tifffile and napari make of a TIFF.

    It is another one than `read_tiff` returns where a file is part of a set, of which they read all
    frames, and where they show a small copy, or black in the place of planes that are missing. What
    `read_tiff` mentions or refuses is logged, as they do not; of more than `MAX_PAGES` pages, only
    whether they break off.
    """
    import tifffile

    path = path.absolute()
    with quiet(), ExitStack() as opened:

        def open_file(which: Path, **flags: Any) -> tifffile.TiffFile:
            return opened.enter_context(tifffile.TiffFile(which, **flags))

        file = open_file(path)
        page = file.pages.first
        len(file.pages)
        found = None if file.is_mmstack else ome_set(path, page)
        image = None if found is None else found.shown()
        if image is not None and image.edges == (page.imagelength, page.imagewidth):
            axes, shape = image.axes + page.axes, (*image.shape, *page.shape)
        else:
            page = file.series[0].keyframe
            axes, shape = file.series[0].get_axes(False), file.series[0].get_shape(False)
        part = None if found is None else found.part(len(file.pages))
        if part is not None and (part.files != [path] or part.missing() or image is not part.image):
            _mention_set(path, part, image)
            return _samples(axes, page), shape, np.dtype(page.dtype)
        try:
            if len(file.pages) > MAX_PAGES:
                check_end(file, path)
                return _samples(axes, page), shape, np.dtype(page.dtype)
            series, own = first_image(path, open_file, given=False)
            check_pixels(series, path)
            _check_colours(series.keyframe, path, labels=False, given=False)
        except PixelError:
            raise
        except FileError as error:
            log.warning("%s", error)
        else:
            held = series.get_shape(False)
            if [n for n in held if n > 1] == [n for n in shape if n > 1]:
                axes, shape = own, held
            elif part is None or part.shape == part.image.shape:  # else it shows all frames
                _mention_other(path, shape, page, series)
        return _samples(axes, page), shape, np.dtype(page.dtype)


def _mention_set(path: Path, part: OmePart, shown: OmeImage | None) -> None:
    """Mention an image of a set that programs show instead.

    Raises
    ------
    PixelError
        If they show black for planes that are not there.
    """
    if missing := part.missing():
        raise PixelError(f"{path} lacks {missing}: napari shows black instead; {AGAIN}")
    if gone := part.gone():
        raise PixelError(
            f"{path} lacks {gone}: napari shows black instead; put all files of the image into one"
            " folder"
        )
    if shown is not part.image:
        log.warning(
            "%s: napari may show the first image of its set in its place; move it into a folder of"
            " its own",
            path,
        )


def _mention_other(
    path: Path, shown: tuple[int, ...], page: Any, series: tifffile.TiffPageSeries
) -> None:
    """Mention that programs show a small copy, or another part of a file than what is read."""
    key = series.keyframe
    if (page.imagelength, page.imagewidth) == (key.imagelength, key.imagewidth):
        log.warning(
            "%s: napari shows an array of shape %s of it, and its image has the shape %s; export it"
            " again",
            path,
            shown,
            series.get_shape(False),
        )
        return
    log.warning(
        "%s starts with a small copy of %d x %d pixels, which napari shows; its image has %d x %d:"
        " export that alone, and open it",
        path,
        page.imagewidth,
        page.imagelength,
        key.imagewidth,
        key.imagelength,
    )


def tiff_sizes(path: Path) -> dict[str, Size]:
    """Read the size of a TIFF file's pixels, and no pixels."""
    import tifffile

    path = path.absolute()
    with quiet(), tifffile.TiffFile(path, **ALONE) as file:
        image = None
        if 1 < len(file.pages) <= MAX_PAGES:
            with suppress(*UNLIKE):
                image = main_image(file)[0].keyframe
        return sizes(file, path, image)


def _array(path: Path, series: tifffile.TiffPageSeries, axes: str, *, whole: bool) -> PixelArray:
    """Do what `stored.read_if_small` does, faster where one file has all pages."""
    if series.is_multifile or not (whole or series.nbytes <= stored.MAX_BYTES_IN_MEMORY):
        return stored.read_if_small(_stay(path, series), axes, whole=whole)
    try:
        array: NDArray[Any] = series.asarray()
    except Exception:  # as there
        if whole or not stored.has_frames(axes, series.get_shape(False)):
            raise
        return _stay(path, series)
    return array.reshape(series.get_shape(False))


def _stay(
    path: Path, series: tifffile.TiffPageSeries, there: tuple[int, int] | None = None
) -> PixelArray:
    """Return an image that is read from its file when it is sliced.

    Of one that ends early, ``there`` is an axis and how much of it is there.
    """
    shape = series.get_shape(False)
    if there is not None:
        shape = (*shape[: there[0]], there[1], *shape[there[0] + 1 :])
    if series.dataoffset is not None and series.transform is None and not series.is_multifile:
        dtype = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
        return stored.mapped(path, shape, dtype, series.dataoffset)
    source = _Pages(series)
    cache = stored.ChunkCache(source, source.chunks)
    lock, file = threading.Lock(), series.keyframe.parent.filehandle

    def read(wanted: tuple[Part, ...]) -> NDArray[Any]:
        with lock:
            file.open()
            try:
                return cache.read(wanted)
            finally:
                file.close()

    checked: stored.Read = read
    for name in {page.parent.filehandle.path for page in series if page is not None}:
        checked = stored.unchanged(Path(name), checked)
    return stored.StoredArray(path, shape, series.dtype, checked)


class _Pages:
    """Pages of one file or several as an array; files but that of the first page are closed.

    Parameters
    ----------
    series : TiffPageSeries
        Its file is open.
    """

    def __init__(self, series: tifffile.TiffPageSeries) -> None:
        import zarr

        self._series = series
        store = series.aszarr(level=0, squeeze=False)
        array = zarr.open_array(store, mode="r")
        self._array = None if series.is_multifile else array
        self.shape, self.dtype, self.ndim = array.shape, series.dtype, array.ndim
        self.chunks = array.chunks

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        import zarr

        if self._array is not None:
            return np.asarray(self._array[index])
        store = self._series.aszarr(level=0, squeeze=False)
        try:
            return np.asarray(zarr.open_array(store, mode="r")[index])
        finally:
            store.close()  # and the files that it opened


def _check_colours(page: Any, path: Path, *, labels: bool, given: bool) -> None:
    """Refuse colours of print, and mention values that stand for their opposite.

    Raises
    ------
    FileError
    """
    kind = page.photometric.name
    if kind == "SEPARATED" and page.samplesperpixel == 4 and not given:
        raise PixelError(PRINT_COLOURS.format(path=path))
    if kind == "MINISWHITE" and not _is_meant_so(page, labels=labels):
        log.warning(
            "%s: 0 is white by its metadata, and its values are used as they are stored, so that"
            " what other programs show %s; invert it there if %s",
            path,
            *WHITE_LABELS if labels else WHITE_IMAGE,
        )


def _is_meant_so(page: Any, *, labels: bool) -> bool:
    """Whether a program writes that 0 is white without meaning it.

    tifffile does so for true and false, and ImageJ for masks, which it shows black on white.
    """
    if page.software.startswith("tifffile"):
        return labels or page.bitspersample == 1
    return labels and page.is_imagej


def _signed(array: NDArray[Any], file: tifffile.TiffFile) -> NDArray[Any]:
    """Return the values of signed 16 bits, which ImageJ stores with an offset that it describes."""
    facts: Mapping[str, Any] = {}
    with suppress(ValueError):
        facts = file.imagej_metadata or {}
    if array.dtype != np.uint16 or (facts.get("c0"), facts.get("c1")) != (-(2**15), 1):
        return array
    return (array.astype(np.int32) - 2**15).astype(np.int16)


def _samples(axes: str, page: Any) -> str:
    """Call samples of a pixel channels, unless they are colours or the last is transparency."""
    colour = page.photometric.name in ("RGB", "YCBCR") or any(s.value for s in page.extrasamples)
    return axes if colour else axes.replace("S", "C")
