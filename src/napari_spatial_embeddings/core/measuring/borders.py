"""Weights of neighbours whose sum over an object's border is its perimeter, or its surface."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray


def steps_around(ndim: int) -> NDArray[np.int64]:
    """Return the steps from a pixel to its neighbours, (3^D - 1, D)."""
    every = itertools.product((-1, 0, 1), repeat=ndim)
    return np.array([step for step in every if any(step)], np.int64)


def border_weights(spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Return what a neighbour beyond the border adds to the perimeter, or to the surface.

    By the formula of Cauchy and Crofton: straight lines of all directions cross a border the more
    often, the longer it is. Here the lines run through neighbouring pixels; each direction stands
    for the share of all directions that are nearest to it, which depends on the spacing. With
    square pixels the perimeter is `skimage.measure.perimeter_crofton` with four directions. By its
    direction, a straight border comes out up to 5 % too short with square pixels, a plane up to 8 %
    with cubes; 13 % and 16 % with those of 3 to 1. Round borders have the mean, without error.

    Parameters
    ----------
    spacing : tuple of D floats
        Size of a pixel along each axis, in pixels of the finest; D is 2 or 3.

    Returns
    -------
    float64 (3^D - 1,)
        In the order of `steps_around`; pixels of the finest axis, to the power of D - 1.

    References
    ----------
    Legland, Kiêu, Devaux, Computation of Minkowski measures on 2D and 3D binary images, Image
    Analysis & Stereology 26, 2007.
    """
    ndim = len(spacing)
    steps = steps_around(ndim) * np.array(spacing)
    lengths = np.linalg.norm(steps, axis=1)
    areas = _shares(steps / lengths[:, None])
    # Both ends of a direction count, so a border is crossed once from inside for each.
    whole = {2: math.pi, 3: 4.0}[ndim]
    weights: NDArray[np.float64] = whole * areas / areas.sum() * math.prod(spacing) / lengths
    return weights


def _shares(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area of the circle or sphere that is nearest to each of some unit vectors."""
    from scipy.spatial import SphericalVoronoi

    cells = SphericalVoronoi(directions, 1.0)
    if directions.shape[1] > 2:
        return np.asarray(cells.calculate_areas())
    # On a circle, scipy's areas are the arcs from one vector to the next.
    first, last = cells.vertices[np.array(cells.regions)].transpose(1, 0, 2)
    return np.asarray(np.arccos(np.clip((first * last).sum(1), -1, 1)))
