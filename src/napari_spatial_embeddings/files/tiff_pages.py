"""Choice of the pages of a TIFF that make up its first image.

Metadata are believed as far as the pages bear them out: programs keep descriptions of what a file
was before they cropped or divided it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .axes import UNKNOWN
from .errors import FileError, log, reading
from .ome_set import NAMES, OmePart, ome_set
from .ome_xml import uuid_in
from .tiff_damage import (
    AGAIN,
    check_end,
    ended_early,
    is_cut,
    lacks_description,
    spare_bytes,
)

if TYPE_CHECKING:
    import tifffile

    Page = tifffile.TiffPage | tifffile.TiffFrame
    Series = tifffile.TiffPageSeries
    Open = Callable[..., tifffile.TiffFile]

ALONE: dict[str, Any] = {"is_ome": False, "is_mmstack": False, "is_uniform": False}
"""Metadata that tifffile must ignore: it would read the other files of a set as well, or compare
three of the pages and take all of them for alike."""

MAX_PAGES = 200
"""Pages up to which all are looked at although no pixel is read: each takes a millisecond."""

UNLIKE = (RuntimeError, ValueError, TypeError, IndexError, KeyError)
"""What tifffile raises where pages are not alike, or a description makes no sense."""

PLAIN: dict[str, Any] = {**ALONE, "is_shaped": False, "is_imagej": False, "is_ndtiff": False}
"""Metadata that it must ignore where they are wrong."""


def first_image(
    path: Path, open_file: Open, *, given: bool, scene: int | None = None
) -> tuple[Series, str]:
    """Return the pages of the first image, and a letter for each axis, those of length one too.

    Parameters
    ----------
    path : path
        Absolute.
    open_file : function
        Opens a TIFF, with flags for tifffile, and keeps it open.
    given : bool
        The axes are known from elsewhere, so that pages are taken as they are where metadata and
        pages contradict each other.
    scene : int, optional
        Which image of those that the OME-XML describes, instead of the first.

    Raises
    ------
    FileError
        If planes are missing, or it is unknown which plane a page is.
    """
    file = open_file(path, **ALONE)
    len(file.pages)  # where they lead in a circle, tifffile finds out here, and nowhere else
    found = ome_set(path, file.pages.first)
    if found is not None:
        _note_others(path, len(found.here()) if scene is None else 1)
        if found.modulo and not given:
            names = " and ".join(f"{NAMES[axis]}s" for axis in found.modulo)
            raise FileError(
                f"{path} holds more than {names} along their axis, such as lifetimes or angles;"
                " expected slices and channels alone: save the part you need"
            )
        cut = not given and is_cut(file)
        part = found.part(len(file.pages), scene or 0, cut=cut)
        if not found.images and found.home != path:
            log.warning("%s: %s beside it, with its metadata, is missing", path, found.home.name)
        elif part is None:
            log.warning("%s: its OME-XML does not name it; its pages are read as they are", path)
        elif not _is_about(part, file, path):
            planes = dict(zip(part.image.axes, part.shape, strict=True))
            return _as_they_are(path, open_file, planes, given=given)
        elif (series := _of_ome(part, file, path, open_file, given=given)) is not None:
            if (used := found.pages_named(len(file.pages))) < len(file.pages):
                log.warning(
                    "%s has %d pages, and its metadata name %d, which are read",
                    path,
                    len(file.pages),
                    used,
                )
            return series, series.get_axes(False)
    if not given and len(file.pages) > 1 and lacks_description(file.pages.first):
        raise FileError(
            f"{path} ends early: the description is missing that names the axes of its"
            f" {len(file.pages)} planes; {AGAIN}, or set axes=ZYX if they are slices, axes=TYX if"
            " frames"
        )
    named = _named(file)
    with suppress(*UNLIKE):
        series, images = main_image(file)
        if _agree(file, series, named):
            if not named or math.prod(named.values()) != _planes(series):
                check_end(file, path, given=given)
            _note_others(path, images)
            return series, series.get_axes(False)
    if not given and (partly := ended_early(file, named)) is not None:
        return partly, partly.get_axes(False)
    return _as_they_are(path, open_file, named, given=given)


def main_image(file: tifffile.TiffFile) -> tuple[Series, int]:
    """Return the first image, and how many there are besides small copies of others.

    Some programs put a small copy first, and do not mark it as such.
    """
    images = [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)
    if len(images) == 1:
        return images[0], 1
    edges = {_edges(one) for one in images}
    large = [s for s in images if len(s) > 1 or not any(_is_copy(_edges(s), e) for e in edges)]
    return large[0], len(large)


def coarser_levels(series: Series) -> list[Series]:
    """Return the coarser copies of an image in its file, each with all its planes.

    They are pages that tifffile has found to be such, as of a slide scanner, or pages below those
    of the image, as in OME-TIFF. What makes no sense is left out.
    """
    import tifffile

    if series.is_multifile:
        return []
    if series.is_pyramidal:
        return list(series.levels[1:])
    found: list[Series] = []
    with suppress(*UNLIKE):
        below = [list(page.aspage().pages or ()) for page in series if page is not None]
        planes = series.get_shape(False)[: -len(series.keyframe.shape)]
        for pages in zip(*below, strict=True):
            shape, axes = (*planes, *pages[0].shape), series.get_axes(False)
            level = tifffile.TiffPageSeries(
                pages, shape, pages[0].dtype, axes, parent=series.keyframe.parent, kind="ome"
            )
            if len({page.hash for page in pages}) == 1 and len(pages) == math.prod(planes):
                found.append(level)
    return found


def _edges(series: Series) -> tuple[int, int]:
    return series.keyframe.imagelength, series.keyframe.imagewidth


def _is_copy(small: tuple[int, int], large: tuple[int, int]) -> bool:
    """Whether edges have the proportions of others, and at most half their lengths."""
    if 2 * small[0] > large[0] or 2 * small[1] > large[1]:
        return False
    return abs(small[0] * large[1] - small[1] * large[0]) <= max(large)  # but for rounding


def _note_others(path: Path, images: int) -> None:
    if images > 1:
        log.warning("%s holds %d images; the first is read", path, images)


def _planes(series: Series) -> int:
    return math.prod(series.get_shape(False)) // math.prod(series.keyframe.shape)


def _first_page(part: OmePart, file: tifffile.TiffFile, path: Path) -> tifffile.TiffPage:
    """Return the first page of a file that an image has."""
    numbers = [place[1] for place in part.places if place is not None and place[0] == path]
    return file.pages.get(min(numbers, default=0)).aspage()


def _is_about(part: OmePart, file: tifffile.TiffFile, path: Path) -> bool:
    """Whether an OME-XML is about a file's pages: their edges agree, or at least their number."""
    page = _first_page(part, file, path)
    if (page.imagelength, page.imagewidth) == part.image.edges and page.imagedepth == 1:
        return True
    return part.files == [path] and not part.missing() and len(part.places) == len(file.pages)


