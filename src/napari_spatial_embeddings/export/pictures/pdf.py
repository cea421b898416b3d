"""PDF of a segmented image: its pixels, and the outlines of its objects as lines.

Outlines of one colour are one path, and ids are shapes: so a page with many objects stays small and
opens fast. In an SVG each object is on its own, and ids are text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.rings import Ring
from napari_spatial_embeddings.export.outlines.described import EVERY, Steps
from napari_spatial_embeddings.export.places import SOFTWARE
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

from .drawing import Drawing, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Way

PAGE = 10.0
"""Longer side of the page in inches."""

NARROWEST = 1 / 100
"""Shorter side of the page at least, of the longer one."""

POINTS = 72.0
"""In an inch."""


def write_pdf(path: Path, found: Segmented, settings: ExportSettings) -> Steps:
    """Write what `svg.write_svg` writes, with its errors, as a page."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    shown = drawing(found, settings)
    rings: dict[str, list[Ring]] = {}
    spots = []
    for k, one in enumerate(shown.objects):
        rings.setdefault(one.colour, []).extend(one.rings)
        if one.spot is not None:
            spots.append((one.label, *one.spot))
        if k % EVERY == 0:
            yield k, len(found.instances)
    figure, axes, scale = _page(shown)
    for colour, own in rings.items():
        _add(axes, _way(own), ec=colour, fc="none", lw=shown.line * scale)
    if spots:
        digits = _digits(spots, shown.id_size)
        _add(axes, digits, ec="black", fc="none", lw=shown.id_size * scale / 6)
        _add(axes, digits, ec="none", fc="white")
    _draw_bar(axes, shown, scale)
    about = {
        "Title": ", ".join(filter(None, [found.name, shown.note])),
        "Creator": SOFTWARE,
        "Subject": json.dumps(found.noted()),
        "CreationDate": None,  # the record has it
    }
    # Letters as TrueType, which programs for drawings edit.
    with rc_context({"pdf.fonttype": 42}), writing(path), atomic_file(path) as file:
        FigureCanvasPdf(figure).print_pdf(file, metadata=about)


def _page(shown: Drawing) -> tuple[Figure, Axes, float]:
    """Return a page with the image, its axes, and the points for a pixel of the image."""
    from matplotlib.figure import Figure

    side = max(shown.height, shown.width)
    height, width = (max(n, NARROWEST * side) for n in (shown.height, shown.width))
    figure = Figure(figsize=(PAGE * width / side, PAGE * height / side), facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1))
    x, y, wide, high = shown.image_box
    axes.imshow(shown.image, extent=(x, x + wide, y + high, y), interpolation="none", aspect="auto")
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes, PAGE * POINTS / side


def _way(rings: Sequence[Ring]) -> Way:
    """Return rings as one path that no renderer simplifies."""
    from matplotlib.path import Path as Way

    points = np.concatenate([np.concatenate([ring, ring[:1]]) for ring in rings])
    ends = np.cumsum([len(ring) + 1 for ring in rings])
    codes = np.full(len(points), Way.LINETO)
    codes[ends - 1] = Way.CLOSEPOLY
    codes[np.concatenate([[0], ends[:-1]])] = Way.MOVETO
    way = Way(points, codes)
    way.should_simplify = False
    return way


def _digits(spots: Sequence[tuple[int, float, float]], size: float) -> Way:
    """Return ids as one path of shapes, each with its middle at (x, y)."""
    from matplotlib.path import Path as Way
    from matplotlib.textpath import TextPath

    shapes = [TextPath((0, 0), digit, size=size) for digit in "0123456789"]
    box = shapes[0].get_extents()
    pitch, middle = 1.16 * box.width, (box.y0 + box.y1) / 2
    points, codes = list[NDArray[Any]](), list[NDArray[Any]]()
    for label, x, y in spots:
        text = str(label)
        for k, digit in enumerate(text):
            shape = shapes[int(digit)]
            own = shape.get_extents()
            at = x + (k - (len(text) - 1) / 2) * pitch - (own.x0 + own.x1) / 2
            points.append((shape.vertices - (0, middle)) * (1, -1) + (at, y))  # y is downwards
            codes.append(shape.codes)
    way = Way(np.concatenate(points), np.concatenate(codes))
    way.should_simplify = False
    return way


def _add(axes: Axes, way: Way, **how: Any) -> None:
    from matplotlib.patches import PathPatch

    axes.add_artist(PathPatch(way, joinstyle="round", clip_on=False, **how))


def _draw_bar(axes: Axes, shown: Drawing, scale: float) -> None:
    from matplotlib.patches import Rectangle

    at = shown.bar
    if at is None:
        return
    for box, colour, alpha in ((at.box, "black", 0.6), (at.bar, "white", 1.0)):
        axes.add_artist(Rectangle(box[:2], *box[2:], fc=colour, ec="none", alpha=alpha))
    x, y = at.text
    size = at.size * scale
    axes.text(x, y, shown.bar_text, color="white", size=size, ha="center", va="center_baseline")
