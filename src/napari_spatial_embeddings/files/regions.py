"""Regions in which every object of an image is annotated, and their readers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import FileError
from .images import read_labels
from .tables import rows

KINDS = ("rectangle", "polygon", "ellipse")
"""Shapes that enclose something."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A shape, in the terms of napari's Shapes layers.

    Parameters
    ----------
    kind : "rectangle", "polygon" or "ellipse"
    corners : float (n, D) or (n, 2), pixels
        The middle of the first pixel is 0. An ellipse is given by the corners of its box. Two
        coordinates, y and x, hold for all slices of a volume.
    """

    kind: str
    corners: NDArray[np.float64]


def read_regions(path: str | Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Read the region in which an image is annotated completely.

    Parameters
    ----------
    path : path
        A mask image, complete where it is not 0; or a CSV table of shapes as napari saves it, with
        rectangles, polygons and ellipses. Shapes with two coordinates hold for all slices of a
        volume.
    shape : tuple of D ints
        The image's spatial shape.

    Returns
    -------
    region : bool (*shape)

    Raises
    ------
    FileError
        If the file cannot be read, or its shape or its shapes do not fit the image.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return covered(read_shapes(path, len(shape)), shape)
    mask = read_labels(path, "ZYX" if len(shape) == 3 else None)
    if mask.shape != shape:
        raise FileError(
            f"{path} has shape {mask.shape}, its image {shape}; they must cover the same pixels"
        )
    return np.asarray(mask != 0)


def covered(regions: Sequence[Region], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels (*shape) that regions cover."""
    return region_mask(shape, [_outline(region, shape) for region in regions])


def read_shapes(path: str | Path, ndim: int) -> list[Region]:
    """Read a CSV table of shapes as napari saves it.

    Parameters
    ----------
    path : path
    ndim : int
        Number of the image's spatial axes.

    Raises
    ------
    FileError
        If the file cannot be read, holds no shape, or a shape that encloses nothing, is incomplete
        or does not fit the image.
    """
    path = Path(path)
    corners: dict[str, list[list[float]]] = {}
    kinds: dict[str, str] = {}
    for line, row in rows(path, ("index", "shape-type", "vertex-index", "axis-0", "axis-1")):
        kind = row["shape-type"].lower()
        if kind not in KINDS:
            raise FileError(
                f"{path}, line {line}: a shape of type '{kind}' encloses nothing; draw rectangles,"
                " polygons or ellipses"
            )
        try:
            point = [float(row[a]) for a in sorted(row) if a.startswith("axis-")]
        except ValueError:
            point = [math.nan]
        if not all(map(math.isfinite, point)):
            raise FileError(f"{path}, line {line}: expected numbers under axis-0, axis-1, ...")
        if len(point) not in (2, ndim):
            raise FileError(
                f"{path}, line {line}: a corner with {len(point)} coordinates; the image has"
                f" {ndim} axes"
            )
        kinds[row["index"]] = kind
        corners.setdefault(row["index"], []).append(point)
    if not corners:
        raise FileError(f"{path} holds no shape; draw where the image is annotated completely")
    for index, points in corners.items():
        if len(points) < 3 or (kinds[index] == "ellipse" and len(points) != 4):
            raise FileError(f"{path}: shape {index} has {len(points)} corners; it is incomplete")
    return [Region(kinds[index], np.array(points)) for index, points in corners.items()]


def _outline(region: Region, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the corners (n, D) of a polygon that covers what a region covers."""
    ellipse = region.kind == "ellipse"
    return _through(along_ellipse(region.corners) if ellipse else region.corners, shape)


def along_ellipse(box: NDArray[np.float64], n: int = 64) -> NDArray[np.float64]:
    """Return corners (n, D) along the ellipse in a box, given by its corners (4, D)."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)[:, None]
    along, across = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    return np.asarray(box.mean(0) + np.cos(turn) * along + np.sin(turn) * across)


def _through(polygon: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Stretch a flat polygon through all slices of a volume."""
    if polygon.shape[1] == len(shape):
        return polygon
    z = np.zeros(len(polygon))
    z[0] = shape[0] - 1
    return np.column_stack([z, polygon])


def region_mask(shape: tuple[int, ...], polygons: list[NDArray[np.floating]]) -> NDArray[np.bool_]:
    """Return the union of polygons as a mask.

    Parameters
    ----------
    shape : tuple of D ints
    polygons : list of (n, D) arrays, pixels
        Corners in image coordinates. In a volume, a polygon that is flat along the first axis
        covers that slice; one that is not covers all slices between its lowest and highest.
    """
    from skimage.draw import polygon2mask  # slow to load

    mask = np.zeros(shape, bool)
    for corners in polygons:
        flat = polygon2mask(shape[-2:], np.asarray(corners, float)[:, -2:] - 1e-6)
        if len(shape) == 2:
            mask |= flat
        else:
            low, high = round(corners[:, 0].min()), round(corners[:, 0].max())
            mask[max(0, low) : max(0, high + 1)] |= flat
    return mask
