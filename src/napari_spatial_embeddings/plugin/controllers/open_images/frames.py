"""Frames of the open time series: records of those that are looked at, and the one in view."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files.names import frame_key
from napari_spatial_embeddings.plugin.layers.frames import seen_frame, show_frame
from napari_spatial_embeddings.plugin.layers.napari_compat import end_stroke
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session


def add_frame(images: dict[str, OpenImage], series: Series, t: int) -> OpenImage:
    """Return the record of a frame of a series; a new one if there is none."""
    if t not in series.records:
        key, image = frame_key(series.key, t), _frame(series.image, t)
        series.records[t] = images[key] = OpenImage(key, series.layer, image, series, t)
    return series.records[t]


def _frame(image: ImageData | None, t: int) -> ImageData | None:
    if image is None or image.frames is None:
        return None
    return replace(image.frame(t), name=f"{image.name}, frame {t}")


def take_over(record: OpenImage, image: ImageData | None) -> None:
    """Have a record, and those of the other frames of its series, know what its layer shows."""
    series = record.series
    if series is None:
        record.image = image
        return
    if image is None or series.image is None or image.data is not series.image.data:
        series.scales = {}  # those that are being computed are of what was there before
    series.image = image
    for t, one in series.records.items():
        one.image = _frame(image, t)


PACE_SECONDS = 0.1
"""While a slider moves faster than this, the last of its frames is followed: napari shows them all,
and what belongs to them, by itself."""


class FrameFollower(QObject):
    """Makes the frame that the viewer's slider is at the current image.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    moved : callable
        Called with the keys of the frame that was left and of the one that is in view now, before
        the latter becomes the current image.
    """

    leaving = Signal(str)
    """The frame with this key is about to go out of view; its layers are still its own."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        moved: Callable[[str, str], object],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._moved = viewer, session, moved
        self._last = 0.0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.follow)
        viewer.mouse_drag_callbacks.insert(0, self._press)
        self._connections = Connections()
        self._connections.add(viewer.dims.events.current_step, self._follow_slider)
        self._connections.add(session.image_changed, self.follow)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._connections.close()
        self._soon.stop()
        if self._press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._press)

    def _follow_slider(self, *_: object) -> None:
        if self._other_frame() is not None:  # of which a stroke that is under way is no part
            end_stroke(self._viewer.layers.selection.active)
        now = time.monotonic()
        fast, self._last = now - self._last < PACE_SECONDS, now
        if fast:
            self._soon.start(round(1000 * PACE_SECONDS))
        else:
            self.follow()

    def _press(self, _viewer: ViewerModel, _event: object) -> None:
        """Follow before anything is done with the mouse."""
        if self._soon.isActive():
            self.follow()

    def follow(self, *_: object) -> None:
        """Look which frame of the current image's series is in view."""
        self._soon.stop()
        if (other := self._other_frame()) is not None:
            self._go_to(*other)

    def _other_frame(self) -> tuple[Series, int] | None:
        """Return the current image's series and its frame in view, if that is another one."""
        image = self._session.current
        if image is None or image.series is None or image.series.image is None:
            return None
        series = image.series
        tag = tag_of(series.layer)
        t = None if tag is None else seen_frame(self._viewer, series.layer, tag.axes)
        return None if t is None or t == series.frame else (series, t)

    def _go_to(self, series: Series, t: int) -> None:
        old = series.shown.key
        self.leaving.emit(old)
        new = add_frame(self._session.images, series, t).key
        show_frame(self._viewer, series, t)
        self._moved(old, new)
        self._session.set_image(new)
