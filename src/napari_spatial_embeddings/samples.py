"""Generated images with known instances: for the demo, the samples and the tests.

Objects are *capsules*: everything within a radius of a line segment. A segment of length zero
gives discs and balls, a longer one rods; in two dimensions or three.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import ParamSpec

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Sample:
    """A generated image.

    Parameters
    ----------
    name : str
    image : uint16 (C, *S)
    labels : int32 (*S)
        0 is background; every object has its own label.
    classes : dict
        Class name of each label.
    annotated : int32 (*S)
        A few annotated objects; the other pixels are unknown.
    pixel_size : tuple of D floats, micrometres
    """

    name: str
    image: NDArray[np.uint16]
    labels: NDArray[np.int32]
    classes: dict[int, str]
    annotated: NDArray[np.int32]
    pixel_size: tuple[float, ...]


def _remembered(make: Callable[P, Sample]) -> Callable[P, Sample]:
    """Make a sample once, and return a copy whenever it is asked for again."""
    known = lru_cache(maxsize=8)(make)

    @wraps(make)
    def copied(*args: P.args, **kwargs: P.kwargs) -> Sample:
        return deepcopy(known(*args, **kwargs))  # type: ignore[arg-type]  # all are numbers

    return copied


def capsules(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    count: int,
    radius: tuple[float, float],
    length: tuple[float, float] = (0.0, 0.0),
    spacing: tuple[float, ...] | None = None,
    labels: NDArray[np.int32] | None = None,
    crowd: float = 0.7,
) -> NDArray[np.int32]:
    """Scatter capsules that touch but do not overlap.

    Parameters
    ----------
    rng : numpy Generator
    shape : tuple of D ints, pixels
    count : int
        Objects to place; fewer where no place is left.
    radius, length : (lowest, highest), pixels of the finest axis
    spacing : tuple of D floats, optional
        Size of a pixel along each axis; 1 if not given.
    labels : int32 (*shape), optional
        Objects that are there already, to be kept.
    crowd : float
        Share of the objects that are pushed up against an earlier one.

    Returns
    -------
    int32 (*shape)
    """
    unit = np.array(spacing or (1.0,) * len(shape))
    labels = np.zeros(shape, np.int32) if labels is None else labels.copy()
    extent = np.array(shape) * unit
    last = int(labels.max(initial=0))
    pixels = _pixels_of_each(labels) if crowd else {}
    tries = 0
    while last < count and tries < 60 * count:
        tries += 1
        r, half = rng.uniform(*radius), rng.uniform(*length) / 2
        direction = rng.normal(size=len(shape))
        direction /= np.linalg.norm(direction)
        middle = rng.uniform(0, extent)
        if rng.random() < crowd and last:
            # Slide towards a random object until it touches; the check below refuses overlaps.
            at = pixels[int(rng.integers(1, last + 1))]
            if len(at):
                away = rng.normal(size=len(shape))
                away /= np.linalg.norm(away)
                middle = at[rng.integers(len(at))] * unit + away * (r + 0.6)
        if _is_taken(labels, middle, half * direction, r, unit):
            continue
        low = np.floor((middle - r - half) / unit).astype(int)
        high = np.ceil((middle + r + half) / unit).astype(int) + 1
        window = tuple(
            slice(max(0, a), min(n, b)) for a, b, n in zip(low, high, shape, strict=True)
        )
        if any(w.stop <= w.start for w in window):
            continue
        grid = np.stack(np.meshgrid(*[np.arange(w.start, w.stop) for w in window], indexing="ij"))
        away_from = grid * unit.reshape(-1, *[1] * len(shape)) - middle.reshape(
            -1, *[1] * len(shape)
        )
        along = np.clip(np.tensordot(direction, away_from, 1), -half, half)
        axis = direction.reshape(-1, *[1] * len(shape)) * along
        inside = ((away_from - axis) ** 2).sum(0) <= r * r
        if inside.sum() < 0.6 * r ** len(shape) or labels[window][inside].any():
            continue
        last += 1
        labels[window][inside] = last
        pixels[last] = np.argwhere(inside) + [w.start for w in window]
    return labels


def _pixels_of_each(labels: NDArray[np.int32]) -> dict[int, NDArray[np.intp]]:
    """Return where each object's pixels are."""
    all_of_them, last = np.argwhere(labels), int(labels.max(initial=0))
    owner = labels[labels > 0]
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(1, last + 1), side="right")
    return dict(enumerate(np.split(all_of_them[order], ends[:-1]), 1)) if last else {}


