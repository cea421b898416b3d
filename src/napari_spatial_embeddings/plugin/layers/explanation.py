"""What an explanation looks like on the canvas: ellipses, pixels and arrows of one plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.explanation import Ellipse, Explanation

OWN, OTHER = "#4dd2ff", "#ff9f43"
"""Colours of the object under the mouse, and of its rival."""

ARROWS = 80
"""At most so many are drawn: more would hide the object."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """An explanation in the plane that is shown.

    Parameters
    ----------
    ellipses : list of float64 (4, D)
        The corners of the boxes around them.
    ellipse_colours : list of str
    points : float64 (N, D)
    point_colours : list of str
    arrows : float32 (A, 2, D)
        Start and offset.
    """

    ellipses: list[NDArray[np.float64]]
    ellipse_colours: list[str]
    points: NDArray[np.float64]
    point_colours: list[str]
    arrows: NDArray[np.float32]

    def same_ellipses(self, other: Drawing | None) -> bool:
        """Tell whether another drawing has the same ellipses."""
        return other is not None and bool(
            np.array_equal(self.ellipses, other.ellipses)
            and self.ellipse_colours == other.ellipse_colours
        )


def draw(what: Explanation, shown: Sequence[int], at: Sequence[int]) -> Drawing:
    """Return what of an explanation lies in a plane of the image.

    Parameters
    ----------
    what : Explanation
    shown : two ints
        The image's axes that the screen shows, vertical first.
    at : sequence of D ints
        A pixel of the plane.
    """
    hidden = [axis for axis in range(len(at)) if axis not in shown]
    where = np.asarray(at, float)
    found = [(what.ellipse, OWN), (what.rival.ellipse if what.rival else None, OTHER)]
    boxes = [
        (box, colour)
        for ellipse, colour in found
        if ellipse is not None and (box := cut(ellipse, shown, hidden, where)) is not None
    ]
    points, colours = [np.array(what.pixel, float)], ["white"]
    if what.seed_pixel is not None:
        points.append(np.array(what.seed_pixel, float))
        colours.append(OWN)
    inside = [all(point[a] == where[a] for a in hidden) for point in points]
    arrows = what.arrows[(what.arrows[:, 0][:, hidden] == where[hidden]).all(1)]
    arrows = arrows[:: -(-len(arrows) // ARROWS) or 1].copy()
    arrows[:, 1, hidden] = 0
    return Drawing(
        [box for box, _ in boxes],
        [colour for _, colour in boxes],
        np.array([p for p, there in zip(points, inside, strict=True) if there]).reshape(
            -1, len(where)
        ),
        [c for c, there in zip(colours, inside, strict=True) if there],
        arrows,
    )


def cut(
    ellipse: Ellipse, shown: Sequence[int], hidden: Sequence[int], where: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the box (4, D) around the cut of an ellipsoid with a plane; None if they miss."""
    shown, hidden = list(shown), list(hidden)
    far = (where[hidden] - ellipse.centre[hidden]) / ellipse.half_axes[hidden]
    left = 1 - float((far**2).sum())
    if left <= 0:
        return None
    half = ellipse.half_axes[shown] * np.sqrt(left)
    box = np.tile(where, (4, 1))
    for corner, (down, right) in zip(box, ((-1, -1), (-1, 1), (1, 1), (1, -1)), strict=True):
        corner[shown] = ellipse.centre[shown] + half * (down, right)
    return box
