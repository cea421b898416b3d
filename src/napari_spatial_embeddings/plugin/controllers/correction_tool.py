"""The active correction tool, and the effect of clicks, strokes and keys with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.plugin.layers.frames import in_frame, pixels
from napari_spatial_embeddings.plugin.layers.napari_compat import painted_box
from napari_spatial_embeddings.plugin.layers.overlays.first_click import FirstClick
from napari_spatial_embeddings.plugin.layers.pointer import Pointer, pixel_of
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.layers.visibility import AnnotationHider
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.correction import Made
from napari_spatial_embeddings.plugin.tasks.correction_actions import (
    TOOLS,
    Pixel,
    Tool,
    label_at,
    painted_in,
)

from .correction import CorrectionController

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Instances

NO_TOOL_HINT = "Choose a tool. Sliders leave corrected objects alone."


class CorrectionTool(QObject):
    """The tool that corrects the objects of the current image; at most one is active.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    hider : AnnotationHider
    correction : CorrectionController

    Attributes
    ----------
    tool : str
        Key of the active tool in `TOOLS`; empty if there is none.
    hint : str
        What to do with it.
    class_index : int
        The class that the tool "class" sets.
    layer : napari.layers.Labels, optional
        The objects' layer.
    keys_first : callable, optional
        Gets the tool of a key that was pressed, before that is used; returns whether it did what
        the key is for.
    """

    changed = Signal()
    """Another tool is active, or its hint has changed."""
    followed = Signal()
    """The image, its objects or ``layer`` may have changed."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        hider: AnnotationHider,
        correction: CorrectionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._hider, self._correction = hider, correction
        self._pointer = Pointer(viewer, self)
        self._pointer.clicked.connect(self._click)
        self.tool, self.hint, self.class_index = "", NO_TOOL_HINT, 0
        self.layer: Labels | None = None
        self.keys_first: Callable[[str], bool] | None = None
        self._key: str | None = None
        self._first: Pixel | None = None
        self._mark = FirstClick(viewer)
        self._pair: tuple[int, int] | None = None
        self._awaited: NDArray[np.integer[Any]] | None = None
        self._layer_connections = Connections()
        self._connections = Connections()
        self._connections.add(session.image_changed, self.follow)
        self._connections.add(session.result_changed, self.follow)
        self._connections.add(viewer.layers.events.inserted, self.follow)
        self._connections.add(viewer.layers.events.removed, self.follow)
        self._connections.add(viewer.layers.selection.events.active, self._follow_active)
        self.follow()

    def close(self) -> None:
        """Leave the tool, and disconnect from the viewer."""
        self.leave()
        self._pointer.close()
        self._connections.close()
        self._disconnect_layer()

    @property
    def ready(self) -> bool:
        """Whether there are objects to be corrected."""
        return self._session.result is not None and self.layer is not None

    def use(self, tool: str) -> None:
        """Activate a tool, if there are objects to use it on."""
        if self.layer is None or not self.ready:
            return
        self._deactivate()
        if self._viewer.dims.ndisplay != 2:
            self._hider.release(self)
            self._session.say(
                "Switch to the 2D view to correct: the square button.",
                "warning",
                lambda: self._viewer.dims.ndisplay != 2,
            )
            self.changed.emit()
            return
        self._hider.hide_for(self, self.layer)
        if tool == "paint":
            self.layer.selected_label = self._highest_label() + 1
            self.layer.mode = "paint"
        else:
            self._pointer.listen_to_clicks(True)
        self.tool, self.hint = tool, TOOLS[tool].hint
        self.changed.emit()

    def start_review(self, keys_first: Callable[[str], bool]) -> None:
        """Make the objects' layer active, whose keys are asked for elsewhere first."""
        self.keys_first = keys_first
        if self.layer is not None and not self.tool:
            self._hider.hide_for(self, self.layer)

    def leave(self) -> None:
        """Deactivate the tool."""
        self._deactivate()
        self._hider.release(self)
        self.changed.emit()

    def _deactivate(self) -> None:
        tool, self.tool, self.hint = self.tool, "", NO_TOOL_HINT
        self._first = self._pair = None
        self._mark.clear()
        self._pointer.listen_to_clicks(False)
        if tool == "paint" and self.layer is not None:
            self.layer.mode = "pan_zoom"

    # ------------------------------------------------------- the objects' layer

    def follow(self, *_: object) -> None:
        """Use the layer of the current image's objects."""
        self._awaited = None
        key = self._session.image
        layer = find_layer(self._viewer, "instances", key) if key else None
        if key != self._key and layer is self.layer and layer is not None:
            self._follow_frame(layer)
        self._key = key
        if layer is not self.layer:
            self.leave()
            self._disconnect_layer()
            self.layer = layer
            if layer is not None:
                self._layer_connections.add(layer.events.paint, self._paint)
                self._layer_connections.add(layer.events.data, self._take_over)
                self._layer_connections.add(layer.events.mode, self._follow_mode)
                for keys, action in self._keys():
                    layer.bind_key(keys, action, overwrite=True)
        self.followed.emit()

    def _follow_frame(self, layer: Labels) -> None:
        """Go on with the tool on another frame of the series: without the first of two clicks."""
        self._pair = None
        if self.tool and self._first is not None:
            self._leave_first(TOOLS[self.tool])
        if self.tool == "paint":
            layer.selected_label = self._highest_label() + 1

    def _disconnect_layer(self) -> None:
        self._layer_connections.close()
        if self.layer is not None:
            for keys, _ in self._keys():
                self.layer.bind_key(keys, None)
            self.layer = None

    def _keys(self) -> list[tuple[Any, Callable[[Labels], None]]]:
        undo, redo = KeyMod.CtrlCmd | KeyCode.KeyZ, KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ
        keys: list[tuple[Any, Callable[[Labels], None]]] = [
            (undo, lambda _layer: self._correction.undo()),
            (redo, lambda _layer: self._correction.redo()),
        ]
        return [*keys, *((tool.key, self._user_of(key)) for key, tool in TOOLS.items())]

    def _user_of(self, tool: str) -> Callable[[Labels], None]:
        def use(_layer: Labels) -> None:  # napari asks for a function with a name
            if self.keys_first is None or not self.keys_first(tool):
                self.use(tool)

        return use

    def _follow_active(self, *_: object) -> None:
        # A layer that the plugin adds is the active one for a moment, and not the user's choice.
        QTimer.singleShot(0, self, self._leave_if_inactive)

    def _leave_if_inactive(self) -> None:
        if self.tool and self._viewer.layers.selection.active is not self.layer:
            self.leave()

    def _follow_mode(self, *_: object) -> None:
        """Leave the tool when the user takes one of napari's, or leaves napari's brush."""
        if self.layer is not None and self.tool:
            painting = str(self.layer.mode) != "pan_zoom"
            if painting != (self.tool == "paint"):
                self.leave()

    # -------------------------------------------------------- clicks and strokes

    def _click(self, position: tuple[float, ...]) -> None:
        tool, layer, result = TOOLS.get(self.tool), self.layer, self._session.result
        if tool is None or tool.click is None or layer is None or result is None:
            return
        with self._session.errors_as_messages():
            at = pixel_of(layer, position)
            if at is None:
                name = self.tool
                self._session.say(
                    "This is outside the image: click inside it.", holds=lambda: self.tool == name
                )
                return
            more: dict[str, Any] = {}
            pixels: tuple[Any, ...] = (at,)
            if tool.second_hint:
                if self._first is None:
                    self._take_first(tool, layer, at, label_at(result.instances, at))
                    return
                pixels = (self._first, at)
                self._leave_first(tool)
            if self.tool == "class":
                pixels = (at, self.class_index)
            elif self.tool == "merge":
                more["apart"] = self._asked(result.instances, *pixels)
            click = tool.click
            self._correction.do(
                lambda scene: click(scene, *pixels, **more), Made(self.tool, pixels)
            )

    def take_first(self, pixel: Pixel) -> None:
        """Make the first of two clicks on a pixel of an object."""
        tool, layer, result = TOOLS.get(self.tool), self.layer, self._session.result
        if tool is not None and tool.second_hint and layer is not None and result is not None:
            self._take_first(tool, layer, pixel, label_at(result.instances, pixel))

    def _take_first(self, tool: Tool, layer: Labels, at: Pixel, label: int) -> None:
        """Keep and show the first of two clicks."""
        self._first = at
        self._mark.show(layer, at)
        self.hint = tool.second_hint.format(label=f"object {label}")
        self.changed.emit()

    def _leave_first(self, tool: Tool) -> None:
        self._first, self.hint = None, tool.hint
        self._mark.hide()
        self.changed.emit()

    def _asked(self, instances: Instances, a: Pixel, b: Pixel) -> bool:
        """Return whether the two objects are clicked for the second time in a row to be merged."""
        one, other = label_at(instances, a), label_at(instances, b)
        pair, before = (min(one, other), max(one, other)), self._pair
        self._pair = None if pair == before else pair
        return pair == before

    def _paint(self, event: Any) -> None:
        """Make a correction of a stroke, or of whatever napari changed in the layer."""
        if self.layer is None:
            return
        labels, box = pixels(self.layer), painted_box(event)
        if box is not None:
            box = in_frame(self.layer, box)
        else:
            box = tuple(slice(0, n) for n in labels.shape)
        part = np.array(labels[box])
        self._correction.do(lambda scene: painted_in(scene, box, part))
        if self.tool == "paint" and str(self.layer.mode) == "paint":
            highest = max(int(self.layer.selected_label), int(part.max(initial=0)))
            self.layer.selected_label = max(highest, self._highest_label()) + 1

    def _take_over(self, _event: Any) -> None:
        """Make a correction of labels that a script or another plugin put into the layer."""
        result, layer = self._session.result, self.layer
        if layer is None or result is None or pixels(layer).shape != result.maps.shape:
            return
        labels = np.array(pixels(layer))
        # Labels of another type are converted, which is reported before they are.
        known = result.instances.labels if self._awaited is None else self._awaited
        if not np.array_equal(labels, known):
            self._awaited = labels
            everywhere = tuple(slice(0, n) for n in labels.shape)
            self._correction.do(lambda scene: painted_in(scene, everywhere, labels))

    def _highest_label(self) -> int:
        """Return the highest label of the objects."""
        image = self._session.current
        if image is None or image.result is None:
            return 0
        newer = 0 if image.partial is None else int(image.partial.labels.max(initial=0))
        return max(newer, int(image.result.instances.ids.max(initial=0)))