def _is_taken(
    labels: NDArray[np.int32],
    middle: NDArray[np.float64],
    end: NDArray[np.float64],
    radius: float,
    unit: NDArray[np.float64],
) -> bool:
    """Return whether one of a few pixels of a capsule is another object's.

    Most places are refused by these, before all of a capsule's pixels are looked at.
    """
    reach = radius - float(np.linalg.norm(unit)) / 2  # the pixel nearest to a point is that far
    if reach < 0:
        return False
    at, ahead, units = middle.tolist(), end.tolist(), unit.tolist()
    # Plain numbers, as there are thousands of calls: most end with the first pixel.
    points = [
        at,
        [p + q for p, q in zip(at, ahead, strict=True)],
        [p - q for p, q in zip(at, ahead, strict=True)],
        *(
            [*at[:axis], place + way, *at[axis + 1 :]]
            for axis, place in enumerate(at)
            for way in (reach, -reach)
        ),
    ]
    for point in points:
        pixel = tuple(round(x / u) for x, u in zip(point, units, strict=True))
        inside = all(0 <= i < n for i, n in zip(pixel, labels.shape, strict=True))
        if inside and labels[pixel]:
            return True
    return False


def render(
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    contrast: NDArray[np.float64] | None = None,
    spacing: tuple[float, ...] | None = None,
    noise: float = 0.06,
    blur: float = 0.8,
) -> NDArray[np.uint16]:
    """Return a microscope's view of a label image: shaded, textured, blurred, noisy; uint16 (*S).

    Parameters
    ----------
    labels : int32 (*S)
    contrast : float (N + 1,), optional
        Brightness of each label; random if not given.
    noise : float
        Standard deviation of the noise, as a share of the brightest object.
    blur : float, pixels
        Standard deviation of the point spread function.
    """
    unit = spacing or (1.0,) * labels.ndim
    n = int(labels.max(initial=0))
    if contrast is None:
        contrast = np.append(0.0, rng.uniform(0.45, 1.0, n))
    # Distance to the own edge, so that touching objects are darker where they meet.
    edge = np.zeros(labels.shape)
    for k, box in enumerate(ndi.find_objects(labels), 1):
        if box is not None:
            own = np.pad(labels[box] == k, 1)
            inner = ndi.distance_transform_edt(own, sampling=unit)
            edge[box] = np.maximum(edge[box], inner[(slice(1, -1),) * labels.ndim])
    depth = 1 - np.exp(-edge / 2.0)
    texture = ndi.gaussian_filter(rng.normal(size=labels.shape), [2 / u for u in unit])
    texture *= 0.12 / max(1e-9, float(texture.std()))
    glow = ndi.gaussian_filter(rng.normal(size=labels.shape), [n / 6 for n in labels.shape])
    glow *= 0.04 / max(1e-9, float(glow.std()))
    signal = contrast[labels] * depth * (1 + texture)
    image = ndi.gaussian_filter(signal, [blur / u for u in unit]) + 0.1 + glow
    image += rng.normal(0, noise, labels.shape) * np.sqrt(0.3 + image.clip(0))
    out: NDArray[np.uint16] = (image * 4000).clip(0, 65535).astype(np.uint16)
    return out


def annotate_few(
    rng: np.random.Generator, labels: NDArray[np.int32], count: int
) -> NDArray[np.int32]:
    """Keep ``count`` objects that lie wholly inside the image, as a user might annotate them."""
    whole = set(range(1, int(labels.max(initial=0)) + 1))
    for axis in range(labels.ndim):
        if labels.shape[axis] > 2:
            for side in (0, -1):
                whole -= set(np.unique(labels.take(side, axis)).tolist())
    chosen = rng.permutation(sorted(whole))[:count]
    out: NDArray[np.int32] = np.where(np.isin(labels, chosen), labels, 0).astype(np.int32)
    return out


