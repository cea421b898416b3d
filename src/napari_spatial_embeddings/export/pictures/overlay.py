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

from .plane import crowded, limits_of, shown_colours, with_slice
from .scale_bar import ScaleBar, bar_of, placed
from .spots import id_size, spot_of, typical_diameter

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

MAX_PIXELS = 4096
"""Pixels shown along an axis; of larger images, every second, third, ..."""

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
) -> RGB:
    """Draw the outlines of objects over their image.

    Parameters
    ----------
    image : (C, *S), real, optional
        Three channels are red, green and blue; black if not given. Only the pixels that are shown
        are read.
    labels : integers (*S), not negative
    at : int, optional
        Which slice of a volume; its most crowded one if not given.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright; percentiles if not given.
    bar : ScaleBar, optional
        Placed in a corner; left out of pictures that are too flat for its text.
    ids : bool
        Whether the label of each object is written on it.

    Returns
    -------
    picture : uint8 (Y, X, 3)
        Small images magnified, large ones thinned out, by a whole number.
    """
    from skimage.segmentation import find_boundaries

    if labels.ndim == 3:
        at = crowded(labels) if at is None else at
        labels = labels[at]
    else:
        at = None
    longest = max(labels.shape)
    step = math.ceil(longest / MAX_PIXELS)
    zoom = math.ceil(MIN_PIXELS / longest) if longest < MIN_PIXELS else 1
    picture = _magnified(shown_colours(image, labels.shape, at, step, limits), zoom)
    known, dense = numbered(labels[::step, ::step])
    if len(known) > 1:
        names = _magnified(dense, zoom)
        lines = find_boundaries(names, mode="inner")
        picture[lines] = instance_colours(dense)[names[lines]]
    if ids or bar is not None:
        picture = _with_text(picture, bar, zoom / step, (known, dense, zoom) if ids else None)
    return picture


def _with_text(
    picture: RGB,
    bar: ScaleBar | None,
    scale: float,
    objects: tuple[NDArray[Any], NDArray[np.intp], int] | None,
) -> RGB:
    """Return a picture with ids and a scale bar.

    Parameters
    ----------
    picture : uint8 (Y, X, 3)
    bar : ScaleBar, optional
    scale : float
        Pixels of the picture for one of the image.
    objects : optional
        The labels that occur, where each pixel's is among them, and how much that is magnified.
    """
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    height, width = picture.shape[:2]
    if objects is not None:
        known, dense, zoom = objects
        diameter = typical_diameter(np.bincount(dense.ravel())[1:])
        size = max(LEGIBLE, zoom * id_size(diameter, dense.shape))
        font = _font(size)
        outlined: dict[str, Any] = {"stroke_width": max(1, round(size / 9)), "stroke_fill": "black"}
        for one in masks_of(dense):
            x, y = (zoom * value for value in spot_of(one))
            pen.text((x, y), str(known[one.label]), "white", font, "mm", **outlined)
    if bar is not None:
        at = placed(bar, height, width, scale)
        if at.size >= LEGIBLE:
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


def _magnified(array: NDArray[Any], zoom: int) -> NDArray[Any]:
    return array.repeat(zoom, 0).repeat(zoom, 1) if zoom > 1 else array
