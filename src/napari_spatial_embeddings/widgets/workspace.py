"""The viewer and the session, kept in step. Used in the main thread only."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import Image as Picture
from napari_spatial_embeddings.session import Session

from . import _layers

if TYPE_CHECKING:
    from napari.utils.events import Event

    from .predictor import Predictor
    from .results import ResultLayers

PAUSE = 1500
"""Milliseconds without a change after which things are saved."""


class Workspace(QObject):
    """What the steps of the dock widget work with.

    Attributes
    ----------
    viewer : napari.Viewer
    session : Session
    predictor : Predictor
        Runs the model; made with the dock.
    results : ResultLayers
        Shows what it predicted; made with the dock.
    """

    predictor: Predictor
    results: ResultLayers

    images_changed = Signal()
    paused = Signal()

    def __init__(self, viewer: Viewer, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.session = viewer, session
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._save)
        viewer.layers.events.inserted.connect(self._layers_changed)
        viewer.layers.events.removed.connect(self._layers_changed)
        session.clustering_changed.connect(self.touch)
        session.prediction_changed.connect(self.touch)
        session.training_settings_changed.connect(self.touch)

    def close(self) -> None:
        """Save, and let go of the viewer."""
        if self._timer.isActive():
            self._timer.stop()
            self._save()
        self.viewer.layers.events.inserted.disconnect(self._layers_changed)
        self.viewer.layers.events.removed.disconnect(self._layers_changed)
        self.session.clustering_changed.disconnect(self.touch)
        self.session.prediction_changed.disconnect(self.touch)
        self.session.training_settings_changed.disconnect(self.touch)

    # ----------------------------------------------------------------- saving

    def touch(self) -> None:
        """Something worth keeping has changed: save when there is a pause."""
        self._timer.start()

    def save_now(self) -> None:
        """Save what waits for a pause."""
        self._timer.stop()
        self._save()

    def _save(self) -> None:
        with self.session.speaking():
            self.session.store()
            self.paused.emit()

    # ----------------------------------------------------------------- images

    def images(self) -> list[Image]:
        """Return the image layers that a person may choose."""
        return _layers.images(self.viewer)

    def choose(
        self, layer: Image | None, axes: str | None = None, channels: tuple[Image, ...] = ()
    ) -> None:
        """Make an image layer the current one.

        Parameters
        ----------
        layer : Image, optional
        axes : str, optional
            What its axes mean; the likeliest meaning if not given.
        channels : tuple of Image
            Further layers that are channels of the same image.
        """
        if layer is None:
            self.session.set_image(None)
            return
        key = _layers.image_key(layer) or secrets.token_hex(4)
        possible = _layers.possible_axes(layer)
        known = (layer.metadata.get(_layers.KEY) or {}).get("axes")
        axes = axes or known or (possible[0] if possible else "")
        names = [other.name for other in channels]
        _layers.mark(layer, role="image", image=key, axes=axes, channels=names)
        self.session.set_image(key)

    @property
    def layer(self) -> Image | None:
        """The current image's layer, if it is still there."""
        key = self.session.image
        return None if key is None else _layers.find(self.viewer, "image", key)

    def picture(self, key: str | None = None) -> Picture:
        """Return an image as an array, the current one if no key is given.

        Raises
        ------
        InputError
            If no image is chosen, its layer is gone, or it cannot be used.
        """
        key = key or self.session.image
        layer = _layers.find(self.viewer, "image", key) if key else None
        if layer is None:
            raise InputError("there is no image: open one, and choose it under Data")
        facts: dict[str, Any] = layer.metadata[_layers.KEY]
        others = [x for x in self.images() if x.name in facts.get("channels", [])]
        return _layers.picture([layer, *others], facts["axes"])

    def place(self, key: str | None = None) -> dict[str, Any]:
        """Return where our layers of an image must lie to cover it."""
        layer = _layers.find(self.viewer, "image", key or self.session.image or "")
        return {} if layer is None else _layers.place(layer, layer.metadata[_layers.KEY]["axes"])

    def _layers_changed(self, _event: Event) -> None:
        if self.session.image is not None and self.layer is None:
            self.session.set_image(None)
        self.images_changed.emit()
