"""Mark of the first of two clicks."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Labels, Points

from .image import transform
from .tags import LayerTag, image_key, tagged


class FirstClick:
    """Shows on the canvas where the first of two clicks was, until the second.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def show(self, objects: Labels, pixel: Sequence[int]) -> None:
        """Mark a pixel of a layer of objects."""
        self.clear()
        key = str(image_key(objects))
        layer = Points(
            [pixel],
            name=f"{objects.name.removesuffix(' · instances')} · first click",
            symbol="cross",
            face_color="white",
            border_color="black",
            border_width=0.1,
            size=1,
            canvas_size_limits=(16, 16),  # on the screen, whatever the zoom
            metadata=LayerTag("click", key).metadata(),
            **transform(self._viewer, key),
        )
        selected = set(self._viewer.layers.selection)
        self._viewer.add_layer(layer)
        self._viewer.layers.selection = selected

    def clear(self) -> None:
        """Remove the mark."""
        for layer in list(tagged(self._viewer, "click")):
            self._viewer.layers.remove(layer)
