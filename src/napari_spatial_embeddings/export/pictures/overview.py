"""One picture of everything: image, annotations, seed, margin, offsets and instances."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.colours import RGB
from napari_spatial_embeddings.export.segmented import Segmented

from . import panels as _panels
from .overlay import write_picture
from .panels import INK, Shown
from .plane import (
    Pair,
    crowded,
    limits_of,
    middles,
    shown_values,
    slice_note,
    spacing_in_plane,
    steps_of,
    thinned,
    with_slice,
)
from .scale_bar import ScaleBar, bar_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER = "#15171b"

WIDTH, GAP, NAME, LEGEND, HEAD = 4.2, 0.3, 0.36, 0.56, 0.62
"""In inches: a panel's width, the gaps, what is above and below a panel, the picture's title."""

NARROWEST, TALLEST, FLATTEST = 2.8, 6.0, 1.4
"""In inches: limits of a panel that holds a long image."""

MAX_PIXELS = 1600
"""Pixels shown along an axis; of larger images, means of 2 x 2, 3 x 3, ..."""

DPI = 150


def overview(
    image: PixelArray,
    annotations: NDArray[np.integer] | None,
    maps: EmbeddingMaps,
    labels: NDArray[np.integer],
    *,
    title: str = "",
    class_names: Sequence[str] = (),
    bar: ScaleBar | None = None,
    ids: bool = False,
    at: int | None = None,
    limits: Sequence[tuple[float, float]] | None = None,
    spacing: Pair | None = None,
) -> RGB:
    """Draw one picture of an image and what was made of it; of a volume, a slice.

    Parameters
    ----------
    image : (C, *S), real
        Three channels are red, green and blue.
    annotations : integers (*S), optional
        Objects positive, 0 background, negative unknown.
    maps : EmbeddingMaps
    labels : integers (*S), not negative
        The instances.
    title : str
    class_names : sequence of str
        For the legend of the seed maps, if there are several.
    bar : ScaleBar, optional
        Placed below the image.
    ids : bool
        Whether the label of each instance is written on it.
    at : int, optional
        Which slice; the most crowded one if not given.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright; percentiles if not given.
    spacing : height and width of a pixel, optional
        Those of the maps if not given.

    Returns
    -------
    picture : uint8 (height, width, 3)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown = _choose(image, annotations, maps, labels, at, limits, spacing)
    height, width = shown.labels.shape
    figure, panels = _layout(height * shown.aspect / width, title)
    _panels.draw_image(panels[0], shown, bar)
    _panels.draw_annotations(panels[1], shown)
    _panels.draw_seed(panels[2], shown, class_names)
    _panels.draw_margin(panels[3], shown)
    _panels.draw_offsets(panels[4], shown)
    _panels.draw_instances(panels[5], shown, ids=ids)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_panels(path: Path, found: Segmented, settings: ExportSettings) -> Path:
    """Write the overview of a segmented image as PNG, whole or not at all.

    Raises
    ------
    InputError, Failure
        If its maps or its pixels are not known, there is no such slice, or the file cannot be
        written.
    """
    settings = with_slice(settings, found)
    if found.maps is None:
        raise InputError(
            f"the panels show the maps of {found.name}, and there are none; predict it first, on"
            " the command line with --maps"
        )
    if found.image is None:
        raise InputError(f"the panels show the image of {found.name}; name it with --image")
    picture = overview(
        found.image,
        found.annotation,
        found.maps,
        found.instances.labels,
        title=found.name,
        class_names=found.classes,
        bar=bar_of(found, settings),
        ids=settings.ids,
        at=settings.slice,
        limits=limits_of(settings),
        spacing=spacing_in_plane(found),
    )
    return write_picture(path, picture, found.noted())


def _choose(
    image: PixelArray,
    annotations: NDArray[np.integer] | None,
    maps: EmbeddingMaps,
    labels: NDArray[np.integer],
    z: int | None = None,
    limits: Sequence[tuple[float, float]] | None = None,
    spacing: Pair | None = None,
) -> Shown:
    """Return one plane of everything, reduced if it is large."""
    if labels.ndim == 3 and z is None:
        z = crowded(labels)
    at = () if z is None else (z,)
    every = (slice(None), *at)
    high, wide = maps.spacing[-2:] if spacing is None else spacing
    plane = labels[at]
    steps = steps_of(plane.shape, (high / min(high, wide), wide / min(high, wide)), MAX_PIXELS)
    return Shown(
        image=shown_values(image, plane.shape, z, steps),
        annotations=None if annotations is None else _annotations(annotations[at], steps),
        offsets=middles(maps.offsets[every], steps),
        sigma=middles(maps.sigma[every], steps),
        seed=middles(maps.seed[every], steps),
        labels=thinned(plane, steps),
        aspect=high * steps[0] / (wide * steps[1]),
        step=steps[1],
        note=slice_note(z, labels),
        limits=limits,
    )


def _annotations(given: NDArray[np.integer], steps: tuple[int, int]) -> NDArray[np.integer]:
    """Return the annotations that are shown of a plane (Y, X)."""
    objects = thinned(np.maximum(given, 0), steps)
    return np.where(objects > 0, objects, np.minimum(middles(given, steps), 0))


def _layout(ratio: float, title: str) -> tuple[Figure, list[_panels.Panel]]:
    """Return an empty figure and its two rows of three panels, ``ratio`` high."""
    from matplotlib.figure import Figure

    tall = min(max(WIDTH * ratio, FLATTEST), TALLEST)
    wide = min(max(tall / ratio, NARROWEST), WIDTH)
    row = NAME + tall + LEGEND
    head = HEAD if title else GAP / 2
    size = 3 * wide + 4 * GAP, head + 2 * row + GAP / 2
    figure = Figure(figsize=size, dpi=DPI, facecolor=PAPER)
    if title:
        figure.text(GAP / size[0], 1 - 0.36 / size[1], title, color=INK, size=15, weight="bold")
    panels = []
    for index in range(6):
        left = GAP + index % 3 * (wide + GAP)
        low = size[1] - head - (index // 3 + 1) * row
        spots = [(left, low + LEGEND, wide, tall), (left, low, wide, LEGEND)]
        axes, legend = (
            figure.add_axes((x / size[0], y / size[1], w / size[0], h / size[1]))
            for x, y, w, h in spots
        )
        for spot in (axes, legend):
            spot.set_axis_off()
            spot.set(xticks=[], yticks=[])  # hidden ones would still be laid out, which is slow
        legend.set(xlim=(0, wide), ylim=(0, LEGEND))
        panels.append(_panels.Panel(axes, legend))
    return figure, panels
