"""Maps of the frames of time series: in memory while there is room, then in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.stored_maps import (
    MapFiles,
    bytes_in_file,
    bytes_in_memory,
)

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

MAX_BYTES_IN_MEMORY = 2**30
"""Bytes of maps of frames that are kept in memory."""

MAX_BYTES_IN_FILES = 2**35
"""Bytes of maps of frames that are kept in files; of more, the oldest are dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """A result whose maps are to be moved into a file."""

    image: OpenImage
    result: Segmentation
    files: MapFiles

    def run(self) -> Segmentation:
        return self.files.move(self.result)


class FrameMaps(QObject):
    """Moves maps of frames into files, those first that were predicted or changed longest ago.

    A result that is moved is used as before. Of those that are dropped, the labels stay in their
    layer; sliders do not reach them.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._files = MapFiles()
        self._oldest: dict[str, None] = {}
        self._publishing = False
        self._full = False
        self._worker = LatestWorker(_Request.run, self)
        self._worker.done.connect(self._publish)
        self._worker.failed.connect(self._fail)
        self._connections = Connections()
        self._connections.add(session.result_changed, self._follow)
        self._connections.add(session.project_changed, self._follow_project)
        self._follow_project()

    def close(self) -> None:
        """Drop what is under way."""
        self._connections.close()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether maps are being moved."""
        return self._worker.busy

    def _follow_project(self) -> None:
        project = self._session.project
        self._files.folder = None if project is None else project.folder

    def _follow(self, key: str) -> None:
        image = self._session.images.get(key)
        if self._publishing or image is None or image.series is None:
            return
        self._oldest.pop(key, None)
        if image.result is not None:
            self._oldest[key] = None
        self._next()

    def _results(self) -> dict[str, Segmentation]:
        """Return the results of all frames, the oldest first."""
        results = self._session.results
        self._oldest = {key: None for key in self._oldest if key in results}
        return {key: results[key] for key in self._oldest}

    def _next(self) -> None:
        if self._worker.busy or self._full:
            return
        results, current = self._results(), self._session.image
        if sum(map(bytes_in_memory, results.values())) > MAX_BYTES_IN_MEMORY:
            for key, result in results.items():
                if bytes_in_memory(result) and key != current:
                    image = self._session.images[key]
                    self._worker.request(_Request(image, result, self._files))
                    return

    def _publish(self, request: _Request, moved: Segmentation) -> None:
        image, key = request.image, request.image.key
        if self._session.is_open(image) and image.result is request.result:
            self._set(key, moved)
        self._drop_oldest()
        self._next()

    def _drop_oldest(self) -> None:
        """Drop results that files have no room for."""
        results = self._results()
        size = sum(map(bytes_in_file, results.values()))
        dropped = 0
        for key, result in results.items():
            if size <= MAX_BYTES_IN_FILES:
                break
            if key != self._session.image and (own := bytes_in_file(result)):
                size -= own
                dropped += 1
                self._set(key, None)
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

    def _fail(self, problem: str) -> None:
        self._full = True  # they stay in memory
        self._session.say(problem, "warning")
