"""Parts of images around their annotations: what is read of an image that stays in its file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.image_data import PixelArray, in_memory
from napari_spatial_embeddings.core.object_size import typical_diameter

from .annotation import TrainingImage, annotate, check_labels, nothing_annotated

MIN_EDGE = {2: 256, 3: 64}
"""Edge in pixels, at least, of the cells that an image is divided into, by its number of axes."""

EDGE_DIAMETERS = 4.0
"""Edge of a cell in typical diameters, at least."""


def annotated_parts(
    image: PixelArray,
    labels: NDArray[np.integer],
    *,
    name: str = "image",
    unlabelled: Literal["background", "ignore"] = "background",
    region: NDArray[np.bool_] | None = None,
    classes: Mapping[int, str] | None = None,
    class_names: tuple[str, ...] = ("object",),
    scribbled: bool = False,
    spacing: tuple[float, ...] | None = None,
    proposed: Collection[int] = (),
    series: PixelArray | None = None,
) -> list[TrainingImage]:
    """Resolve an annotation as `annotation.annotate` does; read what lies around it, and no more.

    An image in memory is one part, and so is one that is annotated everywhere.

    Parameters
    ----------
    series : (T, C, *S), optional
        The time series that the image is a frame of; the others are those of `annotate`.

    Raises
    ------
    AnnotationError
        As `annotate`.
    """
    check_labels(name, image, labels, region)
    everywhere = unlabelled == "background" and region is None and not scribbled
    windows: list[tuple[slice, ...]] = [(slice(None),) * labels.ndim]
    if not (everywhere or in_memory(image)):
        known = labels > 0 if region is None else (labels > 0) | region
        windows = annotated_windows(known, labels, spacing or (1.0,) * labels.ndim)
    if not windows:
        raise nothing_annotated(name)
    parts = [
        annotate(
            np.asarray(image[(slice(None), *window)]),
            labels[window],
            name=name,
            unlabelled=unlabelled,
            region=None if region is None else region[window],
            classes=classes,
            class_names=class_names,
            scribbled=scribbled,
            spacing=spacing,
            proposed=proposed,
        )
        for window in windows
    ]
    whole = series if series is not None else None if in_memory(image) else image
    origins = [tuple(part.start or 0 for part in window) for window in windows]
    return [
        replace(part, whole=whole, origin=origin)
        for part, origin in zip(parts, origins, strict=True)
    ]


def annotated_windows(
    known: NDArray[np.bool_], labels: NDArray[np.integer], spacing: tuple[float, ...]
) -> list[tuple[slice, ...]]:
    """Return windows that contain all known pixels, with a margin, and do not overlap.

    The image is divided into cells; the windows hold those with known pixels, and their neighbours.

    Parameters
    ----------
    known : bool (*S)
    labels : integers (*S)
        Whose objects give the size of the cells.
    spacing : tuple of D floats
    """
    diameter = typical_diameter([labels], spacing)
    edge = max(MIN_EDGE[known.ndim], EDGE_DIAMETERS * diameter)
    edges = [max(1, round(edge / unit)) for unit in spacing]
    cells = known
    for axis, size in enumerate(edges):
        cells = np.logical_or.reduceat(cells, range(0, known.shape[axis], size), axis)
    around = np.ones((3,) * known.ndim, bool)
    cells = ndi.binary_dilation(cells, around)
    while True:
        boxes = ndi.find_objects(ndi.label(cells, around)[0])
        filled = np.zeros_like(cells)
        for box in boxes:
            filled[box] = True
        if (filled == cells).all():
            break
        cells = filled  # boxes of bent shapes may touch others
    return [
        tuple(
            slice(part.start * size, min(part.stop * size, n))
            for part, size, n in zip(box, edges, known.shape, strict=True)
        )
        for box in boxes
    ]
