"""Checks that the pixels of a TIFF are there, whatever its metadata name."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import PixelError, log

if TYPE_CHECKING:
    import tifffile

    Page = tifffile.TiffPage | tifffile.TiffFrame

AGAIN = "copy or export it again"

DESCRIPTION = 270
"""Number of the tag with the description of an image."""


def check_end(file: tifffile.TiffFile, path: Path) -> None:
    """Refuse a file whose list of pages breaks off: each page names the place of the next.

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
        raise PixelError(f"{path} is truncated: its pages break off after page {count}; {AGAIN}")


def check_pixels(series: tifffile.TiffPageSeries, path: Path) -> None:
    """Refuse an image of which some pixels are not in the file.

    Tiles may be left out, as some writers do where there is nothing; that is logged.

    Raises
    ------
    FileError
    """
    if series.is_truncated:  # the planes follow the first one, which alone has a page
        named = math.prod(series.get_shape(False)) * series.dtype.itemsize
        held = series.keyframe.parent.filehandle.size - series.keyframe.dataoffsets[0]
        if held < named:
            raise PixelError(f"{path} is truncated: it holds {held} of {named} bytes; {AGAIN}")
        return
    empty = tiles = 0
    for number, page in enumerate(series, 1):
        left_out = None if page is None else _left_out(page)
        if page is None or left_out is None:
            file = path if page is None else path.with_name(page.parent.filehandle.name)
            raise PixelError(
                f"{file} is truncated or damaged: not all pixels of plane {number} of {len(series)}"
                f" are there; {AGAIN}"
            )
        empty, tiles = empty + left_out, tiles + len(page.dataoffsets)
    if _overlap(series):
        raise PixelError(
            f"{path}: its planes overlap, as they are damaged or differ in size; {AGAIN}"
        )
    if empty:
        log.warning("%s: %d of its %d tiles hold nothing, and are black", path, empty, tiles)


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
