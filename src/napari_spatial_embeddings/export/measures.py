"""Measurements of objects as columns of a table: shape, borders and intensities."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.measuring.hulls import hull_size
from napari_spatial_embeddings.core.measuring.sums import Sums, add_all
from napari_spatial_embeddings.core.units import Lengths, finest_length, spacing_of

from .objects import Table, objects_table

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.instances import Instances

EVERY = 200
"""Convex hulls after which there is a report."""


Steps: TypeAlias = Generator[tuple[int, int], None, Table]
"""Measures objects, yields how much is done, and of how much, and returns the columns."""


@dataclass(frozen=True, slots=True)
class Around:
    """Image that a window with N objects, each of them whole, is a part of.

    Parameters
    ----------
    start : tuple of D ints
        First pixel of the window.
    shape : tuple of D ints
        Of the image.
    neighbours : int64 (N,)
        Number of other objects that each touches there.
    """

    start: tuple[int, ...]
    shape: tuple[int, ...]
    neighbours: NDArray[np.int64]


def complete(steps: Steps) -> Table:
    """Return the columns that steps end with."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            table: Table = end.value
            return table


def full_steps(
    instances: Instances,
    class_names: Sequence[str],
    image: PixelArray | None = None,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    spacing: tuple[float, ...] | None = None,
    start: tuple[int, ...] = (),
    predicted_iou: NDArray[np.floating] | None = None,
    around: Around | None = None,
) -> Steps:
    """Return all columns of a table of objects: those of `objects_table`, and the measures.

    Parameters
    ----------
    instances, class_names, image, pixel_size, unit, spacing, start, predicted_iou
        As of `objects_table`.
    around : Around, optional
        As of `measure_steps`.
    """
    where = pixel_size, unit, spacing, start, predicted_iou
    known = objects_table(instances, class_names, None, *where)
    for c in range(0 if image is None else image.shape[0]):
        known[f"mean_intensity_{c}"] = []  # its place: it is measured with the others
    measured = yield from measure_steps(instances, image, pixel_size, unit, around)
    return {**known, **measured}


def measures(
    instances: Instances,
    image: PixelArray | None = None,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
) -> Table:
    """Measure the objects; see `measure_steps`."""
    return complete(measure_steps(instances, image, pixel_size, unit))


def measure_steps(
    instances: Instances,
    image: PixelArray | None = None,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    around: Around | None = None,
) -> Steps:
    """Measure the objects, yield how much is done, and of how much, and return the columns.

    They are those of `skimage.measure.regionprops` where pixels are square, and hold for all
    others.

    Parameters
    ----------
    instances : Instances
    image : (C, *S), optional
        For the intensities; read block by block, where there are objects.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis in ``unit``; None along an axis of unknown size, which then
        counts as one of the finest. Lengths are given in the unit as well where they are known.
    unit : str, optional
    around : Around, optional
        The image that positions, borders and neighbours are those of, if this is a window of it.

    Returns
    -------
    dict of lists, one value per object
        ``size_px``, and ``area_<unit>2`` or ``volume_<unit>3``; per axis ``centroid_<axis>_px``
        and ``centroid_<axis>_<unit>``, ``bbox_min_<axis>_px`` and
        ``bbox_max_<axis>_px``, the pixel after the last; ``perimeter_px`` or ``surface_px2``,
        ``major_axis_px`` and ``minor_axis_px``, in pixels of the finest axis, and in the unit;
        of images ``orientation_deg``, from -90 to 90, None for round objects, and
        ``eccentricity``; ``solidity``, ``extent``, ``neighbours``, ``touches_border`` (0 or 1);
        per channel ``min_intensity_<c>``, ``max_``, ``mean_``, ``std_`` and ``sum_``.
    """
    labels, ids = instances.labels, instances.ids
    spacing = spacing_of(pixel_size) or (1.0,) * labels.ndim
    lengths = pixel_size if pixel_size and unit else (None,) * labels.ndim
    sums = Sums.of(len(ids), labels.ndim, 0 if image is None else image.shape[0])
    done = blocks = 0
    for done, blocks in add_all(sums, labels, ids, spacing, image):
        yield done, blocks + len(ids)
    hulls = np.zeros(len(ids), np.int64)
    for k, label in enumerate(ids.tolist()):
        box = tuple(map(slice, sums.first[k].tolist(), sums.stop[k].tolist()))
        hulls[k] = hull_size(labels, label, box) if sums.size[k] else 0
        if k % EVERY == 0:
            yield done + k, blocks + len(ids)
    shape = labels.shape
    if around is not None:
        first, shape = np.array(around.start), around.shape
        sums.first += first
        sums.stop += first
        sums.mean += first
        sums.neighbours[:] = around.neighbours
    axes = "zyx"[-labels.ndim :]
    known = [size for size in lengths if size is not None]
    finest = finest_length(lengths) if len(known) == labels.ndim else None
    table: Table = {"size_px": sums.size.tolist()}
    if finest is not None:
        kind = {2: "area", 3: "volume"}[labels.ndim]
        table[f"{kind}_{unit}{labels.ndim}"] = (sums.size * math.prod(known)).tolist()
    for d, axis in enumerate(axes):
        table[f"centroid_{axis}_px"] = sums.mean[:, d].tolist()
    for d, axis in enumerate(axes):
        if (size := lengths[d]) is not None:
            table[f"centroid_{axis}_{unit}"] = (sums.mean[:, d] * size).tolist()
    for d, axis in enumerate(axes):
        table[f"bbox_min_{axis}_px"] = sums.first[:, d].tolist()
        table[f"bbox_max_{axis}_px"] = sums.stop[:, d].tolist()
    table |= _shapes(sums, spacing, finest, unit)
    box_size = np.prod(sums.stop - sums.first, axis=1)
    table["solidity"] = _ratio(sums.size, hulls)
    table["extent"] = _ratio(sums.size, box_size)
    table["neighbours"] = sums.neighbours.tolist()
    at_border = (sums.first == 0).any(1) | (sums.stop == shape).any(1)
    table["touches_border"] = at_border.astype(int).tolist()
    return table | _intensities(sums)