def _of_ome(
    part: OmePart, file: tifffile.TiffFile, path: Path, open_file: Open, *, given: bool
) -> Series | None:
    """Return the planes that an OME-XML names; None if some lack, and the axes are given."""
    import tifffile

    page = _first_page(part, file, path)
    total, files = len(part.places), part.files
    missing, gone = part.missing(), part.gone()
    some = bool(missing) and not gone and part.some_frames()
    missing = "" if some else missing
    if missing and not gone:
        check_end(file, path, given=given)
    if (missing or gone) and given:
        return None
    here = f"to use what it holds, set axes={'YX' if len(file.pages) == 1 else 'ZYX'}"
    if gone:
        raise FileError(
            f"{path} is one of {len(files)} files of an image, and {gone} cannot be found beside"
            f" it; put all of them into one folder; {here}"
        )
    if missing:
        raise FileError(
            f"{path} ends early: its metadata name {total} planes, and it lacks {missing}; {AGAIN};"
            f" {here}"
        )
    pages: list[Page | None] = [None] * total
    for other in files:
        with reading(other):  # whatever is wrong with it is its own fault
            source = file if other == path else open_file(other, **ALONE)
            len(source.pages)
        numbers = {i: p[1] for i, p in enumerate(part.places) if p and p[0] == other}
        if max(numbers.values()) >= len(source.pages):
            raise FileError(f"{other} ends early: it has {len(source.pages)} pages only; {AGAIN}")
        theirs = uuid_in(source.pages.first.description)
        if other != path and theirs and theirs != (part.uuids[other] or theirs):
            raise FileError(
                f"{path} is one of {len(files)} files of an image, and {other.name} beside it is a"
                f" part of another image; put the right one there; {here}"
            )
        source.pages.useframes = True
        source.pages.set_keyframe(first := min(numbers.values()))
        if source.pages.get(first).hash != page.hash:
            raise FileError(
                f"{other} and {path} are one image by their metadata, and differ in size or type;"
                f" put the right files there; {here}"
            )
        for i, own in zip(numbers, source.pages[list(numbers.values())], strict=True):
            pages[i] = own
        if other != path:
            source.close()
    return tifffile.TiffPageSeries(
        pages,
        (*part.shape, *page.shape),
        page.dtype,
        part.image.axes + page.axes,
        parent=file,
        kind="ome",
        multifile=len(files) > 1,
    )


