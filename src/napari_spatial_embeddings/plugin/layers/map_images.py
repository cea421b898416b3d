"""Images that show maps, and the table of the objects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.maps import MARGIN, EmbeddingMaps
from napari_spatial_embeddings.core.quality.calibration import of_card
from napari_spatial_embeddings.export.colours import longest_offset, offset_colours
from napari_spatial_embeddings.plugin.tasks.changed_labels import blocks

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

MOST, FEW = 4, 10_000
"""Rows of a table for one object at most, and how many are none too many: labels of other programs
may be any numbers."""

FOREGROUND = 0.5
"""Seed value above which a pixel counts when ranges are chosen."""

SAMPLE_PIXELS = 1_000_000
"""Pixels that ranges are chosen from at most."""


@dataclass(frozen=True, slots=True)
class MapImages:
    """Images made of maps; seeds are shown as they are.

    Parameters
    ----------
    margin : float32 (*S)
        In the unit of ``size``; mean over the axes.
    highest, largest : float
        A margin that few objects exceed, and the largest of all.
    offsets : uint8 (*S, 3)
        Hue is the direction, brightness the length; black where no object is likely.
    """

    margin: NDArray[np.float32]
    highest: float
    largest: float
    offsets: NDArray[np.uint8]


def map_images(maps: EmbeddingMaps, size: float = 1.0) -> MapImages:
    """Return the images of maps.

    Parameters
    ----------
    maps : EmbeddingMaps
    size : float
        Size of a pixel of the finest axis; 1 for a margin in pixels.
    """
    shape = maps.shape
    step = max(1, round((math.prod(shape) / SAMPLE_PIXELS) ** (1 / len(shape))))
    sample = (slice(None), *(slice(None, None, step),) * len(shape))
    likely = maps.seed[sample].max(0) > FOREGROUND
    sampled = _margin(maps, sample, size)
    chosen = sampled[likely]
    longest = longest_offset(maps.offsets[sample], likely)
    margin, offsets = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.uint8)
    largest = 0.0
    for block in blocks(shape):  # what was not predicted costs neither time nor memory
        at = (slice(None), *block)
        if maps.sigma[at].any():
            margin[block] = _margin(maps, at, size)
            largest = max(largest, float(margin[block].max()))
        seed = maps.seed[at].max(0)
        if (seed > 0).any():
            # Offsets of the background mean nothing; they fade out as seeds do.
            fade = np.clip(seed * (255 / FOREGROUND), 0, 255).astype(np.uint16)[..., None]
            offsets[block] = (offset_colours(maps.offsets[at], longest) * fade) >> 8
    highest = float(np.percentile(chosen, 99)) if chosen.size else float(sampled.max(initial=0))
    return MapImages(margin, max(highest, 1e-6), largest, offsets)


def _margin(maps: EmbeddingMaps, at: tuple[slice, ...], size: float) -> NDArray[np.float32]:
    """Return the margin of some pixels, mean over the axes."""
    sigma: NDArray[np.float32] = maps.sigma[at].mean(0)
    return sigma * np.float32(MARGIN * size)


def features(result: Segmentation) -> dict[str, Any]:
    """Return the properties of the objects, as columns for a Labels layer, by `by_label`."""
    found = result.instances
    names = np.array([*result.classes, "?"], object)
    known = np.where(
        found.class_index < len(result.classes), found.class_index, len(result.classes)
    )
    axes = "zyx"[-result.maps.ndim :]
    centre = found.centre / np.array(result.maps.spacing)
    table: dict[str, Any] = {
        "index": found.ids.astype(np.int64),
        "class": names[known],
        "score": found.score.astype(float).round(3),
        "size": found.size,
    }
    if (calibration := of_card(result.card)) is not None:
        table["predicted iou"] = calibration.predicted_iou(found.score, result.consistency).round(3)
    for d, axis in enumerate(axes):
        table[f"centre {axis}"] = centre[:, d].astype(float).round(2)
    for d, axis in enumerate(axes):
        table[f"sigma {axis}"] = found.sigma[:, d].astype(float).round(2)
    table["locked"] = np.array(["", "yes"], object)[found.locked.astype(int)]
    return by_label(table)


def by_label(columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> dict[str, Any]:
    """Return columns with a row for each label from 0 to the highest, empty where there is none.

    napari's status bar finds an object by the column ``index``; its features table takes the number
    of a row for the label, and selects that.

    Parameters
    ----------
    columns : mapping of sequences
        One value per object; ``index`` has the labels. Returned as they are if labels are so high
        that there would be far more rows than objects.

    Returns
    -------
    dict of arrays
        Numbers are floats, NaN in empty rows; of others None, but for the class of the background.
    """
    index = np.asarray(columns["index"], np.int64)
    top = int(index.max(initial=0))
    if top > max(FEW, MOST * len(index)):
        return dict(columns)
    rows: dict[str, Any] = {}
    for name, values in columns.items():
        numbers = np.asarray(values).dtype.kind in "iuf"
        # Without any object, nothing shows that the classes are texts.
        texts = name == "class" or any(isinstance(value, str) and value for value in values)
        rows[name] = column = np.full(top + 1, None if texts and not numbers else np.nan)
        column[index] = values if numbers or texts else [np.nan if x == "" else x for x in values]
    rows["index"] = np.arange(top + 1)
    if "class" in rows:
        rows["class"][0] = BACKGROUND
    return rows
