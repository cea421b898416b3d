"""Label images of another scale or place than their image's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import METRES, Lengths

Labels = NDArray[np.integer]


def placed(labels: Labels, shape: tuple[int, ...], first: tuple[int, ...]) -> Labels:
    """Return labels of an image of a shape (*S), of which some cover a part from ``first`` on."""
    out = np.zeros(shape, labels.dtype)
    low = [max(0, start) for start in first]
    high = [min(n, start + m) for n, start, m in zip(shape, first, labels.shape, strict=True)]
    if all(a < b for a, b in zip(low, high, strict=True)):
        here = tuple(map(slice, low, high))
        there = tuple(
            slice(a - start, b - start) for a, b, start in zip(low, high, first, strict=True)
        )
        out[here] = labels[there]
    return out


def rescaled(
    labels: Labels,
    wanted: tuple[int, ...],
    size: Lengths | None,
    unit: str | None,
    image_size: Lengths | None,
    image_unit: str | None,
) -> tuple[Labels, list[str]]:
    """Return labels with the pixels of an image of another scale, each that of the nearest.

    The pixel sizes of both must confirm it, where both are known; otherwise the shape of one must
    be a multiple of the other's, along Y and X by the same number.

    Returns
    -------
    labels : integers (*wanted), or as they were if they do not fit
    notes : list of str
    """
    if labels.ndim != len(wanted):
        return labels, []
    shape = labels.shape
    ratios = np.array(wanted) / np.array(shape)
    by_size = _ratios(size, unit, image_size, image_unit)
    if by_size is not None and len(by_size) <= len(wanted):
        whole = np.ones(len(wanted))
        whole[-len(by_size) :] = by_size
        # The last pixel may be cut, or half filled.
        fits = np.abs(np.array(shape) * whole - np.array(wanted)) <= np.maximum(whole, 1)
        ratios = whole
    else:
        larger = np.maximum(ratios, 1 / ratios)
        fits = (larger == np.round(larger)) & np.append(
            np.append(ratios[:-2] == 1, ratios[-2] == ratios[-1]), True
        )
    if not fits.all() or (ratios == 1).all():
        return labels, []
    chosen = []
    for n, m, ratio in zip(wanted, shape, ratios, strict=True):
        # The middle of a pixel of the image, in pixels of the labels.
        at = np.floor((np.arange(n) + 0.5) / ratio).astype(np.intp)
        chosen.append(np.clip(at, 0, m - 1))
    text = " x ".join(f"{ratio:.3g}" for ratio in ratios)
    note = f"its pixels are {text} of the image's: each pixel takes the nearest label"
    return labels[np.ix_(*chosen)], [note]


def _ratios(
    size: Lengths | None, unit: str | None, other: Lengths | None, other_unit: str | None
) -> NDArray[np.float64] | None:
    """Return the size of pixels in those of other pixels; None where it is not known."""
    if size is None or other is None or len(size) != len(other) or None in (*size, *other):
        return None
    factor = 1.0
    if unit != other_unit:
        if unit not in METRES or other_unit not in METRES:
            return None
        factor = METRES[unit] / METRES[other_unit]
    return np.asarray(np.array(size, float) * factor / np.array(other, float), np.float64)