def _shapes(
    sums: Sums, spacing: tuple[float, ...], finest: float | None, unit: str | None
) -> Table:
    """Return the columns that come from borders and moments; ``finest`` is in the unit."""
    ndim = len(spacing)
    many = np.maximum(sums.size, 1)[:, None, None]
    moments = sums.spread / many * np.outer(spacing, spacing)
    variances = np.clip(np.linalg.eigvalsh(moments), 0, None)  # ascending
    # Of an ellipse or ellipsoid with these variances.
    minor, *_, major = 2 * np.sqrt((ndim + 2) * variances.T)
    name, power = {2: ("perimeter", ""), 3: ("surface", "2")}[ndim]
    table: Table = {}
    for column, values, exponent, suffix in (
        (name, sums.border, ndim - 1, power),
        ("major_axis", major, 1, ""),
        ("minor_axis", minor, 1, ""),
    ):
        table[f"{column}_px{suffix}"] = values.tolist()
        if finest is not None:
            table[f"{column}_{unit}{suffix}"] = (values * finest**exponent).tolist()
    if ndim == 2:
        low, high = variances.T
        angle = np.degrees(
            np.arctan2(2 * moments[:, 0, 1], moments[:, 0, 0] - moments[:, 1, 1]) / 2
        )
        round_ = high - low <= 1e-9 * np.maximum(high, 1e-9)
        table["orientation_deg"] = _cells(np.where(round_, np.nan, angle))
        ratio = low / np.where(high > 0, high, 1)
        table["eccentricity"] = np.where(high > 0, np.sqrt(np.clip(1 - ratio, 0, 1)), 0.0).tolist()
    return table


def _intensities(sums: Sums) -> Table:
    """Return the columns of each channel."""
    table: Table = {}
    for c in range(sums.total.shape[1]):
        of = np.sqrt(sums.deviation[:, c] / np.maximum(sums.size, 1))
        for name, values in (
            ("mean", sums.average),
            ("min", sums.lowest),
            ("max", sums.highest),
            ("sum", sums.total),
        ):
            table[f"{name}_intensity_{c}"] = _cells(values[:, c])
        table[f"std_intensity_{c}"] = _cells(of)
    return table


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> list[Any]:
    return [*(part / np.maximum(whole, 1)).tolist()]


def _cells(values: NDArray[np.float64]) -> list[float | None]:
    """Return values, None for what is no finite number: an empty cell."""
    return [x if math.isfinite(x) else None for x in values.tolist()]
