"""Objects of one frame of a time series, found again in the following frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps

SAME = 0.5
"""IoU above which objects of two frames are at the same place: there is no other such one."""

Pixels = tuple[NDArray[np.intp], ...]
"""Indices of the pixels of an object along each axis."""

Links = Callable[[int, int, int], int | None]
"""Returns which object of a frame is that of another frame, by its track: given the number of the
latter, its label and the number of the former. None if the track has none; raises `KeyError` if
it is not known."""


class Frame(Protocol):
    """The objects of a frame."""

    @property
    def corrections(self) -> Corrections:
        """What the user corrected."""
        ...

    @property
    def instances(self) -> Instances:
        """The objects, with these corrections."""
        ...

    @property
    def maps(self) -> EmbeddingMaps:
        """Of the frame."""
        ...

    @property
    def settings(self) -> ClusteringSettings:
        """Under which the objects were found."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """An object of a frame, to be found again in a later one.

    Parameters
    ----------
    frame : int
        Its number.
    label : int
        The object's label there, before the correction; 0 if it was none.
    pixels : Pixels
    """

    frame: int
    label: int
    pixels: Pixels

    @classmethod
    def of(cls, frame: int, labels: NDArray[np.int32], label: int) -> Known:
        """Return an object of a frame."""
        return cls(frame, label, np.nonzero(labels == label))

    @property
    def size(self) -> int:
        """Number of pixels."""
        return len(self.pixels[0])

    @property
    def middle(self) -> NDArray[np.float64]:
        """Mean index along each axis."""
        return np.array([axis.mean() for axis in self.pixels])

    def moved(self, step: NDArray[np.float64], shape: tuple[int, ...]) -> Known:
        """Return the object some pixels away; what leaves the image is gone."""
        moved = [axis + round(float(s)) for axis, s in zip(self.pixels, step, strict=True)]
        inside = np.all([(a >= 0) & (a < n) for a, n in zip(moved, shape, strict=True)], axis=0)
        return Known(self.frame, self.label, tuple(axis[inside] for axis in moved))


def same_place(known: Known, labels: NDArray[np.int32], label: int) -> bool:
    """Return whether an object of other labels is at the place of one: an IoU above a half."""
    shared = int((labels[known.pixels] == label).sum())
    size = int((labels == label).sum())
    return shared > SAME * (known.size + size - shared)


def found_again(
    known: Known, instances: Instances, number: int, links: Links | None = None
) -> int | None:
    """Return the label of an object in another frame: that of its track, or at its place.

    Parameters
    ----------
    known : Known
    instances : Instances
        Of the other frame.
    number : int
        Of the other frame.
    links : callable, optional
        Used if it knows the object.
    """
    if links is not None and known.label:
        try:
            label = links(known.frame, known.label, number)
        except KeyError:
            pass
        else:
            return label if label is not None and label in instances.ids else None
    if not known.size:
        return None
    below, shared = np.unique(instances.labels[known.pixels], return_counts=True)
    for label, both in zip(below.tolist(), shared.tolist(), strict=True):
        if label > 0:
            size = int(instances.size[instances.ids == label][0])
            if both > SAME * (known.size + size - both):
                return int(label)
    return None


def covered(known: Known, instances: Instances) -> float:
    """Return the share of an object's pixels on which there is another object."""
    return float((instances.labels[known.pixels] > 0).mean()) if known.size else 1.0


def together(*parts: Pixels) -> Pixels:
    """Return the pixels of several objects."""
    return tuple(np.concatenate(axes) for axes in zip(*parts, strict=True))


def central(pixels: Pixels) -> tuple[int, ...]:
    """Return the pixel of an object that is nearest to its middle."""
    at = np.stack(pixels, 1)
    return tuple(int(i) for i in at[((at - at.mean(0)) ** 2).sum(1).argmin()])


def pixel_inside(part: Known, labels: NDArray[np.int32], label: int) -> tuple[int, ...] | None:
    """Return a central pixel of the share of a part that lies in an object; None if under half."""
    inside = labels[part.pixels] == label
    if not part.size or inside.mean() < SAME:
        return None
    return central(tuple(axis[inside] for axis in part.pixels))