def _agree(file: tifffile.TiffFile, series: Series, named: Mapping[str, int]) -> bool:
    """Whether the pages are those that the metadata describe, and all in this file."""
    key = series.keyframe
    if series.is_multifile:
        return False
    if series.is_truncated:
        end = key.dataoffsets[0] + _planes(series) * key.nbytes
        if not key.is_final or end > file.filehandle.size:
            return False
    else:
        pages = list(series)
        if len(pages) != _planes(series) or None in pages:
            return False
    if series.kind == "shaped" and not key.subifds:
        # Where its description does not fit, tifffile takes the first page and drops the others.
        levels = [level for image in file.series for level in image.levels]
        return sum(1 if x.is_truncated else len(x) for x in levels) == len(file.pages)
    return series.kind in ("imagej", "shaped") or math.prod(named.values()) == 1


def _as_they_are(
    path: Path, open_file: Open, named: Mapping[str, int], *, given: bool
) -> tuple[Series, str]:
    """Return the pages of a file whose description is that of another image."""
    file = open_file(path, **PLAIN)
    len(file.pages)
    (series, images), total = main_image(file), math.prod(named.values())
    page, held = series.keyframe, len(series)
    check_end(file, path, given=given)
    if total > 1 and len(file.pages) == 1 and page.is_final and spare_bytes(page) >= _row(page):
        held = min(total - 1, (file.filehandle.size - page.dataoffsets[0]) // page.nbytes)
        raise FileError(
            f"{path} ends early: its description names {total} planes, and it holds {held}; {AGAIN}"
        )
    _note_others(path, images)
    axes = series.get_axes(False)
    if total > 1 and held != total:
        log.warning("%s: its description names %d planes, and it holds %d", path, total, held)
    if held == 1 or total == 1 or given:
        return series, axes
    several = [axis for axis, n in named.items() if n > 1]
    if len(several) > 1:
        planes = " x ".join(f"{named[a]} {NAMES.get(a, a)}s" for a in several)
        raise FileError(
            f"{path} holds {held} planes, and its description is that of {planes}: which is which"
            " is unknown; export it again, or set axes=ZYX if they are slices"
        )
    known = several[0] if held < total else UNKNOWN[-1]
    return series, "".join(known if a in UNKNOWN else a for a in axes)


def _row(page: tifffile.TiffPage) -> int:
    """Return the number of bytes of a row of pixels."""
    return page.nbytes // page.imagelength


def _named(file: tifffile.TiffFile) -> dict[str, int]:
    """Return the number of planes along each axis that ImageJ or tifffile describe."""
    page = file.pages.first
    with suppress(ValueError, TypeError, KeyError):
        if (facts := file.imagej_metadata) is not None:
            names = {"T": "frames", "Z": "slices", "C": "channels"}
            counts = {axis: max(1, int(facts.get(name, 1))) for axis, name in names.items()}
            total = math.prod(counts.values())
            return counts if total > 1 else {"?": max(1, int(facts.get("images", 1)))}
        if page.shaped_description is not None:
            facts = json.loads(page.shaped_description)
            shape = tuple(map(int, facts["shape"]))
            axes = str(facts.get("axes") or "").upper()
            axes = axes if len(axes) == len(shape) else "?QI"[: len(shape)]
            planes = max(0, len(shape) - len(page.shape))
            return dict(zip(axes[:planes], shape, strict=False))
    return {}
