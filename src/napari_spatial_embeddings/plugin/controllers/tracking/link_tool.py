"""The active tool that corrects links, and the effect of clicks and keys with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.pointer import Pointer
from napari_spatial_embeddings.plugin.layers.tracks.series import label_array
from napari_spatial_embeddings.plugin.layers.tracks.taken import TakenCell
from napari_spatial_embeddings.plugin.layers.tracks.tracked import frame_in_view, tracked_layer
from napari_spatial_embeddings.plugin.layers.visibility import AnnotationHider
from napari_spatial_embeddings.plugin.layers.world import to_pixels
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.link_actions import (
    LINK_TOOLS,
    cell_name,
    check_clicks,
    correct_links,
)

from .linking import LinkingController

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries
    from napari_spatial_embeddings.tracking.tracks import Place

NO_TOOL_HINT = "Choose a tool. Corrected links stay, whatever the settings are."


class LinkTool(QObject):
    """The tool that corrects links by clicks on the tracked cells; at most one is active.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    hider : AnnotationHider
    linking : LinkingController

    Attributes
    ----------
    tool : str
        Key of the active tool in `LINK_TOOLS`; empty if there is none.
    hint : str
        What to do with it.
    layer : napari.layers.Labels, optional
        The layer of the tracked cells.
    """

    changed = Signal()
    """Another tool is active, or its hint has changed."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        hider: AnnotationHider,
        linking: LinkingController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._hider, self._linking = hider, linking
        self._pointer = Pointer(viewer, self)
        self._pointer.clicked.connect(self._click)
        self.tool, self.hint = "", NO_TOOL_HINT
        self.layer: Labels | None = None
        self._places: list[Place] = []
        self._first = ""
        self._taken = TakenCell(viewer)
        self._layer_connections = Connections()
        self._connections = Connections()
        self._connections.add(linking.changed, self.follow)
        self._connections.add(viewer.layers.events.removed, self.follow)
        self._connections.add(viewer.layers.selection.events.active, self._follow_active)
        self._connections.add(viewer.dims.events.ndisplay, self._follow_view)
        self._connections.add(viewer.dims.events.order, self._follow_view)
        self.follow()

    def close(self) -> None:
        """Leave the tool, and disconnect from the viewer."""
        self.leave()
        self._pointer.close()
        self._connections.close()
        self._set_layer(None)

    @property
    def ready(self) -> bool:
        """Whether there are links to be corrected."""
        series = self._linking.series
        return self.layer is not None and series is not None and series.tracks is not None

    def use(self, tool: str) -> None:
        """Activate a tool, if there are tracks to use it on."""
        if self.layer is None or not self.ready:
            return
        self._deactivate()
        if not self._shows_a_frame():
            self._hider.release(self)
            self._session.say(
                "Switch to the 2D view of a single frame to correct links: the square button.",
                "warning",
                lambda: self._viewer.dims.ndisplay != 2,
            )
            self.changed.emit()
            return
        self._hider.hide_for(self, self.layer)
        self._pointer.listen_to_clicks(True)
        self.tool, self.hint = tool, LINK_TOOLS[tool].hints[0]
        self.changed.emit()

    def _shows_a_frame(self) -> bool:
        dims = self._viewer.dims
        return (
            self.layer is not None
            and dims.ndisplay == 2
            and frame_in_view(self._viewer, self.layer) is not None
        )

    def leave(self) -> None:
        """Deactivate the tool."""
        self._deactivate()
        self._hider.release(self)
        self.changed.emit()

    def _deactivate(self) -> None:
        self.tool, self.hint, self._places = "", NO_TOOL_HINT, []
        self._taken.clear()
        self._pointer.listen_to_clicks(False)

    # -------------------------------------------------------- the cells' layer

    def follow(self, *_: object) -> None:
        """Use the layer of the tracked cells of the series that is chosen."""
        series = self._linking.series
        layer = None if series is None else tracked_layer(self._viewer, series)
        if layer is not self.layer:
            if self.tool:
                self.leave()
            self._set_layer(layer)
        elif self._places and series is not None and not self._known(series):
            self._start_again()

    def _known(self, series: LinkedSeries) -> bool:
        """Whether the cells that were clicked are still there: it may be linked again meanwhile."""
        tracks = series.tracks
        return tracks is not None and all(p in tracks.detections.index for p in self._places)

    def _set_layer(self, layer: Labels | None) -> None:
        self._layer_connections.close()
        if self.layer is not None:
            for keys, _ in self._keys():
                self.layer.bind_key(keys, None)
        self.layer = layer
        if layer is not None:
            self._layer_connections.add(layer.events.visible, self._follow_visible)
            for keys, action in self._keys():
                layer.bind_key(keys, action, overwrite=True)

    def _keys(self) -> list[tuple[Any, Callable[[Labels], None]]]:
        undo, redo = KeyMod.CtrlCmd | KeyCode.KeyZ, KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ
        keys: list[tuple[Any, Callable[[Labels], None]]] = [
            (undo, lambda _layer: self._linking.undo()),
            (redo, lambda _layer: self._linking.redo()),
        ]
        return [*keys, *((tool.key, self._user_of(key)) for key, tool in LINK_TOOLS.items())]

    def _user_of(self, tool: str) -> Callable[[Labels], None]:
        def use(_layer: Labels) -> None:  # napari asks for a function with a name
            self.use(tool)

        return use

    def _follow_visible(self, *_: object) -> None:
        if self.tool and self.layer is not None and not self.layer.visible:
            self.leave()  # what is not seen cannot be corrected

    def _follow_view(self, *_: object) -> None:
        if self.tool and not self._shows_a_frame():
            self.leave()

    def _follow_active(self, *_: object) -> None:
        # A layer that the plugin adds is the active one for a moment, and not the user's choice.
        QTimer.singleShot(0, self, self._leave_if_inactive)

    def _leave_if_inactive(self) -> None:
        if self.tool and self._viewer.layers.selection.active is not self.layer:
            self.leave()

    # ------------------------------------------------------------------- clicks

    def _click(self, position: tuple[float, ...]) -> None:
        series, layer = self._linking.series, self.layer
        if not self.tool or series is None or series.tracks is None or layer is None:
            return
        with self._session.errors_as_messages():
            at = tuple(round(float(x)) for x in to_pixels(self._viewer, layer, position))
            place = self._place(series, at)
            check_clicks(self.tool, (*self._places, place))
            self._places.append(place)
            hints = LINK_TOOLS[self.tool].hints
            if len(self._places) == 1:
                self._first = cell_name(series.tracks, place)
            if len(self._places) < len(hints):
                if len(self._places) == 1:
                    frame = np.asarray(label_array(series.layer)[place[0]])
                    self._taken.show(layer, series.axes, frame == place[1])
                known = {"taken": self._first, "frame": self._places[0][0]}
                self.hint = hints[len(self._places)].format(**known)
                self.changed.emit()
                return
            tool, places = self.tool, tuple(self._places)
            self._start_again()
            self._linking.correct(
                lambda corrections, tracks: correct_links(corrections, tracks, tool, places)
            )

    def _start_again(self) -> None:
        """Ask for the first click again."""
        self._places, self.hint = [], LINK_TOOLS[self.tool].hints[0]
        self._taken.hide()
        self.changed.emit()

    @staticmethod
    def _place(series: LinkedSeries, at: tuple[int, ...]) -> Place:
        """Return the object at a pixel (t, *S)."""
        labels = label_array(series.layer)
        if not all(0 <= i < n for i, n in zip(at, labels.shape, strict=True)):
            raise InputError("this is outside the labels: click inside")
        label = int(np.asarray(labels[at]))
        if label <= 0:
            raise InputError("there is no cell here: click inside one")
        assert series.tracks is not None
        if (at[0], label) not in series.tracks.detections.index:
            raise InputError(
                "this cell was painted after the labels were linked: press Link again first"
            )
        return at[0], label
