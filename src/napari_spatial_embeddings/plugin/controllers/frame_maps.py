"""Results of the frames of time series: in memory while there is room, and in files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import to_message
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.stored_frames import (
    Found,
    bytes_in_memory,
    is_stored,
    stored_frames,
)

from .autosave import Autosave
from .images import ImageController

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.project.frame_results import FrameResults

MAX_BYTES_IN_MEMORY = 2**30
"""Bytes of maps of frames that are kept in memory."""

MAX_BYTES_IN_FILES = 2**34
"""Bytes of maps of frames that are kept in files; of more, the oldest are removed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """A result that is in files: its maps, and the objects that were stored with them."""

    maps: EmbeddingMaps
    result: Segmentation


class FrameMaps(QObject):
    """Stores the results of frames in the project, and shows them when it is opened again.

    Of those that do not fit in memory, the maps are read from their files when they are used. Where
    there is no project, the files are temporary. Of those that files have no room for, the labels
    stay in their layer; sliders do not reach them.

    Parameters
    ----------
    session : Session
    autosave : Autosave
        Its thread writes.
    images : ImageController
    """

    _done = Signal(object, object, object, str)

    def __init__(
        self,
        session: Session,
        autosave: Autosave,
        images: ImageController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._autosave, self._images = session, autosave, images
        self._store: FrameResults | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._oldest: dict[str, None] = {}
        self._written: dict[str, _Written] = {}
        self._queued: dict[str, EmbeddingMaps] = {}
        self._seen: OpenImage | None = None
        self._publishing = self._full = False
        self._loaded: list[Series] = []
        self._reading: Series | None = None
        self._worker: Worker | None = None
        self._done.connect(self._follow_written)
        self._connections = Connections()
        self._connections.add(session.result_changed, self._follow)
        self._connections.add(session.project_changed, self._follow_project)
        self._connections.add(session.image_changed, self._follow_image)
        autosave.add_source(self._save)
        self._follow_project()

    def close(self) -> None:
        """Read no more; temporary files are removed."""
        self._connections.close()
        self._cancel()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def busy(self) -> bool:
        """Whether results are being read or written."""
        return self.loading or bool(self._queued)

    @property
    def loading(self) -> bool:
        """Whether results of the project are being read."""
        return self._worker is not None

    # ------------------------------------------------------------------- writing

    def _follow_project(self) -> None:
        """Store what is known in the project; forget it if it is another project's."""
        self._cancel()
        self._written.clear()
        self._queued.clear()
        self._loaded, self._full = [], False
        self._store = None
        for key, image in self._session.images.items():
            if image.result is not None:
                self._follow(key)

    def _storage(self) -> FrameResults:
        """Return where results are stored."""
        from napari_spatial_embeddings.project.frame_results import FrameResults

        if self._store is None:
            project = self._session.project
            if project is not None:
                folder = project.maps_folder
            else:
                if self._temporary is None:
                    self._temporary = tempfile.TemporaryDirectory(prefix="maps-")
                folder = Path(self._temporary.name)
            self._store = FrameResults(folder)
        return self._store

    def _follow(self, key: str) -> None:
        image = self._session.images.get(key)
        if self._publishing or image is None or image.series is None:
            return
        result = image.result
        self._oldest.pop(key, None)
        if result is None:
            self._written.pop(key, None)
            return
        self._oldest[key] = None
        known = self._written.get(key)
        if known is None or known.maps is not result.maps:
            self._write(image, result)
        elif known.result is not result:
            self._autosave.schedule()  # its objects are others now
        self._make_room()

    def _write(self, image: OpenImage, result: Segmentation) -> None:
        key, pixels, store = image.key, image.image, self._storage()
        if self._full or pixels is None or self._queued.get(key) is result.maps:
            return
        self._queued[key] = result.maps
        write = partial(store.write, key, result, pixels.data, image.complete, MAX_BYTES_IN_FILES)

        def work() -> None:
            removed, problem = list[str](), ""
            try:
                removed = write()
            except Exception as error:  # noqa: BLE001 - unexpected ones are logged
                problem = to_message(error)  # it is no loss: it can be predicted again
            with suppress(RuntimeError):  # the window is gone
                self._done.emit(image, result, removed, problem)

        self._autosave.write(work)

    def _follow_written(
        self, image: OpenImage, result: Segmentation, removed: list[str], problem: str
    ) -> None:
        key = image.key
        if self._queued.get(key) is result.maps:
            del self._queued[key]
        if problem:
            if not self._full:
                self._session.say(problem, "warning")
            self._full = True  # they stay in memory
            return
        now = image.result if self._session.is_open(image) else None
        if now is not None and now.maps is result.maps:
            self._written[key] = _Written(result.maps, result)
            if now is not result:
                self._autosave.schedule()
        self._drop(removed)
        self._make_room()

    def _make_room(self) -> None:
        """Leave maps to their files: of those in memory, first the ones that are oldest."""
        results = self._session.results
        self._oldest = {key: None for key in self._oldest if key in results}
        size = sum(bytes_in_memory(results[key]) for key in self._oldest)
        for key in list(self._oldest):
            if size <= MAX_BYTES_IN_MEMORY:
                break
            own, known = bytes_in_memory(results[key]), self._written.get(key)
            if own and key != self._session.image and known is not None:
                stored = self._storage().stored(key, results[key])
                fresh = known.result is results[key]
                self._written[key] = _Written(stored.maps, stored if fresh else known.result)
                size -= own
                self._set(key, stored)

    def _drop(self, keys: list[str]) -> None:
        """Drop results whose files were removed, unless they are in memory."""
        dropped = 0
        for key in keys:
            self._written.pop(key, None)
            result = self._session.results.get(key)
            if result is not None and is_stored(result):
                self._set(key, None)
                dropped += 1
        if dropped:
            self._session.say(
                "The maps of frames that were predicted longest ago are not kept any more: sliders"
                " leave their objects as they are. Predict them again to change that."
            )

    def _set(self, key: str, result: Segmentation | None) -> None:
        self._publishing = True
        try:
            self._session.set_result(key, result)
        finally:
            self._publishing = False

    def _save(self) -> None:
        """Store the objects that are others than when their maps were."""
        store = self._storage() if self._written else None
        for key, known in list(self._written.items()):
            result = self._session.results.get(key)
            if store is not None and result is not None and result is not known.result:
                self._written[key] = _Written(known.maps, result)
                self._autosave.write(partial(store.write_objects, key, result))

    # ------------------------------------------------------------------- reading

    def _follow_image(self) -> None:
        """Show what is stored of a series that comes into view; keep less of the frame before."""
        image, before, self._seen = self._session.current, self._seen, self._session.current
        left = None if before is None or before is image else before.result
        if left is not None and is_stored(left):
            left.clustering.release()
        series = None if image is None else image.series
        if series is None or series.image is None or self._session.project is None:
            return
        if any(known is series for known in self._loaded):
            return
        self._loaded.append(series)
        known = {t for t, record in series.records.items() if record.result is not None}
        project, model = self._session.project, self._session.model
        store, pixels, key, at = self._storage(), series.image, series.key, series.frame

        def work() -> Iterator[Found]:
            return stored_frames(project, store, key, pixels, known, at, model)

        self._cancel()
        self._worker = worker = Worker(work, self)
        self._reading = series
        worker.reported.connect(self._show)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()

    def _show(self, found: Found) -> None:
        series = self._reading
        if self.sender() is not self._worker or series is None or series.image is None:
            return
        if found.problem:
            self._session.say(found.problem, "warning")
        if found.frame is None or not any(x is series for x in self._loaded):
            return
        record, result = self._images.frame(series, found.number), found.frame.result
        if record.result is None and self._images.shape(record.key) == result.maps.shape:
            record.complete = found.frame.complete
            self._oldest[record.key] = None
            self._written[record.key] = _Written(result.maps, result)
            self._set(record.key, result)

    def _end(self, last: Found | None) -> None:
        if self.sender() is self._worker:
            self._worker = None
            if last is not None and last.outdated:
                frames = plural(last.outdated, "frame")
                self._session.say(
                    f"{frames} of another model than the one that is chosen: All frames predicts"
                    " again what is not of this one.",
                    "warning",
                )

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self._session.say(problem, "warning")

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
