"""The panels of the overview; `overview` arranges them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.maps import MARGIN, Float
from napari_spatial_embeddings.core.outlines.masks import masks_of
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.export.colours import (
    PALETTE,
    image_colours,
    instance_colours,
    longest_offset,
    offset_colours,
)

from .scale_bar import ScaleBar
from .spots import spot_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Picture = NDArray[np.floating]
"""Values (Y, X) or colours (Y, X, 3), the latter from 0 to 1."""

INK, FAINT = "#f2f2f2", "#9ba1aa"

SEED = "how well pixels know their centre"

MAX_OUTLINES = 3000
"""Objects beyond this number are too small on the picture for an outline."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One plane of everything, S = (Y, X).

    Parameters
    ----------
    image : float32 (C, *S)
    annotations : integers (*S), optional
    offsets, sigma, seed : float32 (n, *S)
        As in `EmbeddingMaps`; of a volume, with the components across the plane.
    labels : integers (*S)
    aspect : float
        Height of a pixel in widths.
    step : int
        Pixels of the image for one that is shown, along X.
    note : str
        Which plane it is.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright.
    """

    image: Float
    annotations: NDArray[np.integer] | None
    offsets: Float
    sigma: Float
    seed: Float
    labels: NDArray[np.integer]
    aspect: float
    step: int
    note: str
    limits: Sequence[tuple[float, float]] | None = None

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """Where the seed value is that of an object."""
        return np.asarray(self.seed.max(0) > 0.5)


@dataclass(frozen=True, slots=True)
class Panel:
    """Area of a picture, and of the strip below it for its legend, in inches."""

    axes: Axes
    legend: Axes


def draw_image(panel: Panel, shown: Shown, bar: ScaleBar | None) -> None:
    """Draw the image, with a scale bar if there is one."""
    _show(panel, image_colours(shown.image, shown.limits), shown, "Image", shown.note)
    if bar is not None:
        end = bar.length / shown.step / shown.labels.shape[1] * _shown_width(panel, shown)
        panel.legend.plot([0.0, end], [0.38, 0.38], color=INK, lw=3, solid_capstyle="butt")
        _write(panel, end + 0.1, 0.38, bar.text)


def draw_annotations(panel: Panel, shown: Shown) -> None:
    """Show the annotation; unknown pixels are dark."""
    given = shown.annotations
    picture = _as_grey(shown)
    if given is None:
        _show(panel, 0.3 * picture, shown, "Annotations", "none")
        return
    unknown = given < 0
    picture = np.where(unknown[..., None], 0.3 * picture, picture)
    _objects(panel, picture, np.maximum(given, 0), shown, "Annotations")
    if unknown.any():
        _write(panel, 0, 0.38, "dark: unknown, and nothing is learned")


def draw_seed(panel: Panel, shown: Shown, names: Sequence[str]) -> None:
    """Draw the seed maps; of several classes, each in its colour."""
    if len(shown.seed) == 1:
        _show(panel, _coloured(shown.seed[0], "magma", 0, 1), shown, "Seed", SEED)
        _bar(panel, "magma", 0, 1, "")
        return
    colours = PALETTE[np.arange(len(shown.seed)) % len(PALETTE)] / 255
    _show(panel, np.einsum("cyx,cr->yxr", shown.seed, colours).clip(0, 1), shown, "Seed", SEED)
    at = 0.0
    for k, colour in enumerate(colours):
        name = names[k] if k < len(names) else f"class {k + 1}"
        _write(panel, at, 0.38, f"● {name}", color=colour)
        at += 0.35 + 0.085 * len(name)


def draw_margin(panel: Panel, shown: Shown) -> None:
    """Draw the margin, where there are objects."""
    sigma = shown.sigma if len(shown.sigma) == 1 else shown.sigma[-2:]
    value = MARGIN * np.exp(np.log(sigma).mean(0))
    inside = value[shown.foreground]
    low, high = np.percentile(inside, [1, 99]) if inside.size else (0.0, 1.0)
    low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
    colours = _coloured(value, "viridis", low, high) * _presence(shown)
    _show(panel, colours, shown, "Margin", "how exactly pixels must point")
    _bar(panel, "viridis", low, high, " px")


def draw_offsets(panel: Panel, shown: Shown) -> None:
    """Draw the offsets as colours, where there are objects, and the wheel that explains them."""
    longest = longest_offset(shown.offsets, shown.foreground)
    colours = offset_colours(shown.offsets, longest) / 255 * _presence(shown)
    _show(panel, colours, shown, "Offsets", "the way to the centre")
    y, x = np.mgrid[-1:1:81j, -1:1:81j]
    wheel = np.dstack([offset_colours(np.stack([y, x]), 1) / 255, np.hypot(y, x) <= 1])
    left = _width(panel) - 0.46
    _in_legend(panel, wheel, (left, left + 0.44, 0.03, 0.47))
    _write(panel, left - 0.1, 0.25, f"rim: {longest:.0f} px", ha="right")


def draw_instances(panel: Panel, shown: Shown, *, ids: bool = False) -> None:
    """Draw the instances, with their labels if they are wanted."""
    _objects(panel, _as_grey(shown), shown.labels, shown, "Instances")
    if ids:
        _write_ids(panel, shown)


def _write_ids(panel: Panel, shown: Shown) -> None:
    """Write the label of each object on it, with a dark rim."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=1.5, foreground="black")]
    how: dict[str, Any] = {"ha": "center", "va": "center", "path_effects": rim}
    for one in islice(masks_of(shown.labels), MAX_OUTLINES):
        x, y = (value - 0.5 for value in spot_of(one))
        panel.axes.text(x, y, str(one.label), color="white", size=7, clip_on=True, **how)


