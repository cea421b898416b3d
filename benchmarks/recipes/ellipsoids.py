"""Generated nuclei in volumes: ellipsoids that are bent and dented, loose to packed.

Where two meet, each keeps what lies nearer to its own middle, so that they flatten each other.
Lengths are in pixels of the finest axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Image = NDArray[np.float32]
Labels = NDArray[np.int32]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Voxels of a volume.

    Parameters
    ----------
    shape : tuple of 3 ints
    spacing : tuple of 3 floats
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]

    @property
    def extent(self) -> Points:
        """Lengths of the edges."""
        return np.array(self.shape) * np.array(self.spacing)

    def blurred(self, image: Image, width: float, along_first: float = 1.0) -> Image:
        """Blur by a Gaussian that is so many times as wide along the first axis."""
        widths = [width * along_first, width, width]
        sigmas = [w / s for w, s in zip(widths, self.spacing, strict=True)]
        return np.asarray(ndi.gaussian_filter(image, sigmas, truncate=3.0))

    def noise(self, rng: np.random.Generator, width: float) -> Image:
        """Return smooth noise of mean 0 and standard deviation 1; coarse noise costs little."""
        step = max(1.0, width / 1.5)
        coarse = [max(3, int(np.ceil(n / step)) + 1) for n in self.extent]
        low = rng.normal(size=coarse).astype(np.float32)
        low = ndi.gaussian_filter(low, width / step, mode="wrap")
        for axis, n in enumerate(self.shape):
            at = np.linspace(0, coarse[axis] - 1, n)
            below = np.minimum(at.astype(int), coarse[axis] - 2)
            part = (at - below).reshape([-1 if a == axis else 1 for a in range(3)])
            near, far = low.take(below, axis), low.take(below + 1, axis)
            low = (near + (far - near) * part).astype(np.float32)
        return np.asarray((low - low.mean()) / max(1e-6, float(low.std())))


def nuclei(rng: np.random.Generator, grid: Grid, diameter: float) -> tuple[Labels, Image]:
    """Return nuclei, and how deep in its own each of their voxels lies, from 0 at its surface."""
    radii = _radii(rng, diameter / 2)
    middles, turns, radii = _placed(rng, grid, radii, rng.uniform(0.05, 0.65))
    bend = rng.uniform(0, 0.35) * diameter / 2
    shift = [bend * grid.noise(rng, rng.uniform(0.5, 1.0) * diameter) for _ in range(3)]
    dents = rng.uniform(0, 0.3) * grid.noise(rng, rng.uniform(0.2, 0.5) * diameter)
    nearest = np.ones(grid.shape, np.float32)
    labels = np.zeros(grid.shape, np.int32)
    whole = [0]
    for k, (middle, turn, radius) in enumerate(zip(middles, turns, radii, strict=True), 1):
        reach = 1.2 * radius.max() + 2 * bend
        box = tuple(
            slice(max(0, int((m - reach) / s)), max(0, int((m + reach) / s) + 2))
            for m, s in zip(middle, grid.spacing, strict=True)
        )
        axes = [
            np.arange(n, dtype=np.float32)[b] * s - m
            for n, b, s, m in zip(grid.shape, box, grid.spacing, middle, strict=True)
        ]
        at = [a + d[box] for a, d in zip(np.ix_(*axes), shift, strict=True)]
        far = sum(
            (sum(t * a for t, a in zip(row, at, strict=True)) / r) ** 2
            for row, r in zip(turn.astype(np.float32), radius.astype(np.float32), strict=True)
        )
        far = np.sqrt(far) * (1 + dents[box])
        won = far < nearest[box]
        nearest[box][won] = far[won]
        labels[box][won] = k
        whole.append(int((far < 1).sum()))
    labels = _whole_ones(labels, np.array(whole))
    if rng.random() < 0.3:  # as where people draw, with a gap between two
        labels[seams(labels)] = 0
    sizes = np.append(0.0, np.cbrt(radii.prod(1))).astype(np.float32)
    return labels, (1 - nearest) * sizes[labels]


def _radii(rng: np.random.Generator, radius: float, most: int = 400) -> Points:
    """Return the three radii of many nuclei of one kind, or of a mixture of kinds."""
    kinds = {"round": (0.05, 1.0), "oval": (0.2, 1.0), "long": (0.15, 2.0), "flat": (0.15, 0.45)}
    shares = rng.dirichlet([0.6] * len(kinds)) if rng.random() < 0.3 else np.eye(4)[rng.integers(4)]
    out = np.empty((most, 3))
    for k, kind in enumerate(rng.choice(list(kinds), most, p=shares)):
        spread, along = kinds[kind]
        one = np.exp(rng.normal(0, spread, 3))
        one[0] *= along * np.exp(rng.normal(0, 0.2)) if along != 1 else 1.0
        out[k] = one / np.cbrt(one.prod())
    sizes = np.exp(rng.normal(0, rng.uniform(0.05, 0.4), most))
    if rng.random() < 0.2:
        sizes[rng.random(most) < rng.uniform(0.2, 0.6)] *= rng.uniform(0.5, 0.75)
    return out * sizes[:, None] * radius


def _placed(
    rng: np.random.Generator, grid: Grid, radii: Points, filled: float
) -> tuple[Points, Points, Points]:
    """Place ellipsoids until a share of the tissue is filled, or no place is left.

    Returns middles (N, 3), rotations (N, 3, 3) and radii (N, 3).
    """
    inside = _tissue(rng, grid)
    aligned = _turn(rng) if rng.random() < 0.4 else None
    close, crowd = rng.uniform(0.75, 1.1), rng.uniform(0, 0.9)
    left = filled * grid.extent.prod()
    low, high = -0.3 * radii.max(), grid.extent + 0.3 * radii.max()
    middles, turns = np.empty((len(radii), 3)), np.empty((len(radii), 3, 3))
    shapes = np.empty((len(radii), 3, 3))  # lengths along these are in radii
    count = 0
    for _ in range(12 * len(radii)):
        if left <= 0 or count == len(radii):
            break
        radius = radii[count]
        turn = _turn(rng) if aligned is None else _turn(rng, 0.15) @ aligned
        shape = turn / radius[:, None]
        at = rng.uniform(low, high)
        if count and rng.random() < crowd:
            first, way = rng.integers(count), rng.normal(size=3)
            touching = 1 / np.linalg.norm(shapes[first] @ way) + 1 / np.linalg.norm(shape @ way)
            at = middles[first] + way * touching * close * rng.uniform(1.0, 1.1)
        if not inside(at) or (at < low).any() or (at > high).any():
            left -= 0.1 * 4.2 * radius.prod()  # else sparse tissue would fill up
            continue
        way = middles[:count] - at
        theirs = np.linalg.norm(np.einsum("nij,nj->ni", shapes[:count], way), axis=1)
        own = np.linalg.norm(way @ shape.T, axis=1)
        if (theirs * own < close * (theirs + own)).any():
            continue
        middles[count], turns[count], shapes[count] = at, turn, shape
        left -= 4.2 * radius.prod()
        count += 1
    return middles[:count], turns[:count], radii[:count]


def _turn(rng: np.random.Generator, angle: float | None = None) -> Points:
    """Return a random rotation, perhaps by a small angle only."""
    matrix = (
        rng.normal(size=(3, 3)) if angle is None else np.eye(3) + angle * rng.normal(size=(3, 3))
    )
    return np.asarray(np.linalg.qr(matrix)[0])


def _tissue(rng: np.random.Generator, grid: Grid) -> Callable[[Points], bool]:
    """Return whether a point is where nuclei are: anywhere, below a surface, in a ball or shell."""
    kind = rng.choice(["all", "all", "half", "ball", "shell"])
    middle = grid.extent * rng.uniform(0.3, 0.7, 3)
    way = rng.normal(size=3)
    way /= np.linalg.norm(way)
    reach = rng.uniform(0.35, 0.6) * grid.extent.max()
    thick = rng.uniform(0.2, 0.5) * reach
    places: dict[str, Callable[[Points], bool]] = {
        "all": lambda _: True,
        "half": lambda at: bool((at - middle) @ way < 0),
        "ball": lambda at: bool(np.linalg.norm(at - middle) < reach),
        "shell": lambda at: bool(abs(np.linalg.norm(at - middle) - reach) < thick),
    }
    return places[kind]


def _whole_ones(labels: Labels, whole: NDArray[np.int64]) -> Labels:
    """Keep each object's largest piece, if others left enough of it."""
    out = np.zeros_like(labels)
    for k, box in enumerate(ndi.find_objects(labels), 1):
        if box is None:
            continue
        pieces, n = ndi.label(labels[box] == k)
        sizes = np.bincount(pieces.ravel())[1:]
        if n and sizes.max() >= max(12, 0.4 * whole[k]):
            out[box][pieces == 1 + sizes.argmax()] = k
    return out


def seams(labels: Labels) -> NDArray[np.bool_]:
    """Return the voxels of objects that touch another one."""
    out = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        one, other = (labels.take(range(a, n), axis) for a, n in _ends(labels.shape[axis]))
        both = (one != other) & (one > 0) & (other > 0)
        for a, n in _ends(labels.shape[axis]):
            out[(slice(None),) * axis + (slice(a, n),)] |= both
    return out


def _ends(n: int) -> list[tuple[int, int]]:
    return [(0, n - 1), (1, n)]
