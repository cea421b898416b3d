"""Pixels of one layer on those of another, by where both lie in the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import unit_name
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

from .world import factors

Index = NDArray[np.intp]

TOLERANCE = 1e-3
"""Pixels by which a corner may lie elsewhere: what is left of rounding."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the pixels of a target lie in a source.

    Parameters
    ----------
    matrix : float64 (D, D)
        From pixels of the target to those of the source.
    offset : float64 (D,)
        Where the target's first pixel lies in the source.
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def between(cls, target: Layer, source: Layer) -> Placement:
        """Return where the pixels of a target lie in a source.

        A source without a transform of its own has that of a target of the same shape: it is a mask
        whose scale got lost. Units of length are converted; a number without a unit has the
        target's.
        """
        ndim = target.ndim
        if layer_shape(source)[-ndim:] == layer_shape(target) and _as_created(source):
            return cls(np.eye(ndim), np.zeros(ndim))
        ratio = factors(target.units, source.units[-ndim:])

        def place(pixel: NDArray[np.float64]) -> NDArray[np.float64]:
            world = np.asarray(target.data_to_world(pixel)) * ratio
            return np.asarray(source.world_to_data(world), float)[-ndim:]

        offset = place(np.zeros(ndim))
        return cls(np.stack([place(axis) - offset for axis in np.eye(ndim)], 1), offset)

    def same_pixels(self, shape: tuple[int, ...]) -> bool:
        """Return whether the pixels of a target of a shape are those of the source."""
        far = np.array(shape) - 1.0
        moved = np.abs(self.matrix - np.eye(len(shape))) @ far + np.abs(self.offset)
        return bool((moved < 0.5).all())

    @property
    def turned(self) -> bool:
        """Whether an axis of the target runs across axes of the source."""
        across = self.matrix - np.diag(np.diag(self.matrix))
        return bool((np.abs(across) > TOLERANCE * np.abs(self.matrix).max()).any())

    def indices(self, target: tuple[int, ...], source: tuple[int, ...]) -> tuple[Box, list[Index]]:
        """Return a box of the target, and which pixels of the source lie nearest to its own.

        The latter are indices along each axis. The box is empty where the two do not meet.
        """
        box, chosen = [], []
        for axis, (n, m) in enumerate(zip(target, source, strict=True)):
            at = self.offset[axis] + self.matrix[axis, axis] * np.arange(n)
            nearest = np.floor(at + 0.5 + TOLERANCE).astype(np.intp)
            inside = np.flatnonzero((nearest >= 0) & (nearest < m))
            start, stop = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
            box.append(slice(start, stop))
            chosen.append(nearest[start:stop])
        return tuple(box), chosen


def place_on(
    target: Layer, source: Layer, shape: tuple[int, ...]
) -> tuple[Box, Callable[..., NDArray[np.integer[Any]]]]:
    """Return where two layers meet, and what reads an array of the source there, or in a part.

    Parameters
    ----------
    target : Layer
        Of D axes.
    source : Layer
    shape : tuple of ints
        Of the array.

    Raises
    ------
    InputError
        As `labels_on`.
    """
    wanted = layer_shape(target)
    how = Placement.between(target, source) if len(shape) == len(wanted) else None
    if how is None or (shape != wanted and _as_created(source)):
        raise InputError(
            f"{source.name} has the shape {shape}, the image {wanted}: they must cover the same"
            " pixels, or the layer must have the scale and translation of its place in the image"
        )
    if how.turned:
        raise InputError(
            f"{source.name} is rotated or sheared against the image: bring it to the image's pixels"
            " first, and use that"
        )
    box, chosen = how.indices(wanted, shape)
    if any(part.start == part.stop for part in box):
        raise InputError(f"{source.name} lies beside the image: no pixel of it is on the image")
    return box, partial(_read, chosen)


def labels_on(target: Layer, source: Layer) -> tuple[Box, Callable[..., NDArray[np.integer[Any]]]]:
    """Return where two layers meet, and what reads the labels of the source there.

    Parameters
    ----------
    target : Layer
        Of D axes.
    source : napari.layers.Labels
        Its further axes, if any, have one index each.

    Returns
    -------
    box : tuple of D slices
        Of the target.
    read : callable
        Reads the labels on the target's pixels (*box), or on a part of the box that it is given:
        slices of it; in any thread.

    Raises
    ------
    InputError
        If it has other axes, is turned against the target, or lies beside it.
    """
    array = source.data[0] if source.multiscale else source.data
    wanted, shape = layer_shape(target), tuple(array.shape)
    while len(shape) > len(wanted) and shape[0] == 1:
        array, shape = array[0], shape[1:]
    box, read = place_on(target, source, shape)
    return box, partial(read, array)


def _read(chosen: list[Index], array: Any, part: Box | None = None) -> NDArray[np.integer[Any]]:
    if part is not None:
        chosen = [index[own] for index, own in zip(chosen, part, strict=True)]
    # Arrays that are not in memory are read by slices alone.
    low = [int(index.min()) for index in chosen]
    high = [int(index.max()) + 1 for index in chosen]
    labels = np.asarray(array[tuple(map(slice, low, high))])
    within = [index - first for index, first in zip(chosen, low, strict=True)]
    if [len(index) for index in within] != list(labels.shape) or any(i[0] for i in within):
        labels = labels[np.ix_(*within)]
    return labels


def layer_shape(layer: Layer) -> tuple[int, ...]:
    """Return the shape of a layer's data, without the colours of RGB; of a pyramid, the finest."""
    return tuple(np.asarray(layer.extent.data[1] + 1).round().astype(int).tolist())


def _as_created(layer: Layer) -> bool:
    """Return whether a layer has no transform and no unit: pixels of size one from the origin."""
    corner = np.arange(1.0, layer.ndim + 1)
    moved = np.asarray(layer.data_to_world(corner)) - corner
    plain = all(unit_name(str(unit)) is None for unit in layer.units)
    return plain and not (moved.any() or np.asarray(layer.data_to_world(0 * corner)).any())
