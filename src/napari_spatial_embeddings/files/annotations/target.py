"""Images that annotations are for, and annotations as their labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import Lengths


@dataclass(frozen=True, slots=True)
class Target:
    """An image that annotations are for; D spatial axes, S their lengths.

    Parameters
    ----------
    name : str
        For messages.
    shape : tuple of D ints
        S.
    frames : int, optional
        Of a time series.
    channels : int
    pixel_size : tuple of D floats, optional
    unit : str, optional
    start : tuple of D ints
        Its first pixel in a larger image, which the annotations are of; empty if it is no window.
    """

    name: str
    shape: tuple[int, ...]
    frames: int | None = None
    channels: int = 1
    pixel_size: Lengths | None = None
    unit: str | None = None
    start: tuple[int, ...] = ()

    @property
    def full_shape(self) -> tuple[int, ...]:
        """The shape of its labels: with the frames, if it is a time series."""
        return self.shape if self.frames is None else (self.frames, *self.shape)

    @property
    def axes(self) -> str:
        """Letters of the axes of its labels."""
        return ("" if self.frames is None else "T") + "ZYX"[-len(self.shape) :]

    @property
    def shown(self) -> str:
        """The shape of its labels, with the letters of its axes, for messages."""
        return f"{self.full_shape} ({', '.join(self.axes)})"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Annotations as the labels of an image.

    Parameters
    ----------
    labels : int32 (*S) or (T, *S)
        0 where nothing is marked, `core.maps.IGNORE` where it is known that nothing is known.
    classes : dict
        Class of each label that has one.
    scribbled : bool
        Whether they are dots, which cover only part of their objects.
    notes : tuple of str
        What was left out, or is not as it was in the file, as sentences.
    objects : int
        Number of labels.
    """

    labels: NDArray[np.int32]
    classes: dict[int, str] = field(default_factory=dict)
    scribbled: bool = False
    notes: tuple[str, ...] = ()
    objects: int = 0
