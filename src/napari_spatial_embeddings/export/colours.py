"""Colours of images, directions and objects, distinct with any colour vision."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]

PALETTE = np.array(
    [
        (100, 195, 245),
        (230, 159, 0),
        (0, 178, 130),
        (240, 228, 66),
        (220, 105, 30),
        (204, 121, 167),
        (65, 95, 225),
    ],
    np.uint8,
)
"""Distinct with any colour vision (after Okabe and Ito 2008), and bright enough on black."""

CHANNELS = np.array([(0, 220, 90), (230, 60, 220), (60, 160, 255), (255, 170, 40)]) / 255
"""Colours of an image's channels, if there are two, or more than three."""


def image_colours(
    image: NDArray[np.floating], limits: Sequence[tuple[float, float]] | None = None
) -> NDArray[np.floating]:
    """Paint an image.

    Parameters
    ----------
    image : (C, Y, X), real
        Three channels are red, green and blue.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright; percentiles if not given, common ones
        for red, green and blue.

    Returns
    -------
    colours : (Y, X, 3), from 0 to 1
    """
    if limits is None:
        every = (1, 2) if len(image) != 3 else (0, 1, 2)
        low, high = np.percentile(image, [0.5, 99.7], axis=every, keepdims=True)
    else:
        low, high = np.array(limits, float).T[:, :, None, None]
    grey = ((image - low) / np.maximum(high - low, 1e-6)).clip(0, 1)
    if len(image) == 1:
        return np.repeat(grey[0][..., None], 3, -1)
    if len(image) == 3:
        return np.moveaxis(grey, 0, -1)
    colours = CHANNELS[np.arange(len(grey)) % len(CHANNELS)]
    return np.asarray(np.einsum("cyx,cr->yxr", grey, colours).clip(0, 1))


def offset_colours(offsets: NDArray[np.floating], longest: float | None = None) -> RGB:
    """Paint offsets as on a colour wheel: the hue is their direction, the brightness their length.

    Parameters
    ----------
    offsets : (D, *S), pixels
        Of a volume, the components in the plane of a slice are shown.
    longest : float, optional
        Length in pixels of full brightness; `longest_offset` if not given.

    Returns
    -------
    colours : uint8 (*S, 3)
        Dark where an offset has no length.
    """
    y, x = offsets[-2], offsets[-1]
    wheel = _wheel()
    lengths, hues = wheel.shape[:2]
    full = longest or longest_offset(offsets)
    length = (np.hypot(y, x) * ((lengths - 1) / full)).clip(0, lengths - 1)
    turn = np.arctan2(y, x) * (hues / (2 * np.pi))
    return np.asarray(wheel[length.round().astype(np.intp), turn.round().astype(np.intp) % hues])


def longest_offset(offsets: NDArray[np.floating], where: NDArray[np.bool_] | None = None) -> float:
    """Return a length in the plane that few offsets exceed, in pixels; at least one."""
    length = np.hypot(offsets[-2], offsets[-1])
    chosen = length if where is None else length[where]
    return max(1.0, float(np.percentile(chosen, 99))) if chosen.size else 1.0


@cache
def _wheel(lengths: int = 64, hues: int = 360) -> RGB:
    """Return the colours by length and hue, of even lightness all around.

    In the OKLab space (Ottosson 2020), where equal steps look equal.
    """
    t = np.linspace(0, 1, lengths)[:, None]
    turn = np.linspace(0, 2 * np.pi, hues, endpoint=False)
    light, chroma = 0.15 + 0.61 * t + 0 * turn, 0.15 * t
    a, b = chroma * np.cos(turn), chroma * np.sin(turn)
    cones = np.stack(
        [
            light + 0.3963377774 * a + 0.2158037573 * b,
            light - 0.1055613458 * a - 0.0638541728 * b,
            light - 0.0894841775 * a - 1.2914855480 * b,
        ],
        -1,
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = (cones**3 @ to_rgb.T).clip(0, 1)
    rgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray((255 * rgb).round(), np.uint8)


def instance_colours(labels: NDArray[np.integer]) -> RGB:
    """Return a colour for each label, such that neighbours differ.

    Parameters
    ----------
    labels : integers (*S), not negative

    Returns
    -------
    colours : uint8 (max + 1, 3)
        Row 0, the background, is black.
    """
    colours = np.zeros((int(labels.max(initial=0)) + 1, 3), np.uint8)
    neighbours = _neighbours(labels)
    given: dict[int, int] = {}
    used = [0] * len(PALETTE)
    for label in _from_the_crowd_out(neighbours):
        taken = {given[other] for other in neighbours[label] if other in given}
        free = [k for k in range(len(PALETTE)) if k not in taken] or list(range(len(PALETTE)))
        given[label] = min(free, key=lambda k: used[k])
        used[given[label]] += 1
        colours[label] = PALETTE[given[label]]
    return colours


def _neighbours(labels: NDArray[np.integer]) -> dict[int, set[int]]:
    """Return which labels meet when all grow until they touch."""
    from skimage.segmentation import expand_labels

    found: dict[int, set[int]] = {int(i): set() for i in np.unique(labels) if i}
    grown = expand_labels(labels, sum(labels.shape)) if found else labels
    n = int(labels.max(initial=0)) + 1
    for axis in range(labels.ndim):
        a = grown.swapaxes(0, axis)[:-1].ravel()
        b = grown.swapaxes(0, axis)[1:].ravel()
        meet = a != b
        # As single numbers: numpy lets no other thread run while it sorts pairs.
        pairs = np.unique(a[meet].astype(np.int64) * n + b[meet])
        for i, j in np.stack(np.divmod(pairs, n), 1).tolist():
            found[i].add(j)
            found[j].add(i)
    return found


def _from_the_crowd_out(neighbours: dict[int, set[int]]) -> list[int]:
    """Order labels so that each follows few of its neighbours; six colours then do in a plane."""
    left = {label: set(others) for label, others in neighbours.items()}
    queue = [(len(others), label) for label, others in left.items()]
    heapq.heapify(queue)
    order = []
    while queue:
        count, label = heapq.heappop(queue)
        if len(left.get(label, ())) != count or label not in left:
            continue  # a stale entry: it was queued again when it lost a neighbour
        for other in left.pop(label):
            left[other].discard(label)
            heapq.heappush(queue, (len(left[other]), other))
        order.append(label)
    return order[::-1]
