"""A person begins to draw: the layers for that are made when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Shapes

from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.annotation import add, labels_layer, regions_layer
from napari_spatial_embeddings.plugin.layers.strokes import Strokes

from .annotation import AnnotationLayers
from .annotation_sources import add_found, copy_objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_spatial_embeddings.plugin.session import Result


class Drawing:
    """What a person draws on the current image, or takes over from elsewhere.

    Parameters
    ----------
    layers : AnnotationLayers
        Sees the layers that are made.
    """

    def __init__(self, layers: AnnotationLayers) -> None:
        self.layers = layers
        self.workspace, self.session = layers.workspace, layers.session

    def begin(self) -> Strokes:
        """Return the strokes on the current image; its layer is made if needed, and selected.

        Raises
        ------
        InputError
            If there is no image, or it cannot be used.
        """
        strokes = self._here()
        self._show(strokes.layer)
        return strokes

    def _here(self) -> Strokes:
        """Return the strokes on the current image; its layer is made if needed."""
        strokes = self.layers.strokes(self.session.image)
        if strokes is None:
            picture = self.workspace.picture()  # or a sentence why it cannot be used
            key = str(self.session.image)
            if not self.workspace.project_images.show_drawn(key):
                shape = picture.data.shape[1:]
                place = self.workspace.place(key)
                empty = np.zeros(shape, np.int32)
                add(self.workspace.viewer, labels_layer(key, picture.name, empty, {}, False, place))
            strokes = self.layers.strokes(key)
            assert strokes is not None
            size = min(picture.data.shape[-2:]) / 50
            strokes.layer.brush_size = int(np.clip(size, 3, 20))
        return strokes

    def begin_region(self) -> Shapes:
        """Return the regions of the current image, ready to draw one; the layer is made if needed.

        Raises
        ------
        InputError
            If there is no image, or it cannot be used.
        """
        strokes = self.begin()
        key = str(_layers.image_key(strokes.layer))
        layer = self.layers.regions(key)
        if layer is None:
            name = strokes.layer.name.removesuffix(" · annotations")
            place = self.workspace.place(key)
            made = regions_layer(key, name, strokes.layer.ndim, (), place)
            layer = add(self.workspace.viewer, made)
            width = max(1.0, min(strokes.layer.data.shape[-2:]) / 200)
            layer.current_edge_width = width
        self._show(layer)
        layer.mode = "add_rectangle"
        return layer

    def take(self, layer: Labels) -> str:
        """Add the objects of another layer to the annotations of the current image.

        Returns
        -------
        str
            What was done, as a sentence.

        Raises
        ------
        InputError
            If it covers other pixels, or holds no object.
        """
        sentence = copy_objects(self.begin(), layer)
        layer.visible = False  # it would lie over what is painted from now on
        return sentence

    def adopt(self, result: Result, labels: Iterable[int]) -> str:
        """Add objects that were found to the annotations of the current image.

        Returns
        -------
        str
            What was done, as a sentence.

        Raises
        ------
        InputError
            If there is no such object, or each is drawn already.
        """
        active = self.workspace.viewer.layers.selection.active
        strokes, names = self._here(), self.session.classes
        if len(result.classes) > 1:
            names = result.classes
        sentence = add_found(strokes, result.instances, labels, names)
        self.layers.learn([name for name in names if name not in self.session.classes])
        self.workspace.viewer.layers.selection.active = active
        return sentence

    def set_scribbled(self, scribbled: bool) -> None:
        """Say whether the strokes on the current image cover only part of their objects."""
        strokes = self.layers.strokes(self.session.image)
        if strokes is not None:
            _layers.mark(strokes.layer, scribbled=scribbled)
            self.layers.touch(str(self.session.image))

    def _show(self, layer: Labels | Shapes) -> None:
        layer.visible = True
        self.workspace.viewer.layers.selection.active = layer
