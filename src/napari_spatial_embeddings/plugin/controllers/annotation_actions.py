"""Actions on the annotation of the current image; its layers are made when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import objects_of
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.annotation import (
    add_layer,
    annotation_layer,
    regions_layer,
)
from napari_spatial_embeddings.plugin.layers.placement import labels_on
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import role_of, tag_of, update_tag
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.training.annotation import BACKGROUND

from .annotation import AnnotationController
from .images import ImageController
from .project_images import ProjectImages

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.to_annotation import Adopted
    from napari_spatial_embeddings.inference.segmentation import Segmentation

MAX_LABEL = np.iinfo(np.int32).max


class AnnotationActions:
    """Starts annotating the current image, or imports objects from another layer or a result.

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
        strokes = self._strokes()
        self._select(strokes.layer)
        return strokes

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
        strokes = self.begin()
        key = str(self._session.image)
        layer = self._annotation.regions(key)
        if layer is None:
            name = strokes.layer.name.removesuffix(" · annotations")
            ndim, transform = strokes.layer.ndim, self._images.transform(key)
            layer = add_layer(self._viewer, regions_layer(key, name, ndim, (), transform))
            layer.current_edge_width = max(1.0, min(strokes.layer.data.shape[-2:]) / 200)
        self._select(layer)
        layer.mode = "add_rectangle"
        return layer

    def set_scribbled(self, scribbled: bool) -> None:
        """Set whether the labels cover only part of their objects."""
        strokes = self._annotation.strokes(self._session.image)
        if strokes is not None:
            update_tag(strokes.layer, scribbled=scribbled)
            self._annotation.edit(str(self._session.image))

    # ------------------------------------------------------ objects of elsewhere

    def other_layers(self) -> list[Labels]:
        """Return the Labels layers of the user's own."""
        layers = self._viewer.layers
        return [x for x in layers if isinstance(x, Labels) and role_of(x) is None]

    def use_layer(self, layer: Labels) -> str:
        """Copy the objects of another layer to where they lie on the image; hide that layer.

        Pixels that are annotated already stay as they are.

        Returns
        -------
        str
            What was done, as a sentence.

        Raises
        ------
        InputError
            If it covers other pixels, is turned against the image, or holds no object, or values
            that are no objects.
        """
        strokes, from_mask = self.begin(), False
        box, data = labels_on(strokes.layer, layer)
        if not self._scribbled(strokes):
            objects = objects_of(data, layer.name)
            data, from_mask = objects.labels, objects.from_mask
        free = (data > 0) & (np.asarray(strokes.layer.data[box]) == 0)
        ids, dense = np.unique(data[free], return_inverse=True)
        if not len(ids):
            raise InputError(f"{layer.name} holds no object that is not annotated already")
        # Ids stay as they are where that is possible; else they are numbered on.
        first = strokes.next
        keep_ids = first == 1 and int(ids[-1]) <= min(MAX_LABEL, 10 * data.size)
        values = data[free] if keep_ids else dense + first
        labels = ids if keep_ids else np.arange(len(ids)) + first
        classes = {int(k): strokes.class_name for k in labels}
        where = tuple(at + part.start for at, part in zip(np.nonzero(free), box, strict=True))
        strokes.paste(where, values.astype(np.int32), classes)
        layer.visible = False  # it would lie over what is painted from now on
        how = ": each piece of the mask is one" if from_mask else ""
        return f"{plural(len(ids), 'object')} of {layer.name} copied{how}"

    def adopt(self, result: Segmentation, labels: Iterable[int]) -> str:
        """Add objects that a model found, as `use_layer` adds those of a layer.

        An object of which most is annotated already is passed over; `InputError` is raised if that
        leaves none.
        """
        from napari_spatial_embeddings.editing.to_annotation import adopt

        labels = list(labels)
        if not labels:
            raise InputError("there is no object to use as annotation")
        with self._kept_active():
            strokes = self._strokes()
            new, index = adopt(np.asarray(strokes.layer.data), result.instances, labels)
            if not index:
                raise InputError("these objects are among the annotations already")
            self._paste(strokes, new, self._names(result, index))
        return f"{plural(len(index), 'object')} added to the annotations: train again to learn them"

    def adopt_corrections(self, result: Segmentation) -> str:
        """Add the corrections of a result: locked objects, and what they show to be background.

        Returns
        -------
        str
            What was added, counted, as a sentence.

        Raises
        ------
        InputError
            If there are no corrections, or all of them are among the annotations already.
        """
        from napari_spatial_embeddings.editing.to_annotation import adopt_corrections

        known = result.corrections
        if known is None or not known.labels.any():
            raise InputError("nothing is corrected yet: accept, correct or delete some objects")
        with self._kept_active():
            strokes = self._strokes()
            found = adopt_corrections(np.asarray(strokes.layer.data), result.instances, known)
            if not found.classes and not found.background.any():
                raise InputError("these corrections are among the annotations already")
            new, names = found.labels, self._names(result, found.classes)
            if found.background.any():
                grey = strokes.background or max(strokes.next, int(new.max(initial=0)) + 1)
                new, names = np.where(found.background, np.int32(grey), new), {**names}
                names[grey] = BACKGROUND
            self._paste(strokes, new, names)
        return _summary(found)

    @contextmanager
    def _kept_active(self) -> Iterator[None]:
        """Leave the active layer as it is, whatever layer is made."""
        active = self._viewer.layers.selection.active
        try:
            yield
        finally:
            self._viewer.layers.selection.active = active

    def _names(self, result: Segmentation, index: Mapping[int, int]) -> dict[int, str]:
        """Return the class names of labels, which the annotation knows from now on."""
        names = result.classes if len(result.classes) > 1 else self._session.classes
        self._annotation.learn_classes(names)
        return {label: names[k] for label, k in index.items()}

    def _paste(self, strokes: Strokes, new: NDArray[np.int32], classes: Mapping[int, str]) -> None:
        changed = np.nonzero(new != np.asarray(strokes.layer.data))
        strokes.paste(changed, new[changed], classes)

    # ------------------------------------------------------------------- layers

    def _strokes(self) -> Strokes:
        """Return the strokes on the current image; its layer is made if needed."""
        strokes = self._annotation.strokes(self._session.image)
        if strokes is None:
            image = self._images.image_data()  # or a sentence why it cannot be used
            shape, key = image.data.shape[1:], str(self._session.image)
            if not self._project_images.show_annotation(key):
                transform, empty = self._images.transform(key), np.zeros(shape, np.int32)
                made = annotation_layer(key, image.name, empty, {}, False, transform)
                add_layer(self._viewer, made)
            strokes = self._annotation.strokes(key)
            assert strokes is not None
            strokes.layer.brush_size = int(np.clip(min(shape[-2:]) / 50, 3, 20))
        return strokes

    @staticmethod
    def _scribbled(strokes: Strokes) -> bool:
        tag = tag_of(strokes.layer)
        return tag is not None and tag.scribbled

    def _select(self, layer: Labels | Shapes) -> None:
        self._images.show_current()
        if not layer.visible:  # napari draws the whole layer again, even if it was
            layer.visible = True
        self._viewer.layers.selection.active = layer


def _summary(found: Adopted) -> str:
    """Return what was added to the annotations, and what was not, as a sentence."""
    objects = plural(len(found.classes), "object")
    if found.gaps:
        objects += f" (a gap closed in {found.gaps} of them)"
    empty = [
        *([plural(found.deleted, "deleted object")] if found.deleted else []),
        *([f"the border of {plural(found.split, 'split object')}"] if found.split else []),
    ]
    background = " and ".join(empty)
    if not found.classes:
        what = f"{background} added to the annotations as background"
    elif empty:
        what = f"{objects} added to the annotations, and as background {background}"
    else:
        what = f"{objects} added to the annotations"
    known = f" ({found.known} annotated already)" if found.known else ""
    return f"{what}{known}: train again to learn them"
