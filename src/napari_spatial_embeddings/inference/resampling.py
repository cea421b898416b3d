"""Resampling of images to the scale that a model works at, and of its maps back.

A model knows objects of about one size, its ``working_diameter``. An image whose objects have
another one is resampled on its way into the network, block by block, and the maps on their way out;
all that follows, clustering and export, sees maps in the image's own pixels.

The *grid* is what the network sees: along an axis of ``n`` pixels it has about ``n * f`` points,
and point ``j`` lies over pixel ``(j + 1/2) / f - 1/2``, so that both cover the same ground.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.image_data import ImageData, LazyArray, Part, PixelArray
from napari_spatial_embeddings.core.maps import Float
from napari_spatial_embeddings.core.sampling import level_ratios

Window = tuple[slice, ...]

TOLERANCE = 1.1
"""Sizes that differ by less than this factor are taken for the same: nothing is resampled."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """Transform between an image's pixels and the grid that a model sees.

    Parameters
    ----------
    factors : tuple of D floats
        Points of the grid per pixel of the image, along each axis.
    gain : float
        Lengths on the grid, in units of its finest axis, per length in the image, in units of its.
    spacing : tuple of D floats
        Size of the image's pixels along each axis, the finest being 1.
    """

    factors: tuple[float, ...]
    gain: float
    spacing: tuple[float, ...]

    @classmethod
    def between(
        cls,
        model: ModelSettings,
        diameter: float | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> Resampling:
        """Return the resampling that makes an image's objects as large as the model knows them.

        Parameters
        ----------
        model : ModelSettings
        diameter : float, optional
            Typical diameter of the objects, in pixels of the image's finest axis; the model's if
            not given.
        spacing : tuple of D floats, optional
            Of the image; the model's if not given. Where they differ, the image comes to the
            model's anisotropy.
        """
        spacing = spacing or model.spacing
        gain = model.working_diameter / diameter if diameter else 1.0
        factors = tuple(own * gain / s for own, s in zip(spacing, model.spacing, strict=True))
        if all(1 / TOLERANCE < f < TOLERANCE for f in factors):
            return cls((1.0,) * len(factors), 1.0, model.spacing)
        return cls(factors, gain, spacing)

    @property
    def trivial(self) -> bool:
        """Whether the grid is the image's own."""
        return all(f == 1 for f in self.factors)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the grid of an image of this spatial shape."""
        return tuple(max(1, round(n * f)) for n, f in zip(shape, self.factors, strict=True))

    def pixels(self, core: Window, shape: tuple[int, ...], window: Window | None = None) -> Window:
        """Return the pixels whose middles lie in a part of the grid; parts share no pixel.

        Those of a window of the image, or of the whole image of this shape.
        """
        out = []
        within = window or tuple(slice(0, n) for n in shape)
        for part, inside, points, f in zip(
            core, within, self.grid(shape), self.factors, strict=True
        ):
            start, stop = (math.ceil(p / f - 0.5) for p in (part.start, part.stop))
            start = min(max(start, inside.start), inside.stop)
            stop = inside.stop if part.stop >= points else min(stop, inside.stop)
            out.append(slice(start, max(start, stop)))
        return tuple(out)

    def points(self, window: Window, shape: tuple[int, ...]) -> Window:
        """Return the part of the grid that holds the middles of a window's pixels."""
        return tuple(
            slice(
                min(math.floor((part.start + 0.5) * f), points - 1),
                min(math.floor((part.stop - 0.5) * f) + 1, points),
            )
            for part, points, f in zip(window, self.grid(shape), self.factors, strict=True)
        )

    def read(
        self,
        image: PixelArray,
        window: Window,
        prepare: Callable[[NDArray[np.generic]], Float],
    ) -> Float:
        """Return what the network sees of an image, float32 (C, *window).

        Where the grid is coarser than the image, the image is smoothed first against aliasing; of a
        `Pyramid`, the level nearest to the grid is read. A value does not depend on the window.

        Parameters
        ----------
        image : (C, *S), real
            Of which no more than the window, and what it is interpolated from, is read.
        window : tuple of D slices
            Part of the grid.
        prepare : function
            Applied to the pixels before they are resampled, such as normalising.
        """
        if self.trivial:
            return prepare(np.asarray(image[(slice(None), *window)]))
        image, factors = nearest_level(image, self.factors)
        at = [positions(w, f) for w, f in zip(window, factors, strict=True)]
        widths = [max(0.0, (1 / f - 1) / 2) for f in factors]
        needed = []
        for where, width, n in zip(at, widths, image.shape[1:], strict=True):
            margin = int(4 * width + 0.5) + 2  # as far as the smoothing reaches
            needed.append(
                slice(
                    int(np.clip(math.floor(where[0]) - margin, 0, n - 1)),
                    int(np.clip(math.ceil(where[-1]) + margin + 1, 1, n)),
                )
            )
        block = prepare(np.asarray(image[(slice(None), *needed)]))
        for axis, (where, width, part) in enumerate(zip(at, widths, needed, strict=True), 1):
            if width:
                block = ndi.gaussian_filter1d(block, width, axis, mode="nearest", truncate=4.0)
            block = _between(block, axis, where - part.start)
        return block

    def restore(
        self, parts: tuple[Float, Float, Float], window: Window, pixels: Window
    ) -> tuple[Float, Float, Float]:
        """Return maps of some of the image's pixels.

        A pixel takes the embedding and the sigma of the nearest point of the grid: between two
        objects, a mean of the two would point to neither. Seeds are interpolated.

        Parameters
        ----------
        parts : offsets, sigma and seed of the grid in ``window``, float32 (n, *window)
            Lengths in units of the grid. Values beyond the window are ignored.
        window : tuple of D slices
            Part of the grid.
        pixels : tuple of D slices
            Part of the image that lies in it.
        """
        if self.trivial:
            return _cut(
                parts,
                [
                    (p.start - w.start, p.stop - w.start)
                    for p, w in zip(pixels, window, strict=True)
                ],
            )
        offsets, sigma, seed = _cut(parts, [(0, w.stop - w.start) for w in window])
        nearest, shifts = [], []
        for axis, (f, unit) in enumerate(zip(self.factors, self.spacing, strict=True)):
            index = np.arange(pixels[axis].start, pixels[axis].stop)
            where = (index + 0.5) * f - 0.5 - window[axis].start
            point = np.clip(np.round(where), 0, offsets.shape[axis + 1] - 1).astype(int)
            seed = _between(seed, axis + 1, where)
            nearest.append(point)
            shifts.append(((point + window[axis].start + 0.5) / f - 0.5 - index) * unit)
        chosen = (slice(None), *np.ix_(*nearest))
        offsets, sigma = offsets[chosen] / self.gain, sigma[chosen] / self.gain
        for axis, shift in enumerate(shifts):
            offsets[axis] += shift.reshape([-1 if a == axis else 1 for a in range(len(shifts))])
        return offsets.astype(np.float32), sigma.astype(np.float32), seed


