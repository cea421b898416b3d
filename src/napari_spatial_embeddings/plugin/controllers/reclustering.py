"""Finding the objects again while a person moves a slider; the newest settings only."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.viewport import Box
from napari_spatial_embeddings.plugin.qt.workers import Latest
from napari_spatial_embeddings.plugin.session import Result, Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.clustering import Clustering
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.core.local_clustering import Window

LARGE = 2**22
"""Pixels of an image above which what is in view comes first."""

REST = 250
"""Milliseconds without a change after which the whole image follows what is in view."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to cluster.

    Parameters
    ----------
    key : str
        The image.
    result : Result
    settings : ClusteringSettings
    box : Box, optional
        The part that is in view, if only that is wanted.
    """

    key: str
    result: Result
    settings: ClusteringSettings
    box: Box | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was clustered.

    Parameters
    ----------
    instances : Instances, optional
        Of the whole image; None if only a part was wanted.
    labels : int32
        Of the box, or of the whole image.
    count : int
        Objects in there.
    milliseconds : float
    """

    instances: Instances | None
    labels: NDArray[np.int32]
    count: int
    milliseconds: float


class Reclustering(QObject):
    """Keeps the instances of the current image equal to the session's settings.

    Parameters
    ----------
    session : Session
    in_view : callable
        Returns the box of the current image that is in view.
    """

    found = Signal(object, object)
    failed = Signal(str)

    def __init__(self, session: Session, in_view: Callable[[], Box], parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._in_view = session, in_view
        self._latest = Latest(_Worker(), self)
        self._latest.done.connect(self._take)
        self._latest.failed.connect(self.failed)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._rested)
        self._held = self._due = False

    @property
    def busy(self) -> bool:
        """Whether something is still to be clustered."""
        return self._latest.busy or self._due

    def close_down(self) -> None:
        """Drop what is under way."""
        self._rest.stop()
        self._latest.close()

    def hold(self, held: bool) -> None:
        """Tell whether a slider is held; of a volume, all is clustered when it is let go."""
        self._held = held
        if self._due and not held:
            self.whole()

    def follow(self) -> None:
        """Cluster with the settings as they are now: at once what is in view, if there is much."""
        result = self._session.result
        if result is None:
            return
        large = result.maps.ndim > 2 or result.maps.seed[0].size > LARGE
        if not large or result.instances is None:
            self.whole()
            return
        self._due = True
        self._rest.start()
        with suppress(InputError):  # nothing is in view: there is no hurry
            self._request(result, self._in_view())

    def whole(self) -> None:
        """Cluster the whole image."""
        self._due = False
        self._rest.stop()
        if (result := self._session.result) is not None:
            self._request(result, None)

    def _rested(self) -> None:
        result = self._session.result
        if result is None or result.maps.ndim == 2 or not self._held:
            self.whole()

    def _request(self, result: Result, box: Box | None) -> None:
        key = self._session.image
        assert key is not None
        self._latest.request(Request(key, result, self._session.clustering, box))

    def _take(self, request: Request, found: Found) -> None:
        now = self._session.results.get(request.key)
        if now is None or now.clustering is not request.result.clustering:
            return  # predicted or corrected meanwhile
        if found.instances is not None:
            self._session.set_instances(
                request.key, found.instances, milliseconds=found.milliseconds
            )
        self.found.emit(request, found)


class _Worker:
    """What runs in the thread: it remembers what it said last, so that labels stay."""

    def __init__(self) -> None:
        self._of: Clustering | None = None
        self._last: Instances | None = None
        self._mine = False
        self._part: _Part | None = None

    def __call__(self, request: Request) -> Found:
        if request.result.clustering is not self._of:
            self._of, self._last = request.result.clustering, request.result.instances
            self._mine, self._part = False, None
        if request.box is None or self._last is None:
            instances, spent = timed(self._of, request.settings, self._last)
            self._last, self._mine = instances, False
            return Found(instances, instances.labels, len(instances), spent)
        if self._part is None or not self._part.serves(request.box, request.settings):
            self._part = _Part.around(request.result, request.box, request.settings)
        return self._in_view(self._part, self._last, request.settings)

    def _in_view(self, part: _Part, last: Instances, settings: ClusteringSettings) -> Found:
        window = part.window
        found, spent = timed(part.clustering, settings, window.of(last))
        labels = window.inside(found.labels)
        if not self._mine:
            last, self._mine = replace(last, labels=last.labels.copy()), True
        last.labels[window.inner] = labels
        # The rest of what is known of the objects is not asked for: labels alone are to stay.
        self._last = replace(last, ids=np.union1d(last.ids, found.ids))
        count = len(np.unique(labels[labels > 0]))
        return Found(None, labels, count, spent)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is in view, to be clustered by itself while settings move."""

    window: Window
    clustering: Clustering
    widest: ClusteringSettings

    @classmethod
    def around(cls, result: Result, box: Box, settings: ClusteringSettings) -> _Part:
        """Choose the window of a box, with some room for settings to move."""
        from napari_spatial_embeddings.core.local_clustering import Window

        widest = settings.updated(
            margin=min(10.0, 1.3 * settings.margin_factor),
            foreground_threshold=max(0.0, settings.foreground_threshold - 0.1),
        )
        window = Window.around(result.maps, box, widest)
        part = window.clustering(result.maps, corrections=result.corrections)
        return cls(window, part, widest)

    def serves(self, box: Box, settings: ClusteringSettings) -> bool:
        """Tell whether the window is that of the box, and wide enough."""
        return (
            box == self.window.inner
            and settings.margin_factor <= self.widest.margin_factor
            and settings.foreground_threshold >= self.widest.foreground_threshold
        )


def timed(
    clustering: Clustering, settings: ClusteringSettings, like: Instances | None
) -> tuple[Instances, float]:
    """Return the instances, and the milliseconds that finding them took."""
    _compile()
    start = time.perf_counter()
    instances = clustering(settings, like=like)
    return instances, 1e3 * (time.perf_counter() - start)


@cache
def _compile() -> None:
    """Cluster next to nothing: the first time ever, the loops are compiled."""
    from napari_spatial_embeddings.core.clustering import cluster
    from napari_spatial_embeddings.core.maps import ideal_maps

    cluster(ideal_maps(np.ones((2, 2), np.int32)))