def _objects(
    panel: Panel, picture: Picture, labels: NDArray[np.integer], shown: Shown, name: str
) -> None:
    """Draw objects over a picture."""
    from matplotlib.collections import LineCollection

    ids, dense = numbered(labels)
    colours = instance_colours(dense) / 255
    filled = np.where((dense > 0)[..., None], 0.55 * picture + 0.45 * colours[dense], picture)
    count = len(ids) - 1
    _show(panel, filled, shown, name, plural(count, "object"))
    if count <= MAX_OUTLINES:
        lines, owners = _outlines(dense)
        panel.axes.add_collection(LineCollection(lines, colors=colours[owners], linewidths=0.9))


def _outlines(labels: NDArray[np.integer]) -> tuple[list[NDArray[np.floating]], list[int]]:
    """Return the objects' outlines as lines (n, 2) of x and y, and whose each is."""
    from scipy import ndimage as ndi
    from skimage.measure import find_contours

    lines, owners = [], []
    for label, box in enumerate(ndi.find_objects(labels), 1):
        for line in find_contours(np.pad(labels[box] == label, 1).astype(float), 0.5):
            lines.append((line - 1 + [side.start for side in box])[:, ::-1])
            owners.append(label)
    return lines, owners


def _presence(shown: Shown) -> Picture:
    """Return how visible a pixel's sigma and offset are: they mean something inside objects."""
    return np.asarray((shown.seed.max(0) / 0.5).clip(0, 1)[..., None] ** 2)


def _coloured(value: Picture, name: str, low: float, high: float) -> Picture:
    """Return values as colours (Y, X, 3) of a colour map."""
    from matplotlib import colormaps

    return np.asarray(colormaps[name]((value - low) / (high - low)))[..., :3]


def _as_grey(shown: Shown) -> Picture:
    """Return the image as `image_colours` does, without colours: those are the objects'."""
    return np.repeat(image_colours(shown.image, shown.limits).mean(-1, keepdims=True), 3, -1)


def _show(panel: Panel, picture: Picture, shown: Shown, name: str, note: str = "") -> None:
    """Draw a picture under its name."""
    panel.axes.set_title(name, loc="left", color=INK, size=12, weight="bold", pad=6)
    panel.axes.set_title(note, loc="right", color=FAINT, size=9, pad=6)
    figure = panel.axes.get_figure(root=True)
    assert figure is not None
    fits = picture.shape[1] <= figure.dpi * _shown_width(panel, shown)
    how = "nearest" if fits else "antialiased"  # where several pixels are one, their mean
    panel.axes.imshow(picture.clip(0, 1), interpolation=how, aspect=shown.aspect)


def _bar(panel: Panel, name: str, low: float, high: float, unit: str) -> None:
    """Draw the bar that explains a colour map."""
    width = _width(panel)
    _in_legend(panel, _coloured(np.linspace(0, 1, 256)[None], name, 0, 1), (0, width, 0.33, 0.43))
    for at, ha in ((0.0, "left"), (0.5, "center"), (1.0, "right")):
        _write(panel, at * width, 0.15, f"{low + at * (high - low):.3g}{unit}", ha=ha)


def _in_legend(panel: Panel, picture: Picture, extent: tuple[float, float, float, float]) -> None:
    """Draw a picture below the panel, at (left, right, bottom, top) in inches."""
    limits = panel.legend.get_xlim(), panel.legend.get_ylim()
    panel.legend.imshow(picture, extent=extent, aspect="auto")
    panel.legend.set(xlim=limits[0], ylim=limits[1])


def _write(panel: Panel, x: float, y: float, text: str, **how: Any) -> None:
    panel.legend.text(x, y, text, **{"color": FAINT, "size": 9, "va": "center", **how})


def _width(panel: Panel) -> float:
    return float(panel.legend.get_xlim()[1])


def _shown_width(panel: Panel, shown: Shown) -> float:
    """Return the width of what is shown, in inches: less than that of a panel that is too flat."""
    rows, columns = shown.labels.shape
    wide, box = _width(panel), panel.axes.get_position(original=True)
    figure = panel.axes.get_figure(root=True)
    assert figure is not None
    return float(min(wide, box.height * figure.get_figheight() * columns / (rows * shown.aspect)))
