"""Drawing of a segmented image: its pixels, and its objects as lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.outlines.masks import ObjectMask, in_slice
from napari_spatial_embeddings.core.outlines.rings import Ring, outlines
from napari_spatial_embeddings.export.colours import PALETTE, RGB, instance_colours
from napari_spatial_embeddings.export.segmented import Segmented

from .overlay import MAX_PIXELS
from .plane import (
    Pair,
    limits_of,
    shown_colours,
    slice_note,
    spacing_in_plane,
    steps_of,
    thinned,
    with_slice,
)
from .scale_bar import PlacedBar, bar_of, placed
from .spots import id_size, spot_of, typical_diameter

LINE, OF_DIAMETER = 1 / 800, 1 / 20
"""Width of lines: of the picture's longer side, and at most of an object's diameter."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnObject:
    """One object of a drawing.

    Parameters
    ----------
    label : int
    name : str
        What is known of it: its label, its class and its score.
    colour : str
        Such as "#64c3f5".
    rings : list of Ring
        As in `core.outlines`.
    spot : x, y
        Place of its id; None if there are none.
    """

    label: int
    name: str
    colour: str
    rings: list[Ring]
    spot: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A drawing, in pixels of the image, with the corner of the first one at (0, 0).

    Where pixels are not square, their shorter side is the unit.

    Parameters
    ----------
    height, width : float
    image : uint8 (rows, columns, 3)
        Of a large image, the means of 2 x 2, 3 x 3, ... pixels.
    image_box : x, y, width, height
        Where it lies.
    objects : iterator of DrawnObject
        In ascending order of the labels; found while it is read.
    line : float
        Width of lines.
    id_size : float
        Height of ids.
    bar : PlacedBar, optional
    bar_text : str
    note : str
        Which slice it is.
    """

    height: float
    width: float
    image: RGB
    image_box: tuple[float, float, float, float]
    objects: Iterator[DrawnObject]
    line: float
    id_size: float
    bar: PlacedBar | None
    bar_text: str
    note: str


def drawing(found: Segmented, settings: ExportSettings) -> Drawing:
    """Return an image with the outlines of its objects; of a volume, a slice.

    Colours are those of `overlay`.

    Raises
    ------
    InputError
        If there is no such slice, or whole outlines are wanted and the maps are not known.
    """
    settings = with_slice(settings, found)
    labels = found.instances.labels
    masks: Iterable[ObjectMask] = found.masks(settings)
    if (at := settings.slice) is not None:
        labels, masks = labels[at], in_slice(masks, at)
    spacing = spacing_in_plane(found)
    high, wide = spacing
    height, width = labels.shape[0] * high, labels.shape[1] * wide
    side = max(height, width)
    steps = steps_of(labels.shape, spacing, MAX_PIXELS)
    image = shown_colours(found.image, labels.shape, at, steps, limits_of(settings))
    rows, columns = image.shape[:2]
    known, dense = numbered(thinned(labels, steps))
    block = steps[0] * high, steps[1] * wide
    diameter = math.sqrt(math.prod(block)) * typical_diameter(np.bincount(dense.ravel())[1:])
    bar = bar_of(found, settings)
    return Drawing(
        height,
        width,
        image,
        (0.0, 0.0, columns * block[1], rows * block[0]),
        _objects(found, masks, _colours(known, dense), spacing, ids=settings.ids),
        min(LINE * side, OF_DIAMETER * diameter) if diameter else LINE * side,
        id_size(diameter, (height, width)),
        None if bar is None else placed(bar, height, width, wide),
        "" if bar is None else bar.text,
        slice_note(at, found.instances.labels),
    )


def _colours(known: NDArray[np.integer], dense: NDArray[np.intp]) -> dict[int, str]:
    colours = instance_colours(dense).tolist()
    return {int(label): _hex(colour) for label, colour in zip(known.tolist(), colours, strict=True)}


def _hex(colour: Iterable[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)


def _objects(
    found: Segmented,
    masks: Iterable[ObjectMask],
    colours: dict[int, str],
    spacing: Pair,
    *,
    ids: bool,
) -> Iterator[DrawnObject]:
    instances = found.instances
    high, wide = spacing
    row = {label: k for k, label in enumerate(instances.ids.tolist())}
    spots: dict[int, tuple[float, float]] = {}

    def noticed() -> Iterator[ObjectMask]:
        for one in masks:
            if ids:
                x, y = spot_of(one)
                spots[one.label] = x * wide, y * high
            yield one

    for outline in outlines(noticed()):
        label, k = outline.label, row[outline.label]
        score = float(instances.score[k])
        facts = [str(label), found.class_of(k), f"score {score:.3g}" if score == score else None]
        yield DrawnObject(
            label,
            ", ".join(fact for fact in facts if fact),
            # One that is too small for the pixels that are shown may share its own with another.
            colours.get(label) or _hex(PALETTE[label % len(PALETTE)].tolist()),
            [ring * (wide, high) for piece in outline.pieces for ring in piece],
            spots.pop(label, None),
        )
