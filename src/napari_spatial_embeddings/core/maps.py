"""Maps that a network predicts: offsets, sigma and seed.

Notation (Neven et al., CVPR 2019, sec. 3): pixel ``i`` at ``x_i`` has the offset ``o_i``, the
*spatial embedding* ``e_i = x_i + o_i``, the bandwidth ``sigma_i`` and one seed value per class.
All lengths are in pixels of the finest axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
    import torch

    from napari_spatial_embeddings.config import ModelSettings

Float = NDArray[np.float32]

IGNORE = -1
"""Label of pixels about which nothing is known."""

MARGIN = math.sqrt(2 * math.log(2))
"""The margin in units of sigma: ``phi = 1/2`` at this distance from the centre."""

SQUARED_MARGIN = np.float32(2 * math.log(2))
"""``phi > 1/2`` as a bound on `squared_distance`."""

SIGMA_GAIN = 5.0
"""Natural logarithm of sigma per unit of the network's raw value.

The published precision is ``exp(10 s) = 1 / (2 sigma^2)``; so ``|d ln(sigma) / d s| = 5``, and the
published weight of the variance term keeps its meaning.
"""


@dataclass(frozen=True, slots=True)
class EmbeddingMaps:
    """Decoded output of the network for one image, D = 2 or 3 axes, S the spatial shape.

    Parameters
    ----------
    offsets : float32 (D, *S), pixels
        From each pixel to the centre of its object.
    sigma : float32 (1, *S) or (D, *S), pixels, > 0
        Clustering bandwidth that the pixel expects for its object.
    seed : float32 (C, *S), 0 to 1
        Per class, how well the pixel's embedding points at its object's centre.
    spacing : tuple of D floats
        Size of a pixel along each axis; 1 for the finest.

    Raises
    ------
    ValueError
        If the arrays' shapes do not fit together.
    """

    offsets: Float
    sigma: Float
    seed: Float
    spacing: tuple[float, ...]

    def __post_init__(self) -> None:
        shape = self.offsets.shape[1:]
        ndim = len(shape)
        if ndim not in (2, 3) or self.offsets.shape[0] != ndim or len(self.spacing) != ndim:
            raise ValueError(
                f"offsets of shape {self.offsets.shape} with {len(self.spacing)} spacings: expected"
                " (2, Y, X) with 2 or (3, Z, Y, X) with 3"
            )
        if self.sigma.shape not in ((1, *shape), (ndim, *shape)):
            raise ValueError(
                f"sigma has shape {self.sigma.shape}, expected (1 or {ndim}, *{shape})"
            )
        if self.seed.ndim != ndim + 1 or self.seed.shape[1:] != shape or not self.seed.shape[0]:
            raise ValueError(f"seed has shape {self.seed.shape}, expected (classes, *{shape})")

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.spacing)

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        return self.offsets.shape[1:]

    @property
    def margin(self) -> Float:
        """Distance in pixels at which a pixel stops belonging: ``sigma * sqrt(2 ln 2)``."""
        return self.sigma * np.float32(MARGIN)

    def embeddings(self, box: tuple[slice, ...] | None = None) -> Float:
        """Return ``e = x + o``, float32 (D, *S), in pixels of the finest axis.

        Of the pixels of a box alone, as `box_around` gives it, if that is given.
        """
        if box is None:
            return coordinates(self.shape, self.spacing) + self.offsets
        offsets = self.offsets[(slice(None), *box)]
        first = tuple(part.start for part in box)
        return coordinates(offsets.shape[1:], self.spacing, first) + offsets

    def copied(self) -> EmbeddingMaps:
        """Return maps that may be changed: those of a result are shared."""
        own = self.offsets.copy(), self.sigma.copy(), self.seed.copy()
        return replace(self, offsets=own[0], sigma=own[1], seed=own[2])

    def embeddings_at(self, pixels: NDArray[np.integer]) -> Float:
        """Return the embeddings of some pixels, given as indices (n, D); float32 (n, D)."""
        x = pixels.astype(np.float32) * np.array(self.spacing, np.float32)
        embeddings: Float = x + self.offsets[(slice(None), *pixels.T)].T
        return embeddings

    def box_around(
        self, centre: NDArray[np.floating], reach: Sequence[float] | NDArray[np.floating]
    ) -> tuple[slice, ...]:
        """Return the box of the pixels within ``reach`` (D,) of a point (D,) along each axis.

        Lengths in pixels of the finest axis. The box is cut to the image.
        """
        return tuple(
            slice(
                max(0, math.floor((c - r) / step)),
                min(n, max(0, math.ceil((c + r) / step) + 1)),
            )
            for c, r, n, step in zip(centre, reach, self.shape, self.spacing, strict=True)
        )

    def checked_pixel(self, pixel: Sequence[int]) -> tuple[int, ...]:
        """Return a pixel's D indices as a tuple.

        Raises
        ------
        InputError
            If the pixel lies outside the image.
        """
        at = tuple(int(i) for i in pixel)
        if len(at) != self.ndim or not all(0 <= i < n for i, n in zip(at, self.shape, strict=True)):
            raise InputError(f"the pixel {at} lies outside the image of shape {self.shape}")
        return at


def coordinates(
    shape: tuple[int, ...], spacing: tuple[float, ...], first: tuple[int, ...] | None = None
) -> Float:
    """Return the pixels' coordinates, float32 (D, *shape), ``index * spacing``.

    Indices start at ``first``, or at 0.
    """
    out = np.empty((len(shape), *shape), np.float32)
    for axis, (n, step) in enumerate(zip(shape, spacing, strict=True)):
        start = first[axis] if first else 0
        line = np.arange(start, start + n, dtype=np.float32) * np.float32(step)
        out[axis] = line.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return out


def split(
    raw: torch.Tensor, settings: ModelSettings
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Split raw network output (B, D + n_sigma + C, *S) and bring it to pixels.

    Returns
    -------
    offsets : (B, D, *S), pixels
        ``offset_range * tanh(raw)``.
    log_sigma : (B, n_sigma, *S)
        Raw sigma, clamped to [-1, 1]; see `sigma_of`.
    seed : (B, C, *S)
        Logits; a sigmoid makes them seed values.
    """
    ndim, n = settings.ndim, settings.sigma_components
    # The network's output has its channels last; one channel of that is scattered, and all that
    # follows several times as slow.
    raw = raw.contiguous()
    offsets = raw[:, :ndim].tanh() * settings.offset_range
    return offsets, raw[:, ndim : ndim + n].clamp(-1, 1), raw[:, ndim + n :]


