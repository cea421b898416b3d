"""Layer that shows where found objects differ from ground truth."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.layers.image import transform
from napari_spatial_embeddings.plugin.layers.labels_update import update_labels
from napari_spatial_embeddings.plugin.layers.napari_compat import insert
from napari_spatial_embeddings.plugin.layers.tags import (
    LayerTag,
    Role,
    find_layer,
    image_key,
    tagged,
)
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.checks.scores import (
    BOTH,
    FALSE,
    MERGED,
    MISSED,
    SPLIT,
)

ROLE: Role = "errors"

COLOURS = {
    MISSED: "#4dabf7",
    FALSE: "#ff6b3d",
    BOTH: "#d977d2",
    SPLIT: "#ffd43b",
    MERGED: "#38d9a9",
}
"""Of each kind of error; they differ for the colour-blind as well."""

OPACITY = 0.8


class ErrorsLayer:
    """A layer of labels above an image that shows where its objects are wrong.

    It is no annotation and no result: nothing is saved of it, and it cannot be painted on. Of a
    time series it has the frame in view alone. The objects below it are hidden when it comes, and
    shown again when it goes.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session

    Attributes
    ----------
    removing : bool
        Whether a layer is being removed here, not by the user.
    """

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        self._viewer, self._session = viewer, session
        self._hidden: Labels | None = None
        self.removing = False

    def show(self, key: str, name: str, picture: NDArray[np.int32]) -> None:
        """Show the errors of an image.

        Parameters
        ----------
        key : str
            Of the image; of a time series, that of the frame in view.
        name : str
            Of its layer.
        picture : int32 (*S)
            As `draw_errors` returns it.
        """
        layer = find_layer(self._viewer, ROLE, key)
        if layer is not None and layer.data.shape == picture.shape:
            update_labels(layer, picture)
            return
        self.clear()
        colours = np.zeros((len(COLOURS) + 1, 4), np.float32)
        for kind, colour in COLOURS.items():
            colours[kind] = [*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1]
        layer = Labels(
            picture,
            name=f"{name} · errors",
            opacity=OPACITY,
            colormap=CyclicLabelColormap(colors=colours),  # direct ones are slow
            metadata=LayerTag(ROLE, key).metadata(),
            **transform(self._viewer, key),
        )
        layer.editable = False
        insert(self._viewer, len(self._viewer.layers), layer)
        objects = find_layer(self._viewer, "instances", key)
        if objects is not None and objects.visible:
            objects.visible = False
            self._hidden = objects

    def empty(self, key: str) -> None:
        """Show no error of an image, until there is a new picture of it; none of other images."""
        layer = find_layer(self._viewer, ROLE, key)
        if layer is None:
            self.clear()
        else:
            update_labels(layer, np.zeros_like(layer.data))

    def clear(self) -> None:
        """Remove the layer, and show the objects below it."""
        if self.removing:  # whoever follows the layers is called meanwhile
            return
        self.removing = True
        try:
            for layer in list(tagged(self._viewer, ROLE)):
                self._viewer.layers.remove(layer)
        finally:
            self.removing = False
        objects, self._hidden = self._hidden, None
        if objects is None or objects not in self._viewer.layers or objects.visible:
            return
        image = self._session.images.get(image_key(objects) or "")
        if image is not None and image.key != self._session.image:
            image.hidden_layers.append(objects)  # shown when its image is
        else:
            objects.visible = True
