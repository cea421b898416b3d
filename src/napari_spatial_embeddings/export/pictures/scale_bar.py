"""Scale bar of a picture: a line of a round length, and where it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.units import METRES, Lengths, symbol
from napari_spatial_embeddings.export.segmented import Segmented

SHARE = 1 / 4
"""Of a picture's width that a bar takes at most."""

METRIC = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "m": 1.0}
"""Units that a bar is labelled in: the largest that its length is at least one of."""

MARGIN, THICKNESS, TEXT = 0.03, 0.008, 0.032
"""Shares of a picture's longer side: distance from its edge, thickness of a bar, height of text."""

FLATTEST = 1 / 4
"""Share of the shorter side that a bar and its text take at most in a long picture."""

LETTER = 0.64
"""Width of a digit, of its height, in the widest font that is used."""


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A line of a round length.

    Parameters
    ----------
    length : float
        In pixels of the image, along X.
    text : str
        The length with its unit; pixels where the size of a pixel is unknown.
    """

    length: float
    text: str


def scale_bar(width: int, pixel_size: Lengths | None = None, unit: str | None = None) -> ScaleBar:
    """Return the bar of an image: 1, 2 or 5 times a power of ten long, at most a quarter of it.

    Parameters
    ----------
    width : int
        Of the image, in pixels.
    pixel_size, unit : optional
        Size of a pixel along each axis; that of the last one counts. Inches and centimetres do not,
        as files name them for the sake of printing.
    """
    size = pixel_size[-1] if pixel_size else None
    if not size or not unit or unit in ("inch", "cm"):
        length = round_number(max(1.0, width * SHARE))
        return ScaleBar(length, f"{length:g} px")
    if unit not in METRES:  # of a kind that is not known: it is called what the file calls it
        length = round_number(width * SHARE * size)
        return ScaleBar(length / size, f"{length:g} {unit}")
    pixel = size * METRES[unit]
    length = round_number(width * SHARE * pixel)
    name = next((u for u in reversed(METRIC) if length >= METRIC[u] * (1 - 1e-9)), "nm")
    return ScaleBar(length / pixel, f"{length / METRIC[name]:.6g} {symbol(name)}")


@dataclass(frozen=True, slots=True)
class PlacedBar:
    """A scale bar in the lower right corner, with its text above it, in pixels of the picture.

    Parameters
    ----------
    bar : x, y, width, height
    box : x, y, width, height
        Around bar and text; it is dark, as the image may be bright.
    text : x, y
        Middle of the text.
    size : float
        Size of the font.
    """

    bar: tuple[float, float, float, float]
    box: tuple[float, float, float, float]
    text: tuple[float, float]
    size: float


def placed(bar: ScaleBar, height: float, width: float, scale: float = 1.0) -> PlacedBar:
    """Return where a bar is in a picture.

    Parameters
    ----------
    bar : ScaleBar
    height, width : float
        Of the picture, in its own pixels.
    scale : float
        Pixels of the picture for one of the image, along X.
    """
    side, length = max(height, width), bar.length * scale
    line = TEXT * side
    whole = 2.2 * line + THICKNESS * side
    shrunk = min(1.0, FLATTEST * min(height, width) / whole)
    line, thick, pad = line * shrunk, THICKNESS * side * shrunk, 0.4 * line * shrunk
    edge = MARGIN * side * shrunk
    inner = max(length, LETTER * line * len(bar.text))
    wide, high = inner + 2 * pad, 1.2 * line + thick + 2 * pad
    left, top = width - edge - wide, height - edge - high
    middle = left + wide / 2
    return PlacedBar(
        (middle - length / 2, top + high - pad - thick, length, thick),
        (left, top, wide, high),
        (middle, top + pad + 0.5 * line),
        line,
    )


def bar_of(found: Segmented, settings: ExportSettings) -> ScaleBar | None:
    """Return the bar of a segmented image, if the settings ask for one."""
    width = found.instances.labels.shape[-1]
    return scale_bar(width, found.pixel_size, found.unit) if settings.scale_bar else None


def round_number(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not above the value."""
    unit = 10.0 ** math.floor(math.log10(value))
    return float(max(k for k in (1, 2, 5) if k * unit <= value * (1 + 1e-9)) * unit)
