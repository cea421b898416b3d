"""What a decoder hands on, before anybody has asked what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import Size


@dataclass(frozen=True, slots=True)
class Raw:
    """An array as it is in its file.

    Parameters
    ----------
    array : any shape and dtype
    axes : str
        One letter per axis, see `_axes.arrange`.
    sizes : mapping from Z, Y, X to (length, unit)
        Size of a pixel along the axes for which it is known.
    """

    array: NDArray[Any]
    axes: str
    sizes: Mapping[str, Size]
