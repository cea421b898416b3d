"""Arrays as decoders return them, before their axes have a meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.units import Size


@dataclass(frozen=True, slots=True)
class Raw:
    """An array as it is in its file.

    Parameters
    ----------
    array : any shape and dtype
        Of NumPy where it was read whole.
    axes : str
        One letter per axis, see `axes.as_image`.
    sizes : mapping from Z, Y, X to (length, unit)
        Size of a pixel along the axes for which it is known.
    """

    array: PixelArray
    axes: str
    sizes: Mapping[str, Size]
