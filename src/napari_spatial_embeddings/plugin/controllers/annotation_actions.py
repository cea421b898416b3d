"""Tools for the annotation of the current image, whose layers are made when they are needed."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Shapes

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.annotation import (
    add_layer,
    annotation_layer,
    regions_layer,
    regions_of_box,
)
from napari_spatial_embeddings.plugin.layers.covering import raise_above_image
from napari_spatial_embeddings.plugin.layers.frames import empty_labels, frame_of
from napari_spatial_embeddings.plugin.layers.image import transform
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import KeptFrame, find_layer, tag_of, update_tag
from napari_spatial_embeddings.plugin.state.open_image import Box
from napari_spatial_embeddings.plugin.state.session import Session

from .annotation import AnnotationController
from .images import ImageController
from .project_images import ProjectImages


class AnnotationActions:
    """Starts annotating the current image.

    All of them raise `InputError` if there is no image, or it cannot be used.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    project_images : ProjectImages
    annotation : AnnotationController
        Watches the layers that are made.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        project_images: ProjectImages,
        annotation: AnnotationController,
    ) -> None:
        self._viewer, self._session = viewer, session
        self._images, self._project_images = images, project_images
        self._annotation = annotation

    # -------------------------------------------------------------------- tools

    def begin(self) -> Strokes:
        """Select the annotation layer; return its strokes."""
        self._images.enter_view(all_seen=False)
        strokes = self._strokes()
        self._select(strokes.layer)
        return strokes

    def begin_on_frame(self, t: int) -> Strokes:
        """Go to a frame of the current image's series, and select the annotation layer there."""
        self._images.show_frame(t)
        return self.begin()

    def use_tool(self, tool: str) -> None:
        """Start a tool: "draw", "background", "erase", "class" or "region"."""
        if tool == "region":
            self.begin_region()
            return
        strokes = self.begin()
        tools = {
            "draw": strokes.draw,
            "background": strokes.draw_background,
            "erase": strokes.erase,
            "class": strokes.give_class,
        }
        tools[tool]()

    def leave(self) -> None:
        """Leave the tool, if one is in use; a polygon that is not finished is dropped."""
        if self._annotation.tool:
            self._viewer.layers.selection.active.mode = "pan_zoom"

    def begin_region(self) -> Shapes:
        """Select the layer of regions, ready to draw one; return it."""
        layer = self._regions(self.begin())
        self._select(layer)
        layer.mode = "add_rectangle"
        return layer

    def add_region(self, box: Box) -> None:
        """Mark a box of the current image as complete; the active layer and tool stay.

        A volume's box is marked slice by slice, as napari shows only what lies in a slice.
        """
        strokes = self.strokes_in_background()
        active = self._viewer.layers.selection.active
        try:
            layer = self._regions(strokes)
        finally:
            self._viewer.layers.selection.active = active
        t = frame_of(layer)
        corners = [region.corners for region in regions_of_box(box)]
        if t is not None:
            corners = [np.insert(one, 0, t, 1) for one in corners]
        layer.add_rectangles(corners, edge_width=layer.current_edge_width)

    def _regions(self, strokes: Strokes) -> Shapes:
        """Return the layer of regions beside an annotation layer; it is made if needed."""
        key = str(self._session.image)
        layer = self._annotation.regions(key)
        if layer is None:
            name = strokes.layer.name.removesuffix(" · annotations")
            ndim, frame = strokes.layer.ndim, frame_of(strokes.layer)
            where = transform(self._viewer, key, frames=frame is not None)
            layer = add_layer(self._viewer, regions_layer(key, name, ndim, (), where, frame))
            layer.current_edge_width = max(1.0, min(strokes.layer.data.shape[-2:]) / 200)
        return layer

    def set_scribbled(self, scribbled: bool) -> None:
        """Set whether the labels cover only part of their objects."""
        strokes = self._annotation.strokes(self._session.image)
        if strokes is not None:
            update_tag(strokes.layer, scribbled=scribbled)
            self._annotation.edit(str(self._session.image))

    def reload_frame(self, key: str) -> None:
        """Show what the project has of a frame of a series, which was written elsewhere."""
        image, project = self._session.images.get(key), self._session.project
        if image is None or image.series is None or project is None:
            return
        layer = find_layer(self._viewer, "annotations", image.layers_key)
        found = None if layer is None else project.annotation(key)
        tag = None if layer is None else tag_of(layer)
        if found is None or tag is None:
            return
        layer.data[image.frame] = found.labels
        if image.in_view:
            update_tag(layer, classes=found.classes, proposed=found.proposed)
            layer.data = layer.data  # whoever watches it counts again
        else:
            new = KeptFrame(found.classes, found.scribbled, proposed=found.proposed)
            update_tag(layer, kept={**tag.kept, image.frame: new})

    # ------------------------------------------------------------------- layers

    def strokes_in_background(self) -> Strokes:
        """Return the strokes on the current image; the active layer stays as it is."""
        active = self._viewer.layers.selection.active
        try:
            return self._strokes()
        finally:
            self._viewer.layers.selection.active = active

    def _strokes(self) -> Strokes:
        """Return the strokes on the current image; its layer is made if needed."""
        strokes = self._annotation.strokes(self._session.image)
        if strokes is None:
            image = self._images.image_data()  # or a sentence why it cannot be used
            if image.large and image.frames is None and self._images.large is not None:
                raise InputError(
                    f"{image.name} is too large to be annotated as a whole: go to where the objects"
                    " are, and press Draw"
                )
            shape, key = image.data.shape[1:], str(self._session.image)
            if not self._project_images.show_annotation(key):
                series, frame, name = self._images.series, None, image.name
                if series is not None:
                    frame, name = series.frame, series.layer.name
                    shape = (series.frames, *shape)
                where = transform(self._viewer, key, frames=series is not None)
                empty = empty_labels(shape)
                made = annotation_layer(key, name, empty, {}, False, where, frame)
                add_layer(self._viewer, made)
            strokes = self._annotation.strokes(key)
            assert strokes is not None
            strokes.layer.brush_size = int(np.clip(min(shape[-2:]) / 50, 3, 20))
        return strokes

    def _select(self, layer: Labels | Shapes) -> None:
        self._images.show_current()
        raise_above_image(self._viewer, layer)
        if not layer.visible:  # napari draws the whole layer again, even if it was
            layer.visible = True
        self._viewer.layers.selection.active = layer
