"""The image with the objects' outlines on it, as pixels."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.outlines.masks import masks_of
from napari_spatial_embeddings.export.colours import RGB, instance_colours
from napari_spatial_embeddings.export.record import png_notes
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import write_atomically

from .plane import (
    NOTHING,
    Pair,
    crowded,
    limits_of,
    shown_colours,
    spacing_in_plane,
    steps_of,
    thinned,
    with_slice,
)
from .scale_bar import ScaleBar, bar_of, placed
from .spots import id_size, spot_of, typical_diameter

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

MAX_PIXELS = 4096
"""Pixels of a picture along an axis; of larger images, means of 2 x 2, 3 x 3, ... are shown."""

MIN_PIXELS = 800
"""Smaller images are magnified, so that lines are thin beside their objects."""

LEGIBLE = 9
"""Height in pixels below which text is not read."""


def overlay(
    image: PixelArray | None,
    labels: NDArray[np.integer],
    *,
    at: int | None = None,
    limits: Sequence[tuple[float, float]] | None = None,
    bar: ScaleBar | None = None,
    ids: bool = False,
    spacing: Pair = (1.0, 1.0),
) -> RGB:
    """Draw the outlines of objects over their image.

    Parameters
    ----------
    image : (C, *S), real, optional
        Three channels are red, green and blue; black if not given. Only the plane that is shown is
        read.
    labels : integers (*S), not negative
    at : int, optional
        Which slice of a volume; its most crowded one if not given.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright; percentiles if not given.
    bar : ScaleBar, optional
        Placed in a corner; left out of pictures that are too flat for its text.
    ids : bool
        Whether the label of each object is written on it.
    spacing : height and width of a pixel
        The shorter one is 1.

    Returns
    -------
    picture : uint8 (Y, X, 3)
        Small images are magnified, and large ones reduced, by a whole number. Pixels that are not
        square are magnified along their longer side.
    """
    from skimage.segmentation import find_boundaries

    if labels.ndim == 3:
        at = crowded(labels) if at is None else at
        labels = labels[at]
    else:
        at = None
    shape = labels.shape
    longest = max(n * side for n, side in zip(shape, spacing, strict=True))
    zoom = math.ceil(MIN_PIXELS / longest) if longest < MIN_PIXELS else 1
    part = zoom / math.ceil(longest / MAX_PIXELS)
    scale = spacing[0] * part, spacing[1] * part
    steps = steps_of(shape, spacing, MAX_PIXELS)
    places = [_places(*one) for one in zip(shape, scale, steps, strict=True)]
    picture = _picked(shown_colours(image, shape, at, steps, limits), places)
    known, dense = numbered(thinned(labels, steps))
    if len(known) > 1:
        names = _picked(dense, places)
        lines = find_boundaries(names, mode="inner")
        picture[lines] = instance_colours(dense)[names[lines]]
    if ids:
        each = scale[0] * steps[0], scale[1] * steps[1]
        picture = _with_ids(picture, known, dense, each)
    return picture if bar is None else _with_bar(picture, bar, scale[1])


def _places(n: int, scale: float, step: int) -> NDArray[np.intp]:
    """Return which block of pixels is seen at each pixel of a picture along an axis.

    Parameters
    ----------
    n : int
        Pixels of the image.
    scale : float
        Pixels of the picture for one of the image.
    step : int
        Pixels of a block.
    """
    seen = (np.arange(max(1, math.ceil(n * scale - NOTHING))) + 0.5) / (scale * step)
    return np.minimum(seen.astype(np.intp), -(-n // step) - 1)


def _picked(array: NDArray[Any], places: Sequence[NDArray[np.intp]]) -> NDArray[Any]:
    return np.asarray(array[places[0][:, None], places[1]])


def _with_ids(
    picture: RGB, known: NDArray[Any], dense: NDArray[np.intp], scale: tuple[float, float]
) -> RGB:
    """Return a picture with the ids of its objects.

    Parameters
    ----------
    picture : uint8 (Y, X, 3)
    known : integers
        The labels that occur.
    dense : intp (rows, columns)
        Where that of each pixel is among them.
    scale : pair of floats
        Pixels of the picture for one of these, along Y and X.
    """
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    diameter = typical_diameter(np.bincount(dense.ravel())[1:]) * math.sqrt(scale[0] * scale[1])
    size = max(LEGIBLE, id_size(diameter, picture.shape[:2]))
    font = _font(size)
    outlined: dict[str, Any] = {"stroke_width": max(1, round(size / 9)), "stroke_fill": "black"}
    for one in masks_of(dense):
        x, y = spot_of(one)
        at = x * scale[1], y * scale[0]
        pen.text(at, str(known[one.label]), "white", font, "mm", **outlined)
    return np.array(drawn)


def _with_bar(picture: RGB, bar: ScaleBar, scale: float) -> RGB:
    """Return a picture with a scale bar, if it is not too flat for its text.

    Parameters
    ----------
    picture : uint8 (Y, X, 3)
    bar : ScaleBar
    scale : float
        Pixels of the picture for one of the image, along X.
    """
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    at = placed(bar, height, width, scale)
    if at.size < LEGIBLE:
        return picture
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    x, y, wide, high = map(round, at.box)
    dark = drawn.crop((x, y, x + wide, y + high)).point(lambda value: value * 2 // 5)
    drawn.paste(dark, (x, y))
    left, top = round(at.bar[0]), round(at.bar[1])
    right = max(left, round(at.bar[0] + at.bar[2]) - 1)
    low = max(top, round(at.bar[1] + at.bar[3]) - 1)
    pen.rectangle((left, top, right, low), "white")
    pen.text(at.text, bar.text, "white", _font(at.size), "mm")
    return np.array(drawn)


def _font(size: float) -> FreeTypeFont:
    """Return a font that has the letters of all units, unlike that of Pillow."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def write_overlay(path: Path, found: Segmented, settings: ExportSettings) -> Path:
    """Write the overlay of a segmented image as PNG, whole or not at all.

    Raises
    ------
    InputError, Failure
        If there is no such slice, or the file cannot be written.
    """
    settings = with_slice(settings, found)
    picture = overlay(
        found.image,
        found.instances.labels,
        at=settings.slice,
        limits=limits_of(settings),
        bar=bar_of(found, settings),
        ids=settings.ids,
        spacing=spacing_in_plane(found),
    )
    return write_picture(path, picture, found.noted())


def write_picture(path: str | Path, picture: RGB, made: Mapping[str, Any] | None = None) -> Path:
    """Write a picture as PNG, whole or not at all.

    Parameters
    ----------
    path : path
    picture : uint8 (Y, X, 3)
    made : mapping, optional
        Of `record.record`.

    Raises
    ------
    FileError, Failure
        If the file cannot be written.
    """
    from PIL import Image

    path, content = Path(path), io.BytesIO()
    notes = None if made is None else png_notes(made)
    Image.fromarray(picture).save(content, "PNG", pnginfo=notes)
    with writing(path):
        write_atomically(path, content.getvalue())
    return path
