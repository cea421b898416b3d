"""Explanations of the object under the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.layers.frames import in_frame, pixels
from napari_spatial_embeddings.plugin.layers.overlays.explanation import (
    OBJECT_COLOUR,
    RIVAL_COLOUR,
    ExplanationLayers,
    draw,
)
from napari_spatial_embeddings.plugin.layers.pointer import Pointer, pixel_of
from napari_spatial_embeddings.plugin.layers.tags import find_layer, image_key, role_of
from napari_spatial_embeddings.plugin.layers.visibility import AnnotationHider
from napari_spatial_embeddings.plugin.layers.world import pixel_lengths
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.explain import ExplainRequest, explain_pixel

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.explanation import Explanation

NO_PIXEL = "Move the mouse over an object, or where one is missing."


class ExplanationController(QObject):
    """Explains the pixel under the mouse, in text and on the canvas, while it is on.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    hider : AnnotationHider
    """

    changed = Signal()
    """It was turned on or off, or `ready` may have changed."""
    explained = Signal(str)
    """The text to show, with rich text."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        hider: AnnotationHider,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._hider = viewer, session, hider
        self._on = False
        self._pixel: tuple[int, ...] | None = None
        self._layers = ExplanationLayers(viewer)
        self._pointer = Pointer(viewer, self)
        self._pointer.moved.connect(self._move)
        self._worker = LatestWorker(explain_pixel, self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self.explained)
        self._connections = Connections()
        self._connections.add(session.image_changed, self._refresh)
        self._connections.add(session.result_changed, self._refresh)
        self._connections.add(viewer.dims.events.current_step, self._refresh)
        self._connections.add(viewer.layers.events.removed, self._removed)

    def close(self) -> None:
        """Turn it off, and disconnect from the viewer."""
        self.set_on(False)
        self._connections.close()
        self._pointer.close()
        self._worker.close()

    @property
    def on(self) -> bool:
        """Whether explanations are shown."""
        return self._on

    @property
    def ready(self) -> bool:
        """Whether there are objects to be explained."""
        return self._session.result is not None

    @property
    def busy(self) -> bool:
        """Whether an explanation is under way."""
        return self._worker.busy

    def set_on(self, on: bool) -> None:
        """Turn explanations on or off."""
        if on == self._on or (on and not self.ready):
            return
        self._on, self._pixel = on, None
        self._pointer.listen_to_moves(on)
        layer = self._objects()
        if on and layer is not None:
            self._hider.hide_for(self, layer)
        elif not on:
            self._hider.release(self)
            self._layers.clear()
        self.changed.emit()
        self.explained.emit(NO_PIXEL)

    # --------------------------------------------------------------- requests

    def _refresh(self, *_: object) -> None:
        """Explain the pixel again: something has changed."""
        if self._on and not self.ready:
            self.set_on(False)
        elif self._on and self._pixel is not None:
            self._request(self._pixel)
        self.changed.emit()

    def _move(self, position: tuple[float, ...]) -> None:
        layer = self._objects()
        if layer is None or self._viewer.dims.ndisplay != 2:
            self.explained.emit("Objects are explained in the 2D view.")
            return
        pixel = pixel_of(layer, position)
        if pixel is not None and pixel != self._pixel:
            self._pixel = pixel
            self._request(pixel)

    def _objects(self) -> Labels | None:
        key = self._session.image
        return find_layer(self._viewer, "instances", key) if key else None

    def _request(self, pixel: tuple[int, ...]) -> None:
        key, result, layer = self._session.image, self._session.result, self._objects()
        if key is None or result is None or layer is None:
            return
        point = layer.world_to_data(self._viewer.dims.point)
        at = in_frame(layer, tuple(round(float(x)) for x in point))
        displayed = self._displayed(layer)
        pixel = tuple(p if a in displayed else at[a] for a, p in enumerate(pixel))
        if all(0 <= i < n for i, n in zip(pixel, result.maps.shape, strict=True)):
            self._worker.request(ExplainRequest(key, result, pixel))

    def _displayed(self, layer: Labels) -> list[int]:
        """Return which of the image's axes the screen shows."""
        before = self._viewer.dims.ndim - pixels(layer).ndim
        return [axis - before for axis in self._viewer.dims.displayed]

    # ---------------------------------------------------------------- answers

    def _show(self, request: ExplainRequest, explanation: Explanation) -> None:
        layer = self._objects()
        if not self._on or request.key != self._session.image or layer is None:
            return
        self.explained.emit(described(explanation, request.result.classes))
        drawing = draw(explanation, self._displayed(layer), request.pixel)
        lengths = pixel_lengths(self._viewer, layer)[-pixels(layer).ndim :]
        self._layers.show(request.key, drawing, float(min(lengths)))

    def _removed(self, event: Any) -> None:
        """Turn it off when the user removes one of its layers."""
        layer = event.value
        own = role_of(layer) == "explanation" and image_key(layer) == self._session.image
        if self._on and own:
            self.set_on(False)


def described(explanation: Explanation, classes: tuple[str, ...]) -> str:
    """Return an explanation as rich text with a title."""
    title, legend = "Background", []
    if explanation.label:
        title = f"Object {explanation.label}"
        if len(classes) > 1 and explanation.index is not None:
            title += f", {classes[explanation.index]}"
        title += f" · score {explanation.score:.2f} · {explanation.size} px"
        title += " · locked" * explanation.locked
        legend.append(_ring(OBJECT_COLOUR, "its margin"))
    if explanation.rival is not None:
        legend.append(_ring(RIVAL_COLOUR, f"that of {explanation.rival.label}, its rival"))
    lines = [f"<b>{title}</b>", "&nbsp; ".join(legend), *explanation.sentences]
    return "".join(f"<p style='margin: 0 0 4px 0'>{line}</p>" for line in lines if line)


def _ring(colour: str, name: str) -> str:
    return f"<span style='color:{colour}'>●</span> {name}"
