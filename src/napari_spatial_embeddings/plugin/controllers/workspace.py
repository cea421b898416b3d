"""The viewer and the session, kept in step. Used in the main thread only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.image_switcher import Stage, look_at
from napari_spatial_embeddings.plugin.session import Session

from .project import Storage
from .project_images import ProjectImages
from .recognition import key_for
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_spatial_embeddings.plugin.layers.results import ResultLayers
    from napari_spatial_embeddings.project import Project

    from .annotation import AnnotationLayers
    from .annotation_actions import Drawing
    from .prediction import Predictor

PAUSE = 1500
"""Milliseconds without a change after which things are saved."""

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units")
"""What tells where a layer lies, and is the same for all layers of an image."""

DRAWN = ("image", "annotations", "regions")
"""Roles of which an image has one layer."""


class Workspace(QObject):
    """What the steps of the dock widget work with.

    Attributes
    ----------
    viewer : napari.Viewer
    session : Session
    predictor : Predictor
        Runs the model; made with the dock.
    annotations : AnnotationLayers
        What people draw; made with the dock.
    drawing : Drawing
        Where they begin to; made with the dock.
    results : ResultLayers
        Shows what it predicted; made with the dock.
    storage : Storage
        The project's folder.
    project_images : ProjectImages
        The images in it.
    at_pause : list of callables
        Called when things are saved: queue what you have to save. Where one goes wrong, the person
        is told, and the others are called all the same.
    problem : str
        Why the last changes could not be saved; empty if they were.
    """

    predictor: Predictor
    results: ResultLayers
    annotations: AnnotationLayers
    drawing: Drawing

    images_changed = Signal()
    """Layers were added, removed or renamed, or the project's images changed."""
    saved = Signal()
    """Everything is saved, or could not be: see ``problem``."""

    def __init__(self, viewer: Viewer, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.session = viewer, session
        self.at_pause: list[Callable[[], None]] = []
        self.problem, self._refused = "", False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._save)
        self._writer = Writer(self)
        self._writer.refused.connect(self._not_saved)
        self._writer.done.connect(self._all_saved)
        self.storage = Storage(self)
        self.project_images = ProjectImages(self)
        self._stage = Stage(viewer)
        for layer in viewer.layers:
            self._watch(layer)
        # After napari itself: where to look depends on what it makes of the layer.
        viewer.layers.events.inserted.connect(self._inserted, position="last")
        viewer.layers.events.removing.connect(self._removing)
        viewer.layers.events.removed.connect(self._removed, position="last")
        session.clustering_changed.connect(self.touch)
        session.prediction_changed.connect(self.touch)
        session.training_settings_changed.connect(self.touch)
        session.fresh_changed.connect(self.touch)
        session.classes_changed.connect(self.touch)

    def close(self) -> None:
        """Save, and let go of the viewer."""
        self.finish()
        self._writer.close()
        self.storage.close()
        for layer in self.viewer.layers:
            self._unwatch(layer)
        self.viewer.layers.events.inserted.disconnect(self._inserted)
        self.viewer.layers.events.removing.disconnect(self._removing)
        self.viewer.layers.events.removed.disconnect(self._removed)
        self.session.clustering_changed.disconnect(self.touch)
        self.session.prediction_changed.disconnect(self.touch)
        self.session.training_settings_changed.disconnect(self.touch)
        self.session.fresh_changed.disconnect(self.touch)
        self.session.classes_changed.disconnect(self.touch)

    # ----------------------------------------------------------------- saving

    def touch(self) -> None:
        """Something worth keeping has changed: save when there is a pause."""
        self._timer.start()

    def write(self, work: Callable[[], object]) -> None:
        """Queue a function that writes into the project; it runs in a thread, in order."""
        self._writer.write(work)

    def save_now(self) -> None:
        """Save, and wait until everything is in the project."""
        self._save()
        self._writer.wait()

    def finish(self) -> None:
        """Save what waits for a pause, and wait until it is in the project."""
        if self._timer.isActive():
            self._save()
        self._writer.wait()

    def ensure_project(self) -> Project:
        """Return the project; it is made if there is none.

        Raises
        ------
        InputError, Failure
            If its folder cannot be written.
        """
        return self.storage.ensure()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Tell the person what goes wrong inside, as of all that cannot be saved."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - `to_message` logs it
            self._refused = True
            self._not_saved(to_message(error))

    def _save(self) -> None:
        self._timer.stop()
        self._refused = False
        for queue in tuple(self.at_pause):
            with self.saving():
                queue()
        if (project := self.session.project) is not None:
            facts = self.session.facts()
            self.write(lambda: project.update(**facts))

    def _not_saved(self, problem: str) -> None:
        self.problem = problem
        self.session.say(f"not saved: {problem}", "error")
        self.saved.emit()

    def _all_saved(self) -> None:
        if self.problem and not self._refused:
            self.problem = ""
            self.session.say("everything is saved again")
        self.saved.emit()

    # ----------------------------------------------------------------- images

    def images(self) -> list[Image]:
        """Return the image layers that a person may choose."""
        return _layers.images(self.viewer)

    def choose(
        self,
        layer: Image | None,
        axes: str | None = None,
        channels: tuple[Image, ...] | None = None,
    ) -> None:
        """Make an image layer the current one.

        Parameters
        ----------
        layer : Image, optional
        axes : str, optional
            What its axes mean; as before, or the likeliest meaning, if not given.
        channels : tuple of Image, optional
            Further layers that are channels of the same image; as before if not given.
        """
        if layer is None:
            self.session.set_image(None)
            return
        known = _layers.facts(layer)
        possible = _layers.possible_axes(layer)
        axes = axes or known.get("axes") or (possible[0] if possible else "")
        changed = known.get("axes", axes) != axes
        if channels is not None:
            ids = [str(other.unique_id) for other in channels]
            changed |= known.get("channels", []) != ids
            _layers.mark(layer, channels=ids)
        _layers.mark(layer, axes=axes)
        key = known.get("image") or key_for(self, layer, axes)
        _layers.mark(layer, role="image", image=key)
        if axes and known.get("measured", ("",))[0] != axes:
            _layers.measured(layer, axes, self.project_images.entry(key))
        if changed and self.session.image == key:
            self.session.set_image(None)  # another image, though it is the same layer
        self._stage.turn(key)
        self.session.set_image(key)
        self.images_changed.emit()

    @property
    def layer(self) -> Image | None:
        """The current image's layer, if it is still there."""
        return self.layer_of(self.session.image)

    def layer_of(self, key: str | None) -> Image | None:
        """Return an image's layer, if it is there."""
        return None if key is None else _layers.find(self.viewer, "image", key)

    def stack(self, key: str | None = None) -> tuple[list[Image], str]:
        """Return the layers of an image, one or one per channel, and what their axes mean.

        Raises
        ------
        InputError
            If no image is chosen, or its layer is gone.
        """
        layer = self.layer_of(key or self.session.image)
        if layer is None:
            raise InputError("there is no image: open one, and choose it under Data")
        facts = _layers.facts(layer)
        channels = facts.get("channels", [])
        others = [x for x in self.images() if str(x.unique_id) in channels and x is not layer]
        return [layer, *others], facts["axes"]

    def picture(self, key: str | None = None) -> ImageData:
        """Return an image as an array, the current one if no key is given.

        Raises
        ------
        InputError
            If no image is chosen, its layer is gone, or it cannot be used.
        """
        return _layers.picture(*self.stack(key))

    def place(self, key: str | None = None) -> dict[str, Any]:
        """Return where our layers of an image must lie to cover it."""
        layer = self.layer_of(key or self.session.image)
        return {} if layer is None else _layers.place(layer, _layers.facts(layer)["axes"])

    def set_pixel_size(self, size: tuple[float, ...], unit: str) -> None:
        """Give the current image's layer a scale and a unit."""
        layer = self.layer
        if layer is None:
            return
        scale, units = np.array(layer.scale), [str(u) for u in layer.units]
        for axis, value in zip(_layers.spatial(_layers.facts(layer)["axes"]), size, strict=True):
            scale[axis], units[axis] = value, unit
        layer.scale, layer.units = scale, tuple(units)
        look_at(self.viewer, layer)

    def _moved(self, event: Event) -> None:
        """Put our layers of an image where its layer is now, and keep its pixel size."""
        key = _layers.image_key(event.source)
        if key is None or _layers.role(event.source) != "image":
            return
        for layer in self.viewer.layers:
            if _layers.image_key(layer) == key and _layers.role(layer) != "image":
                for name, value in self.place(key).items():
                    if name != "axis_labels":
                        setattr(layer, name, value)
        self.project_images.measured(key)
        self.images_changed.emit()

    def _watch(self, layer: Layer) -> None:
        layer.events.name.connect(self._renamed)
        if isinstance(layer, Image):
            for name in PLACE:
                layer.events[name].connect(self._moved)

    def _unwatch(self, layer: Layer) -> None:
        layer.events.name.disconnect(self._renamed)
        if isinstance(layer, Image):
            for name in PLACE:
                layer.events[name].disconnect(self._moved)

    def _inserted(self, event: Event) -> None:
        layer: Layer = event.value
        self._watch(layer)
        own = _layers.facts(layer)
        if own.get("role") in DRAWN:
            same = _layers.ours(self.viewer, own["role"], own.get("image"))
            if any(other is not layer for other in same):
                del layer.metadata[_layers.KEY]  # a copy that the person made, and theirs
        self._stage.arrived(layer)
        self.storage.arrived(layer)
        self.images_changed.emit()

    def _removing(self, _event: Event) -> None:
        if self._timer.isActive():
            self._save()  # while all layers are still there

    def _removed(self, event: Event) -> None:
        self._unwatch(event.value)
        self._stage.left(event.value)
        if self.session.image is not None and self.layer is None:
            self.session.set_image(None)
        self.images_changed.emit()

    def _renamed(self, _event: Event) -> None:
        self.images_changed.emit()
