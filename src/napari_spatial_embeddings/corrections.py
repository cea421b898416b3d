"""What a person said about the objects of one image, and what survives every re-clustering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clustering import Instances

NOTHING = -1
"""Where a person said that there is no object."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Which pixels are settled, and what is known about the M locked objects there.

    Parameters
    ----------
    labels : int32 (*S)
        0 is free, to be clustered; > 0 a locked object's label; `NOTHING` where there is none.
    label : int32 (M,), > 0
        The label of each locked object; no two are equal.
    index : int64 (M,)
        Class of each.
    score : float32 (M,), 0 to 1
        Seed value of its seed pixel.
    centre, sigma : float32 (M, D), pixels of the finest axis
        As in `Instances`.
    seed_pixel : int64 (M, D)
        Position of the pixel that stands for the object.

    Raises
    ------
    ValueError
        If the arrays' shapes do not fit together.
    """

    labels: NDArray[np.int32]
    label: NDArray[np.int32]
    index: NDArray[np.int64]
    score: NDArray[np.float32]
    centre: NDArray[np.float32]
    sigma: NDArray[np.float32]
    seed_pixel: NDArray[np.int64]

    def __post_init__(self) -> None:
        n, ndim = len(self.label), self.labels.ndim
        for name, shape in (
            ("label", (n,)),
            ("index", (n,)),
            ("score", (n,)),
            ("centre", (n, ndim)),
            ("sigma", (n, ndim)),
            ("seed_pixel", (n, ndim)),
        ):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Corrections:
        """Return the corrections of an image that nobody has looked at."""
        return cls(
            labels=np.zeros(shape, np.int32),
            label=np.empty(0, np.int32),
            index=np.empty(0, np.int64),
            score=np.empty(0, np.float32),
            centre=np.empty((0, len(shape)), np.float32),
            sigma=np.empty((0, len(shape)), np.float32),
            seed_pixel=np.empty((0, len(shape)), np.int64),
        )

    def instances(self) -> Instances:
        """Return the locked objects alone."""
        labels = np.maximum(self.labels, 0)
        counted = np.bincount(labels.reshape(-1), minlength=int(self.label.max(initial=0)) + 1)
        return Instances(
            labels=labels,
            label=self.label,
            index=self.index,
            score=self.score,
            centre=self.centre,
            sigma=self.sigma,
            size=counted[self.label],
            seed_pixel=self.seed_pixel,
            locked=np.ones(len(self), np.bool_),
        )
