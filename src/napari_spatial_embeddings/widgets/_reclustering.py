"""Finding the objects again while a person moves a slider; the newest settings only."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.session import Result, Session

from ._jobs import Latest
from ._view import Box, grown, inside

if TYPE_CHECKING:
    from napari_spatial_embeddings.clustering import Clustering, Instances
    from napari_spatial_embeddings.maps import EmbeddingMaps

LARGE = 2**22
"""Pixels of an image above which what is in view comes first."""

REST = 250
"""Milliseconds without a change after which the whole image follows what is in view."""

FOREGROUND = 0.5
"""Seed value of the pixels that tell how far objects reach."""


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
        self._outer: Box | None = None
        self._part: Clustering | None = None
        self._reach: NDArray[np.float64] | None = None

    def __call__(self, request: Request) -> Found:
        if request.result.clustering is not self._of:
            self._of, self._last = request.result.clustering, request.result.instances
            self._outer = self._part = self._reach = None
            self._mine = False
        if request.box is None:
            instances, spent = timed(self._of, request.settings, self._last)
            self._last, self._mine = instances, False
            return Found(instances, instances.labels, len(instances), spent)
        return self._in_box(request, request.box)

    def _in_box(self, request: Request, box: Box) -> Found:
        maps, last = request.result.maps, self._last
        assert last is not None
        if self._reach is None:
            self._reach = reach(maps)
        outer = grown(box, self._reach, maps.shape)
        if self._part is None or outer != self._outer:
            self._outer, self._part = outer, cropped(request.result, outer)
        # Fresh labels must be those of no object outside of the box either: of `like`, the labels'
        # names are those of the whole image.
        like = replace(last, labels=last.labels[outer])
        part, spent = timed(self._part, request.settings, like)
        labels = part.labels[inside(box, outer)]
        if not self._mine:
            last, self._mine = replace(last, labels=last.labels.copy()), True
        last.labels[box] = labels
        self._last = replace(last, label=np.union1d(last.label, part.label))
        count = len(np.unique(labels[labels > 0]))
        return Found(None, labels, count, spent)


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
    from napari_spatial_embeddings.clustering import cluster
    from napari_spatial_embeddings.maps import ideal_maps

    cluster(ideal_maps(np.ones((2, 2), np.int32)))


def reach(maps: EmbeddingMaps) -> NDArray[np.float64]:
    """Return along each axis, in its pixels, how far few objects extend beyond one of their pixels.

    An object is never farther from a pixel than two of the offsets: to the centre, and from there.
    """
    seed = maps.seed.max(0)
    step = max(1, round((seed.size / 100_000) ** (1 / seed.ndim)))
    sample = (slice(None, None, step),) * seed.ndim
    likely = seed[sample] > FOREGROUND
    length = np.abs(maps.offsets[(slice(None), *sample)])[:, likely]
    if not length.size:
        return np.zeros(seed.ndim)
    out: NDArray[np.float64] = np.ceil(2 * np.percentile(length, 99, axis=1) / maps.spacing)
    return out


def cropped(result: Result, box: Box) -> Clustering:
    """Return the clustering of a part of an image."""
    from napari_spatial_embeddings.clustering import Clustering

    maps, corrections = result.maps, result.corrections
    at = (slice(None), *box)
    part: Any = replace(maps, offsets=maps.offsets[at], sigma=maps.sigma[at], seed=maps.seed[at])
    if corrections is not None:
        corrections = replace(corrections, labels=corrections.labels[box])
    return Clustering(part, corrections=corrections)
