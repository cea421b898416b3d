"""Drawing of explanations: ellipses, pixels and arrows in the plane that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer, Points, Shapes, Vectors
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.layers.image import transform
from napari_spatial_embeddings.plugin.layers.napari_compat import camera, insert
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, find_layer, image_key, tagged

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.explanation import Ellipse, Explanation

OBJECT_COLOUR, RIVAL_COLOUR = "#4dd2ff", "#ff9f43"
"""Colours of the object under the mouse, and of its rival."""

MAX_ARROWS = 80
"""More arrows would hide the object."""


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
        """Return whether another drawing has the same ellipses."""
        return other is not None and bool(
            np.array_equal(self.ellipses, other.ellipses)
            and self.ellipse_colours == other.ellipse_colours
        )


class ExplanationLayers:
    """The layers that show an explanation; they are changed in place.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._drawn: Drawing | None = None

    def show(self, key: str, drawing: Drawing, scale: float) -> None:
        """Show a drawing over an image.

        Parameters
        ----------
        key : str
        drawing : Drawing
        scale : float
            World units per pixel of the image.
        """
        # A line is two pixels wide on the screen, whatever the zoom.
        width = 2 / (camera(self._viewer).zoom * scale)
        arrows = self._layer(key, Vectors, "votes")
        shapes = self._layer(key, Shapes, "margins")
        points = self._layer(key, Points, "pixels")
        if not drawing.same_ellipses(self._drawn) or len(shapes.data) != len(drawing.ellipses):
            _replace_ellipses(shapes, drawing, width)
        self._drawn = drawing
        points.data = drawing.points
        if len(drawing.points):
            points.face_color = drawing.point_colours
            points.size = 4 * width
        arrows.data = drawing.arrows
        arrows.edge_width = width / 2

    def clear(self) -> None:
        """Remove the layers."""
        for layer in list(tagged(self._viewer, "explanation")):
            self._viewer.layers.remove(layer)

    def _layer(self, key: str, kind: type[Layer], part: str) -> Any:
        """Return the layer of a kind of drawing; a new one if there is none of this image."""
        for layer in tagged(self._viewer, "explanation", part=part):
            if image_key(layer) == key:
                return layer
            self._viewer.layers.remove(layer)
        image = find_layer(self._viewer, "image", key)
        place = transform(self._viewer, key)
        ndim = len(place["scale"])
        options: dict[str, Any] = {
            "name": f"{image.name} · {part}",
            "metadata": LayerTag("explanation", key, part=part).metadata(),
            **place,
        }
        if kind is Vectors:
            data: Any = np.zeros((0, 2, ndim), np.float32)
            options |= {"edge_color": "white", "opacity": 0.5, "vector_style": "arrow"}
        else:
            data, options["ndim"] = None, ndim
            if kind is Points:
                options |= {"border_width": 0.1, "border_color": "black"}
        new: Any = kind(data, **options)
        insert(self._viewer, len(self._viewer.layers), new)
        return new


def _replace_ellipses(shapes: Shapes, drawing: Drawing, width: float) -> None:
    """Replace the ellipses: the slowest part, which most moves of the mouse do not need."""
    shapes.data = []
    if drawing.ellipses:
        shapes.add_ellipses(
            drawing.ellipses,
            edge_color=drawing.ellipse_colours,
            edge_width=width,
            face_color="transparent",
        )


def draw(explanation: Explanation, displayed: Sequence[int], at: Sequence[int]) -> Drawing:
    """Return the part of an explanation that lies in a plane of the image.

    Parameters
    ----------
    explanation : Explanation
    displayed : two ints
        The image's axes that the screen shows, vertical first.
    at : sequence of D ints
        A pixel of the plane.
    """
    hidden = [axis for axis in range(len(at)) if axis not in displayed]
    where = np.asarray(at, float)
    rival = explanation.rival
    found = [
        (explanation.ellipse, OBJECT_COLOUR),
        (rival.ellipse if rival else None, RIVAL_COLOUR),
    ]
    boxes = [
        (box, colour)
        for ellipse, colour in found
        if ellipse is not None and (box := cut(ellipse, displayed, hidden, where)) is not None
    ]
    points, colours = [np.array(explanation.pixel, float)], ["white"]
    if explanation.seed_pixel is not None:
        points.append(np.array(explanation.seed_pixel, float))
        colours.append(OBJECT_COLOUR)
    inside = [all(point[a] == where[a] for a in hidden) for point in points]
    arrows = explanation.arrows
    arrows = arrows[(arrows[:, 0][:, hidden] == where[hidden]).all(1)]
    arrows = arrows[:: -(-len(arrows) // MAX_ARROWS) or 1].copy()
    arrows[:, 1, hidden] = 0
    return Drawing(
        [box for box, _ in boxes],
        [colour for _, colour in boxes],
        np.array([p for p, here in zip(points, inside, strict=True) if here]).reshape(
            -1, len(where)
        ),
        [c for c, here in zip(colours, inside, strict=True) if here],
        arrows,
    )


def cut(
    ellipse: Ellipse, displayed: Sequence[int], hidden: Sequence[int], where: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the box (4, D) around the cut of an ellipsoid with a plane; None if they miss."""
    displayed, hidden = list(displayed), list(hidden)
    far = (where[hidden] - ellipse.centre[hidden]) / ellipse.half_axes[hidden]
    left = 1 - float((far**2).sum())
    if left <= 0:
        return None
    half = ellipse.half_axes[displayed] * np.sqrt(left)
    box = np.tile(where, (4, 1))
    for corner, (down, right) in zip(box, ((-1, -1), (-1, 1), (1, 1), (1, -1)), strict=True):
        corner[displayed] = ellipse.centre[displayed] + half * (down, right)
    return box
