"""Slides: images of 50,000 x 50,000 pixels that are computed where they are read, with levels."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counted import reader
from napari_spatial_embeddings.core.image_data import LazyArray, Part

EDGE, PERIOD = 50_000, 60
"""Pixels along an edge, and from one object to the next."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Reading:
    """One read of a slide: the level, its pixels along Y and X, by which package and thread."""

    level: int
    rows: Range
    columns: Range
    package: str
    main_thread: bool

    @property
    def size(self) -> int:
        """Number of pixels."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    def inside(self, rows: Range, columns: Range) -> bool:
        """Whether all of it lies in a box of the finest level."""
        factor = 2**self.level
        pairs = ((self.rows, rows), (self.columns, columns))
        return all(
            a >= start // factor and b <= -(-stop // factor) for (a, b), (start, stop) in pairs
        )


@dataclass
class Slide:
    """A slide of bright disks on dark ground, that records what is read of it.

    Parameters
    ----------
    levels : int
        Each has half the edge of the one before.
    diameter : float
        Of the disks in pixels of the finest level.
    edge : int
        Pixels along an edge of the finest level.
    """

    levels: int = 6
    diameter: float = 24.0
    edge: int = EDGE
    reads: list[Reading] = field(default_factory=list)

    def arrays(self) -> list[Any]:
        """Return the levels, the finest first."""
        return [_Level(self, k) for k in range(self.levels)]

    def values(self, level: int, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.uint16]:
        """Return pixels (len(rows), len(columns)) of a level."""
        period = PERIOD * self.diameter / 24
        y, x = ((np.asarray(at) + 0.5) * 2**level - 0.5 for at in (rows, columns))
        far = np.hypot((y % period - period / 2)[:, None], (x % period - period / 2)[None])
        noise = (y[:, None] * 7919 + x[None] * 104729) % 97
        bright = 3000 / (1 + (2 * far / self.diameter) ** 8)
        return np.asarray(100 + noise + bright, np.uint16)


class _Level(LazyArray):
    def __init__(self, slide: Slide, level: int) -> None:
        super().__init__((slide.edge >> level,) * 2, np.uint16)
        self._slide, self._number = slide, level

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        lines = [
            np.arange(n)[part] if isinstance(part, slice) else np.array([part])
            for n, part in zip(self.shape, wanted, strict=True)
        ]
        rows, columns = ((int(at[0]), int(at[-1]) + 1) for at in lines)
        main = threading.current_thread() is threading.main_thread()
        self._slide.reads.append(Reading(self._number, rows, columns, reader(), main))
        block = self._slide.values(self._number, *lines)
        index = tuple(0 if isinstance(part, int) else slice(None) for part in wanted)
        return np.asarray(block[index])