def sigma_of(log_sigma: Any, settings: ModelSettings) -> Any:
    """Return sigma in pixels of a tensor of raw values: ``sigma_0 * exp(5 s)``.

    A raw value of 0 gives a margin of a quarter of the typical object's diameter.
    """
    return (log_sigma * SIGMA_GAIN).exp() * (settings.working_diameter / 4 / MARGIN)


def ideal_maps(
    labels: NDArray[np.integer],
    *,
    classes: dict[int, int] | None = None,
    n_classes: int = 1,
    spacing: tuple[float, ...] | None = None,
    sigma: float = 1.0,
) -> EmbeddingMaps:
    """Return the maps a perfect network would give for a label image.

    Each labelled pixel points exactly at its object's centroid with seed 1; the rest has seed 0.

    Parameters
    ----------
    labels : integer (*S)
        0 is background, every other positive value an object.
    classes : dict, optional
        Class index of each label; 0 where not given.
    n_classes : int
        Number of seed maps.
    spacing : tuple of floats, optional
        As in `EmbeddingMaps`; isotropic if not given.
    sigma : float
        The bandwidth everywhere, in pixels.
    """
    spacing = spacing or (1.0,) * labels.ndim
    ids, owner = np.unique(np.where(labels > 0, labels, 0), return_inverse=True)
    owner = owner.reshape(labels.shape)
    x = coordinates(labels.shape, spacing)
    size = np.maximum(np.bincount(owner.ravel(), minlength=len(ids)), 1)
    inside = labels > 0
    offsets = np.zeros_like(x)
    for axis in range(labels.ndim):
        sums = np.bincount(owner.ravel(), x[axis].ravel(), minlength=len(ids))
        centre = (sums / size).astype(np.float32)
        offsets[axis] = np.where(inside, centre[owner] - x[axis], 0)
    seed = np.zeros((n_classes, *labels.shape), np.float32)
    index = np.array([(classes or {}).get(int(i), 0) for i in ids])[owner]
    for c in range(n_classes):
        seed[c] = inside & (index == c)
    return EmbeddingMaps(
        offsets, np.full((1, *labels.shape), sigma, np.float32), seed, tuple(spacing)
    )


def squared_distance(
    e: NDArray[np.floating], centre: NDArray[np.floating], sigma: NDArray[np.floating] | float
) -> NDArray[np.floating]:
    """Return the squared Mahalanobis distance of embeddings from a centre.

    ``d^2 = sum_d ((e_d - C_d) / sigma_d)^2``, so that ``phi = exp(-d^2 / 2)`` (Neven et al. 2019,
    eq. 5). `pairs.squared_distance` is the same for torch.

    Parameters
    ----------
    e, centre, sigma : (..., D), pixels of the finest axis
        Of shapes that broadcast.

    Returns
    -------
    (...)
        Not a number where the maps are not.
    """
    with np.errstate(all="ignore"):
        squared: NDArray[np.floating] = (((e - centre) / sigma) ** 2).sum(-1)
    return squared
