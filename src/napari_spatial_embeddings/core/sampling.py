"""Regular grids of blocks, to read a large image or a sample of it, and ratios of its levels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np


def all_blocks(shape: tuple[int, ...], edge: int) -> Iterator[tuple[slice, ...]]:
    """Yield blocks that cover an image (*S) without overlap, in the order of its pixels.

    Parameters
    ----------
    shape : tuple of D ints
    edge : int
        Of a block in pixels; less at the far ends.
    """
    axes = [[slice(i, min(i + edge, n)) for i in range(0, n, edge)] for n in shape]
    return itertools.product(*axes)


def sample_blocks(
    shape: tuple[int, ...], edge: int | tuple[int, ...], most: int
) -> list[tuple[slice, ...]]:
    """Return a regular grid of blocks of an image (*S), from its first pixel to its last.

    Blocks and not single pixels: files store chunks, and a pixel of each would read them all.

    Parameters
    ----------
    shape : tuple of D ints
    edge : int or tuple of D ints
        Of a block in pixels, along all axes or along each; less along an axis that is shorter.
    most : int
        Blocks at most; fewer where so many do not fit side by side.
    """
    axes: list[list[slice]] = [[] for _ in shape]
    edges = (edge,) * len(shape) if isinstance(edge, int) else edge
    # What an axis has no room for is left to those with more.
    room = [n / edge for n, edge in zip(shape, edges, strict=True)]
    for done, axis in enumerate(sorted(range(len(shape)), key=lambda axis: room[axis])):
        n, own, share = shape[axis], edges[axis], most ** (1 / (len(shape) - done))
        count = max(1, min(n // own, int(share + 1e-9)))
        starts = np.linspace(0, max(0, n - own), count).astype(int).tolist()
        axes[axis] = [slice(start, min(start + own, n)) for start in starts]
        most //= count
    return list(itertools.product(*axes))


def level_ratios(shape: Sequence[int], coarser: Sequence[int]) -> tuple[float, ...]:
    """Return the pixels of an image per pixel of a coarser level of it, along each axis."""
    ratios = []
    for n, m in zip(shape, coarser, strict=True):
        whole = max(1, round(n / m))  # what is left over at the far end was cut or filled up
        ratios.append(float(whole) if m in (n // whole, -(-n // whole)) else n / m)
    return tuple(ratios)
