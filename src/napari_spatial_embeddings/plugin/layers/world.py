"""Positions in the viewer's world and in a layer's pixels, whatever units the layers have.

The viewer has one unit for all lengths: the smallest that a layer has. Since version 0.9, napari
converts to it what it draws, but neither `Layer.world_to_data` nor its own brushes do so.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from .napari_compat import set_conversion, tools_convert_units, world_units

Position = Sequence[float] | NDArray[np.float64]


def units_per_world_unit(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """Return how many of a layer's units one of the viewer's is, along each axis of the layer."""
    world, own = world_units(viewer), tuple(getattr(layer, "units", ()))
    if world is None or len(world) < len(own) or not own:
        return np.ones(layer.ndim)
    return factors(world[-len(own) :], own)


def factors(units: Sequence[Any], others: Sequence[Any]) -> NDArray[np.float64]:
    """Return how many of the other unit each unit is; 1 where they measure different things."""
    return np.array([_factor(unit, other) for unit, other in zip(units, others, strict=True)])


def _factor(unit: Any, other: Any) -> float:
    if unit == other or unit.dimensionality != other.dimensionality:
        return 1.0
    return float((1 * unit).to(other).magnitude)


def to_pixels(viewer: ViewerModel, layer: Layer, position: Position) -> NDArray[np.float64]:
    """Return where a position in the world lies in a layer, in its pixels.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Layer
    position : floats (>= D,)
        In the viewer's units; the last D coordinates count.
    """
    inner = np.asarray(position, float)[-layer.ndim :]
    inner = inner * _unconverted(viewer, layer)[-len(inner) :]
    return np.asarray(type(layer).world_to_data(layer, inner), float)


def to_world(viewer: ViewerModel, layer: Layer, pixel: Position) -> NDArray[np.float64]:
    """Return where a pixel of a layer (D,) lies in the world, in the viewer's units."""
    return np.asarray(layer.data_to_world(pixel), float) / units_per_world_unit(viewer, layer)


def extent(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """Return the lowest and the highest coordinates (2, D) of a layer, in the viewer's units."""
    return np.asarray(layer.extent.world, float) / units_per_world_unit(viewer, layer)


def pixel_lengths(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """Return how long a pixel of a layer is along each of its axes, in the viewer's units."""
    scale = np.abs(np.asarray(layer.scale, float))
    lengths: NDArray[np.float64] = scale / units_per_world_unit(viewer, layer)
    return lengths


def take_world_units(viewer: ViewerModel, layer: Layer) -> None:
    """Have a layer take positions and lengths in the viewer's units.

    So napari's brushes and shapes, which ask the layer itself, act where the mouse is.
    """
    there, own = weakref.ref(viewer), weakref.ref(layer)
    set_conversion(layer, partial(_ratio_of, there, own), partial(_pixels_of, there, own))


def _unconverted(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """Return `units_per_world_unit` where napari does not convert by itself, else ones."""
    ratio = units_per_world_unit(viewer, layer)
    return np.ones(layer.ndim) if (ratio != 1).any() and tools_convert_units() else ratio


def _ratio_of(viewer: weakref.ref[ViewerModel], layer: weakref.ref[Layer]) -> NDArray[np.float64]:
    there, own = viewer(), layer()
    assert own is not None
    return np.ones(own.ndim) if there is None else _unconverted(there, own)


def _pixels_of(
    viewer: weakref.ref[ViewerModel], layer: weakref.ref[Layer], position: Position
) -> NDArray[np.float64]:
    there, own = viewer(), layer()
    assert own is not None
    if there is None:
        return np.asarray(type(own).world_to_data(own, position), float)
    return to_pixels(there, own, position)
