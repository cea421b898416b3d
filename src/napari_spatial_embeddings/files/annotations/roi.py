"""Reader of the ROIs of ImageJ and Fiji: a ``.roi`` file, or a ``RoiSet.zip``."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.maps import KEY

from .outlines import Outline, Outlines, Place, dot, ellipse, labels_of_pieces, ring

if TYPE_CHECKING:
    from roifile import ImagejRoi

MAX_BYTES = 2**28
"""Bytes of one ROI, or of a set in all, above which a file is taken for damaged."""

MAGIC = b"Iout"
"""First bytes of a ROI."""

SECOND_HEADER = 52
"""Bytes of the header that holds slices, name and properties; its place is in the first one."""

CLASS, LABEL = "class", "label"
"""Properties of a ROI that name its class, and the object that it is a piece of."""


def is_roi_set(path: Path) -> bool:
    """Whether a file is a zip that holds ROIs, or ours that has none, as there was no object."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return any(name.lower().endswith(".roi") for name in names) or (
                not names and archive.comment.startswith(KEY.encode())
            )
    except (OSError, zipfile.BadZipFile):
        return False


def read_rois(path: str | Path) -> Outlines:
    """Read a ROI, or a set of ROIs.

    Polygons, freehand and traced outlines, rectangles, ovals and composites with their holes and
    pieces are objects; points are dots. Lines, angles and texts are none.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If the file, or a ROI in it, is damaged, or there is none in it.
    """
    path = Path(path)
    with reading(path):
        found = list(_entries(path))
    if not found:
        raise FileError(
            f"{path} holds no ROI; expected the files .roi that Fiji's ROI Manager saves"
        )
    given, places = [_label_of(roi) for _, roi in found], [_place(roi) for _, roi in found]
    kinds = _classes([roi for _, roi in found])
    known = labels_of_pieces(given, places, kinds)
    pieces: list[Outline] = []
    dots: list[Outline] = []
    names: dict[int, str] = {}
    classes: dict[int, str] = {}
    others: list[str] = []
    free = max([0, *(n for n in known if n is not None)]) + 1
    for (name, roi), own, place, class_name in zip(found, known, places, kinds, strict=True):
        if kind := _no_object(roi):
            others.append(kind)
            continue
        with _reading_entry(path, name):
            if roi.roitype == 10:  # points
                for k, (x, y) in enumerate(np.asarray(roi.coordinates(), float).reshape(-1, 2)):
                    ring([(x, y)])
                    dots.append(dot(free, y, x, _place(roi, k)))
                    names[free] = name
                    free += 1
                continue
            rings = _rings(roi)
        label = own
        if label is None:
            label, free = free, free + 1
        pieces.append(Outline(label, rings, place=place))
        names.setdefault(label, name)
        if class_name:
            classes.setdefault(label, class_name)
    notes = [f"{plural(others.count(kind), kind)} left out" for kind in dict.fromkeys(others)]
    return Outlines(pieces, names, classes, tuple(dots), tuple(notes))


class _Noted(logging.Handler):
    """Keeps what the library reports, which reads a ROI without the parts that are damaged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(record.getMessage())


def _entries(path: Path) -> list[tuple[str, ImagejRoi]]:
    """Return the names and the ROIs of a file."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                kind = "zip" if path.suffix.lower() == ".zip" else "ROI of ImageJ"
                raise FileError(f"{path} is no {kind}, or is damaged; save it again in Fiji")
        return [_parsed(path, path.stem, path.read_bytes())]
    with zipfile.ZipFile(path) as archive:
        infos = [x for x in archive.infolist() if x.filename.lower().endswith(".roi")]
        if sum(info.file_size for info in infos) > MAX_BYTES:
            raise FileError(f"{path} holds more than {MAX_BYTES >> 20} MB of ROIs: it is damaged")
        return [
            _parsed(path, Path(info.filename).stem, archive.read(info))
            for info in infos
            if not Path(info.filename).name.startswith(".")  # what macOS adds
        ]