class Pyramid(LazyArray):
    """An image (C, *S) with coarser copies of it; sliced, it is the image itself.

    Parameters
    ----------
    finest : (C, *S)
    coarser : sequence of (C, *S')
        Each over the same ground.
    """

    def __init__(self, finest: PixelArray, coarser: Sequence[PixelArray]) -> None:
        super().__init__(finest.shape, finest.dtype)
        space = finest.shape[1:]
        self._finest = finest
        self.levels = [(level, level_ratios(space, level.shape[1:])) for level in coarser]

    @classmethod
    def of(cls, image: ImageData) -> PixelArray:
        """Return an image's pixels, with its levels if it has some."""
        return cls(image.data, image.levels) if image.levels else image.data

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        return np.asarray(self._finest[wanted])


def nearest_level(
    image: PixelArray, factors: tuple[float, ...]
) -> tuple[PixelArray, tuple[float, ...]]:
    """Return the coarsest level with the detail of a grid, and the points per pixel of it.

    Parameters
    ----------
    image : (C, *S)
        A `Pyramid`, or an image that has no other level than itself.
    factors : tuple of D floats
        Points of the grid per pixel of the image.
    """
    found = image, factors
    for level, ratios in image.levels if isinstance(image, Pyramid) else []:
        own = tuple(f * r for f, r in zip(factors, ratios, strict=True))
        if all(f < TOLERANCE for f in own) and math.prod(own) > math.prod(found[1]):
            found = level, own
    return found


def _cut(
    parts: tuple[Float, Float, Float], bounds: list[tuple[int, int]]
) -> tuple[Float, Float, Float]:
    window = tuple(slice(*bound) for bound in bounds)
    offsets, sigma, seed = (part[(slice(None), *window)] for part in parts)
    return offsets, sigma, seed


def positions(window: slice, factor: float) -> NDArray[np.float64]:
    """Return where in the image the points of the grid lie along an axis."""
    return (np.arange(window.start, window.stop) + 0.5) / factor - 0.5


def _between(block: Float, axis: int, where: NDArray[np.float64]) -> Float:
    """Interpolate linearly along an axis; beyond the block its outermost values go on."""
    n = block.shape[axis]
    where = np.clip(where, 0, n - 1)
    below = np.minimum(where.astype(int), max(0, n - 2))
    shape = [-1 if a == axis else 1 for a in range(block.ndim)]
    weight = (where - below).astype(np.float32).reshape(shape)
    low, high = block.take(below, axis), block.take(np.minimum(below + 1, n - 1), axis)
    out: Float = low + weight * (high - low)
    return out