@_remembered
def nuclei(seed: int = 0, size: int = 320, annotated: int = 10) -> Sample:
    """Round nuclei of several sizes, some touching."""
    rng = np.random.default_rng(seed)
    labels = capsules(rng, (size, size), (size // 28) ** 2, (6, 12), (0, 5))
    return _sample("nuclei", rng, labels, annotated, (0.3, 0.3))


@_remembered
def crowded_nuclei(seed: int = 0, size: int = 320, annotated: int = 0) -> Sample:
    """Nuclei of many shapes, bright and dim, touching and out of focus, among bright specks.

    No thresholds get all of them right, so that every setting makes a difference.
    """
    rng = np.random.default_rng(seed)
    labels = capsules(rng, (size, size), (size // 22) ** 2, (6, 12), (0, 22), crowd=0.95)
    n = int(labels.max())
    count = n + (size // 85) ** 2
    every = capsules(rng, (size, size), count, (2.2, 3.2), labels=labels, crowd=0)
    bright, specks = rng.uniform(0.12, 1, n) ** 1.3, rng.uniform(1.2, 2, int(every.max()) - n)
    contrast = np.concatenate([[0.0], bright, specks])
    image = render(rng, every, contrast, noise=0.13, blur=2.3)[None]
    few = annotate_few(rng, labels, annotated)
    classes = dict.fromkeys(range(1, n + 1), "object")
    return Sample("crowded nuclei", image, labels, classes, few, (0.3, 0.3))


@_remembered
def rods(seed: int = 0, size: int = 320, annotated: int = 10) -> Sample:
    """Long rods that touch each other, as bacteria do."""
    rng = np.random.default_rng(seed)
    labels = capsules(rng, (size, size), (size // 26) ** 2, (4, 6), (12, 34))
    return _sample("rods", rng, labels, annotated, (0.065, 0.065))


@_remembered
def blobs(seed: int = 0, size: int = 64, annotated: int = 6) -> Sample:
    """Balls in a volume whose slices lie twice as far apart as its pixels."""
    rng = np.random.default_rng(seed)
    spacing = (2.0, 1.0, 1.0)
    shape = (size // 2, size, size)
    labels = capsules(rng, shape, 3 * (size // 16) ** 2, (5, 8), (0, 4), spacing)
    return _sample("blobs", rng, labels, annotated, (0.5, 0.25, 0.25), spacing)


@_remembered
def two_classes(seed: int = 0, size: int = 320, annotated: int = 16) -> Sample:
    """Large bright cells and small dim ones, touching: two classes."""
    rng = np.random.default_rng(seed)
    large = capsules(rng, (size, size), (size // 45) ** 2, (10, 14))
    n = int(large.max())
    labels = capsules(rng, (size, size), n + (size // 24) ** 2, (4, 6), (4, 10), labels=large)
    contrast = rng.uniform(0.35, 0.55, int(labels.max()) + 1)
    contrast[1 : n + 1] = rng.uniform(0.75, 1.0, n)
    contrast[0] = 0
    names = {i: "large" if i <= n else "small" for i in range(1, int(labels.max()) + 1)}
    return _sample("two classes", rng, labels, annotated, (0.3, 0.3), None, contrast, names)


def _sample(
    name: str,
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    annotated: int,
    pixel_size: tuple[float, ...],
    spacing: tuple[float, ...] | None = None,
    contrast: NDArray[np.float64] | None = None,
    classes: dict[int, str] | None = None,
) -> Sample:
    image = render(rng, labels, contrast, spacing)[None]
    few = annotate_few(rng, labels, annotated)
    classes = classes or dict.fromkeys(range(1, int(labels.max()) + 1), "object")
    return Sample(name, image, labels, classes, few, pixel_size)
