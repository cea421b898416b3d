"""Explain the object under the mouse: what its pixels point to, and what would change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer, Points, Shapes, Vectors
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.explanation import OTHER, OWN, Drawing, draw
from napari_spatial_embeddings.plugin.layers.pointer import Pixel, Pointer, pixel_of
from napari_spatial_embeddings.plugin.layers.viewport import camera
from napari_spatial_embeddings.plugin.layers.visibility import Foreground
from napari_spatial_embeddings.plugin.qt.workers import Latest
from napari_spatial_embeddings.plugin.session import Result

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.editing.explanation import Explanation

REST = "Move the mouse over an object, or over what should be one."


@dataclass(frozen=True, slots=True)
class Question:
    """Which pixel to explain, and under which circumstances."""

    key: str
    result: Result
    settings: ClusteringSettings
    pixel: Pixel


class ExplainGroup(QWidget):
    """A button that turns explanations on, and what is said of the object under the mouse.

    Parameters
    ----------
    workspace : Workspace
    foreground : Foreground
    """

    def __init__(
        self, workspace: Workspace, foreground: Foreground, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.workspace, self.session, self.viewer = workspace, workspace.session, workspace.viewer
        self.foreground = foreground
        self.pointer = Pointer(self.viewer, self)
        self.pointer.moved.connect(self._moved)
        self._worker = Latest(_answer, self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self._fail)
        self._pixel: Pixel | None = None
        self._drawn: Drawing | None = None
        self._closing = False
        self.toggle = QPushButton("Explain")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self._toggled)
        self.text = QLabel(REST)
        self.text.setWordWrap(True)
        self.text.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.toggle)
        layout.addWidget(self.text)
        self._links: list[tuple[Any, Callable[..., object]]] = [
            (self.session.image_changed, self._changed),
            (self.session.result_changed, self._changed),
            (self.viewer.dims.events.current_step, self._changed),
            (self.viewer.layers.events.removed, self._removed),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        self._changed()

    @property
    def on(self) -> bool:
        """Whether explanations are shown."""
        return self.toggle.isChecked()

    def close_down(self) -> None:
        """End what runs in the background, and take the layers away."""
        self.toggle.setChecked(False)
        for signal, slot in self._links:
            signal.disconnect(slot)
        self.pointer.close()
        self._worker.close()

    # ---------------------------------------------------------------- asking

    def _toggled(self, on: bool) -> None:
        self.pointer.listen_to_moves(on)
        self.text.setVisible(on)
        self.text.setText(REST)
        self._pixel = None
        if on and (layer := self._layer) is not None:
            self.foreground.take(self, layer)
        elif not on:
            self.foreground.leave(self)
            self._clear()

    def _changed(self, *_: object) -> None:
        """Explain anew what is different now."""
        result = self.session.result
        ready = result is not None and result.instances is not None
        self.toggle.setEnabled(ready)
        self.toggle.setToolTip(
            "Show why the object under the mouse is one: the margin around its centre, the pixel"
            " it began with, where its pixels point to, and its nearest rival."
            if ready
            else "Predict this image first."
        )
        if self.on and not ready:
            self.toggle.setChecked(False)
        elif self.on and self._pixel is not None:
            self._ask(self._pixel)

    def _moved(self, position: tuple[float, ...]) -> None:
        layer = self._layer
        if layer is None or self.viewer.dims.ndisplay != 2:
            self.text.setText("Objects are explained in the 2D view.")
            return
        pixel = pixel_of(layer, position)
        if pixel is not None and pixel != self._pixel:
            self._pixel = pixel
            self._ask(pixel)

    @property
    def _layer(self) -> Labels | None:
        key = self.session.image
        return _layers.find(self.viewer, "instances", key) if key else None

    def _ask(self, pixel: Pixel) -> None:
        key, result, layer = self.session.image, self.session.result, self._layer
        if key and result and result.instances is not None and layer is not None:
            at = tuple(round(float(x)) for x in layer.world_to_data(self.viewer.dims.point))
            shown = self._shown(layer)
            pixel = tuple(p if a in shown else at[a] for a, p in enumerate(pixel))
            inside = all(0 <= i < n for i, n in zip(pixel, result.maps.shape, strict=True))
            if inside:
                self._worker.request(Question(key, result, self.session.clustering, pixel))

    def _shown(self, layer: Labels) -> list[int]:
        """Return which of the image's axes the screen shows."""
        before = self.viewer.dims.ndim - layer.ndim
        return [axis - before for axis in self.viewer.dims.displayed]

    # ---------------------------------------------------------------- answering

    def _show(self, question: Question, answer: Explanation) -> None:
        layer = self._layer
        if not self.on or question.key != self.session.image or layer is None:
            return
        names = question.result.classes
        self.text.setText(described(answer, names))
        drawing = draw(answer, self._shown(layer), question.pixel)
        # A line is two pixels wide on the screen, however far one has zoomed in.
        width = 2 / (camera(self.viewer).zoom * float(min(layer.scale)))
        self._draw(question.key, drawing, width)

    def _fail(self, sentence: str) -> None:
        self.text.setText(sentence)

    def _draw(self, key: str, drawing: Drawing, width: float) -> None:
        arrows, shapes, points = (
            self._put(key, kind, part)
            for kind, part in ((Vectors, "votes"), (Shapes, "margins"), (Points, "pixels"))
        )
        if not drawing.same_ellipses(self._drawn) or len(shapes.data) != len(drawing.ellipses):
            self._draw_ellipses(shapes, drawing, width)
        self._drawn = drawing
        points.data = drawing.points
        if len(drawing.points):
            points.face_color = drawing.point_colours
            points.size = 4 * width
        arrows.data = drawing.arrows
        arrows.edge_width = width / 2

    def _draw_ellipses(self, shapes: Shapes, drawing: Drawing, width: float) -> None:
        """Replace the ellipses: the slowest part, which most moves of the mouse do not need."""
        shapes.data = []
        if drawing.ellipses:
            shapes.add_ellipses(
                drawing.ellipses,
                edge_color=drawing.ellipse_colours,
                edge_width=width,
                face_color="transparent",
            )

    def _put(self, key: str, kind: type[Layer], part: str) -> Any:
        """Return our layer of a kind, a new one if there is none of this image."""
        for layer in _layers.ours(self.viewer, "explanation", part=part):
            if _layers.image_key(layer) == key:
                return layer
            self.viewer.layers.remove(layer)
        ndim = len(self.workspace.place(key)["scale"])
        image = self.workspace.layer
        options: dict[str, Any] = {
            "name": f"{image.name if image is not None else 'image'} · {part}",
            "metadata": {_layers.KEY: {"role": "explanation", "image": key, "part": part}},
            **self.workspace.place(key),
        }
        if kind is Vectors:
            data: Any = np.zeros((0, 2, ndim), np.float32)
            options |= {"edge_color": "white", "opacity": 0.5, "vector_style": "arrow"}
        else:
            data, options["ndim"] = None, ndim
            if kind is Points:
                options |= {"border_width": 0.1, "border_color": "black"}
        selected = set(self.viewer.layers.selection)
        layer = self.viewer.add_layer(kind(data, **options))
        self.viewer.layers.selection = selected
        return layer

    def _clear(self) -> None:
        self._closing = True
        for layer in list(_layers.ours(self.viewer, "explanation")):
            self.viewer.layers.remove(layer)
        self._closing = False

    def _removed(self, event: Any) -> None:
        if _layers.role(event.value) == "explanation" and self.on and not self._closing:
            self.toggle.setChecked(False)


def described(what: Explanation, classes: tuple[str, ...]) -> str:
    """Return an explanation as text with a title."""
    title, legend = "Background", []
    if what.label:
        title = f"Object {what.label}"
        if len(classes) > 1 and what.index is not None:
            title += f", {classes[what.index]}"
        title += f" · score {what.score:.2f} · {what.size} px" + " · locked" * what.locked
        legend.append(_ring(OWN, "its margin"))
    if what.rival is not None:
        legend.append(_ring(OTHER, f"that of {what.rival.label}, its rival"))
    lines = [f"<b>{title}</b>", "&nbsp; ".join(legend), *what.sentences]
    return "".join(f"<p style='margin: 0 0 4px 0'>{line}</p>" for line in lines if line)


def _ring(colour: str, name: str) -> str:
    return f"<span style='color:{colour}'>●</span> {name}"


def _answer(question: Question) -> Explanation:
    from napari_spatial_embeddings.editing.explanation import explain

    result = question.result
    assert result.instances is not None
    return explain(
        result.instances, result.maps, question.settings, question.pixel, result.corrections
    )
