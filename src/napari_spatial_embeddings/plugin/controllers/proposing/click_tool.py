"""The tool that adds the object which a click proposes to the annotations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.layers.pointer import Pointer, pixel_of
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .start_maps import StartMaps

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps

NAME = "Click"

HINT = "Click on objects: the model outlines each."


class ClickTool(QObject):
    """Adds objects to the annotation of the current image, one with each click.

    The model is run once on what is in view; from then on an object is there at once. A click where
    the model was not run yet waits until it was.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    annotation : AnnotationController
    actions : AnnotationActions
    start : StartMaps

    Attributes
    ----------
    on : bool
        Whether clicks propose objects.
    """

    changed = Signal()
    """It was turned on or off."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        annotation: AnnotationController,
        actions: AnnotationActions,
        start: StartMaps,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._annotation, self._actions, self._start = annotation, actions, start
        self.on = False
        self._pointer = Pointer(viewer, self)
        self._pointer.clicked.connect(self._click)
        self._connections = Connections()
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(annotation.changed, self._follow_tool)
        self._connections.add(viewer.layers.selection.events.active, self._follow_active)

    def close(self) -> None:
        """Leave the tool, and disconnect from the viewer."""
        self.leave()
        self._connections.close()
        self._pointer.close()

    @property
    def hint(self) -> str:
        """What to do with it."""
        return HINT

    def use(self) -> None:
        """Turn the tool on, and have the model look at what is in view.

        Raises
        ------
        InputError
            If the image cannot be annotated, or no model can take it.
        """
        strokes = self._actions.begin()
        if self._start.maps() is None and (problem := self._start.problem):
            raise InputError(problem)
        if self._viewer.dims.ndisplay != 2:
            raise InputError("switch to the 2D view to click on objects: the square button")
        strokes.layer.mode = "pan_zoom"
        self._pointer.listen_to_clicks(True)
        self.on = True
        self.changed.emit()
        self._look()

    def toggle(self) -> None:
        """Turn the tool on, or off if it is on. Errors as in `use`."""
        if self.on:
            self.leave()
        else:
            self.use()

    def leave(self) -> None:
        """Turn the tool off; clicks that wait are dropped."""
        self._pointer.listen_to_clicks(False)
        if self.on:
            self.on = False
            self.changed.emit()

    # ---------------------------------------------------------------- following

    def _follow_tool(self) -> None:
        """Leave it for another tool of the annotation."""
        if self.on and self._annotation.tool:
            self.leave()

    def _follow_active(self, *_: object) -> None:
        # A layer that the plugin adds is the active one for a moment, and not the user's choice.
        QTimer.singleShot(0, self, self._leave_if_inactive)

    def _leave_if_inactive(self) -> None:
        strokes = self._strokes()
        active = self._viewer.layers.selection.active
        if self.on and (strokes is None or active is not strokes.layer):
            self.leave()

    def _follow_image(self) -> None:
        """Look at another frame of a time series, whose annotations are in the same layer."""
        if self.on:
            QTimer.singleShot(0, self, self._look)

    def _look(self) -> None:
        """Have the model look at what is in view, unless something is known of the image."""
        if self.on and self._strokes() is not None and self._start.maps() is None:
            with self._session.errors_as_messages():
                self._start.when_known([], self._invite)

    def _invite(self, _maps: EmbeddingMaps) -> None:
        """Ask for clicks; one that waited is answered after that."""
        if self.on:
            self._session.say(HINT, holds=lambda: self.on)

    # ------------------------------------------------------------------- clicks

    def _strokes(self) -> Strokes | None:
        return self._annotation.strokes(self._session.image)

    def _click(self, position: tuple[float, ...]) -> None:
        strokes = self._strokes()
        if not self.on or strokes is None:
            return
        with self._session.errors_as_messages():
            at = pixel_of(strokes.layer, position)
            if at is None:
                self._session.say(
                    "This is outside the image: click inside it.", holds=lambda: self.on
                )
            else:
                self._start.when_known([at], partial(self._add, at))

    def _add(self, at: tuple[int, ...], maps: EmbeddingMaps) -> None:
        """Add the object that a pixel proposes."""
        from napari_spatial_embeddings.editing.picking import object_at

        strokes = self._strokes()
        if not self.on or strokes is None:
            return  # the tool was left meanwhile
        found = object_at(maps, at, self._session.clustering, strokes.labels != 0)
        label, before = strokes.next, np.array(strokes.labels[found.box])
        after = np.where(found.mask, np.int32(label), before)
        strokes.add(found.box, before, after, {label: strokes.class_name})
        what = f"Object of {plural(found.size, 'pixel')} added, with the score {found.score:.2f}"
        self._session.say(f"{what}. Ctrl+Z takes it back; Draw and Erase mend it.")
