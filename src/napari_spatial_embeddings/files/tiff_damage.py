"""Checks that the pixels of a TIFF are there, and time series of which some frames are not."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import LazyArray, Part, PixelArray

from .errors import PixelError, log

if TYPE_CHECKING:
    import tifffile

    Page = tifffile.TiffPage | tifffile.TiffFrame

AGAIN = "copy or export it again"

DESCRIPTION = 270
"""Number of the tag with the description of an image."""


def check_end(file: tifffile.TiffFile, path: Path, *, given: bool = False) -> None:
    """Refuse a file whose list of pages breaks off: each page names the place of the next.

    Where the axes are ``given``, it is mentioned alone: those that are there are to be used.

    Raises
    ------
    FileError
    """
    count, at = len(file.pages), file.pages.next_page_offset
    if at is None or file.is_scanimage:  # tifffile does not walk along the pages of these
        return
    file.filehandle.seek(at)
    following = file.filehandle.read(file.tiff.offsetsize)
    if len(following) < file.tiff.offsetsize or struct.unpack(file.tiff.offsetformat, following)[0]:
        text = f"{path} is truncated: its pages break off after page {count}"
        if not given:
            raise PixelError(f"{text}; {AGAIN}{_way_out(count)}")
        log.warning("%s; what it holds is used", text)


def _way_out(planes: int) -> str:
    """Return how the planes are read that are there as a whole, after other advice."""
    if not planes:
        return ""
    axes = "YX" if planes == 1 else "ZYX, or axes=TYX if they are frames"
    return f", or to use what it holds, set axes={axes}"


def whole_pages(series: tifffile.TiffPageSeries, path: Path) -> tifffile.TiffPageSeries:
    """Return the pages before the first that is not there as a whole; all, if none is."""
    import tifffile as library

    pages, shape = list(series), series.get_shape(False)
    there = [page is not None and _left_out(page) is not None for page in pages]
    count = there.index(False) if False in there else 0
    if not count or shape[0] != len(pages):  # they lie along several axes
        return series
    log.warning("%s is truncated or damaged: %d of its %d planes are used", path, count, len(pages))
    axes, shape = series.get_axes(False), (count, *shape[1:])
    return library.TiffPageSeries(
        pages[:count], shape, series.dtype, axes, parent=series.keyframe.parent, kind="generic"
    )


def check_pixels(series: tifffile.TiffPageSeries, path: Path, axes: str = "") -> frozenset[int]:
    """Refuse an image of which some pixels are not in the file; return frames that lack some.

    Tiles may be left out, as some writers do where there is nothing; that is logged, and so are the
    frames.

    Parameters
    ----------
    series : TiffPageSeries
    path : path
    axes : str
        Of a time series, of which some frames are enough; empty where all pixels are needed.

    Raises
    ------
    FileError
    """
    if series.is_truncated:  # the planes follow the first one, which alone has a page
        named = math.prod(series.get_shape(False)) * series.dtype.itemsize
        held = series.keyframe.parent.filehandle.size - series.keyframe.dataoffsets[0]
        if held >= named:
            return frozenset()
        size, before = series.keyframe.nbytes, series.get_shape(False)[: axes.find("T")]
        planes = range(held // size, named // size)
        lost = _frames_of(planes, series, path, axes if math.prod(before) == 1 else "")
        if not lost:
            raise PixelError(f"{path} is truncated: it holds {held} of {named} bytes; {AGAIN}")
        return lost
    empty = tiles = 0
    lacking = []
    for number, page in enumerate(series):
        left_out = None if page is None else _left_out(page)
        if page is None or left_out is None:
            lacking.append(number)
        else:
            empty, tiles = empty + left_out, tiles + len(page.dataoffsets)
    lost = _frames_of(lacking, series, path, axes)
    if lacking and not lost:
        page = series[lacking[0]]
        file = path if page is None else path.with_name(page.parent.filehandle.name)
        alike = not series.is_multifile and series.get_shape(False)[0] == len(series)
        way_out = _way_out(lacking[0]) if alike else ""
        raise PixelError(
            f"{file} is truncated or damaged: not all pixels of plane {lacking[0] + 1} of"
            f" {len(series)} are there; {AGAIN}{way_out}"
        )
    if _overlap(series):
        raise PixelError(
            f"{path}: its planes overlap, as they are damaged or differ in size; {AGAIN}"
        )
    if empty:
        log.warning("%s: %d of its %d tiles hold nothing, and are black", path, empty, tiles)
    return lost


def _frames_of(
    planes: Iterable[int], series: tifffile.TiffPageSeries, path: Path, axes: str
) -> frozenset[int]:
    """Return the frames that planes belong to; none if it is no time series, or all are such."""
    shape = series.get_shape(False)
    counts = shape[: len(shape) - len(series.keyframe.shape)]
    at = axes.find("T")
    if not 0 <= at < len(counts):
        return frozenset()
    after = math.prod(counts[at + 1 :])
    found = frozenset(plane // after % counts[at] for plane in planes)
    if len(found) == counts[at]:
        return frozenset()
    if found:
        log.warning(
            "%s is truncated or damaged: %d of its %d frames are not there as a whole, from frame"
            " %d on; the others are used",
            path,
            len(found),
            counts[at],
            min(found),
        )
    return found


def _overlap(series: tifffile.TiffPageSeries) -> bool:
    """Whether pages that are read as if they were like the first one reach into each other."""
    places: dict[str, set[int]] = {}
    for page in series:
        if page is None or page.keyframe is None or not page.keyframe.is_contiguous:
            return False
        places.setdefault(page.parent.filehandle.path, set()).add(page.dataoffsets[0])
    size = series.keyframe.nbytes
    return any(b - a < size for these in places.values() for a, b in pairwise(sorted(these)))


def lacks_description(page: tifffile.TiffPage) -> bool:
    """Whether the description that a page names is not in the file as a whole."""
    tiff, file = page.parent.tiff, page.parent.filehandle
    file.seek(page.offset)
    (count,) = struct.unpack(tiff.tagnoformat, file.read(tiff.tagnosize))
    entry = tiff.byteorder + ("HHQQ" if tiff.is_bigtiff else "HHII")
    for code, _, length, at in struct.iter_unpack(entry, file.read(count * tiff.tagsize)):
        if code == DESCRIPTION:
            return bool(length > tiff.offsetsize and at + length > file.size)
    return False


def spare_bytes(page: tifffile.TiffPage) -> int:
    """Return how many bytes of a file of one page belong to neither its pixels nor its tags."""
    size, tiff = page.parent.filehandle.size, page.parent.tiff
    ends = [tag.valueoffset + tag.valuebytecount for tag in page.tags]
    ends.append(page.offset + tiff.tagnosize + len(page.tags) * tiff.tagsize + tiff.offsetsize)
    ends.append(page.dataoffsets[0] + page.nbytes)
    return int(size - max(ends))


def _left_out(page: Page) -> int | None:
    """Return how many tiles of a page were left out; None if pixels are missing."""
    size, keyframe = page.parent.filehandle.size, page.keyframe
    if keyframe is None:
        return None
    offsets, counts = page.dataoffsets, page.databytecounts
    if keyframe.is_contiguous:  # the counts do not matter
        return 0 if offsets[0] and offsets[0] + keyframe.nbytes <= size else None
    if min(len(offsets), len(counts)) < math.prod(keyframe.chunked):
        return None
    if any(offset + count > size for offset, count in zip(offsets, counts, strict=False)):
        return None
    empty = sum(not (offset and count) for offset, count in zip(offsets, counts, strict=False))
    return empty if not empty or (keyframe.is_tiled and empty < len(offsets)) else None


class WithoutFrames(LazyArray):
    """A time series that refuses to read some of its frames.

    Parameters
    ----------
    array : array
        Its frames, of which the last may be missing.
    axis : int
        That of time.
    lost : set of int
        Frames that are not there as a whole.
    path : path
        Of its file.
    """

    def __init__(self, array: PixelArray, axis: int, lost: frozenset[int], path: Path) -> None:
        count = max(array.shape[axis], max(lost) + 1)
        super().__init__((*array.shape[:axis], count, *array.shape[axis + 1 :]), array.dtype)
        self._array, self._axis, self._lost, self._path = array, axis, lost, path

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        part, count = wanted[self._axis], self.shape[self._axis]
        frames = {part} if isinstance(part, int) else range(*part.indices(count))
        if lost := self._lost.intersection(frames):
            raise PixelError(
                f"{self._path} is truncated or damaged: not all pixels of frame {min(lost)} are"
                f" there; {AGAIN}"
            )
        found: NDArray[Any] = self._array[wanted]
        return found


def ended_early(
    file: tifffile.TiffFile, named: Mapping[str, int]
) -> tifffile.TiffPageSeries | None:
    """Return the planes that a description names of a time series whose file ends early.

    Those that are missing are None, or lie beyond the end of the file. Nothing is returned if it is
    no time series, or does not end early, or no frame is there as a whole.

    Parameters
    ----------
    file : TiffFile
    named : mapping
        The number of planes along each axis.
    """
    import tifffile as library

    total, page = math.prod(named.values()), file.pages.first
    if next((axis for axis, n in named.items() if n > 1), "") != "T" or not _breaks_off(file):
        return None
    pages: list[tifffile.TiffPage | tifffile.TiffFrame | None]
    if alone := _is_alone(file):
        held = (file.filehandle.size - page.dataoffsets[0]) // page.nbytes
        pages, held = [page], min(held, total)
    else:
        held = len(file.pages)
        pages = [*file.pages, *[None] * (total - held)]
    if not total // named["T"] <= held or len(file.pages) >= total:
        return None
    shape, axes = (*named.values(), *page.shape), "".join(named) + page.axes
    options: dict[str, Any] = {"parent": file, "kind": "shaped", "truncated": alone}
    return library.TiffPageSeries(pages, shape, page.dtype, axes, **options)


def _breaks_off(file: tifffile.TiffFile) -> bool:
    """Whether pages, or planes without pages, are cut off; else the description is of others."""
    page = file.pages.first
    if len(file.pages) == 1 and page.is_final and spare_bytes(page) >= page.nbytes:
        return True
    return is_cut(file)


def is_cut(file: tifffile.TiffFile) -> bool:
    """Whether the list of pages of a file is cut off."""
    try:
        check_end(file, Path(file.filehandle.path))
    except PixelError:
        return True
    return False


def _is_alone(file: tifffile.TiffFile) -> bool:
    """Whether the planes lie one after another behind the first page, whatever other pages lack."""
    first = file.pages.first
    if not first.is_final or len(file.pages) == 1:
        return bool(first.is_final)
    second = file.pages.get(1)
    return bool(second.dataoffsets[0] == first.dataoffsets[0] + first.nbytes)