def _parsed(path: Path, name: str, content: bytes) -> tuple[str, ImagejRoi]:
    from roifile import ImagejRoi

    log = logging.getLogger("roifile")
    noted, passed = _Noted(), log.propagate
    log.addHandler(noted)
    log.propagate = False
    try:
        with _reading_entry(path, name):
            roi = ImagejRoi.frombytes(content)
            if 0 < int.from_bytes(content[60:64], "big") > len(content) - SECOND_HEADER:
                raise ValueError("it ends early")
            if lost := [line for line in noted.lines if "exceeds" in line]:
                raise ValueError(lost[0])
    finally:
        log.removeHandler(noted)
        log.propagate = passed
    return str(roi.name or name).strip("\0") or name, roi


@contextmanager
def _reading_entry(path: Path, name: str) -> Iterator[None]:
    """Turn any error about a ROI into a `FileError` that names it."""
    try:
        yield
    except FileError:
        raise
    except Exception as error:  # damaged data makes the library raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"{path}: the ROI {name} is damaged ({reason[:200]}); save the set again in Fiji,"
            " without it"
        ) from error


def _no_object(roi: ImagejRoi) -> str:
    """Return what a ROI is that encloses nothing; empty for others."""
    if roi.subtype == 1:
        return "text"
    if roi.subtype == 4:
        return "picture"
    if roi.roitype in (0, 1, 2, 7, 8, 10):
        return ""
    return {3: "line", 4: "line", 5: "line", 9: "angle"}.get(int(roi.roitype), "unknown ROI")


def _rings(roi: ImagejRoi) -> tuple[Any, ...]:
    """Return what encloses the object; bounds count for rectangles and ovals alone."""
    if roi.multi_coordinates is None and roi.roitype in (1, 2):
        if roi.subpixelrect:
            top, left, height, width = roi.yd, roi.xd, roi.heightd, roi.widthd
        else:
            top, left = roi.top, roi.left
            height, width = roi.bottom - roi.top, roi.right - roi.left
        if roi.roitype == 2:
            corners = ellipse(top, left, height, width)[:, ::-1]
        else:
            right, bottom = left + width, top + height
            corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        return (ring(corners),)
    return tuple(map(ring, roi.coordinates(multi=True)))


def _place(roi: ImagejRoi, point: int | None = None) -> Place:
    """Return the slice, the frame and the place in a stack, from 0; None for those not given.

    ImageJ takes the place in a stack for nothing where it knows a slice, a frame or a channel.
    """
    z, t = roi.z_position, roi.t_position
    position = int(roi.position)
    if point is not None and roi.counter_positions is not None and not position:
        position = int(roi.counter_positions[point])
    if z > 0 or t > 0 or roi.c_position > 0:
        return Place(z - 1 if z > 0 else None, t - 1 if t > 0 else None)
    return Place(plane=position - 1 if position > 0 else None)


def _properties(roi: ImagejRoi) -> dict[str, str]:
    """Return what a ROI has of properties, by their names in small letters."""
    try:
        found = dict(roi.properties) if roi.props else {}
    except (ValueError, TypeError, AttributeError):
        return {}
    return {str(key).strip().lower(): str(value).strip() for key, value in found.items()}


def _classes(rois: list[ImagejRoi]) -> list[str]:
    """Return the class of each ROI, or else its group, if they are in several; empty for none."""
    named = [_properties(roi).get(CLASS, "") for roi in rois]
    groups = [int(roi.group) for roi in rois]
    if any(named) or len(set(groups)) < 2 or any(map(_label_of, rois)):
        return named
    return [f"group {group}" if group else "" for group in groups]


def _label_of(roi: ImagejRoi) -> int | None:
    """Return the label that our own files give in a property; names are the user's."""
    text = _properties(roi).get(LABEL, "")
    return int(text) if text.isdecimal() and 0 < len(text) < 10 and int(text) else None
