"""ImageJ's ROI sets: a file of one ROI for each object, or for each slice of one, in a ZIP.

ImageJ counts from the corners of pixels, as `core.outlines` does, so coordinates are taken as they
are. One piece without holes is a freehand ROI; anything else is a composite, whose path is put
together here, as ``roifile`` has no function for it.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.rings import Ring
from napari_spatial_embeddings.export.places import SOFTWARE
from napari_spatial_embeddings.export.segmented import Results
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

from .described import EVERY, Described, Steps, described

if TYPE_CHECKING:
    import roifile

MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""Parts of a composite's path: to a point, a line to a point, and back to the start."""

MAX_GROUP = 255
"""Groups that a ROI may be in are counted from 1 up to this."""

MAX_COMMENT = 65_535
"""Bytes of the text that a ZIP may hold beside its files."""

DATE = (1980, 1, 1, 0, 0, 0)
"""Of all entries, so that the same objects give the same file."""


def write_rois(path: Path, found: Results, settings: ExportSettings) -> Steps:
    """Write the outlines of all objects as a ROI set, whole or not at all; yield now and then.

    Raises
    ------
    InputError, Failure
        If whole outlines are wanted and cannot be had, or the file cannot be written.
    """
    with (
        writing(path),
        atomic_file(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        comment = f"{SOFTWARE} {json.dumps(found.noted())}".encode()
        archive.comment = comment if len(comment) <= MAX_COMMENT else SOFTWARE.encode()
        for k, one in enumerate(described(found, settings)):
            name = roi_name(one)
            entry = zipfile.ZipInfo(f"{name}.roi", DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _roi(one, name).tobytes())
            if k % EVERY == 0:
                yield one.share


def roi_name(one: Described) -> str:
    """Return an object's name in the ROI manager, which no other has.

    Its label and class, and its frame and slice, which ImageJ counts from 1.
    """
    parts = [str(one.label)]
    if one.class_name:
        parts.append(re.sub(r"[^\w.+]+", "_", one.class_name))
    parts += [f"{axis}{index + 1}" for axis, index in one.place.items()]
    return "-".join(parts)


def _roi(one: Described, name: str) -> roifile.ImagejRoi:
    from roifile import ImagejRoi

    roi = ImagejRoi.frompoints(one.rings[0].astype(np.float32), name=name)
    if not one.is_simple:
        _make_composite(roi, one.rings)
    roi.stroke_color = bytes((255, *one.colour))
    roi.group = min(one.class_index + 1, MAX_GROUP)
    roi.props = "".join(f"{key}: {value}\n" for key, value in one.facts.items())
    if one.t is None:
        roi.z_position = 0 if one.z is None else one.z + 1
    elif one.z is None and one.channels == 1:
        roi.position = one.t + 1  # in a plain stack, ImageJ finds no frame by `t_position` alone
    else:
        roi.z_position, roi.t_position = (one.z or 0) + 1, one.t + 1
    return roi


def _make_composite(roi: roifile.ImagejRoi, rings: Iterable[Ring]) -> None:
    """Turn a ROI into one of several rings, which is a rectangle with a path."""
    from roifile import ROI_TYPE

    path: list[NDArray[np.floating]] = []
    for ring in rings:
        kinds = np.full((len(ring), 1), LINE)
        kinds[0] = MOVE
        path += [np.hstack([kinds, ring]).ravel(), np.array([CLOSE])]
    corners = np.concatenate([*rings])
    low, high = np.floor(corners.min(0)), np.ceil(corners.max(0))
    roi.roitype = ROI_TYPE.RECT
    roi.left, roi.top = map(int, low)
    roi.right, roi.bottom = map(int, high)
    roi.n_coordinates, roi.integer_coordinates, roi.subpixel_coordinates = 0, None, None
    roi.multi_coordinates = np.concatenate(path).astype(np.float32)
    roi.shape_roi_size = len(roi.multi_coordinates)
