"""Views of large images: made where the user looks, or found again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Image

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.image import image_data, levels_of, spatial
from napari_spatial_embeddings.plugin.layers.large.views import (
    MAX_PIXELS,
    add_view,
    covers,
    size_of,
    window_around,
)
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.placement import layer_shape
from napari_spatial_embeddings.plugin.layers.viewport import in_view, visible_box
from napari_spatial_embeddings.plugin.state.open_image import Box
from napari_spatial_embeddings.plugin.state.session import Session

from .queries import ImageQueries
from .recognition import new_image_key, same_path

Scales = dict[object, object]


class Views:
    """Finds and makes the views of large images, for the `ImageController`.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageQueries
    """

    def __init__(self, viewer: ViewerModel, session: Session, images: ImageQueries) -> None:
        self._viewer, self._session, self._images = viewer, session, images
        self._scales: WeakKeyDictionary[Image, Scales] = WeakKeyDictionary()

    @property
    def large(self) -> Image | None:
        """The layer of the large image that is current, or that the current one is a view of."""
        layer = self._images.layer
        if layer is None:
            return None
        family = tags.family_of(layer)
        if family != str(layer.unique_id):
            return next((x for x in self._images.layers() if str(x.unique_id) == family), None)
        record = self._session.current
        image = None if record is None or record.series is not None else record.image
        return layer if image is not None and image.large else None

    def wanted(self, *, all_seen: bool, create: bool = True) -> Image | None:
        """Return the view to work on; None if that is the current image.

        Parameters
        ----------
        all_seen : bool
            Whether it is to hold all that is on the canvas; else the middle is enough.
        create : bool
            Whether it is made if there is none.

        Raises
        ------
        InputError
            If nothing of the large image is in view, or more than a view may hold.
        """
        layer, large = self._images.layer, self.large
        if layer is None or large is None:
            return None
        if not all_seen and layer is not large and in_view(self._viewer, layer):
            return None
        tag = tags.tag_of(large)
        assert tag is not None
        views = [x for x in self._images.layers() if self._is_view(x, large)]
        if not create:
            return next((x for x in views if in_view(self._viewer, x)), None)
        box = visible_box(self._viewer, large, tag.axes)
        for view in sorted(views, key=lambda x: x is not layer):
            own = tags.tag_of(view)
            if own is not None and own.whole is not None and covers(own.whole.window, box):
                return None if view is layer else view
        return self._make(large, tag, box, all_seen=all_seen)

    def adopt(self) -> None:
        """Have the views of an image's file, opened with a project, be views of its layer."""
        layers = self._images.layers()
        known = {str(layer.unique_id) for layer in layers}
        for layer in layers:
            tag = tags.tag_of(layer)
            whole = None if tag is None else tag.whole
            if whole is None or not whole.path or whole.layer in known:
                continue
            large = next((x for x in layers if self._shows(x, whole)), None)
            if large is not None:
                whole = replace(whole, layer=str(large.unique_id))
                tags.update_tag(layer, whole=whole)
                layer.visible = False  # it is seen in the large image's

    def _shows(self, layer: Image, whole: tags.Whole) -> bool:
        """Whether a layer shows the file of a large image, and is not a view itself."""
        tag, path = tags.tag_of(layer), source_path(layer)
        own = tag is None or tag.whole is None
        return own and path is not None and same_path(Path(whole.path), path)

    def _is_view(self, layer: Image, large: Image) -> bool:
        tag = tags.tag_of(layer)
        return tag is not None and tag.whole is not None and tag.whole.layer == str(large.unique_id)

    def _make(self, large: Image, tag: tags.LayerTag, box: Box, *, all_seen: bool) -> Image:
        shape = [layer_shape(large)[axis] for axis in spatial(tag.axes)]
        window = window_around(box, shape)
        if window is None:
            what = "pixels" if len(shape) == 2 else "voxels"
            advice = "zoom in, or press Whole image" if all_seen else "zoom in"
            raise InputError(
                f"{size_of(box) / 1e6:.0f} mega{what} of {large.name} are in view, and at most"
                f" {MAX_PIXELS / 1e6:.0f} can be worked on at once: {advice}"
            )
        layers, _ = self._images.channel_layers(tag.image)
        image_data(layers, tag.axes, tag.grey)  # or a sentence why it cannot be used
        taken = {x.name for x in self._viewer.layers}
        project = self._session.project
        if project is not None:
            taken |= {entry.name for entry in project.card.images}
        names = (f"{large.name}, view {n}" for n in itertools.count(1))
        name = next(x for x in names if x not in taken)
        keys = {key for x in self._viewer.layers if (key := tags.image_key(x))}
        key = new_image_key(project, {*self._session.images, *keys}, name)
        whole = tags.Whole(
            str(large.unique_id),
            tuple(levels_of(x) for x in layers),
            tuple((part.start, part.stop) for part in window),
            str((len(layers) == 1 and source_path(large)) or ""),
            self._scales.setdefault(large, {}),
        )
        return add_view(
            self._viewer, layers, window, name, replace(tag, image=key, whole=whole, project="")
        )
