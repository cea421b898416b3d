"""Which tool corrects the objects now, and what a click, a stroke or a key does with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.editing import corrections as act
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.pointer import Pixel, Pointer, pixel_of
from napari_spatial_embeddings.plugin.layers.visibility import Foreground
from napari_spatial_embeddings.plugin.tasks.correction_tools import TOOLS, label_at

from .correction import Corrector
from .workspace import Workspace

REST = "Choose a tool; what you correct is locked, and stays whatever the sliders do."


class Toolbox(QObject):
    """The tools that correct the objects of the current image; at most one is in the hand.

    Parameters
    ----------
    workspace : Workspace
    foreground : Foreground
    corrector : Corrector
        Does what the tools are for.

    Attributes
    ----------
    tool : str
        The one that is chosen; empty if none is.
    hint : str
        What to do with it.
    index : int
        The class that is given to objects.
    layer : napari.layers.Labels, optional
        The objects' layer.
    """

    changed = Signal()
    """Another tool is chosen, or there is something else to do with it."""
    followed = Signal()
    """The image or its objects may be others now; so may ``layer``."""

    def __init__(
        self, workspace: Workspace, foreground: Foreground, corrector: Corrector, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.session, self.viewer = workspace.session, workspace.viewer
        self._foreground, self._corrector = foreground, corrector
        self._pointer = Pointer(self.viewer, self)
        self._pointer.clicked.connect(self._clicked)
        self.tool, self.hint, self.index = "", REST, 0
        self.layer: Labels | None = None
        self._first: Pixel | None = None
        self._links: list[tuple[Any, Callable[..., object]]] = [
            (self.session.image_changed, self.follow),
            (self.session.result_changed, self.follow),
            (self.viewer.layers.events.inserted, self.follow),
            (self.viewer.layers.events.removed, self.follow),
            (self.viewer.layers.selection.events.active, self._look_away),
        ]
        for signal, slot in self._links:
            signal.connect(slot)

    def close_down(self) -> None:
        """Put the tool away, and let go of the viewer."""
        self.leave()
        self._pointer.close()
        for signal, slot in self._links:
            signal.disconnect(slot)
        self._let_go()

    @property
    def ready(self) -> bool:
        """Whether there are objects to be corrected."""
        result = self.session.result
        return result is not None and result.instances is not None and self.layer is not None

    def use(self, tool: str) -> None:
        """Choose a tool, if there are objects to use it on."""
        if self.layer is None or not self.ready:
            return
        self._put_away()
        if self.viewer.dims.ndisplay != 2:
            self._foreground.leave(self)
            self.session.say("correct in the 2D view: press the button with the square", "warning")
            self.changed.emit()
            return
        self._foreground.take(self, self.layer)
        if tool == "paint":
            self.layer.selected_label = int(np.max(self.layer.data, initial=0)) + 1
            self.layer.mode = "paint"
        else:
            self._pointer.listen_to_clicks(True)
        self.tool, self.hint = tool, TOOLS[tool].hint
        self.changed.emit()

    def leave(self) -> None:
        """Put the tool away."""
        self._put_away()
        self._foreground.leave(self)
        self.changed.emit()

    def _put_away(self) -> None:
        tool, self.tool, self.hint, self._first = self.tool, "", REST, None
        self._pointer.listen_to_clicks(False)
        if tool == "paint" and self.layer is not None:
            self.layer.mode = "pan_zoom"

    # ---------------------------------------------------------------- the objects' layer

    def follow(self, *_: object) -> None:
        """Keep to the layer of the current image's objects."""
        key = self.session.image
        layer = _layers.find(self.viewer, "instances", key) if key else None
        if layer is not self.layer:
            self.leave()
            self._let_go()
            self.layer = layer
            if layer is not None:
                layer.events.paint.connect(self._painted)
                layer.events.mode.connect(self._mode_changed)
                for keys, action in self._keys():
                    layer.bind_key(keys, action, overwrite=True)
        self.followed.emit()

    def _let_go(self) -> None:
        if self.layer is not None:
            self.layer.events.paint.disconnect(self._painted)
            self.layer.events.mode.disconnect(self._mode_changed)
            for keys, _ in self._keys():
                self.layer.bind_key(keys, None)
            self.layer = None

    def _keys(self) -> list[tuple[Any, Callable[[Labels], None]]]:
        undo, redo = KeyMod.CtrlCmd | KeyCode.KeyZ, KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ
        keys: list[tuple[Any, Callable[[Labels], None]]] = [
            (undo, lambda _layer: self._corrector.undo()),
            (redo, lambda _layer: self._corrector.redo()),
            ("Escape", lambda _layer: self.leave()),
        ]
        for key, tool in TOOLS.items():
            keys.append((tool.key, self._chooses(key)))
        return keys

    def _chooses(self, tool: str) -> Callable[[Labels], None]:
        def choose(_layer: Labels) -> None:  # napari asks for a function with a name
            self.use(tool)

        return choose

    def _look_away(self, *_: object) -> None:
        # A layer of ours that is added is the active one for a moment, and no choice of a person.
        QTimer.singleShot(0, self, self._leave_if_away)

    def _leave_if_away(self) -> None:
        if self.tool and self.viewer.layers.selection.active is not self.layer:
            self.leave()

    def _mode_changed(self, *_: object) -> None:
        """Leave a tool when a person takes one of napari's, and the other way round."""
        if self.layer is not None and self.tool:
            painting = str(self.layer.mode) != "pan_zoom"
            if painting != (self.tool == "paint"):
                self.leave()

    # ---------------------------------------------------------------- the hand

    def _clicked(self, position: tuple[float, ...]) -> None:
        tool, layer, result = TOOLS.get(self.tool), self.layer, self.session.result
        if tool is None or layer is None or result is None or result.instances is None:
            return
        work = tool.work
        if work is None:
            return
        with self.session.speaking():
            at = pixel_of(layer, position)
            if at is None:
                self.session.say("that is outside the image")
                return
            pixels: tuple[Any, ...] = (at,)
            if tool.then:
                if self._first is None:
                    label = label_at(result.instances, at)
                    self._first = at
                    self.hint = tool.then.format(label=f"object {label}")
                    self.changed.emit()
                    return
                pixels, self._first = (self._first, at), None
                self.hint = tool.hint
                self.changed.emit()
            if self.tool == "class":
                pixels = (at, self.index)
            self._corrector.do(lambda now: work(now, *pixels))

    def _painted(self, *_: object) -> None:
        """Take over a stroke, or whatever napari changed."""
        if self.layer is None:
            return
        labels = np.array(self.layer.data)
        self._corrector.do(
            lambda now: act.painted(now.corrections, now.instances, now.maps, labels)
        )
        if self.tool == "paint" and str(self.layer.mode) == "paint":
            self.layer.selected_label = (
                max(int(self.layer.selected_label), int(labels.max(initial=0))) + 1
            )
