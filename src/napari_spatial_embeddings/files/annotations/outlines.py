"""Outlines of objects, as the files of annotations hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.text import listed, plural

MAX_NAMES = 3
"""Number of names that a message lists."""

MAX_COORDINATE = 2.0**24
"""Pixels from the origin beyond which a coordinate is no place in an image."""

ELLIPSE_ERROR = 0.005
"""Pixels by which a polygon may differ from the ellipse that it stands for."""


@dataclass(frozen=True, slots=True)
class Place:
    """The plane that an outline is in, from 0; None where the file does not give it.

    Parameters
    ----------
    z, t : int, optional
        The slice and the frame.
    plane : int, optional
        The place in a stack whose axis the file does not name: a slice, or a frame.
    """

    z: int | None = None
    t: int | None = None
    plane: int | None = None

    def below(self, slices: int) -> Place:
        """Return the place in a volume that starts some slices further down."""
        z = None if self.z is None else self.z - slices
        return Place(z, self.t, None if self.plane is None else self.plane - slices)


NOWHERE = Place()


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A piece of an object in one plane: what rings enclose by the even-odd rule, or a mask.

    Pieces of the same label are one object, in one plane or in several.

    Parameters
    ----------
    label : int
        Above 0, or `core.maps.IGNORE` for pixels about which nothing is known.
    rings : tuple of float64 (n, 2), pixels
        Corners y, x, counted from the corner of the first pixel, the middle of which is 0.5. The
        last corner of a ring is joined to the first.
    mask : bool (h, w), optional
        Pixels, instead of rings.
    corner : tuple of two ints
        The mask's first pixel y, x.
    place : Place
    """

    label: int
    rings: tuple[NDArray[np.float64], ...] = ()
    mask: NDArray[np.bool_] | None = None
    corner: tuple[int, int] = (0, 0)
    place: Place = NOWHERE

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Lowest y and x, highest y and x; an empty one has none above its lowest."""
        if self.mask is not None:
            (y, x), (height, width) = self.corner, self.mask.shape
            return y, x, y + height, x + width
        points = np.concatenate(self.rings) if self.rings else np.empty((0, 2))
        if not len(points):
            return 0.0, 0.0, 0.0, 0.0
        (top, left), (bottom, right) = points.min(0), points.max(0)
        return float(top), float(left), float(bottom), float(right)


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """The objects that a file holds as outlines.

    Parameters
    ----------
    pieces : list of Outline
        In the file's order, by which the first owner of a pixel is known.
    names : dict
        Name of each label, for messages.
    classes : dict
        Class of each label that has one.
    dots : tuple of (label, piece)
        Points, one for each object: an `Outline` of a mask of one pixel.
    notes : tuple of str
        What is in the file and is no object, as sentences.
    size : tuple of two ints, optional
        Height and width of the image that was annotated, where the file gives them.
    """

    pieces: list[Outline] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    classes: dict[int, str] = field(default_factory=dict)
    dots: tuple[Outline, ...] = ()
    notes: tuple[str, ...] = ()
    size: tuple[int, int] | None = None


def labels_of_pieces(
    labels: Sequence[int | None], places: Sequence[Place], classes: Sequence[str]
) -> list[int | None]:
    """Return the labels that a file gives, if each is in a plane once; else none of them.

    Pieces of an object in several planes share a label, and in one plane they are one outline. What
    several outlines in a plane share is something else, such as a class. Where a label has several
    classes, labels count from 1 in each frame, and others take their place.
    """
    given = [(n, place) for n, place in zip(labels, places, strict=True) if n is not None]
    if len(given) > len(set(given)):
        return [None] * len(labels)
    pairs = {(n, kind) for n, kind in zip(labels, classes, strict=True) if n is not None}
    if len(pairs) == len({n for n, _ in given}):
        return list(labels)
    frames: dict[tuple[int, int | None], int] = {}
    return [
        None if n is None else frames.setdefault((n, place.t or place.plane), len(frames) + 1)
        for n, place in zip(labels, places, strict=True)
    ]


def ring(points: Iterable[Sequence[float]] | NDArray[np.generic]) -> NDArray[np.float64]:
    """Return corners x, y, as files have them, as a ring of y, x.

    Raises
    ------
    ValueError
        If they are no pairs of numbers, or no places in an image.
    """
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError("a corner has two coordinates, x and y")
    array = array[:, 1::-1]
    if not np.isfinite(array).all() or np.abs(array).max(initial=0) > MAX_COORDINATE:
        raise ValueError("a coordinate is no place in an image")
    return np.ascontiguousarray(array)


def ellipse(
    top: float, left: float, height: float, width: float, *, angle: float = 0.0
) -> NDArray[np.float64]:
    """Return a ring (n, 2) around the ellipse in a box.

    Parameters
    ----------
    top, left, height, width : float, pixels
    angle : float
        By which it is turned about its middle, in radians.
    """
    radii = np.array([height, width]) / 2
    largest = max(float(radii.max()), 1.0)
    n = max(32, math.ceil(math.pi * math.sqrt(largest / (2 * ELLIPSE_ERROR))))
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    # So that the polygon lies as much outside of the ellipse as inside.
    radii = radii * (2 / (1 + math.cos(math.pi / n)))
    points = np.stack([np.sin(turn) * radii[0], np.cos(turn) * radii[1]], 1)
    c, s = math.cos(angle), math.sin(angle)
    turned = points @ np.array([[c, s], [-s, c]])
    middle = np.array([top + height / 2, left + width / 2])
    return np.asarray(turned + middle, np.float64)


def dot(label: int, y: float, x: float, place: Place = NOWHERE) -> Outline:
    """Return the pixel that a point lies in, as an outline."""
    corner = (math.floor(y), math.floor(x))
    return Outline(label, mask=np.ones((1, 1), bool), corner=corner, place=place)


def named(count: int, noun: str, names: Sequence[str]) -> str:
    """Return a count with its noun, and the first of the names in parentheses."""
    shown = [name for name in names if name][:MAX_NAMES]
    if not shown:
        return plural(count, noun)
    more = count - len(shown)
    words = [*shown, f"{more} more"] if more > 0 else shown
    return f"{plural(count, noun)} ({listed(words)})"
