"""Label images, their outlines, and files of them as other programs write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import roifile
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import find_contours

Labels = NDArray[np.int32]
Rings = list[NDArray[np.float64]]


def contours(mask: NDArray[np.bool_]) -> Rings:
    """Return rings x, y around a mask, counted from the corner of the first pixel."""
    padded = np.pad(mask.astype(float), 1)
    return [ring[:, ::-1] - 1 + 0.5 for ring in find_contours(padded, 0.5)]


def objects(labels: Labels) -> dict[int, NDArray[np.bool_]]:
    return {int(n): labels == n for n in np.unique(labels) if n > 0}


def roi(
    rings: Rings, name: str, properties: Mapping[str, object] | None = None, /, **place: int
) -> roifile.ImagejRoi:
    """Return a ROI, a composite if there are several rings: counted from 1, as Fiji does."""
    points = np.concatenate(rings).astype(np.float32)
    made = roifile.ImagejRoi.frompoints(points, name=name)
    if len(rings) > 1:
        path: list[float] = []
        for ring in rings:
            for k, (x, y) in enumerate(ring[:-1] if (ring[0] == ring[-1]).all() else ring):
                path += [float(k > 0), x, y]
            path.append(4.0)
        made.roitype = roifile.ROI_TYPE.RECT
        made.integer_coordinates = made.subpixel_coordinates = None
        made.n_coordinates = 0
        made.options = roifile.ROI_OPTIONS(0)
        made.multi_coordinates = np.array(path, np.float32)
        made.shape_roi_size = len(path)
    for key, value in place.items():
        setattr(made, key if key == "position" else f"{key}_position", value)
    made.properties = dict(properties or {})
    return made


def write_rois(path: Path, rois: list[roifile.ImagejRoi]) -> Path:
    roifile.roiwrite(path, rois, mode="w")
    return path


def polygon(rings: Rings) -> list[list[list[float]]]:
    return [ring.tolist() for ring in rings]


def feature(geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def write_json(path: Path, facts: Any) -> Path:
    path.write_text(json.dumps(facts))
    return path


@st.composite
def label_images(draw: st.DrawFn) -> Labels:
    """Draw labels with holes, diagonal necks, pieces, gaps between ids, and objects at borders."""
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    few = draw(st.integers(1, 4))
    labels = rng.integers(0, few + 1, shape) * draw(st.sampled_from([1, 7, 300]))
    if draw(st.booleans()):
        labels = np.kron(labels, np.ones((3, 3), int))
    return labels.astype(np.int32)
